package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

const acknowledgeDescription = "For a notification that was sent with `escalation` or `acknowledge`, or a step of it. " +
	"When the answer is there, no further step begins, and what waits of the notification and of its steps is cancelled within a second (`acknowledged`). " +
	"The first acknowledgement stands: `changed` is false when there was one before, or the incident was closed."

// stepRequest is a step of an escalation.
type stepRequest struct {
	After      string                    `json:"after" maxLength:"32" doc:"how long after the notification is due, from 1s to 168h; not less than that of the step before" example:"5m"`
	Channels   map[string]channelRequest `json:"channels" minProperties:"1" doc:"as those of the notification; without params they are those that the notification has for the channel, or for its only channel"`
	Recipients []recipientRequest        `json:"recipients,omitempty" minItems:"1" nullable:"false" doc:"of the channels that have none of their own; left out: those of the notification"`
	If         string                    `json:"if,omitempty" enum:"failed,unread" doc:"failed: only when every delivery of the notification is dead by then; unread: only when no vendor says that somebody has read it or answered the call; left out: in any case"`
	Urgent     string                    `json:"urgent,omitempty" enum:"app,sms,phone" doc:"an urgent call over feishu_app for the message of the incident that a recipient has; without one, for the step's own; left out: none, and the step sends its own"`
}

type incidentView struct {
	ID             uuid.UUID     `json:"id" format:"uuid" doc:"that of the notification which opened it"`
	App            string        `json:"app" doc:"that sent the notification"`
	Thread         string        `json:"thread" doc:"thread of the notification; later ones belong to the incident until one is resolved; empty: none"`
	Status         string        `json:"status" enum:"open,acknowledged,closed"`
	OpenedAt       time.Time     `json:"openedAt"`
	AcknowledgedAt *time.Time    `json:"acknowledgedAt" doc:"null: nobody has"`
	AcknowledgedBy string        `json:"acknowledgedBy" doc:"who, or empty"`
	Over           string        `json:"over" enum:",api,console,feishu_card" doc:"how it was acknowledged, or empty"`
	Note           string        `json:"note" doc:"what they said, or empty"`
	ClosedAt       *time.Time    `json:"closedAt" doc:"null: it was not closed"`
	ClosedBy       string        `json:"closedBy" enum:",cancelled,resolved" doc:"cancelled: its notification was; resolved: by a later one of its thread; or empty"`
	Next           *nextStepView `json:"next,omitempty" doc:"the step that is due next unless somebody acknowledges; left out when there is none"`
}

type nextStepView struct {
	NotificationID uuid.UUID `json:"notificationId" format:"uuid" doc:"a step is a notification"`
	At             time.Time `json:"at"`
	Channels       []string  `json:"channels"`
	Urgent         string    `json:"urgent,omitempty" enum:"app,sms,phone" doc:"the urgent call that it makes; left out: none"`
}

func viewIncident(i store.Incident) *incidentView {
	v := &incidentView{
		ID: i.ID, App: i.AppID, Thread: i.Thread, Status: string(i.Status()), OpenedAt: i.OpenedAt.UTC(), AcknowledgedAt: utc(i.AcknowledgedAt), AcknowledgedBy: i.AcknowledgedBy,
		Over: string(i.Over), Note: i.Note, ClosedAt: utc(i.ClosedAt), ClosedBy: string(i.ClosedBy),
	}
	if next := i.Next(time.Now()); next != nil {
		v.Next = &nextStepView{next.NotificationID, next.At.UTC(), next.Channels, next.Urgent}
	}
	return v
}

// incidentOf returns an incident as it is shown; nil for uuid.Nil, and for one that was deleted.
func (s *Server) incidentOf(ctx context.Context, id uuid.UUID) (*incidentView, error) {
	if id == uuid.Nil {
		return nil, nil //nolint:nilnil // nobody was asked
	}
	found, err := s.store.FindIncidents(ctx, []uuid.UUID{id})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return viewIncident(found[0]), nil
}

// acknowledgeRequest is the body of an acknowledgement.
type acknowledgeRequest struct {
	By   string `json:"by,omitempty" maxLength:"128" doc:"who acknowledges; left out: the app, or the person who is signed in" example:"alice"`
	Note string `json:"note,omitempty" maxLength:"1000" doc:"a few words for the others"`
}

type acknowledgeInput struct {
	ID string `path:"id" doc:"id of the notification"`
	jsonBody[acknowledgeRequest]
}

type acknowledgeOutput struct{ Body acknowledgedView }

type acknowledgedView struct {
	Changed  bool          `json:"changed" doc:"false: somebody had acknowledged it before, or it was closed"`
	Incident *incidentView `json:"incident"`
}

func (s *Server) acknowledgeNotification(ctx context.Context, in *acknowledgeInput) (*acknowledgeOutput, error) {
	return s.acknowledge(ctx, in, store.OverAPI)
}

func (s *Server) acknowledge(ctx context.Context, in *acknowledgeInput, over store.Over) (*acknowledgeOutput, error) {
	n, err := s.notificationOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if n.IncidentID == uuid.Nil {
		return nil, refusal.New(refusal.NoIncident, "", "nobody was asked to acknowledge this notification: it was sent without escalation and acknowledge")
	}
	incident, changed, err := s.control.Acknowledge(ctx, steering.Acknowledgement{
		IncidentID: n.IncidentID, By: in.body.By, Note: in.body.Note, Over: over,
	}, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return &acknowledgeOutput{acknowledgedView{changed, viewIncident(incident)}}, nil
}

// steps returns the steps of a request. The error is a *Problem.
func (r notificationRequest) steps() ([]accepting.Step, error) {
	var steps []accepting.Step
	for i, s := range r.Escalation {
		field := fmt.Sprintf("escalation[%d].after", i)
		after, err := time.ParseDuration(s.After)
		if err != nil {
			return nil, fieldProblem(http.StatusBadRequest, codeInvalidRequest, field, "must be a duration from 1s to 168h, such as 5m")
		}
		steps = append(steps, accepting.Step{
			After: after, Channels: channelsOf(s.Channels), Recipients: recipientsOf(s.Recipients),
			If: store.Condition(s.If), Urgent: s.Urgent,
		})
	}
	return steps, nil
}

type listIncidentsInput struct {
	Status string    `query:"status" enum:"open,acknowledged,closed" doc:"open ones wait for somebody"`
	App    string    `query:"app" maxLength:"128" doc:"id of the sender; administrators only"`
	Thread string    `query:"thread" maxLength:"255" doc:"of this thread"`
	Limit  int       `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"at most so many incidents"`
	After  uuid.UUID `query:"after" format:"uuid" doc:"continue after this incident: next of the previous page"`
}

type listIncidentsOutput struct{ Body incidentListView }

type incidentListView struct {
	Incidents []incidentView `json:"incidents"`
	Next      *uuid.UUID     `json:"next,omitempty" format:"uuid" doc:"after for the next page; missing on the last one"`
}

// incidents returns incidents that the caller may see.
func (s *Server) incidents(ctx context.Context, f store.IncidentFilter, after uuid.UUID, limit int) (_ []store.Incident, err error) {
	if f.AppID, err = scope(ctx, f.AppID); err != nil {
		return nil, err
	}
	giveBack, err := s.takeList(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return s.store.ListIncidents(ctx, f, after, limit)
}

func (s *Server) listIncidents(ctx context.Context, in *listIncidentsInput) (*listIncidentsOutput, error) {
	rows, err := s.incidents(ctx, store.IncidentFilter{Status: store.IncidentStatus(in.Status), AppID: in.App, Thread: in.Thread}, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &listIncidentsOutput{incidentListView{Incidents: []incidentView{}}}
	for _, i := range rows[:min(len(rows), in.Limit)] {
		out.Body.Incidents = append(out.Body.Incidents, *viewIncident(i))
	}
	if len(rows) > in.Limit {
		out.Body.Next = &rows[in.Limit-1].ID
	}
	return out, nil
}
