package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

const auditDescription = "Every change and manual action: of templates, retries, cancellations, erasures, reloads of the configuration, and what River UI changes. " +
	"An entry is written together with its change. Entries are kept for `retention.days`, and hold no address of a recipient, no text and no secret."

// maxText bounds what the log keeps of a text that a caller chose, in bytes.
const maxText = 64

type originKey struct{}

// noteOrigin is the middleware that keeps where a request comes from, for the audit log. Few
// requests are noted there, so it is found out when it is asked for.
func (s *Server) noteOrigin(c *fiber.Ctx) error {
	c.Locals(originKey{}, s.originOf(c))
	return c.Next()
}

// originOf returns a function for the life of the request.
func (s *Server) originOf(c *fiber.Ctx) func() store.Actor {
	return func() store.Actor {
		var origin store.Actor
		if address := s.peer(c); address.IsValid() {
			origin.Address = address.String()
		}
		origin.Agent = plain(c.Get(fiber.HeaderUserAgent))
		return origin
	}
}

// plain returns the beginning of a text that a caller chose, without what is not printable
// ASCII: no database stores all of that.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text[:min(len(text), maxText)])
}

// actorOf returns who makes a request, and from where.
func actorOf(ctx context.Context) store.Actor {
	var actor store.Actor
	if origin, is := ctx.Value(originKey{}).(func() store.Actor); is {
		actor = origin()
	}
	caller := callerOf(ctx)
	actor.AppID, actor.Person = caller.AppID, caller.person
	return actor
}

// auditRefusal notes that an action was refused. It changed nothing, so it is refused also
// when the note cannot be written.
func (s *Server) auditRefusal(ctx context.Context, action store.AuditAction, object string) {
	entry := actorOf(ctx).Did(action, object)
	entry.Outcome = store.AuditRefused
	s.Audit(ctx, entry)
}

// auditTime bounds the write of entries that follow what they tell.
const auditTime = 5 * time.Second

// Audit writes entries of what changes none of the store's tables. It does not end with the
// request: what was done is noted. What cannot be written is logged.
func (s *Server) Audit(ctx context.Context, entries ...store.AuditEntry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTime)
	defer cancel()
	if err := s.store.Audit(ctx, entries...); err != nil {
		s.log.Error("the audit log could not be written", zap.Any("entries", entries), zap.Error(err))
	}
}

type auditEntryView struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	At        time.Time `json:"at"`
	App       string    `json:"app" doc:"who did it; empty: the service itself"`
	Person    string    `json:"person" doc:"who was signed in to the console by OpenID Connect; empty: nobody"`
	Action    string    `json:"action" doc:"what was done; its first part is the kind of the object" example:"template.update"`
	Object    string    `json:"object" doc:"name or id of the object; empty: there is only one"`
	Outcome   string    `json:"outcome" enum:"done,refused" doc:"refused: nothing was changed"`
	Detail    string    `json:"detail" doc:"a few words, or empty"`
	Address   string    `json:"address" doc:"network address that it came from; of the service itself the name of the host"`
	UserAgent string    `json:"userAgent" doc:"its beginning"`
}

type listAuditInput struct {
	App    string    `query:"app" maxLength:"128" doc:"who did it"`
	Action string    `query:"action" maxLength:"64" doc:"what was done, such as template.update"`
	Object string    `query:"object" maxLength:"128" doc:"name of a template, id of a delivery or of a notification"`
	Since  time.Time `query:"since" doc:"at this time or later"`
	Until  time.Time `query:"until" doc:"before this time"`
	Limit  int       `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"at most so many entries"`
	After  uuid.UUID `query:"after" format:"uuid" doc:"continue after this entry: next of the previous page"`
}

type listAuditOutput struct{ Body auditListView }

type auditListView struct {
	Entries []auditEntryView `json:"entries"`
	Next    *uuid.UUID       `json:"next,omitempty" format:"uuid" doc:"after for the next page; missing on the last one"`
}

// auditEntries reads a page of the audit log.
func (s *Server) auditEntries(ctx context.Context, f store.AuditFilter, after uuid.UUID, limit int) ([]store.AuditEntry, error) {
	giveBack, err := s.takeList(ctx)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	return s.store.ListAudit(ctx, f, after, limit)
}

func (s *Server) listAudit(ctx context.Context, in *listAuditInput) (*listAuditOutput, error) {
	rows, err := s.auditEntries(ctx, store.AuditFilter{
		AppID: in.App, Action: store.AuditAction(in.Action), ObjectID: in.Object, Since: in.Since, Until: in.Until,
	}, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &listAuditOutput{auditListView{Entries: []auditEntryView{}}}
	for _, e := range rows[:min(len(rows), in.Limit)] {
		out.Body.Entries = append(out.Body.Entries, auditEntryView{
			ID: e.ID, At: e.At.UTC(), App: e.AppID, Person: e.Person, Action: string(e.Action), Object: e.ObjectID, Outcome: string(e.Outcome),
			Detail: e.Detail, Address: e.Address, UserAgent: e.Agent,
		})
	}
	if len(rows) > in.Limit {
		out.Body.Next = &rows[in.Limit-1].ID
	}
	return out, nil
}

// auditRiverUI is the middleware that notes what River UI is asked to change. River changes
// its own tables, so the entries follow the change.
func (s *Server) auditRiverUI(c *fiber.Ctx) error {
	if c.Method() == fiber.MethodGet || c.Method() == fiber.MethodHead {
		return c.Next()
	}
	actor, caller := s.originOf(c)(), c.Locals(callerKey{}).(Caller)
	actor.AppID, actor.Person = caller.AppID, caller.person
	entries := riverUIEntries(actor, strings.TrimPrefix(c.Path(), riverUIPrefix+"/api/"), c.BodyRaw())
	err := c.Next()
	if err != nil || c.Response().StatusCode() >= http.StatusBadRequest {
		for i := range entries {
			entries[i].Outcome = store.AuditRefused
		}
	}
	s.Audit(c.UserContext(), entries...)
	return err
}

// riverUIEntries returns the entries of a request to River UI's API: jobs/retry with ids in
// its body, queues/email/pause and the like.
func riverUIEntries(actor store.Actor, path string, body []byte) []store.AuditEntry {
	parts := strings.Split(path, "/")
	switch {
	case len(parts) == 2 && parts[0] == "jobs":
		var jobs struct {
			IDs []json.Number `json:"ids"`
		}
		_ = json.Unmarshal(body, &jobs) // River UI refuses what is no list of ids
		entries := make([]store.AuditEntry, len(jobs.IDs))
		for i, id := range jobs.IDs {
			entries[i] = actor.Did(store.AuditAction("job."+plain(parts[1])), plain(id.String()))
		}
		return entries
	case len(parts) == 3 && parts[0] == "queues":
		return []store.AuditEntry{actor.Did(store.AuditAction("queue."+plain(parts[2])), plain(parts[1]))}
	case len(parts) == 2 && parts[0] == "queues":
		return []store.AuditEntry{actor.Did("queue.update", plain(parts[1]))}
	}
	return []store.AuditEntry{actor.Did("riverui.change", plain(path))}
}
