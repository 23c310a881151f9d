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
	handle  func(*visit) error
}

// path returns the path of a pattern without parameters.
func (r route) path() string {
	_, path, _ := strings.Cut(r.pattern, " ")
	return strings.TrimSuffix(path, "{$}")
}

// routes are all paths, in the order of the navigation.
var routes = []route{
	{pattern: "GET " + Prefix + "/{$}", view: "overview", nav: true, handle: showOverview},
	{pattern: "GET " + Prefix + "/notifications", view: "notifications", role: roleSend, nav: true, holds: []string{"notification", "delivery"}, handle: listNotifications},
	{pattern: "GET " + Prefix + "/dead", view: "dead", role: roleSend, nav: true, holds: []string{"deadgroup"}, handle: listDead},

	{pattern: "GET " + Prefix + "/notifications/{id}", view: "notification", role: roleSend, handle: showNotification},
	{pattern: "POST " + Prefix + "/notifications/{id}/cancel", view: "notification", role: roleSend, handle: cancelNotification},
	{pattern: "GET " + Prefix + "/deliveries/{id}", view: "delivery", role: roleSend, handle: showDelivery},
	{pattern: "GET " + Prefix + "/deliveries/{id}/mail", view: "delivery", role: roleSend, handle: showMail},
	{pattern: "POST " + Prefix + "/deliveries/{id}/retry", view: "delivery", role: roleSend, handle: retryDelivery},
	{pattern: "GET " + Prefix + "/dead/group", view: "deadgroup", role: roleSend, handle: showDeadGroup},
	{pattern: "GET " + Prefix + "/dead/count", view: "deadgroup", role: roleSend, handle: countDead},
	{pattern: "POST " + Prefix + "/dead/retry", view: "deadgroup", role: roleSend, handle: retryDead},

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
