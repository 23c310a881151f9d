package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/api/console"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

const (
	receiversDescription = "The receivers of the configuration that take alerts of the caller, and what keeps them from sending now. " +
		"Addresses are for administrators to see."
	receiverAlertsDescription = "What the receiver was told last of each group of alerts. An app sees what it posted, an administrator everything."
	receiverTestDescription   = "Sends an alert that fires and says that it is a test, on the way of Alertmanager's webhook: with the templates of the receiver, to its recipients."
	// shownAlerts bounds the alerts of a receiver that are shown.
	shownAlerts = 10
)

type receiverView struct {
	Name               string                `json:"name" doc:"as Alertmanager or Grafana calls it"`
	Channels           []receiverChannelView `json:"channels"`
	Recipients         []recipientView       `json:"recipients"`
	Apps               []string              `json:"apps" doc:"that may post to it, besides administrators; empty: every app with the role send"`
	Kind               string                `json:"kind" doc:"name of the kind of its notifications; empty: none"`
	RemindAfterSeconds int                   `json:"remindAfterSeconds" doc:"0: never"`
	Problems           []FieldError          `json:"problems" doc:"what keeps it from sending as it is configured; empty: nothing"`
}

type receiverChannelView struct {
	Channel  string `json:"channel"`
	Template string `json:"template"`
}

type listReceiversOutput struct{ Body receiverListView }

type receiverListView struct {
	Receivers []receiverView `json:"receivers" doc:"by name"`
}

type receiverAlertsInput struct {
	Receiver string `query:"receiver" required:"true" minLength:"1" maxLength:"255" doc:"name of the receiver"`
}

type toldView struct {
	NotificationID uuid.UUID   `json:"notificationId" format:"uuid"`
	App            string      `json:"app" doc:"that posted it"`
	At             time.Time   `json:"at"`
	State          string      `json:"state" enum:"firing,resolved"`
	Status         string      `json:"status" doc:"of the notification; empty when it is deleted"`
	Counts         *countsView `json:"counts,omitempty" doc:"its deliveries by status; missing when it is deleted"`
}

type receiverAlertsOutput struct{ Body receiverAlertsView }

type receiverAlertsView struct {
	Alerts []toldView `json:"alerts" doc:"at most 10, the newest first"`
}

type receiverTestRequest struct {
	Receiver string `json:"receiver" minLength:"1" maxLength:"255" doc:"name of the receiver" example:"team-a"`
}

type receiverTestInput struct{ jsonBody[receiverTestRequest] }

// receiverOf returns a receiver that takes alerts of the caller. The error is a *Problem.
func (s *Server) receiverOf(ctx context.Context, name string) (Receiver, error) {
	receiver, known := s.integrations.Load().Receivers[name]
	if !known {
		return receiver, fieldProblem(http.StatusUnprocessableEntity, codeUnknownReceiver, "receiver",
			fmt.Sprintf("there is no receiver %q in this service's configuration", name))
	}
	if !receiver.admits(callerOf(ctx)) {
		return receiver, fieldProblem(http.StatusForbidden, codeForbidden, "receiver",
			fmt.Sprintf("the receiver %q does not take alerts of this app (integrations.receivers: apps)", name))
	}
	return receiver, nil
}

func (s *Server) listReceivers(ctx context.Context, _ *struct{}) (*listReceiversOutput, error) {
	wrong, err := s.receivers.wrong()
	if err != nil {
		return nil, err
	}
	out := &listReceiversOutput{receiverListView{[]receiverView{}}}
	all := s.integrations.Load().Receivers
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name].admits(callerOf(ctx)) {
			out.Body.Receivers = append(out.Body.Receivers, viewReceiver(ctx, name, all[name], wrong[name]))
		}
	}
	return out, nil
}

func viewReceiver(ctx context.Context, name string, r Receiver, wrong []*refusal.Error) receiverView {
	view := receiverView{
		Name: name, Channels: []receiverChannelView{}, Recipients: []recipientView{}, Apps: []string{}, Problems: []FieldError{},
		Kind: r.Kind, RemindAfterSeconds: int(r.RemindAfter.Seconds()),
	}
	for _, channel := range slices.Sorted(maps.Keys(r.Channels)) {
		view.Channels = append(view.Channels, receiverChannelView{channel, r.Channels[channel].Template})
	}
	for _, to := range r.Recipients {
		view.Recipients = append(view.Recipients, viewRecipient(ctx, store.Recipient{Type: to.Type, Value: to.Value, Configured: true}))
	}
	if callerOf(ctx).may(RoleAdmin) {
		view.Apps = append(view.Apps, r.Apps...)
	}
	for _, problem := range wrong {
		view.Problems = append(view.Problems, FieldError{Field: problem.Field, Message: problem.Message})
	}
	return view
}

func (s *Server) receiverAlerts(ctx context.Context, in *receiverAlertsInput) (*receiverAlertsOutput, error) {
	told, err := s.lastTold(ctx, in.Receiver)
	if err != nil {
		return nil, err
	}
	out := &receiverAlertsOutput{receiverAlertsView{make([]toldView, len(told))}}
	for i, t := range told {
		view := toldView{NotificationID: t.Notification.ID, App: t.App, At: t.At.UTC(), State: alertFiring, Status: string(t.Notification.Status)}
		if t.Resolved {
			view.State = alertResolved
		}
		if view.Status != "" {
			counts := countsView(t.Notification.Counts)
			view.Counts = &counts
		}
		out.Body.Alerts[i] = view
	}
	return out, nil
}

// lastTold returns what a receiver was told last, as far as the caller may see it.
func (s *Server) lastTold(ctx context.Context, receiver string) ([]console.Told, error) {
	if _, err := s.receiverOf(ctx, receiver); err != nil {
		return nil, err
	}
	app, err := scope(ctx, "")
	if err != nil {
		return nil, err
	}
	groups, err := s.store.LastTold(ctx, receiver, app, shownAlerts)
	if err != nil {
		return nil, err
	}
	told := make([]console.Told, len(groups))
	for i, g := range groups {
		n, err := s.store.Notification(ctx, g.NotificationID)
		if errors.Is(err, store.ErrNotFound) {
			n, err = store.Notification{ID: g.NotificationID}, nil
		}
		if err != nil {
			return nil, err
		}
		told[i] = console.Told{At: g.At, App: g.AppID, Resolved: g.State == alertResolved, Notification: n}
	}
	return told, nil
}

// testReceiver sends a test alert as the caller's webhook would.
func (s *Server) testReceiver(ctx context.Context, in *receiverTestInput) (*sendOutput, error) {
	out, err := s.sendAlerts(alertmanager)(ctx, &alertsInput{jsonBody[alertGroupRequest]{testGroup(in.body.Receiver)}})
	if err == nil {
		s.Audit(ctx, actorOf(ctx).Did(store.AuditReceiverTest, in.body.Receiver))
	}
	return out, err
}

// testGroup returns a group of one alert that fires, which is news to the receiver.
func testGroup(receiver string) alertGroupRequest {
	group := sampleGroup()
	texts := alertTexts{
		"alertname": "TestAlert", "severity": "none", "instance": "sealos-notify",
		"summary": "A test: nothing is wrong.", "description": "Somebody tests who gets the alerts of this receiver.",
	}
	group.Receiver, group.GroupKey = receiver, "test "+uuid.NewString()
	group.GroupLabels = alertTexts{"alertname": "TestAlert"}
	group.CommonLabels, group.CommonAnnotations = texts, texts
	group.Alerts = group.Alerts[:1]
	group.Alerts[0].Labels, group.Alerts[0].Annotations = texts, texts
	return group
}
