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

// integrationsPrefix is the path of webhooks in formats of other programs.
const integrationsPrefix = apiPrefix + "/integrations"

// Sources of alerts. Idempotency keys start with them.
const (
	alertmanager = "alertmanager"
	grafana      = "grafana"
)

// Statuses of a group and of an alert.
const (
	alertFiring   = "firing"
	alertResolved = "resolved"
)

const alertsDescription = "Accepts the webhook's body as it is. `integrations.receivers` of the configuration has the templates and the recipients for the body's `receiver`. " +
	"The same alerts with the same statuses, by their fingerprints and start times, answer 200 with the same id and are not sent again. " +
	"HTTP basic authentication is accepted too: the user is the appId, the password the appSecret."

// alertGroupRequest is the body of both webhooks. Its format is not ours, so
// members that are not listed here are ignored.
type alertGroupRequest struct {
	_                 struct{}       `json:"-" additionalProperties:"true"`
	Receiver          string         `json:"receiver" minLength:"1" maxLength:"255" doc:"a name under integrations.receivers of the configuration" example:"team-a"`
	Status            string         `json:"status" enum:"firing,resolved"`
	GroupKey          string         `json:"groupKey" minLength:"1" example:"{}:{alertname=\"HighLatency\"}"`
	TruncatedAlerts   int            `json:"truncatedAlerts,omitempty" minimum:"0" maximum:"2147483647" doc:"alerts of the group that the sender left out"`
	GroupLabels       alertTexts     `json:"groupLabels,omitempty"`
	CommonLabels      alertTexts     `json:"commonLabels,omitempty"`
	CommonAnnotations alertTexts     `json:"commonAnnotations,omitempty"`
	ExternalURL       string         `json:"externalURL,omitempty"`
	Title             string         `json:"title,omitempty" doc:"Grafana's; made from status and group labels when there is none"`
	Message           string         `json:"message,omitempty" doc:"Grafana's"`
	Alerts            []alertRequest `json:"alerts" minItems:"1" maxItems:"10000"`
}

type alertRequest struct {
	_            struct{}   `json:"-" additionalProperties:"true"`
	Status       string     `json:"status" enum:"firing,resolved"`
	Labels       alertTexts `json:"labels,omitempty"`
	Annotations  alertTexts `json:"annotations,omitempty"`
	StartsAt     time.Time  `json:"startsAt"`
	EndsAt       time.Time  `json:"endsAt" doc:"used when the alert is resolved"`
	GeneratorURL string     `json:"generatorURL,omitempty"`
	Fingerprint  string     `json:"fingerprint" minLength:"1"`
}

// alertTexts are labels or annotations. Their values are strings; templates take
// a map of any values.
type alertTexts map[string]any

// Schema implements huma.SchemaProvider.
func (alertTexts) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, Nullable: true, AdditionalProperties: &huma.Schema{Type: huma.TypeString},
	}
}

// params returns the texts for a template: an empty map when there are none.
func (t alertTexts) params() map[string]any {
	if t == nil {
		return map[string]any{}
	}
	return t
}

type alertsInput struct{ jsonBody[alertGroupRequest] }

// params returns what templates get of a group. docs/integrations.md has its shape.
func (r alertGroupRequest) params() map[string]any {
	alerts, firing := make([]any, len(r.Alerts)), 0
	for i, alert := range r.Alerts {
		alerts[i] = alert.params()
		if alert.Status == alertFiring {
			firing++
		}
	}
	title := r.Title
	if title == "" {
		title = titleOf(r.Status, firing, r.GroupLabels)
	}
	return map[string]any{
		"status": r.Status, "receiver": r.Receiver, "title": title, "message": r.Message,
		"groupLabels": r.GroupLabels.params(), "commonLabels": r.CommonLabels.params(), "commonAnnotations": r.CommonAnnotations.params(),
		"externalURL": r.ExternalURL, "alerts": alerts,
		"firing": jsonNumber(firing), "resolved": jsonNumber(len(alerts) - firing), "truncatedAlerts": jsonNumber(r.TruncatedAlerts),
	}
}

func (a alertRequest) params() map[string]any {
	endsAt := ""
	if a.Status == alertResolved {
		endsAt = a.EndsAt.Format(time.RFC3339)
	}
	return map[string]any{
		"status": a.Status, "labels": a.Labels.params(), "annotations": a.Annotations.params(),
		"startsAt": a.StartsAt.Format(time.RFC3339), "endsAt": endsAt,
		"generatorURL": a.GeneratorURL, "fingerprint": a.Fingerprint,
	}
}

// identity returns a digest that is the same for the same alerts in the same
// states, in any order.
func (r alertGroupRequest) identity() string {
	alerts := make([]string, len(r.Alerts))
	for i, alert := range r.Alerts {
		alerts[i] = alert.identity()
	}
	slices.Sort(alerts)
	group := []string{r.Receiver, r.GroupKey, r.Status, strconv.Itoa(r.TruncatedAlerts)}
	digest := sha256.Sum256([]byte(joinTexts(append(group, alerts...)...)))
	return hex.EncodeToString(digest[:])
}

// identity identifies an alert in its state: when it fires again it has another
// start. Times are compared as instants, because replicas of the sender may write
// them in different zones.
func (a alertRequest) identity() string {
	identity := joinTexts(a.Status, a.Fingerprint, a.StartsAt.UTC().Format(time.RFC3339Nano))
	if a.Status == alertResolved {
		identity = joinTexts(identity, a.EndsAt.UTC().Format(time.RFC3339Nano))
	}
	return identity
}

// joinTexts joins texts of a body. None has a NUL, so different lists make
// different texts.
func joinTexts(texts ...string) string { return strings.Join(texts, "\x00") }

func jsonNumber(n int) json.Number { return json.Number(strconv.Itoa(n)) }

// titleOf returns a title for a group of Alertmanager, which has none, such as
// "[FIRING:2] HighLatency eu-1".
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

// SetIntegrations replaces the receivers of alerts. Requests in flight may still use
// the old ones.
func (s *Server) SetIntegrations(c IntegrationsConfig) { s.integrations.Store(&c) }

// sendAlerts returns the handler of a source's webhook.
func (s *Server) sendAlerts(source string) func(context.Context, *alertsInput) (*sendOutput, error) {
	return func(ctx context.Context, in *alertsInput) (*sendOutput, error) {
		receiver, known := s.integrations.Load().Receivers[in.body.Receiver]
		if !known {
			return nil, fieldProblem(http.StatusUnprocessableEntity, codeUnknownReceiver, "receiver",
				fmt.Sprintf("there is no receiver %q in this service's configuration", in.body.Receiver))
		}
		out, err := s.send(ctx, receiver.request(source, in.body))
		var refused *refusal.Error
		if errors.As(err, &refused) {
			// The mistake is in the configuration, so the refusal's field is not one of the body.
			return nil, &refusal.Error{Code: refused.Code, Field: "receiver", Message: fmt.Sprintf("%s: %s: %s", in.body.Receiver, refused.Field, refused.Message)}
		}
		return out, err
	}
}

// request returns the notification of a group for this receiver.
func (r Receiver) request(source string, group alertGroupRequest) accepting.Request {
	params := group.params()
	request := accepting.Request{
		IdempotencyKey: source + "-" + group.identity(),
		// Annotations hold values that change while the alert stays the same.
		KeyDecides: true,
		Channels:   map[string]accepting.ChannelRequest{},
	}
	for name, channel := range r.Channels {
		request.Channels[name] = accepting.ChannelRequest{Template: channel.Template, Params: params}
	}
	for _, recipient := range r.Recipients {
		request.Recipients = append(request.Recipients, store.Recipient(recipient))
	}
	return request
}
