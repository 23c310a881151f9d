package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// integrationsPrefix is where other programs post in formats of their own.
const integrationsPrefix = apiPrefix + "/integrations"

// What posts alerts is also the start of their idempotency keys.
const (
	alertmanager = "alertmanager"
	grafana      = "grafana"
)

const (
	maxReceiver = 255    // characters
	maxAlerts   = 10_000 // in one group; more have no room in a body unless they are empty
)

// States of a group and of an alert.
const (
	alertFiring   = "firing"
	alertResolved = "resolved"
)

const alertsDescription = "Takes the body of the webhook as it is. The configuration's `integrations.receivers` says who gets the alerts of the body's `receiver`, and by which templates. " +
	"The same alerts in the same states, by their fingerprints and start times, answer 200 with the same id and notify nobody again. " +
	"HTTP basic authentication is taken too: the user is the appId, the password the appSecret."

// alertGroupRequest documents the body of both webhooks; parseAlertGroup is what
// enforces it, and a test holds the two together.
type alertGroupRequest struct {
	_                 struct{}          `json:"-" additionalProperties:"true"`
	Receiver          string            `json:"receiver" minLength:"1" maxLength:"255" doc:"a name under integrations.receivers of the configuration" example:"team-a"`
	Status            string            `json:"status" enum:"firing,resolved"`
	GroupKey          string            `json:"groupKey" minLength:"1" example:"{}:{alertname=\"HighLatency\"}"`
	TruncatedAlerts   int               `json:"truncatedAlerts,omitempty" minimum:"0" maximum:"2147483647" doc:"alerts of the group that were left out"`
	GroupLabels       map[string]string `json:"groupLabels,omitempty" nullable:"true"`
	CommonLabels      map[string]string `json:"commonLabels,omitempty" nullable:"true"`
	CommonAnnotations map[string]string `json:"commonAnnotations,omitempty" nullable:"true"`
	ExternalURL       string            `json:"externalURL,omitempty"`
	Title             string            `json:"title,omitempty" doc:"Grafana's; made from status and group labels when there is none"`
	Message           string            `json:"message,omitempty" doc:"Grafana's"`
	Alerts            []alertRequest    `json:"alerts" minItems:"1" maxItems:"10000"`
}

type alertRequest struct {
	_            struct{}          `json:"-" additionalProperties:"true"`
	Status       string            `json:"status" enum:"firing,resolved"`
	Labels       map[string]string `json:"labels,omitempty" nullable:"true"`
	Annotations  map[string]string `json:"annotations,omitempty" nullable:"true"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt" doc:"looked at when the alert is resolved"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
	Fingerprint  string            `json:"fingerprint" minLength:"1"`
}

type alertsInput struct {
	group alertGroup
}

// Resolve implements huma.Resolver: it reads the body.
func (in *alertsInput) Resolve(ctx huma.Context) []error {
	return readBody(ctx, &in.group, parseAlertGroup)
}

// alertGroup is the alerts that a webhook reports together.
type alertGroup struct {
	receiver string
	identity string         // the same for the same alerts in the same states
	params   map[string]any // for templates; docs/integrations.md has its shape
}

// parseAlertGroup reads a webhook's body. Members that are not known are let be:
// the format is not ours.
func parseAlertGroup(body object) (alertGroup, error) {
	receiver := body.text("receiver", 1, maxReceiver)
	status := body.choice("status", alertFiring, alertResolved)
	groupKey := body.text("groupKey", 1, maxBody)
	truncated := body.count("truncatedAlerts")
	groupLabels := body.texts("groupLabels")
	objects := body.objects("alerts")
	if len(objects) > maxAlerts {
		body.fault("alerts", fmt.Sprintf("must have at most %d alerts", maxAlerts))
		return alertGroup{}, body.err()
	}

	alerts, identities := make([]any, len(objects)), make([]string, len(objects))
	firing := 0
	for i, o := range objects {
		alert, identity := parseAlert(o)
		if alert["status"] == alertFiring {
			firing++
		}
		alerts[i], identities[i] = alert, identity
	}
	title := body.text("title", 0, maxBody)
	if title == "" {
		title = titleOf(status, firing, groupLabels)
	}
	params := map[string]any{
		"status": status, "receiver": receiver, "title": title, "message": body.text("message", 0, maxBody),
		"groupLabels": groupLabels, "commonLabels": body.texts("commonLabels"), "commonAnnotations": body.texts("commonAnnotations"),
		"externalURL": body.text("externalURL", 0, maxBody), "alerts": alerts,
		"firing": number(firing), "resolved": number(len(alerts) - firing), "truncatedAlerts": number(truncated),
	}

	slices.Sort(identities)
	identity := identify(append([]string{receiver, groupKey, status, strconv.Itoa(truncated)}, identities...)...)
	digest := sha256.Sum256([]byte(identity))
	return alertGroup{receiver, hex.EncodeToString(digest[:]), params}, body.err()
}

// parseAlert returns what templates get of an alert, and what identifies it in its
// state: when it fires again it has another start. Times are compared as instants,
// because replicas of the sender may write them in different zones.
func parseAlert(o object) (params map[string]any, identity string) {
	status := o.choice("status", alertFiring, alertResolved)
	fingerprint := o.text("fingerprint", 1, maxBody)
	startsAt, endsAt := o.instant("startsAt"), o.instant("endsAt")
	ended := ""
	identity = identify(status, fingerprint, startsAt.UTC().Format(time.RFC3339Nano))
	if status == alertResolved {
		ended = endsAt.Format(time.RFC3339)
		identity = identify(identity, endsAt.UTC().Format(time.RFC3339Nano))
	}
	return map[string]any{
		"status": status, "labels": o.texts("labels"), "annotations": o.texts("annotations"),
		"startsAt": startsAt.Format(time.RFC3339), "endsAt": ended,
		"generatorURL": o.text("generatorURL", 0, maxBody), "fingerprint": fingerprint,
	}, identity
}

// identify joins texts of a body; none has a NUL, so no two lists make the same.
func identify(texts ...string) string { return strings.Join(texts, "\x00") }

func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// titleOf writes a title for Alertmanager's groups, which have none: "[FIRING:2]
// HighLatency eu-1".
func titleOf(status string, firing int, groupLabels map[string]any) string {
	title := "[" + strings.ToUpper(status) + "]"
	if status == alertFiring {
		title = fmt.Sprintf("[FIRING:%d]", firing)
	}
	for _, name := range slices.Sorted(maps.Keys(groupLabels)) {
		title += fmt.Sprintf(" %v", groupLabels[name])
	}
	return title
}

// SetIntegrations swaps where alerts go. Requests that are being answered may
// still go by the old ones.
func (s *Server) SetIntegrations(c IntegrationsConfig) { s.integrations.Store(&c) }

// sendAlerts returns the handler of what the source posts.
func (s *Server) sendAlerts(source string) func(context.Context, *alertsInput) (*sendOutput, error) {
	return func(ctx context.Context, in *alertsInput) (*sendOutput, error) {
		receiver, known := s.integrations.Load().Receivers[in.group.receiver]
		if !known {
			return nil, fieldProblem(http.StatusUnprocessableEntity, codeUnknownReceiver, "receiver",
				fmt.Sprintf("there is no receiver %q in this service's configuration", in.group.receiver))
		}
		out, err := s.send(ctx, receiver.request(source, in.group))
		var refused *refusal.Error
		if errors.As(err, &refused) {
			// Its field is none of the body's: what is wrong is in the configuration.
			return nil, &refusal.Error{Code: refused.Code, Field: "receiver", Message: fmt.Sprintf("%s: %s: %s", in.group.receiver, refused.Field, refused.Message)}
		}
		return out, err
	}
}

// request asks for what the receiver's people are to get of the group.
func (r Receiver) request(source string, group alertGroup) accepting.Request {
	request := accepting.Request{
		IdempotencyKey: source + "-" + group.identity,
		// Annotations have values in them that move while the alert stays the same.
		KeyDecides: true,
		Channels:   map[string]accepting.ChannelRequest{},
	}
	for name, channel := range r.Channels {
		request.Channels[name] = accepting.ChannelRequest{Template: channel.Template, Params: group.params}
	}
	for _, recipient := range r.Recipients {
		request.Recipients = append(request.Recipients, store.Recipient(recipient))
	}
	return request
}
