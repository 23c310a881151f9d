package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

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

// Values of notification_reason, as Alertmanager's notify/notify.go has them. An
// unchanged group with one of these is a repetition, and not a reminder.
const (
	reasonFirst        = "first notification"
	reasonNewAlerts    = "new alerts added"
	reasonSomeResolved = "some alerts resolved"
	reasonAllResolved  = "all alerts resolved"
)

// firstAgain is the time after which a "first notification" of a state that was told is
// news: the alerts were resolved meanwhile, and Alertmanager had no need to say so (with
// send_resolved: false). Before, it is a retry, or comes from another replica of
// Alertmanager. Prometheus' alerts take four minutes to resolve by timeout.
const firstAgain = 3 * time.Minute

// retryBrokenReceiver is when the sender of alerts may try again.
const retryBrokenReceiver = 30 * time.Second

const alertsDescription = "Accepts the webhook's body as it is. `integrations.receivers` of the configuration has the templates and the recipients for the body's `receiver`. " +
	"What fires decides: when it is the same as what was last told of the group, the answer is 200 with the same id, and nothing is sent again. " +
	"HTTP basic authentication is accepted too: the user is the appId, the password the appSecret."

type alertsInput struct{ jsonBody[alertGroupRequest] }

// SetIntegrations replaces the receivers of alerts. Requests in flight may still use
// the old ones.
func (s *Server) SetIntegrations(c IntegrationsConfig) { s.integrations.Store(&c) }

// sendAlerts returns the handler of a source's webhook.
func (s *Server) sendAlerts(source string) func(context.Context, *alertsInput) (*sendOutput, error) {
	return func(ctx context.Context, in *alertsInput) (*sendOutput, error) {
		receiver, err := s.receiverOf(ctx, in.body.Receiver)
		if err != nil {
			return nil, err
		}
		request, err := receiver.request(source, in.body)
		if err != nil {
			return nil, err
		}
		out, err := s.send(ctx, request)
		var beyond *store.QuotaError
		if errors.As(err, &beyond) {
			// Alertmanager drops what was answered 429, and posts again after a 5xx only.
			return nil, errLimitReached(http.StatusServiceUnavailable, beyond)
		}
		var refused *refusal.Error
		if errors.As(err, &refused) {
			// The mistake is in the configuration. The sender keeps the alerts until it is mended.
			return nil, fieldProblem(http.StatusServiceUnavailable, codeReceiverBroken, "receiver",
				fmt.Sprintf("%s: %s: %s", in.body.Receiver, refused.Field, refused.Message)).withRetryAfter(retryBrokenReceiver)
		}
		return out, err
	}
}

// admits reports whether the caller may post alerts to this receiver.
func (r Receiver) admits(caller Caller) bool {
	return r.Apps == nil || slices.Contains(r.Apps, caller.app()) || caller.may(RoleAdmin)
}

// request returns the notification of a group for this receiver.
func (r Receiver) request(source string, group alertGroupRequest) (accepting.Request, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return accepting.Request{}, err
	}
	request := accepting.Request{
		IdempotencyKey: source + "-" + id.String(), // what was last told decides what is a repetition
		Kind:           r.Kind,
		Locale:         r.Locale,
		Thread:         r.thread(source, group),
		Alerts: &accepting.Alerts{
			Receiver: group.Receiver,
			Anew:     group.mayFireMore(),
			Telling:  store.Telling{Receiver: group.Receiver, Group: group.group(source), State: group.state(), Again: r.again(group)},
			Content:  group.content(),
		},
	}
	request.Channels = receiverChannels(r.Channels)
	request.Recipients = accepting.To(configured(r.Recipients)...)
	request.Resolved = group.Status == alertResolved && request.Thread != ""
	if group.Status == alertFiring {
		request.Acknowledge, request.Escalation, request.Repeat = r.Acknowledge, r.Steps(), r.Repeat
	}
	return request, nil
}

// Steps returns the escalation as a request has it.
func (r Receiver) Steps() []accepting.Step {
	var steps []accepting.Step
	for _, s := range r.Escalation {
		steps = append(steps, accepting.Step{
			After: s.After, Channels: receiverChannels(s.Channels), Recipients: accepting.To(configured(s.Recipients)...),
			If: store.Condition(s.If), Urgent: s.Urgent,
		})
	}
	return steps
}

// receiverChannels returns the channels of a receiver as a request has them.
func receiverChannels(configuredChannels map[string]ReceiverChannel) map[string]accepting.ChannelRequest {
	channels := map[string]accepting.ChannelRequest{}
	for name, channel := range configuredChannels {
		channels[name] = accepting.ChannelRequest{
			Template: channel.Template, Recipients: accepting.To(configured(channel.Recipients)...), Mention: configured(channel.Mention),
		}
	}
	return channels
}

// noThread is the value of a receiver's thread that keeps its alerts out of threads.
const noThread = "none"

// thread returns the name of the thread that a group is in; empty: none.
func (r Receiver) thread(source string, group alertGroupRequest) string {
	switch r.Thread {
	case "":
		return source + "/" + group.group(source)
	case noThread:
		return ""
	}
	return r.Thread
}

// mayFireMore reports whether alerts may have begun to fire since the group was told of, or the group
// is a reminder. Nobody would notice an edit.
func (r alertGroupRequest) mayFireMore() bool {
	return r.Status == alertFiring && r.NotificationReason != reasonSomeResolved
}

// configured returns addresses of the configuration; nil when there are none.
func configured(list []ReceiverRecipient) []store.Recipient {
	var recipients []store.Recipient
	for _, r := range list {
		recipients = append(recipients, store.Recipient{Type: r.Type, Value: r.Value, Configured: true})
	}
	return recipients
}

// again returns the time after which the group is told again though nothing has changed;
// 0 means never.
func (r Receiver) again(group alertGroupRequest) time.Duration {
	if group.Status == alertResolved {
		return 0
	}
	switch group.NotificationReason {
	case reasonFirst:
		return firstAgain
	case reasonNewAlerts, reasonSomeResolved, reasonAllResolved:
		return 0
	}
	return r.RemindAfter // "repeat interval elapsed", or a sender that gives no reason
}
