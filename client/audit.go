package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// AuditEntry is one change or manual action.
type AuditEntry struct {
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	App       string    `json:"app"`       // who did it; empty: the service itself
	Person    string    `json:"person"`    // who was signed in by OpenID Connect; empty: nobody
	Action    string    `json:"action"`    // such as template.update; its first part is the kind of the object
	Object    string    `json:"object"`    // name or id; empty: there is only one
	Outcome   string    `json:"outcome"`   // done, or refused: nothing was changed
	Detail    string    `json:"detail"`    // a few words, or empty
	Address   string    `json:"address"`   // where it came from; of the service itself the name of the host
	UserAgent string    `json:"userAgent"` // its beginning
}

// AuditQuery selects a page of the audit log. An empty field selects all.
type AuditQuery struct {
	App    string
	Action string
	Object string    // name of a template, id of a delivery or of a notification
	Since  time.Time // then or later
	Until  time.Time // before
	Limit  int       // 1 to 500; 50 when 0
	After  string    // AuditList.Next of the page before
}

// AuditList is a page of the audit log, newest first.
type AuditList struct {
	Entries []AuditEntry `json:"entries"`
	Next    string       `json:"next,omitempty"` // empty on the last page
}

// Audit lists the audit log. The app needs the role admin.
func (c *Client) Audit(ctx context.Context, q AuditQuery) (AuditList, error) {
	values := query{}
	values.text("app", q.App)
	values.text("action", q.Action)
	values.text("object", q.Object)
	values.time("since", q.Since)
	values.time("until", q.Until)
	values.number("limit", q.Limit)
	values.text("after", q.After)
	var l AuditList
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/v1/audit", query: url.Values(values), repeatable: true}, &l)
	return l, err
}
