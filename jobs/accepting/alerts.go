package accepting

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// Alerts make a Request the state of a group of alerts. A program posted it, and nobody there
// can mend what would be refused: a channel whose template does not work sends plain text, a
// recipient that a provider does not take is unmatched, and a channel that can send nothing is
// left out. It is accepted only when it differs from what was last told of the group.
type Alerts struct {
	Receiver string // its name in the configuration
	Telling  store.Telling
	Anew     bool // alerts may have begun to fire: the message of the Request's thread is not edited
	// Content has the params of all channels; those of the ChannelRequests are not used.
	Content rendering.Content
}

// What a channel sent instead of its template.
const (
	sentPlain   = "plain"
	sentNothing = "nothing"
)

// fallback is a channel of a receiver that did not send as configured.
type fallback struct {
	channel string
	sent    string
	why     *refusal.Error
}

// errLeftOut is the error of a channel that can send nothing of an alert.
var errLeftOut = errors.New("the channel is left out")

// alertMessage renders the alerts for a channel, as plain text when the template does not
// work. err is what is wrong with the template; t is empty but for its name and channel then.
func (a *Accepter) alertMessage(
	ctx context.Context, p *preparation, channel string, t store.Template, d draft, err error,
) (message store.Message, _ error) {
	if err == nil {
		if message, err = a.renderer.Alert(ctx, p.Notification.AppID, t, d.provider, p.alerts.Content); err == nil {
			err = d.check(message)
		}
	}
	var refused *refusal.Error
	if !errors.As(err, &refused) {
		return message, err
	}
	failed := fallback{channel, sentNothing, refused}
	err = errLeftOut
	if d.provider.Type.Name != "" { // the channel is on
		message, err = a.renderer.Plain(ctx, p.Notification.AppID, t, d.provider, p.alerts.Content, refused.Message)
	}
	if err == nil {
		failed.sent = sentPlain
	} else if errors.As(err, &refused) {
		err = errLeftOut
	}
	p.fallbacks = append(p.fallbacks, failed)
	return message, err
}

// noteFallbacks counts and logs the channels of a receiver that did not send as configured.
func (a *Accepter) noteFallbacks(alerts *Alerts, fallbacks []fallback) {
	for _, f := range fallbacks {
		a.metrics.fallbacks.WithLabelValues(f.channel, f.sent).Inc()
		a.log.Error("an alert was not sent as its receiver is configured", zap.String("receiver", alerts.Receiver),
			zap.String("channel", f.channel), zap.String("sent", f.sent), zap.String("code", f.why.Code), zap.String("why", f.why.Message))
	}
}

// paramsOfSenders are the params of alerts that hold what the sender of an alert chose. That
// they lack a name in a sample means nothing.
var paramsOfSenders = []string{"groupLabels", "commonLabels", "commonAnnotations", "routeLabels", "labels", "annotations", "values"}

// CheckAlerts returns what keeps the channels of a receiver from sending as they are
// configured. The request has sample alerts. The error is that of the database.
func (a *Accepter) CheckAlerts(ctx context.Context, req Request) ([]*refusal.Error, error) {
	p := &preparation{settings: a.settings.Load(), anyPrivate: true}
	params := req.Alerts.Content.Params(req.Alerts.Content.Items, false)
	var problems []*refusal.Error
	note := func(err error) error {
		var refused *refusal.Error
		if errors.As(err, &refused) {
			problems, err = append(problems, refused), nil
		}
		return err
	}
	if req.Kind != "" {
		kind, _, err := a.kinds.stored(ctx, req.Kind)
		if errors.Is(err, store.ErrNotFound) {
			err = unknownKind(req.Kind)
		} else if err == nil {
			p.Kind = &kind
		}
		if err := note(err); err != nil {
			return nil, err
		}
	}
	check := func(channel, template string) error {
		_, t, err := a.template(ctx, p, channel, template, a.templates.stored)
		if err == nil {
			t = *rendering.Choose(t).For(req.Locale)
			t.Texts = nil // of the others nothing is sent
			err = a.checkAlertTemplate(ctx, t, params)
		}
		if err == nil {
			err = p.checkKind(channel)
		}
		return in(channel, err)
	}
	for _, channel := range slices.Sorted(maps.Keys(req.Channels)) {
		if err := note(check(channel, req.Channels[channel].Template)); err != nil {
			return nil, err
		}
	}
	for i, step := range req.Escalation {
		for _, channel := range slices.Sorted(maps.Keys(step.Channels)) {
			if err := note(req.inStep(i, check(channel, step.Channels[channel].Template))); err != nil {
				return nil, err
			}
		}
	}
	return problems, nil
}

// checkAlertTemplate returns a *refusal.Error for a template that no alert makes work.
func (a *Accepter) checkAlertTemplate(ctx context.Context, t store.Template, params map[string]any) error {
	preview, err := a.renderer.PreviewTemplate(ctx, "", t, params) // the service itself
	if err != nil {
		return err
	}
	for _, missing := range preview.Missing {
		names := strings.Split(missing, ".")
		if !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(paramsOfSenders, name) }) {
			return refusal.New(refusal.MissingParam, ".params."+missing, "template %q needs the param %q, which alerts do not have", t.Name, missing)
		}
	}
	return nil
}
