package console

import (
	"net/http"
	"strings"
)

// route is a path of the console.
type route struct {
	pattern string // of http.ServeMux
	view    string // its template, and the prefix of its texts
	role    string // that the user needs; empty: any user
	nav     bool   // stands in the navigation
	holds   []string
	open    bool // without signing in
	live    bool // refreshes itself
	handle  func(*visit) error
}

// path returns the path of a pattern without parameters.
func (r route) path() string {
	_, path, _ := strings.Cut(r.pattern, " ")
	return strings.TrimSuffix(path, "{$}")
}

// routes are all paths, in the order of the navigation.
var routes = []route{
	{pattern: "GET " + Prefix + "/{$}", view: "overview", nav: true, live: true, handle: showOverview},
	{pattern: "GET " + Prefix + "/notifications", view: "notifications", role: roleSend, nav: true, holds: []string{"notification", "delivery"}, live: true, handle: listNotifications},
	{pattern: "GET " + Prefix + "/incidents", view: "incidents", role: roleSend, nav: true, holds: []string{"incident"}, live: true, handle: listIncidents},
	{pattern: "GET " + Prefix + "/dead", view: "dead", role: roleSend, nav: true, holds: []string{"deadgroup"}, handle: listDead},
	{pattern: "GET " + Prefix + "/templates", view: "templates", role: roleTemplates, nav: true, holds: []string{"template", "versions"}, handle: listTemplates},
	{pattern: "GET " + Prefix + "/kinds", view: "kinds", nav: true, holds: []string{"kind"}, handle: listKinds},
	{pattern: "GET " + Prefix + "/contacts", view: "contacts", role: roleSend, nav: true, holds: []string{"contact", "groups", "group"}, handle: listContacts},
	{pattern: "GET " + Prefix + "/receivers", view: "receivers", role: roleSend, nav: true, holds: []string{"receiver"}, handle: listReceivers},
	{pattern: "GET " + Prefix + "/recipients", view: "recipients", role: roleSend, nav: true, handle: listRecipients},
	{pattern: "GET " + Prefix + "/events", view: "endpoints", role: roleSend, nav: true, handle: listEndpoints},
	{pattern: "GET " + Prefix + "/providers", view: "providers", role: roleAdmin, nav: true, handle: listProviders},
	{pattern: "GET " + Prefix + "/apps", view: "apps", role: roleAdmin, nav: true, handle: listApps},
	{pattern: "GET " + Prefix + "/audit", view: "audit", role: roleAdmin, nav: true, handle: listAudit},
	{pattern: "GET " + Prefix + "/queues", view: "queues", role: roleAdmin, nav: true, handle: showQueues},

	{pattern: "GET " + Prefix + "/template", view: "template", role: roleTemplates, handle: newTemplate},
	{pattern: "POST " + Prefix + "/template/try", view: "template", role: roleTemplates, handle: tryTemplate},
	{pattern: "POST " + Prefix + "/template/mail", view: "template", role: roleTemplates, handle: showTriedMail},
	{pattern: "POST " + Prefix + "/template/sample", view: "template", role: roleTemplates, handle: fillSample},
	{pattern: "POST " + Prefix + "/template/text", view: "template", role: roleTemplates, handle: addText},
	{pattern: "POST " + Prefix + "/template/save", view: "template", role: roleTemplates, handle: saveTemplate},
	{pattern: "GET " + Prefix + "/templates/{name}", view: "template", role: roleTemplates, handle: showTemplate},
	{pattern: "POST " + Prefix + "/templates/{name}/test", view: "template", role: roleSend, handle: testTemplate},
	{pattern: "POST " + Prefix + "/templates/{name}/delete", view: "template", role: roleTemplates, handle: deleteTemplate},
	{pattern: "GET " + Prefix + "/templates/{name}/versions", view: "versions", role: roleTemplates, handle: listVersions},
	{pattern: "POST " + Prefix + "/templates/{name}/restore", view: "versions", role: roleTemplates, handle: restoreTemplate},

	{pattern: "GET " + Prefix + "/notifications/{id}", view: "notification", role: roleSend, live: true, handle: showNotification},
	{pattern: "POST " + Prefix + "/notifications/{id}/cancel", view: "notification", role: roleSend, handle: cancelNotification},
	{pattern: "GET " + Prefix + "/incidents/{id}", view: "incident", role: roleSend, live: true, handle: showIncident},
	{pattern: "POST " + Prefix + "/incidents/{id}/ack", view: "incident", role: roleSend, handle: acknowledgeIncident},
	{pattern: "POST " + Prefix + "/incidents/{id}/stop", view: "incident", role: roleSend, handle: stopIncident},
	{pattern: "GET " + Prefix + "/deliveries/{id}", view: "delivery", role: roleSend, live: true, handle: showDelivery},
	{pattern: "GET " + Prefix + "/deliveries/{id}/mail", view: "delivery", role: roleSend, handle: showMail},
	{pattern: "POST " + Prefix + "/deliveries/{id}/retry", view: "delivery", role: roleSend, handle: retryDelivery},
	{pattern: "GET " + Prefix + "/dead/group", view: "deadgroup", role: roleSend, handle: showDeadGroup},
	{pattern: "GET " + Prefix + "/dead/count", view: "deadgroup", role: roleSend, handle: countDead},
	{pattern: "POST " + Prefix + "/dead/retry", view: "deadgroup", role: roleSend, handle: retryDead},

	{pattern: "GET " + Prefix + "/kind", view: "kind", role: roleAdmin, handle: showKind},
	{pattern: "POST " + Prefix + "/kind", view: "kind", role: roleAdmin, handle: saveKind},
	{pattern: "POST " + Prefix + "/kind/delete", view: "kinds", role: roleAdmin, handle: deleteKind},
	{pattern: "GET " + Prefix + "/contacts/one", view: "contact", role: roleSend, handle: showContact},
	{pattern: "GET " + Prefix + "/groups", view: "groups", role: roleSend, handle: listGroups},
	{pattern: "GET " + Prefix + "/groups/one", view: "group", role: roleSend, handle: showGroup},

	{pattern: "GET " + Prefix + "/receivers/one", view: "receiver", role: roleSend, handle: showReceiver},
	{pattern: "POST " + Prefix + "/receivers/test", view: "receiver", role: roleSend, handle: testReceiver},
	{pattern: "POST " + Prefix + "/recipients/switch", view: "recipients", role: roleSend, handle: switchKind},
	{pattern: "POST " + Prefix + "/recipients/suppressions/{id}/delete", view: "recipients", role: roleAdmin, handle: deleteSuppression},
	{pattern: "POST " + Prefix + "/events", view: "endpoints", role: roleSend, handle: createEndpoint},
	{pattern: "POST " + Prefix + "/events/{id}/switch", view: "endpoints", role: roleSend, handle: switchEndpoint},
	{pattern: "POST " + Prefix + "/events/{id}/rotate", view: "endpoints", role: roleSend, handle: rotateEndpoint},
	{pattern: "POST " + Prefix + "/events/{id}/replay", view: "endpoints", role: roleSend, handle: replayEndpoint},
	{pattern: "POST " + Prefix + "/events/{id}/delete", view: "endpoints", role: roleSend, handle: deleteEndpoint},
	{pattern: "POST " + Prefix + "/providers/{name}/probe", view: "providers", role: roleAdmin, handle: probeProvider},

	{pattern: "GET " + Prefix + "/sign-in", view: "signin", open: true, handle: showSignIn},
	{pattern: "POST " + Prefix + "/sign-in", view: "signin", open: true, handle: signIn},
	{pattern: "GET " + Prefix + "/sign-in/oidc", view: "signin", open: true, handle: beginSignOn},
	{pattern: "GET " + signOnCallback, view: "signin", open: true, handle: finishSignOn},
	{pattern: "POST " + Prefix + "/sign-out", view: "signin", open: true, handle: signOut},
	{pattern: "POST " + Prefix + "/preferences", view: "signin", open: true, handle: setPreferences},
}

var notFound = route{view: "problem", open: true, handle: func(v *visit) error {
	return v.show("problem", http.StatusNotFound, Problem{Status: http.StatusNotFound, Code: "not_found"})
}}
