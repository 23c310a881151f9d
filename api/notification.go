package api

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

const sendDescription = "After a 202 the notification and all its deliveries are stored. " +
	"The same request with the same idempotencyKey answers 200 with the same id; another request with that key is refused. " +
	"A channel sends to its own `recipients`, and without them to those of the request that fit it. " +
	"The `params` of a recipient go before those of the channel. " +
	"Addresses that fit none of the channels are listed as unmatched. " +
	"A `contact` gets one delivery over each channel that fits one of its addresses, a `group` stands for all its contacts: those of the app, or else the shared ones. " +
	"A request has at most 10,000 recipients (`defaults.maxRecipients` may lower that) and makes at most 30,000 deliveries (recipient × channel). " +
	"A group that makes more, and is the only recipient, is accepted at once and expanded: its deliveries are made in the background, which `expansion` shows."

const readDescription = "The tasks are all deliveries, oldest first. They are written while they are read, each as it is then; " +
	"an answer that ends early was cut."

// notificationRequest is the body of a request to send a notification.
type notificationRequest struct {
	IdempotencyKey string                    `json:"idempotencyKey" minLength:"1" maxLength:"255" doc:"identifies the notification among those of the app" example:"incident-001"`
	Channels       map[string]channelRequest `json:"channels" minProperties:"1" doc:"what is sent over each channel, by channel name" example:"{\"feishu_app\": {\"template\": \"feishu-alert\", \"params\": {\"incident\": \"database down\", \"severity\": \"P0\"}}}"`
	Recipients     []recipientRequest        `json:"recipients,omitempty" minItems:"1" nullable:"false" doc:"who gets it over the channels that have no recipients of their own; may be left out when all have; duplicates count once"`
	SendAt         *time.Time                `json:"sendAt,omitempty" nullable:"false" doc:"when to send, within some 5 seconds; at most 90 days ahead; at once when left out or past"`
	ExpiresAt      *time.Time                `json:"expiresAt,omitempty" nullable:"false" doc:"deliveries not sent by then are dead (expired); must be later than sendAt"`
	Locale         string                    `json:"locale,omitempty" maxLength:"64" doc:"language of the recipients that have none (BCP 47)" example:"zh"`
	Priority       string                    `json:"priority,omitempty" enum:"high,normal,low" doc:"normal when left out; a higher priority is sent first, also before older notifications; high passes quiet hours and caps"`
	Kind           string                    `json:"kind,omitempty" maxLength:"64" doc:"name of a kind, which decides over which channels, when and how often it may reach somebody; none when left out" example:"billing"`
	Thread         string                    `json:"thread,omitempty" maxLength:"255" doc:"name of the thread, among those of the app: its later notifications edit the message of the first one where the channel can, and replace those that still wait" example:"incident-001"`
	Resolved       bool                      `json:"resolved,omitempty" doc:"what the thread is about is over; needs thread"`
	Acknowledge    bool                      `json:"acknowledge,omitempty" doc:"somebody is asked to acknowledge it; true with escalation"`
	Escalation     []stepRequest             `json:"escalation,omitempty" minItems:"1" maxItems:"10" nullable:"false" doc:"what is sent while nobody has acknowledged it, each step as a notification of its own with high priority, which is accepted now"`
	Repeat         int                       `json:"repeat,omitempty" minimum:"0" maximum:"10" doc:"how often the escalation begins again, at the time of its last step"`
}

type channelRequest struct {
	Template string         `json:"template" minLength:"1" maxLength:"64" doc:"name of the template" example:"feishu-alert"`
	Params   map[string]any `json:"params,omitempty" nullable:"true" doc:"values for the template; any JSON values"`
	// Recipients are in the same form as those of the request.
	Recipients []recipientRequest `json:"recipients,omitempty" minItems:"1" nullable:"false" doc:"who gets it over this channel, and nobody else; each must fit the channel"`
	Mention    []recipientView    `json:"mention,omitempty" minItems:"1" maxItems:"50" nullable:"false" doc:"who is mentioned in each message to a group over this channel"`
}

type recipientRequest struct {
	Type     string         `json:"type" doc:"decides which channels fit; contact and group are looked up when the request is accepted" example:"feishu_user_id"`
	Value    string         `json:"value" minLength:"1" maxLength:"320" doc:"the address, or the name of the contact or the group" example:"ou_7d8a6e6df7621556ce0d21922b676706ccs"`
	Params   map[string]any `json:"params,omitempty" nullable:"true" doc:"values for the templates that go before those of the channel, for this recipient only"`
	Locale   string         `json:"locale,omitempty" maxLength:"64" doc:"the recipient's language (BCP 47), which chooses among a template's texts; the request's when left out" example:"en"`
	TimeZone string         `json:"timeZone,omitempty" maxLength:"64" doc:"IANA name of the zone in which the kind's quiet hours hold for this recipient; the kind's own when left out" example:"Europe/Berlin"`
}

type recipientView struct {
	Type  string `json:"type" doc:"decides which channels fit" example:"feishu_user_id"`
	Value string `json:"value" minLength:"1" maxLength:"320" doc:"the address" example:"ou_7d8a6e6df7621556ce0d21922b676706ccs"`
}

type acceptedView struct {
	NotificationID uuid.UUID       `json:"notificationId" format:"uuid"`
	Status         string          `json:"status" enum:"accepted"`
	Deliveries     int             `json:"deliveries" doc:"recipient × channel"`
	Unmatched      []recipientView `json:"unmatched" doc:"addresses that fit none of the channels"`
	Withheld       map[string]int  `json:"withheld,omitempty" doc:"how many of the deliveries were cancelled at once, by code (capped, opted_out, suppressed); left out when none was" example:"{\"capped\": 2}"`
	Contacts       *reachView      `json:"contacts,omitempty" doc:"what the contacts and groups among the recipients came to; missing when there are none"`
	Expansion      *expansionView  `json:"expansion,omitempty" doc:"how far the deliveries to a large group are made; missing when all were made at once"`
	Incident       *incidentView   `json:"incident,omitempty" doc:"what somebody is asked to acknowledge; missing when nobody is"`
}

type expansionView struct {
	Group      string `json:"group" doc:"the group, which is too large for one request"`
	Contacts   int    `json:"contacts" doc:"contacts of it that were read so far, in the order of names"`
	Deliveries int    `json:"deliveries" doc:"deliveries that were made so far, one for each address and channel"`
	Done       bool   `json:"done" doc:"no further deliveries will be made"`
	Stopped    string `json:"stopped,omitempty" enum:"cancelled,group_deleted,job_ended" doc:"why it ended before the last contact; missing when it did not"`
}

func viewExpansion(e *store.Expansion) *expansionView {
	if e == nil {
		return nil
	}
	return &expansionView{Group: e.Group.Name, Contacts: e.Contacts, Deliveries: e.Deliveries, Done: e.Done(), Stopped: string(e.Stopped)}
}

type reachView struct {
	Total    int                `json:"total" doc:"contacts, each once"`
	Reached  int                `json:"reached" doc:"of them, those that are reached on one channel at least"`
	Contacts []contactReachView `json:"contacts" doc:"of up to 200 contacts, each; of more, the first 200 that are not reached on all their channels"`
	Unknown  []string           `json:"unknown" doc:"names that groups list and no contact has, at most 200"`
}

type contactReachView struct {
	Name     string   `json:"name"`
	Channels []string `json:"channels" doc:"on which it is reached"`
	Without  []string `json:"without" doc:"channels on which it has no address that can be sent to"`
}

func viewReach(r *store.Reach) *reachView {
	if r == nil {
		return nil
	}
	v := &reachView{Total: r.Contacts, Reached: r.Reached, Contacts: make([]contactReachView, len(r.Each)), Unknown: append([]string{}, r.Missing...)}
	for i, c := range r.Each {
		v.Contacts[i] = contactReachView{Name: c.Name, Channels: append([]string{}, c.Channels...), Without: append([]string{}, c.Without...)}
	}
	return v
}

type notificationView struct {
	ID             uuid.UUID       `json:"id" format:"uuid"`
	IdempotencyKey string          `json:"idempotencyKey"`
	SenderAppID    string          `json:"senderAppId" doc:"the app that sent it"`
	Status         string          `json:"status" enum:"pending,processing,success,failed,cancelled" doc:"failed: it has ended, and a delivery is dead. A delivery's own failed means that it waits for a retry"`
	Counts         countsView      `json:"counts" doc:"deliveries by status"`
	Unmatched      []recipientView `json:"unmatched,omitzero" doc:"addresses that fit none of the channels; not in lists"`
	Contacts       *reachView      `json:"contacts,omitempty" doc:"what the contacts and groups among the recipients came to; missing when there are none, and in lists"`
	Expansion      *expansionView  `json:"expansion,omitempty" doc:"how far the deliveries to a large group are made; missing when all were made at once"`
	SendAt         *time.Time      `json:"sendAt" doc:"null: at once"`
	ExpiresAt      *time.Time      `json:"expiresAt" doc:"null: never"`
	Priority       string          `json:"priority" enum:"high,normal,low"`
	Kind           string          `json:"kind" doc:"name of the kind; empty: none"`
	Thread         string          `json:"thread" doc:"name of the thread; empty: none"`
	Resolved       bool            `json:"resolved" doc:"what the thread is about is over"`
	Withheld       map[string]int  `json:"withheld,omitempty" doc:"how many deliveries were cancelled when they were made, by code (capped, opted_out, suppressed); left out when none was"`
	IncidentID     *uuid.UUID      `json:"incidentId,omitempty" format:"uuid" doc:"of the incident that it has opened, or is a step of; left out when there is none"`
	Incident       *incidentView   `json:"incident,omitempty" doc:"the incident; only when one notification is read"`
	Test           bool            `json:"test" doc:"true when it tests a template, or was sent with a test secret"`
	CreatedAt      time.Time       `json:"createdAt"`
	UpdatedAt      time.Time       `json:"updatedAt"`
	Tasks          []deliveryView  `json:"tasks,omitzero" doc:"the deliveries, under an older name; only when one notification is read"`
}

type countsView struct {
	Total     int `json:"total"`
	Pending   int `json:"pending"`
	Failed    int `json:"failed" doc:"waiting for a retry"`
	Success   int `json:"success"`
	Dead      int `json:"dead"`
	Cancelled int `json:"cancelled"`
}

type sendInput struct{ jsonBody[notificationRequest] }

func (r notificationRequest) request() accepting.Request {
	return accepting.Request{
		IdempotencyKey: r.IdempotencyKey,
		Channels:       channelsOf(r.Channels),
		Recipients:     recipientsOf(r.Recipients),
		SendAt:         microseconds(r.SendAt),
		ExpiresAt:      microseconds(r.ExpiresAt),
		Priority:       store.Priority(r.Priority),
		Kind:           r.Kind,
		Thread:         r.Thread,
		Resolved:       r.Resolved,
		Locale:         r.Locale,
		Acknowledge:    r.Acknowledge,
		Repeat:         r.Repeat,
	}
}

// channelsOf returns the channels of a request.
func channelsOf(requested map[string]channelRequest) map[string]accepting.ChannelRequest {
	channels := make(map[string]accepting.ChannelRequest, len(requested))
	for name, c := range requested {
		channels[name] = accepting.ChannelRequest{
			Template: c.Template, Params: c.Params, Recipients: recipientsOf(c.Recipients), Mention: peopleOf(c.Mention),
		}
	}
	return channels
}

// recipientsOf returns the recipients of a request; nil when there are none.
func recipientsOf(requested []recipientRequest) []accepting.Recipient {
	if requested == nil {
		return nil
	}
	recipients := make([]accepting.Recipient, len(requested))
	for i, r := range requested {
		recipients[i] = accepting.Recipient{Recipient: store.Recipient{Type: r.Type, Value: r.Value}, Params: r.Params, Locale: r.Locale, TimeZone: r.TimeZone}
	}
	return recipients
}

// peopleOf returns the addresses of a request; nil when there are none.
func peopleOf(views []recipientView) []store.Recipient {
	var people []store.Recipient
	for _, v := range views {
		people = append(people, store.Recipient{Type: v.Type, Value: v.Value})
	}
	return people
}

// checkRecipients returns a *Problem when a channel has nobody to send to.
func (r notificationRequest) checkRecipients() error {
	if r.Recipients != nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(r.Channels)) {
		if r.Channels[name].Recipients == nil {
			return fieldProblem(http.StatusBadRequest, codeInvalidRequest, "recipients",
				"is required, because the channel "+name+" has none of its own")
		}
	}
	return nil
}

// microseconds returns a time as the store keeps it, or nil.
func microseconds(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	kept := t.UTC().Truncate(time.Microsecond)
	return &kept
}

type sendOutput struct {
	Status   int
	Replayed string `header:"Idempotent-Replayed" enum:"true" doc:"true when the request was accepted before"`
	Body     acceptedView
}

func (s *Server) sendNotification(ctx context.Context, in *sendInput) (*sendOutput, error) {
	if err := in.body.checkRecipients(); err != nil {
		return nil, err
	}
	request := in.body.request()
	var err error
	if request.Escalation, err = in.body.steps(); err != nil {
		return nil, err
	}
	return s.send(ctx, request)
}

// send accepts a notification of the caller.
func (s *Server) send(ctx context.Context, r accepting.Request) (*sendOutput, error) {
	caller := callerOf(ctx)
	r.AppID, r.Admin = caller.AppID, caller.may(RoleAdmin)
	r.Simulated, r.Limits = caller.test, caller.limits.accepting()
	accepted, err := s.accepter.Accept(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &sendOutput{Status: http.StatusAccepted, Body: acceptedView{
		NotificationID: accepted.NotificationID,
		Status:         "accepted",
		Deliveries:     accepted.Deliveries,
		Unmatched:      viewRecipients(ctx, accepted.Unmatched),
		Withheld:       accepted.Withheld,
		Contacts:       viewReach(accepted.Reach),
		Expansion:      viewExpansion(accepted.Expansion),
	}}
	if out.Body.Incident, err = s.incidentOf(ctx, accepted.IncidentID); err != nil {
		return nil, err
	}
	if accepted.Replayed {
		out.Status, out.Replayed = http.StatusOK, "true"
	}
	return out, nil
}

type getNotificationInput struct {
	ID    string `path:"id" doc:"id of the notification"`
	Tasks bool   `query:"tasks" default:"true" doc:"false: without the deliveries, to see how far it is"`
}

func (s *Server) getNotification(ctx context.Context, in *getNotificationInput) (*listOutput, error) {
	n, err := s.notificationOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	v := viewNotification(ctx, n)
	if v.Incident, err = s.incidentOf(ctx, n.IncidentID); err != nil {
		return nil, err
	}
	if !in.Tasks {
		return answerObject(v)
	}
	v.Tasks = []deliveryView{}
	return answerList(ctx, s, s.deliveriesOf(n.ID, uuid.Nil, 0, v))
}

func viewNotification(ctx context.Context, n store.Notification) notificationView {
	v := notificationView{
		ID:             n.ID,
		IdempotencyKey: n.IdempotencyKey,
		SenderAppID:    n.AppID,
		Status:         string(n.Status),
		Counts:         countsView(n.Counts),
		Unmatched:      viewRecipients(ctx, n.Unmatched),
		Contacts:       viewReach(n.Reach),
		Expansion:      viewExpansion(n.Expansion),
		SendAt:         utc(n.SendAt),
		ExpiresAt:      utc(n.ExpiresAt),
		Priority:       string(n.Priority),
		Kind:           n.Kind,
		Thread:         n.Thread,
		Resolved:       n.Resolved,
		Withheld:       n.Withheld,
		Test:           n.Test,
		CreatedAt:      n.CreatedAt.UTC(),
		UpdatedAt:      n.UpdatedAt.UTC(),
	}
	if n.IncidentID != uuid.Nil {
		v.IncidentID = &n.IncidentID
	}
	return v
}

// notificationOf returns a notification that the caller may see, or errNotFound.
func (s *Server) notificationOf(ctx context.Context, id string) (store.Notification, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return store.Notification{}, errNotFound
	}
	n, err := s.store.Notification(ctx, parsed)
	if err != nil {
		return store.Notification{}, err
	}
	if caller := callerOf(ctx); n.AppID != caller.AppID && !caller.may(RoleAdmin) {
		return store.Notification{}, errNotFound
	}
	return n, nil
}

func viewRecipients(ctx context.Context, recipients []store.Recipient) []recipientView {
	bodies := make([]recipientView, len(recipients))
	for i, r := range recipients {
		bodies[i] = viewRecipient(ctx, r)
	}
	return bodies
}
