package console

import (
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// auditSearch is what the form asks for, as it was typed.
type auditSearch struct{ App, Action, Object, Since, Until string }

// Narrow reports whether the search leaves something out.
func (s auditSearch) Narrow() bool { return s != auditSearch{} }

// actions are those that the form offers. River UI's are job.… and queue.….
var actions = []store.AuditAction{
	store.AuditTemplateCreate, store.AuditTemplateUpdate, store.AuditTemplateDelete, store.AuditTemplateRestore, store.AuditTemplateOwner,
	store.AuditKindWrite, store.AuditKindDelete, store.AuditPreferenceUpdate, store.AuditSuppressionDelete, store.AuditLinkKeyCreate,
	store.AuditEndpointCreate, store.AuditEndpointUpdate, store.AuditEndpointRotate, store.AuditEndpointReplay, store.AuditEndpointDelete,
	store.AuditContactCreate, store.AuditContactUpdate, store.AuditContactDelete, store.AuditGroupCreate, store.AuditGroupUpdate, store.AuditGroupDelete,
	store.AuditDeliveryRetry, store.AuditNotificationCancel, store.AuditIncidentAcknowledge, store.AuditNotificationErase, store.AuditRecipientErase,
	store.AuditConfigReload, store.AuditProviderProbe, store.AuditReceiverTest,
	"job.retry", "job.cancel", "job.delete", "queue.pause", "queue.resume", "queue.update",
}

type auditData struct {
	Search  auditSearch
	Actions []store.AuditAction
	Entries []auditRow
	Next    string
	Problem *Problem
}

// auditRow is an entry with the page of its object, if it has one.
type auditRow struct {
	store.AuditEntry
	Link string
}

func listAudit(v *visit) error {
	query := v.r.URL.Query()
	get := func(name string) string { return strings.TrimSpace(query.Get(name)) }
	d := auditData{
		Search:  auditSearch{App: get("app"), Action: get("action"), Object: get("object"), Since: get("since"), Until: get("until")},
		Actions: actions,
	}
	filter := store.AuditFilter{AppID: d.Search.App, Action: store.AuditAction(d.Search.Action), ObjectID: d.Search.Object}
	var problem *Problem
	filter.Since, filter.Until, problem = between(d.Search.Since, d.Search.Until)
	if problem == nil {
		if err := d.find(v, filter, query); err != nil {
			p := v.console.api.Problem(err)
			problem = &p
		}
	}
	if problem != nil { // beside the form, which mends it
		d.Problem = problem
		return v.show("audit", problem.Status, d)
	}
	return v.page(d)
}

// find fills the rows of the page.
func (d *auditData) find(v *visit, f store.AuditFilter, query url.Values) error {
	after, err := uuid.Parse(query.Get("after"))
	if err != nil {
		after = uuid.Nil
	}
	entries, err := v.console.api.Audit(v.ctx, f, after, listPage+1)
	if err != nil {
		return err
	}
	if len(entries) > listPage {
		entries = entries[:listPage]
		query.Set("after", entries[listPage-1].ID.String())
		query.Del("done")
		d.Next = Prefix + "/audit?" + query.Encode()
	}
	for _, e := range entries {
		d.Entries = append(d.Entries, auditRow{e, pageOf(e)})
	}
	return nil
}

// pageOf returns the page of an entry's object, or "".
func pageOf(e store.AuditEntry) string {
	kind, _, _ := strings.Cut(string(e.Action), ".")
	object := url.PathEscape(e.ObjectID)
	switch {
	case e.ObjectID == "":
		return ""
	case kind == "notification":
		return Prefix + "/notifications/" + object
	case kind == "incident":
		return Prefix + "/incidents/" + object
	case kind == "delivery":
		return Prefix + "/deliveries/" + object
	case kind == "contact" || kind == "group":
		return Prefix + "/" + kind + "s/one?key=" + url.QueryEscape(e.ObjectID)
	case kind == "receiver":
		return Prefix + "/receivers/one?name=" + url.QueryEscape(e.ObjectID)
	}
	return ""
}
