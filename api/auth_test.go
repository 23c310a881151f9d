package api_test

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/store"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	b := start(t)
	pair := func(id, secret string) http.Header { return http.Header{"X-App-Id": {id}, "X-App-Secret": {secret}} }
	authorization := func(v string) http.Header { return http.Header{"Authorization": {v}} }

	refused := map[string][]string{} // names by what the answer says
	for name, c := range map[string]struct {
		header http.Header
		in     bool
	}{
		"headers":               {pair("console", "console-secret"), true},
		"bearer":                {authorization("Bearer console:console-secret"), true},
		"bearer in lower case":  {authorization("bearer console:console-secret"), true},
		"old of two secrets":    {pair("rotating", "old-secret"), true},
		"new of two secrets":    {authorization("Bearer rotating:new-secret"), true},
		"nothing":               {nil, false},
		"id only":               {http.Header{"X-App-Id": {"console"}}, false},
		"secret only":           {http.Header{"X-App-Secret": {"console-secret"}}, false},
		"wrong secret":          {pair("console", "console-secre"), false},
		"longer secret":         {pair("console", "console-secret2"), false},
		"empty secret":          {pair("console", ""), false},
		"another app's secret":  {pair("console", "sender-secret"), false},
		"id in another case":    {pair("Console", "console-secret"), false},
		"unknown":               {pair("nobody", "console-secret"), false},
		"unknown without":       {pair("nobody", ""), false},
		"disabled":              {pair("off", "off-secret"), false},
		"disabled and wrong":    {pair("off", "x"), false},
		"third of two secrets":  {pair("rotating", "older-secret"), false},
		"bearer wrong":          {authorization("Bearer console:x"), false},
		"bearer without secret": {authorization("Bearer console"), false},
		"bearer with colon":     {authorization("Bearer console:console-secret:"), false},
		"bearer empty":          {authorization("Bearer "), false},
		"no scheme":             {authorization("console:console-secret"), false},
		"basic is for browsers": {authorization("Basic " + base64.StdEncoding.EncodeToString([]byte("console:console-secret"))), false},
		"wrong headers, right bearer": {http.Header{
			"X-App-Id": {"console"}, "X-App-Secret": {"x"}, "Authorization": {"Bearer console:console-secret"},
		}, false},
	} {
		a := b.call(t, request{method: "GET", path: "/api/v1/templates", header: c.header})
		if c.in {
			require.Equal(t, 200, a.status, name)
			continue
		}
		require.Equal(t, 401, a.status, name)
		require.Equal(t, `Bearer realm="sealos-notify"`, a.header.Get("WWW-Authenticate"))
		code, _ := a.problem(t)
		require.Equal(t, "unauthorized", code)
		detail, _ := a.json(t)["detail"].(string)
		refused[detail] = append(refused[detail], name)
	}
	require.Len(t, refused, 2, "the answers do not tell more")
	require.ElementsMatch(t, []string{
		"nothing", "id only", "empty secret", "unknown without", "bearer without secret", "bearer empty", "no scheme", "basic is for browsers",
	}, refused["an appId and its appSecret are needed"], "those that have no secret")
	require.NotEmpty(t, refused["unknown app or wrong secret"])
}

// TestEveryRouteIsGuarded reads the routes from the running server, so that a
// new one cannot be forgotten.
func TestEveryRouteIsGuarded(t *testing.T) {
	t.Parallel()
	b := start(t)
	needs := map[string]string{ // role, by the first element below /api/v1
		"notifications": "send",
		"deliveries":    "send",
		"channels":      "send",
		"overview":      "send",
		"integrations":  "send",
		"erase":         "admin",
		"templates":     "templates",
		"audit":         "admin",
		"whoami":        "", // none
		"kinds":         "",
		"PUT kinds":     "admin",
		"DELETE kinds":  "admin",
		"apps":          "admin",
		"receivers":     "send",
		"contacts":      "send",
		"groups":        "send",
		"providers":     "admin",
		"preferences":   "send",
		"link-keys":     "admin",
		"suppressions":  "admin",
		"endpoints":     "send",
		"incidents":     "send",
	}
	roles := map[string]string{"sender": "send", "editor": "templates", "root": "admin"}
	guarded := 0
	for _, route := range b.routes {
		method, path := route[0], route[1]
		path = strings.NewReplacer(":id", uuid.NewString(), ":name", "some-name", ":version", "1").Replace(path)
		below, guardedPath := strings.CutPrefix(path, "/api/v1/")
		if !guardedPath {
			require.Contains(t, []string{"/", "/health", "/livez", "/readyz", "/openapi.yaml", "/docs", "/console/live", "/unsubscribe/:token"}, path, "a route that asks for no credentials")
			continue
		}
		guarded++
		require.Equal(t, 401, b.call(t, request{method: method, path: path, body: "{}"}).status, "%s %s", method, path)
		first := strings.Split(below, "/")[0]
		role, known := needs[method+" "+first]
		if !known {
			role, known = needs[first]
		}
		require.True(t, known, path)
		var need []string
		if role != "" {
			need = append(need, role)
		}
		if strings.HasSuffix(path, "/test") { // it sends
			need = append(need, "send")
		}
		for app, role := range roles {
			a := b.call(t, request{method: method, path: path, app: app, body: "{}"})
			lacks := slices.DeleteFunc(slices.Clone(need), func(r string) bool { return r == role || role == "admin" })
			if len(lacks) == 0 {
				require.NotContains(t, []int{401, 403}, a.status, "%s %s by %s", method, path, app)
				continue
			}
			require.Equal(t, 403, a.status, "%s %s by %s", method, path, app)
			if method == http.MethodHead {
				continue // it has no text
			}
			code, _ := a.problem(t)
			require.Equal(t, "forbidden", code)
			require.Contains(t, a.text, "role "+lacks[0])
		}
	}
	require.Equal(t, 89, guarded)
}

// TestEveryRouteHidesWhatIsAnothers reads the routes from the running server, so
// that a new one cannot be forgotten. For an id of another app, and for the name of a private
// template of another app, each route answers as for one that does not exist.
func TestEveryRouteHidesWhatIsAnothers(t *testing.T) {
	t.Parallel()
	b := start(t)
	// The id that follows an element of a path, and whose it is.
	owned := map[string]string{"notifications": b.notificationOf("sender", 1).ID.String(), "templates": "payroll", "versions": "1"}
	owned["deliveries"] = b.store.deliveries[0].ID.String()
	theirEndpoint := b.store.endpointOf("sender")
	owned["endpoints"] = theirEndpoint.ID.String()
	bodies := map[string]string{ // by the last element of a path with another body than {}
		":name": `{"body":"x"}`, "restore": `{"version":1}`, "test": `{"recipient":{"type":"email","value":"a@example.com"}}`,
	}
	endpointBodies := map[string]string{":id": `{"url":"https://hooks.example.com"}`, "replay": `{"since":"2026-01-01T00:00:00Z"}`}
	hidden := 0
	for _, route := range b.routes {
		method, path := route[0], route[1]
		elements, theirs, nobodys := strings.Split(path, "/"), path, path
		for i, element := range elements {
			if !strings.HasPrefix(element, ":") || slices.Contains([]string{"providers", "kinds", "suppressions", "unsubscribe", "contacts", "groups"}, elements[i-1]) { // the installation's, and each app's own
				continue
			}
			require.Contains(t, owned, elements[i-1], "whose is the id in %s?", path)
			theirs = strings.Replace(theirs, element, owned[elements[i-1]], 1)
			if elements[i-1] == "versions" {
				nobodys = strings.Replace(nobodys, element, "1", 1)
			}
			nobodys = strings.Replace(nobodys, element, uuid.NewString(), 1)
		}
		if theirs == path {
			continue // providers and kinds are nobody's
		}
		hidden++
		body := cmp.Or(bodies[elements[len(elements)-1]], "{}")
		if elements[3] == "endpoints" {
			body = cmp.Or(endpointBodies[elements[len(elements)-1]], "{}")
		}
		owner := "sender"
		if elements[3] == "templates" {
			owner = "console"
		}
		for _, app := range []string{"console2", owner, "root"} {
			private := store.Template{Name: "payroll", Channel: "email", Body: "x", Version: 1, Owner: "console", Private: true}
			b.store.byID[theirEndpoint.ID] = theirEndpoint
			b.store.templates["payroll"], b.store.versions = private, []store.TemplateVersion{private.AsVersion("console", false)}
			a := b.call(t, request{method: method, path: theirs, app: app, body: body})
			if app == "console2" {
				require.Equal(t, 404, a.status, "%s %s", method, path)
				require.Equal(t, b.call(t, request{method: method, path: nobodys, app: app, body: body}).text, a.text)
			} else {
				require.NotContains(t, []int{401, 403, 404}, a.status, "%s %s by %s", method, path, app)
			}
		}
	}
	require.Equal(t, 26, hidden)
}

func TestUnknownPathsBelowTheAPINeedCredentialsToo(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, path := range []string{"/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/notifications/a/b/c"} {
		require.Equal(t, 401, b.callUndescribed(t, request{method: "GET", path: path}).status, path)
		a := b.callUndescribed(t, request{method: "GET", path: path, app: "root"})
		require.Equal(t, 404, a.status, path)
		code, _ := a.problem(t)
		require.Equal(t, "not_found", code)
	}
}

func TestCredentialsAreSwappedWhileServing(t *testing.T) {
	t.Parallel()
	b := start(t)
	list := request{method: "GET", path: "/api/v1/templates", app: "console"}
	require.Equal(t, 200, b.call(t, list).status)

	others, err := api.ParseCredentials([]byte("apps: [{appId: other, appSecret: other-secret}]"))
	require.NoError(t, err)
	b.auth.Set(others)
	require.Equal(t, 401, b.call(t, list).status)
	list.app = "other"
	require.Equal(t, 200, b.call(t, list).status)
}

func TestGuessesAreAnswered429(t *testing.T) {
	t.Parallel()
	b := start(t)
	list := func(app, secret string) answer {
		return b.call(t, request{method: "GET", path: "/api/v1/templates", header: http.Header{
			"X-App-Id": {app}, "X-App-Secret": {secret},
			// A guesser can write anything into it.
			"X-Forwarded-For": {uuid.NewString()},
		}})
	}
	statuses := map[int]int{}
	for range 20 {
		statuses[list("console", "guess").status]++
	}
	require.Equal(t, map[int]int{401: 10, 429: 10}, statuses)

	a := list("console", "another guess")
	require.Equal(t, 429, a.status)
	code, _ := a.problem(t)
	require.Equal(t, "too_many_attempts", code)
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	require.NoError(t, err)
	require.LessOrEqual(t, wait, 60)
	require.Positive(t, wait)

	for range 40 {
		list(uuid.NewString(), "guess")
	}
	require.Equal(t, 429, list("root", "guess").status, "another app, from the same address")
	require.Equal(t, 200, list("root", "root-secret").status)
}

// Somebody guesses the secrets of an app, from everywhere and from the address of the app's
// own ingress. The app has not called this process before.
func TestGuessersRefuseNobodyElse(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *api.Options) { o.Config.TrustedProxies = []string{"127.0.0.1"} })
	body := func(size int) string {
		return strings.Replace(goodNotification, `"a":1`, `"a":"`+strings.Repeat("x", size)+`"`, 1)
	}
	guesses := map[int]int{}
	for i := range 400 {
		r := post("", body([]int{0, 20 << 10, 1 << 20}[i%3]))
		r.header = http.Header{"X-App-Id": {"console"}, "X-App-Secret": {"guess"}, "X-Forwarded-For": {fmt.Sprintf("10.0.%d.1", i/2)}}
		guesses[b.call(t, r).status]++
	}
	require.Equal(t, map[int]int{401: 10, 429: 390}, guesses)
	for _, size := range []int{0, 15 << 10, 20 << 10, 1 << 20, 4<<20 - 1000} {
		for _, chunked := range []bool{false, true} {
			a := b.sendBody(t, "console", body(size), chunked)
			require.Equal(t, 202, a.status, "%d bytes: %s", size, a.text)
		}
	}
}

// A body within the limit is never answered 413, also without right credentials.
func TestBodiesOfStrangersAreNotTooLarge(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, size := range []int{10 << 10, 20 << 10, 1 << 20, 4 << 20} {
		for _, chunked := range []bool{false, true} {
			for _, app := range []string{"", "nobody", "off"} {
				a := b.sendBody(t, app, strings.Repeat("x", size), chunked)
				require.Equal(t, 401, a.status, "%d bytes of %q", size, app)
				a.problem(t)
			}
		}
	}
}

// sendBody posts a notification. A chunked body has no Content-Length.
func (b *bench) sendBody(t *testing.T, app, body string, chunked bool) answer {
	t.Helper()
	var reader io.Reader = strings.NewReader(body)
	if chunked {
		reader = io.MultiReader(reader) // hides the length
	}
	req, err := http.NewRequest(http.MethodPost, b.url+"/api/v1/notifications", reader)
	require.NoError(t, err)
	req.Header = http.Header{"Content-Type": {"application/json"}, "X-App-Id": {app}, "X-App-Secret": {app + "-secret"}}
	resp, err := b.client.Do(req)
	require.NoError(t, err)
	return read(t, resp)
}

func TestAuthenticationOff(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	b := start(t, func(o *api.Options) { o.Auth = api.NewAuth(api.Unprotected(), zap.New(core)) })
	require.Equal(t, 1, logs.Len(), "it is said loudly")
	require.Equal(t, 202, b.call(t, post("", goodNotification)).status)
	require.Equal(t, "anonymous", b.accepter.requests[0].AppID)
	require.Equal(t, 200, b.call(t, request{method: "GET", path: "/api/v1/templates", app: "nobody"}).status)
	require.Equal(t, 1, logs.Len(), "and once")
}

func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.accepter.err = errBroken
	for _, header := range []http.Header{
		{"X-App-Id": {"console"}, "X-App-Secret": {"canary-secret"}},
		{"Authorization": {"Bearer console:canary-secret"}},
		{"X-App-Id": {"console"}, "X-App-Secret": {"console-secret"}},
	} {
		r := post("", strings.Replace(goodNotification, "alice@", "canary-alice@", 1))
		r.path += "?token=canary-query"
		r.header = header
		b.call(t, r)
	}
	require.Equal(t, 4, b.logs.Len())
	for _, line := range b.logs.All() {
		for _, field := range line.Context {
			require.NotContains(t, field.String, "canary", line.Message)
			require.NotContains(t, field.String, "console-secret", line.Message)
		}
	}
}
