package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/labring/sealos-notify/jobs/rendering"
)

// alertGroupRequest is the body of both webhooks. Its format is not ours, so
// members that are not listed here are ignored.
type alertGroupRequest struct {
	_                  struct{}       `json:"-" additionalProperties:"true"`
	Receiver           string         `json:"receiver" minLength:"1" maxLength:"255" doc:"a name under integrations.receivers of the configuration" example:"team-a"`
	Status             string         `json:"status" enum:"firing,resolved"`
	GroupKey           string         `json:"groupKey" minLength:"1" example:"{}:{alertname=\"HighLatency\"}"`
	NotificationReason string         `json:"notification_reason,omitempty" doc:"Alertmanager's, from 0.33.1" example:"repeat interval elapsed"`
	TruncatedAlerts    int            `json:"truncatedAlerts,omitempty" minimum:"0" maximum:"2147483647" doc:"alerts of the group that the sender left out"`
	GroupLabels        alertTexts     `json:"groupLabels,omitempty"`
	CommonLabels       alertTexts     `json:"commonLabels,omitempty"`
	CommonAnnotations  alertTexts     `json:"commonAnnotations,omitempty"`
	RouteLabels        alertTexts     `json:"routeLabels,omitempty" doc:"Alertmanager's, from 0.34"`
	ExternalURL        string         `json:"externalURL,omitempty"`
	OrgID              int64          `json:"orgId,omitempty" doc:"Grafana's"`
	Title              string         `json:"title,omitempty" doc:"Grafana's; made from status and group labels when there is none"`
	Message            string         `json:"message,omitempty" doc:"Grafana's"`
	Alerts             []alertRequest `json:"alerts" minItems:"1" maxItems:"10000"`
}

type alertRequest struct {
	_            struct{}    `json:"-" additionalProperties:"true"`
	Status       string      `json:"status" enum:"firing,resolved"`
	Labels       alertTexts  `json:"labels,omitempty"`
	Annotations  alertTexts  `json:"annotations,omitempty"`
	StartsAt     time.Time   `json:"startsAt"`
	EndsAt       time.Time   `json:"endsAt" doc:"used when the alert is resolved"`
	GeneratorURL string      `json:"generatorURL,omitempty"`
	Fingerprint  string      `json:"fingerprint" minLength:"1"`
	SilenceURL   string      `json:"silenceURL,omitempty" doc:"this and the members below are Grafana's"`
	DashboardURL string      `json:"dashboardURL,omitempty"`
	PanelURL     string      `json:"panelURL,omitempty"`
	ImageURL     string      `json:"imageURL,omitempty"`
	Values       alertValues `json:"values,omitempty"`
	ValueString  string      `json:"valueString,omitempty"`
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

// alertValues are what Grafana's expressions evaluated to, by their letters.
type alertValues map[string]any

// Schema implements huma.SchemaProvider.
func (alertValues) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Nullable: true, AdditionalProperties: true}
}

// escapedNUL matches an escaped NUL in JSON. It also matches an escaped backslash, so
// that the one of `\\u0000` is not taken for the begin of an escape.
var escapedNUL = regexp.MustCompile(`\\(\\|u0000)`)

// clean implements cleaner. A label may hold a NUL, which no database here stores.
func (alertGroupRequest) clean(body []byte) []byte {
	return escapedNUL.ReplaceAllFunc(body, func(escape []byte) []byte {
		if string(escape) == `\\` {
			return escape
		}
		return []byte(`\ufffd`)
	})
}

// Bounds of what templates get of a group.
const (
	// maxShownAlerts bounds the list. 64 KiB of text have no room for more.
	maxShownAlerts = 500
	// maxClippedText and maxClippedURL bound texts, in characters, when a single alert is
	// too long for its channel. A part of a URL leads nowhere, so it is left out.
	maxClippedText = 500
	maxClippedURL  = 2000
)

// content returns what templates get of a group. docs/integrations.md has its shape.
func (r alertGroupRequest) content() rendering.Content {
	return rendering.Content{Items: min(len(r.Alerts), maxShownAlerts), Params: r.params}
}

// params returns the params with the first n alerts. clipped also shortens long texts.
func (r alertGroupRequest) params(n int, clipped bool) map[string]any {
	c := clip(clipped)
	alerts := make([]any, n)
	for i, alert := range r.Alerts[:n] {
		alerts[i] = alert.params(c)
	}
	firing := r.firing()
	title := r.Title
	if title == "" {
		title = titleOf(r.Status, firing, r.GroupLabels)
	}
	return map[string]any{
		"status": r.Status, "receiver": r.Receiver, "title": c.text(rendering.OneLine(title)), "message": c.text(r.Message),
		"groupLabels": c.texts(r.GroupLabels), "commonLabels": c.texts(r.CommonLabels),
		"commonAnnotations": c.texts(r.CommonAnnotations), "routeLabels": c.texts(r.RouteLabels),
		"externalURL": c.url(r.ExternalURL), "notification_reason": c.text(r.NotificationReason), "alerts": alerts,
		"firing": jsonNumber(firing), "resolved": jsonNumber(len(r.Alerts) - firing),
		"truncatedAlerts": jsonNumber(r.TruncatedAlerts + len(r.Alerts) - n),
	}
}

// firing returns how many of the alerts fire.
func (r alertGroupRequest) firing() int {
	firing := 0
	for _, alert := range r.Alerts {
		if alert.Status == alertFiring {
			firing++
		}
	}
	return firing
}

func (a alertRequest) params(c clip) map[string]any {
	endsAt := ""
	if a.Status == alertResolved {
		endsAt = a.EndsAt.Format(time.RFC3339)
	}
	return map[string]any{
		"status": a.Status, "labels": c.texts(a.Labels), "annotations": c.texts(a.Annotations),
		"startsAt": a.StartsAt.Format(time.RFC3339), "endsAt": endsAt, "fingerprint": a.Fingerprint,
		"generatorURL": c.url(a.GeneratorURL), "silenceURL": c.url(a.SilenceURL), "dashboardURL": c.url(a.DashboardURL),
		"panelURL": c.url(a.PanelURL), "imageURL": c.url(a.ImageURL),
		"values": c.texts(a.Values), "valueString": c.text(a.ValueString),
	}
}

// clip shortens long texts when it is true.
type clip bool

func (c clip) text(s string) string {
	if !c {
		return s
	}
	return rendering.Shorten(s, maxClippedText)
}

func (c clip) url(s string) string {
	if c && utf8.RuneCountInString(s) > maxClippedURL {
		return ""
	}
	return s
}

// texts returns an object for a template: an empty one when there is none.
func (c clip) texts(in map[string]any) map[string]any {
	out := make(map[string]any, len(in))
	for name, value := range in {
		if text, is := value.(string); is {
			value = c.text(text)
		}
		out[name] = value
	}
	return out
}

// group returns a digest that names the group among those that the app posts. Two
// organisations of one Grafana may have a receiver of the same name.
func (r alertGroupRequest) group(source string) string {
	return digest(source, r.Receiver, strconv.FormatInt(r.OrgID, 10), r.GroupKey)
}

// state returns a digest of what fires: it differs exactly when there is something to
// tell. Resolved alerts do not count, because the sender lists them for a while only. An
// alert that fires anew has another start. Times are compared as instants, because
// replicas of the sender may write them in different zones.
func (r alertGroupRequest) state() string {
	if r.Status == alertResolved {
		return alertResolved
	}
	var firing []string
	for _, alert := range r.Alerts {
		if alert.Status == alertFiring {
			firing = append(firing, alert.Fingerprint+"\x00"+alert.StartsAt.UTC().Format(time.RFC3339Nano))
		}
	}
	slices.Sort(firing)
	return digest(append(firing, strconv.Itoa(r.TruncatedAlerts))...)
}

// digest returns the SHA-256 of texts, in hex. None has a NUL inside, so different
// lists have different digests.
func digest(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:])
}

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
