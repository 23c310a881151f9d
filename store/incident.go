package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Incident is what somebody is asked to acknowledge. Until then its steps are sent, each when it is
// due. It is opened by a notification, whose id it has.
type Incident struct {
	ID             uuid.UUID
	AppID          string
	Thread         string // empty: none
	OpenedAt       time.Time
	Steps          IncidentSteps // in the order of their times
	AcknowledgedAt *time.Time    // nil: nobody has
	AcknowledgedBy string        // who, as the caller says
	Over           Over          // how
	Note           string        // a few words of theirs
	ClosedAt       *time.Time    // nil: it is open, or acknowledged
	ClosedBy       ClosedBy
}

// IncidentStatus is the state of an incident.
type IncidentStatus string

// States of incidents.
const (
	IncidentOpen         IncidentStatus = "open"
	IncidentAcknowledged IncidentStatus = "acknowledged"
	IncidentClosed       IncidentStatus = "closed"
)

// Over is how an incident was acknowledged.
type Over string

// Ways to acknowledge.
const (
	OverAPI     Over = "api"
	OverConsole Over = "console"
	OverCard    Over = "feishu_card" // by its button
)

// ClosedBy is what closed an incident.
type ClosedBy string

// Causes of a close.
const (
	ClosedByCancel  ClosedBy = "cancelled" // the notification that opened it was cancelled
	ClosedByResolve ClosedBy = "resolved"  // a later notification of its thread says that it is over
)

// Condition decides whether a step is sent when it is due, beside that nobody has acknowledged.
type Condition string

// Conditions. The empty one always holds.
const (
	IfFailed Condition = "failed" // every delivery of the notification that opened the incident is dead
	IfUnread Condition = "unread" // no delivery of the incident was read or answered, as far as vendors say
)

// IncidentFacts are what conditions look at.
type IncidentFacts struct {
	AllDead bool // every delivery of the notification that opened the incident
	Seen    bool // a delivery of the notification, or of a step, was read or answered
}

// Fails returns why the condition does not hold; empty when it does.
func (c Condition) Fails(f IncidentFacts) string {
	switch {
	case c == IfFailed && !f.AllDead:
		return "not every delivery of the notification is dead"
	case c == IfUnread && f.Seen:
		return "somebody has read it, or answered the call"
	}
	return ""
}

// IncidentStep is a notification that is sent when nobody has acknowledged by then.
type IncidentStep struct {
	NotificationID uuid.UUID `json:"notificationId"`
	At             time.Time `json:"at"`
	Channels       []string  `json:"channels"`
	If             Condition `json:"if,omitempty"`
	Urgent         string    `json:"urgent,omitempty"` // kind of the urgent call for the message that somebody has; empty: none
}

// IncidentSteps are kept as JSON.
type IncidentSteps []IncidentStep

// JSON returns them as they are stored.
func (s IncidentSteps) JSON() []byte {
	if s == nil {
		return []byte(`[]`)
	}
	return jsonOf(s)
}

// Scan implements sql.Scanner.
func (s *IncidentSteps) Scan(value any) error { return scanJSON(value, s) }

// Status returns the state.
func (i Incident) Status() IncidentStatus {
	switch {
	case i.ClosedAt != nil:
		return IncidentClosed
	case i.AcknowledgedAt != nil:
		return IncidentAcknowledged
	}
	return IncidentOpen
}

// EndsAt returns when the last step is due; without steps, when it was opened.
func (i Incident) EndsAt() time.Time {
	if len(i.Steps) == 0 {
		return i.OpenedAt
	}
	return i.Steps[len(i.Steps)-1].At
}

// Next returns the step that is due next at a time; nil when there is none.
func (i Incident) Next(now time.Time) *IncidentStep {
	for _, step := range i.Steps {
		if i.Status() == IncidentOpen && step.At.After(now) {
			return &step
		}
	}
	return nil
}

// Step returns the step that the notification is; nil when it is none.
func (i Incident) Step(notification uuid.UUID) *IncidentStep {
	for _, step := range i.Steps {
		if step.NotificationID == notification {
			return &step
		}
	}
	return nil
}

// Stops reports whether the notification is not sent any more once the incident is acknowledged or
// closed: it opened the incident, or is a step.
func (i Incident) Stops(notification uuid.UUID) bool {
	return i.ID == notification || i.Step(notification) != nil
}

// Stopped returns the notifications that Stops is true of.
func (i Incident) Stopped() []uuid.UUID {
	ids := []uuid.UUID{i.ID}
	for _, step := range i.Steps {
		ids = append(ids, step.NotificationID)
	}
	return ids
}

// Codes of deliveries that an incident has stopped.
const (
	CodeAcknowledged = "acknowledged" // somebody has acknowledged it
	CodeStopped      = "stopped"      // the incident was closed
	CodeNotNeeded    = "not_needed"   // the step's condition did not hold when it was due
)

// Why returns the code and the text of deliveries that are not sent because of the incident's state.
// Both are empty while it is open.
func (i Incident) Why() (code, text string) {
	switch i.Status() {
	case IncidentAcknowledged:
		return CodeAcknowledged, "somebody has acknowledged the incident"
	case IncidentClosed:
		return CodeStopped, "the incident was closed"
	case IncidentOpen:
	}
	return "", ""
}

// IncidentChange acknowledges an incident, or closes it.
type IncidentChange struct {
	IncidentID uuid.UUID
	At         time.Time
	By         string   // of an acknowledgement
	Over       Over     // of an acknowledgement
	Note       string   // of an acknowledgement
	ClosedBy   ClosedBy // empty: it is an acknowledgement
	Audit      []AuditEntry
}

// Apply returns the incident with the change, and whether it changes anything: the first
// acknowledgement stands, and a closed incident is over.
func (c IncidentChange) Apply(i Incident) (Incident, bool) {
	switch {
	case i.ClosedAt != nil:
		return i, false
	case c.ClosedBy != "":
		i.ClosedAt, i.ClosedBy = &c.At, c.ClosedBy
	case i.AcknowledgedAt != nil:
		return i, false
	default:
		i.AcknowledgedAt, i.AcknowledgedBy, i.Over, i.Note = &c.At, c.By, c.Over, c.Note
	}
	return i, true
}

// IncidentFilter chooses incidents. A field of the zero value chooses all.
type IncidentFilter struct {
	AppID  string
	Thread string
	Status IncidentStatus
}

// EventsOf returns what the change of an incident tells.
func (c IncidentChange) EventsOf(i Incident) []Event {
	if c.ClosedBy != "" {
		return nil
	}
	return []Event{{AppID: i.AppID, Type: EventAcknowledged, At: c.At, NotificationID: i.ID, Status: string(i.Status())}}
}

// Incidents acknowledges and closes incidents. Accept opens them.
type Incidents interface {
	// Incident returns one incident, or ErrNotFound.
	Incident(ctx context.Context, id uuid.UUID) (Incident, error)
	// FindIncidents returns the incidents of the ids that exist, in no order. An id that is given
	// twice may be returned twice.
	FindIncidents(ctx context.Context, ids []uuid.UUID) ([]Incident, error)
	// IncidentFacts returns what the conditions of an incident's steps look at.
	IncidentFacts(ctx context.Context, i Incident) (IncidentFacts, error)
	// IncidentCard returns the Card of the newest message of an incident that a provider has sent to
	// a recipient, or ErrNotFound.
	IncidentCard(ctx context.Context, incident uuid.UUID, provider string, to Recipient) (string, error)
	// IncidentCards returns a page of at most limit cards of an incident, by recipient and delivery. The page begins
	// after the given one; the zero value is the start.
	IncidentCards(ctx context.Context, incident uuid.UUID, after Card, limit int) ([]Card, error)
	// IncidentSending reports whether a job of one of the incident's open deliveries runs.
	IncidentSending(ctx context.Context, incident uuid.UUID) (bool, error)
	// ForgetCards makes the deliveries' messages no cards any more.
	ForgetCards(ctx context.Context, deliveries []uuid.UUID) error
	// ListIncidents returns a page of at most limit incidents, newest first. The page begins after the
	// given id; uuid.Nil is the start. The error may be ErrTooBroad.
	ListIncidents(ctx context.Context, f IncidentFilter, after uuid.UUID, limit int) ([]Incident, error)
	// ChangeIncident acknowledges or closes an incident, and inserts the jobs that cancel what
	// waits of it and edit its cards, in one transaction. It returns the incident as it is then, and whether it has
	// changed; ErrNotFound when there is none.
	ChangeIncident(ctx context.Context, c IncidentChange) (Incident, bool, error)
	// DeleteIncidents deletes the incidents that were opened, and whose last step was due, before
	// the given time, and returns how many there were.
	DeleteIncidents(ctx context.Context, before time.Time) (int, error)
}

// IncidentQueue is the queue of the jobs of incidents. IncidentAttempts is how often one is tried
// that fails: for more than an hour.
const (
	IncidentQueue    = "incidents"
	IncidentAttempts = 100
)

// IncidentArgs are the arguments of the job that follows a change of an incident.
type IncidentArgs struct {
	IncidentID uuid.UUID `json:"incidentId"`
}

// Kind implements River's JobArgs. It names the job in River's tables and never changes.
func (IncidentArgs) Kind() string { return "incident" }

// CardQueue is the queue of the jobs that edit the cards of incidents. They are tried as often as those of
// IncidentQueue.
const CardQueue = "cards"

// CardArgs are the arguments of the job that edits the cards of an incident after it was changed.
type CardArgs struct {
	IncidentID uuid.UUID `json:"incidentId"`
}

// Kind implements River's JobArgs. It names the job in River's tables and never changes.
func (CardArgs) Kind() string { return "cards" }

// Card is the message of a delivery that was sent while its incident was open.
type Card struct {
	DeliveryID     uuid.UUID
	RecipientValue string
	Reference      string // by which the delivery's provider finds it
}

// IncidentsOf returns the incidents of threads, as lockThreads has them.
func IncidentsOf(threads []Thread) []uuid.UUID {
	var ids []uuid.UUID
	for _, t := range threads {
		if t.IncidentID != uuid.Nil {
			ids = append(ids, t.IncidentID)
		}
	}
	return ids
}

// Joined is what acceptances do to the incidents of their threads.
type Joined struct {
	News    []Acceptance // as they are to be written
	Threads []Thread     // whose incident has changed
	Closed  []Incident   // that were resolved; those that News opens are among its Incidents, too
}

// JoinIncidents puts acceptances into the open incidents of their threads: such a one opens none, and its
// steps are not written. One that is resolved closes the incident. incidents are those of IncidentsOf. It
// changes nothing of the given acceptances, which may be tried again.
func JoinIncidents(news []Acceptance, threads []Thread, incidents []Incident) Joined {
	if len(threads) == 0 {
		return Joined{News: news}
	}
	open := map[uuid.UUID]*Incident{} // by thread
	for _, t := range threads {
		for i := range incidents {
			if incidents[i].ID == t.IncidentID && incidents[i].ClosedAt == nil {
				open[t.ID] = &incidents[i]
			}
		}
	}
	j := Joined{News: slices.Clone(news)}
	for i := range j.News {
		a := &j.News[i]
		thread := a.Notification.ThreadID
		if thread == uuid.Nil {
			continue
		}
		incident := open[thread]
		switch {
		case a.Notification.Resolved || incident != nil:
			a.Incident, a.Steps = nil, nil
			a.join(incident)
		case a.Incident != nil:
			opened := *a.Incident
			opened.Thread = a.Notification.Thread
			a.Incident, open[thread] = &opened, &opened
		}
		if a.Notification.Resolved && incident != nil {
			closed, _ := IncidentChange{At: a.Notification.CreatedAt, ClosedBy: ClosedByResolve}.Apply(*incident)
			*incident, j.Closed = closed, append(j.Closed, closed)
			delete(open, thread)
		}
	}
	for _, t := range threads {
		now := uuid.Nil
		if i := open[t.ID]; i != nil {
			now = i.ID
		}
		if now != t.IncidentID {
			t.IncidentID = now
			j.Threads = append(j.Threads, t)
		}
	}
	return j
}

// join makes the acceptance part of an incident; nil: of none.
func (a *Acceptance) join(i *Incident) {
	id := uuid.Nil
	if i != nil {
		id = i.ID
	}
	a.Notification.IncidentID = id
	a.Deliveries = slices.Clone(a.Deliveries)
	for d := range a.Deliveries {
		a.Deliveries[d].IncidentID = id
	}
}

// StepsOf returns the steps of acceptances, which are written with them.
func StepsOf(news []Acceptance) []Acceptance {
	var steps []Acceptance
	for _, a := range news {
		steps = append(steps, a.Steps...)
	}
	return steps
}

// Total returns how many deliveries the acceptance has, with those of its steps.
func (a Acceptance) Total() int {
	n := len(a.Deliveries)
	for _, step := range a.Steps {
		n += len(step.Deliveries)
	}
	return n
}
