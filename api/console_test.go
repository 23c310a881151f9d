package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// browse makes a request as a browser does. It follows no redirect.
func (b *bench) browse(t *testing.T, method, path string, form url.Values, cookies []*http.Cookie, header ...string) answer {
	t.Helper()
	req, err := http.NewRequest(method, b.url+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "text/html")
	for _, c := range cookies {
		req.AddCookie(c)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := *b.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	require.NoError(t, err)
	return read(t, resp)
}

// signIn signs an app in and returns its cookies.
func (b *bench) signIn(t *testing.T, app string, header ...string) []*http.Cookie {
	t.Helper()
	a := b.browse(t, http.MethodPost, "/console/sign-in", url.Values{"app": {app}, "secret": {app + "-secret"}}, nil, header...)
	require.Equal(t, http.StatusSeeOther, a.status, a.text)
	return (&http.Response{Header: a.header}).Cookies()
}

func TestConsoleRoot(t *testing.T) {
	b := start(t)
	a := b.browse(t, http.MethodGet, "/", nil, nil)
	require.Equal(t, http.StatusFound, a.status)
	require.Equal(t, "/console/", a.header.Get("Location"))
	require.Equal(t, http.StatusNotFound, b.callUndescribed(t, request{method: http.MethodGet, path: "/"}).status, "an API client")
}

func TestConsoleSignIn(t *testing.T) {
	b := start(t)
	const page = "/console/notifications?status=failed"
	a := b.browse(t, http.MethodGet, page, nil, nil)
	require.Equal(t, http.StatusSeeOther, a.status)
	form := a.header.Get("Location")
	require.Equal(t, "/console/sign-in?next="+url.QueryEscape(page), form)
	require.Contains(t, b.browse(t, http.MethodGet, form, nil, nil).text, `name="next" value="`+page+`"`)

	a = b.browse(t, http.MethodPost, "/console/sign-in", url.Values{"app": {"console"}, "secret": {"wrong"}}, nil)
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Contains(t, a.text, "The app is unknown, or the secret is wrong.")
	require.Empty(t, a.header.Values("Set-Cookie"))

	a = b.browse(t, http.MethodPost, "/console/sign-in", url.Values{"app": {"console"}, "secret": {"console-secret"}, "next": {page}}, nil)
	require.Equal(t, page, a.header.Get("Location"))
	cookie := a.header.Get("Set-Cookie")
	for _, attribute := range []string{"HttpOnly", "SameSite=Strict", "Path=/", "Expires="} {
		require.Contains(t, cookie, attribute)
	}
	require.NotContains(t, cookie, "Secure", "without TLS")
	cookies := (&http.Response{Header: a.header}).Cookies()
	require.Equal(t, http.StatusOK, b.browse(t, http.MethodGet, page, nil, cookies).status)

	a = b.browse(t, http.MethodPost, "/console/sign-out", url.Values{}, cookies)
	require.Contains(t, a.header.Get("Set-Cookie"), "Max-Age=0")
	require.Equal(t, http.StatusSeeOther, b.browse(t, http.MethodGet, page, nil, cookies).status, "the old cookie is of no use")
}

func TestConsoleCookieBehindTLS(t *testing.T) {
	b := start(t)
	cookies := b.signIn(t, "console", "X-Forwarded-Proto", "https")
	require.True(t, cookies[0].Secure)
	require.True(t, strings.HasPrefix(cookies[0].Name, "__Host-"))
	require.Equal(t, http.StatusOK, b.browse(t, http.MethodGet, "/console/", nil, cookies, "X-Forwarded-Proto", "https").status)
}

func TestConsoleReturnsToItsOwnPagesOnly(t *testing.T) {
	b := start(t)
	for _, next := range []string{
		"https://evil.example/console/", "//evil.example/console/", "/\\evil.example", "/console/../riverui", "/api/v1/notifications", "javascript:alert(1)",
		"/console/\r\nSet-Cookie: a=b", "http:/console/", "/console//evil.example\\", "",
	} {
		a := b.browse(t, http.MethodPost, "/console/sign-in", url.Values{"app": {"console"}, "secret": {"console-secret"}, "next": {next}}, nil)
		location, err := url.Parse(a.header.Get("Location"))
		require.NoError(t, err, next)
		require.Empty(t, location.Host, next)
		require.True(t, strings.HasPrefix(location.Path, "/console/"), "%q leads to %q", next, location)
		require.NotContains(t, location.Path, "..")
	}
}

// A wrong secret is throttled as everywhere; the right one is not.
func TestConsoleThrottle(t *testing.T) {
	b := start(t)
	form := url.Values{"app": {"console"}, "secret": {"wrong"}}
	for range 10 {
		require.Equal(t, http.StatusUnauthorized, b.browse(t, http.MethodPost, "/console/sign-in", form, nil).status)
	}
	a := b.browse(t, http.MethodPost, "/console/sign-in", form, nil)
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.Contains(t, a.text, "Too many wrong secrets")
	b.signIn(t, "console")
}

// A session ends when it is over, and when the app's secret or roles change. Another secret of
// the app and a restart do not matter.
func TestConsoleSessionEnds(t *testing.T) {
	for name, c := range map[string]struct {
		apps  string
		lives bool
	}{
		"the same":         {apps, true},
		"one more secret":  {"apps:\n- {appId: console, appSecrets: [new, console-secret]}", true},
		"another secret":   {"apps:\n- {appId: console, appSecret: other}", false},
		"fewer roles":      {"apps:\n- {appId: console, appSecret: console-secret, roles: [send]}", false},
		"more roles":       {"apps:\n- {appId: console, appSecret: console-secret, roles: [admin]}", false},
		"disabled":         {"apps:\n- {appId: console, appSecret: console-secret, enabled: false}", false},
		"the app is gone":  {"apps:\n- {appId: other, appSecret: console-secret}", false},
		"its name changed": {"apps:\n- {appId: console, appSecret: console-secret, name: Other}", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			cookies := b.signIn(t, "console")
			credentials, err := api.ParseCredentials([]byte(c.apps))
			require.NoError(t, err)
			b.auth.Set(credentials)
			want := map[bool]int{true: http.StatusOK, false: http.StatusSeeOther}[c.lives]
			require.Equal(t, want, b.browse(t, http.MethodGet, "/console/", nil, cookies).status)
		})
	}
	b := start(t)
	cookies := b.signIn(t, "console")
	for digest, s := range b.store.sessions {
		require.NotContains(t, cookies[0].Value, digest)
		require.NotContains(t, s.Proof, "console-secret")
		s.ExpiresAt = time.Now()
		b.store.sessions[digest] = s
	}
	require.Equal(t, http.StatusSeeOther, b.browse(t, http.MethodGet, "/console/", nil, cookies).status, "its time is over")
}

// A session is of use on every replica.
func TestConsoleSessionOnAnotherReplica(t *testing.T) {
	first := start(t)
	cookies := first.signIn(t, "console")
	second := start(t, func(o *api.Options) { o.Store = first.store })
	require.Equal(t, http.StatusOK, second.browse(t, http.MethodGet, "/console/", nil, cookies).status)
}

func TestConsoleRoles(t *testing.T) {
	b := start(t)
	mine, theirs := b.accepted("console"), b.accepted("sender")
	for app, want := range map[string]struct{ list, mine, theirs int }{
		"console": {200, 200, 404},
		"sender":  {200, 404, 200},
		"root":    {200, 200, 200},
		"editor":  {403, 403, 403},
	} {
		cookies := b.signIn(t, app)
		get := func(path string) int { return b.browse(t, http.MethodGet, path, nil, cookies).status }
		require.Equal(t, want.list, get("/console/notifications"), app)
		require.Equal(t, want.list, get("/console/dead"), app)
		require.Equal(t, want.mine, get("/console/notifications/"+mine.NotificationID.String()), app)
		require.Equal(t, want.theirs, get("/console/notifications/"+theirs.NotificationID.String()), app)
		for _, path := range []string{"", "/mail"} {
			require.Equal(t, want.mine, get("/console/deliveries/"+mine.ID.String()+path), app)
			require.Equal(t, want.theirs, get("/console/deliveries/"+theirs.ID.String()+path), app)
		}
		a := b.browse(t, http.MethodPost, "/console/deliveries/"+theirs.ID.String()+"/retry", url.Values{}, cookies)
		require.Equal(t, want.theirs == 200, a.status == http.StatusSeeOther, app)
		a = b.browse(t, http.MethodGet, "/console/dead?app=sender", nil, cookies)
		require.Equal(t, app == "root" || app == "sender", a.status == http.StatusOK, app)
	}
	page := b.browse(t, http.MethodGet, "/console/", nil, b.signIn(t, "editor"))
	require.NotContains(t, page.text, `href="/console/notifications"`, "what may not be seen is not linked")
}

// accepted adds a dead delivery of an app to the store.
func (b *bench) accepted(app string) store.Delivery {
	defer b.store.lock()()
	now := time.Now()
	n := store.Notification{
		ID: uuid.Must(uuid.NewV7()), AppID: app, IdempotencyKey: "key", Status: store.NotificationFailed, Priority: store.PriorityNormal,
		Counts: store.Counts{Total: 1, Dead: 1}, CreatedAt: now, UpdatedAt: now,
	}
	b.store.notifications[n.ID] = n
	d := store.Delivery{
		ID: uuid.Must(uuid.NewV7()), NotificationID: n.ID, Channel: "email", Provider: "smtp", TemplateName: "alert", Status: store.DeliveryDead,
		Recipient: store.Recipient{Type: "email", Value: "a@example.com"}, LastCode: "smtp_550", LastError: "no such user", CreatedAt: now, UpdatedAt: now,
	}
	b.store.deliveries = append(b.store.deliveries, d)
	return d
}

// A browser that shows the progress sends dead letters again in steps, each after the last one, and
// no more than were counted.
func TestConsoleRetriesInSteps(t *testing.T) {
	b := start(t)
	cookies := b.signIn(t, "console")
	last := uuid.New()
	form := url.Values{"channel": {"email"}, "code": {"smtp_550"}, "total": {"700"}}
	step := func() string {
		a := b.browse(t, http.MethodPost, "/console/dead/retry", form, cookies, "HX-Request", "true")
		require.Equal(t, http.StatusOK, a.status, a.text)
		for _, field := range regexp.MustCompile(`name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(a.text, -1) {
			form.Set(field[1], field[2])
		}
		return a.text
	}
	b.control.done = steering.Requeued{Matched: 500, Requeued: 499, More: true, Last: last}
	require.Contains(t, step(), `<progress id="progress" max="700" value="500">`)
	b.control.err = errors.New("no database")
	require.Contains(t, step(), "499 deliveries go again. Nothing is lost: go on from here.")
	b.control.err, b.control.done = nil, steering.Requeued{Matched: 200, Requeued: 200, More: true, Last: last}
	text := step()
	require.Contains(t, text, "699 deliveries go again. There are more")
	require.NotContains(t, text, "hx-trigger")

	require.Equal(t, []int{500, 200, 200}, []int{b.control.requests[0].Limit, b.control.requests[1].Limit, b.control.requests[2].Limit})
	require.Equal(t, []uuid.UUID{uuid.Nil, last, last}, []uuid.UUID{b.control.requests[0].After, b.control.requests[1].After, b.control.requests[2].After})
	require.Equal(t, "smtp_550", b.control.requests[2].Filter.Code)
}

// The overview and the dead letters have what happened lately.
func TestConsoleFigures(t *testing.T) {
	b := start(t)
	cookies := b.signIn(t, "console")
	b.store.deadGroups = []store.DeadGroup{{Channel: "email", Provider: "smtp", Code: "smtp_550", Count: 3, Last: time.Now()}}
	text := b.browse(t, http.MethodGet, "/console/", nil, cookies).text
	for _, want := range []string{"50.00 %", "1.5s", `data-line="0 7"`, "uplot.min.js"} {
		require.Contains(t, text, want)
	}
	text = b.browse(t, http.MethodGet, "/console/dead", nil, cookies).text
	require.Contains(t, text, `data-line="0 7"`)
	require.Contains(t, text, "7 in the last day")
}

// A page of another site can neither sign in, nor out, nor change anything.
func TestConsoleCrossSite(t *testing.T) {
	b := start(t)
	d := b.accepted("console")
	cookies := b.signIn(t, "console")
	for _, path := range []string{
		"/console/sign-in", "/console/sign-out", "/console/preferences", "/console/dead/retry",
		"/console/deliveries/" + d.ID.String() + "/retry", "/console/notifications/" + d.NotificationID.String() + "/cancel",
	} {
		for _, header := range [][]string{
			{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
		} {
			a := b.browse(t, http.MethodPost, path, url.Values{}, cookies, header...)
			require.Equal(t, http.StatusForbidden, a.status, "%s %v", path, header)
		}
	}
	require.Empty(t, b.control.cancelled)
	require.Empty(t, b.control.retried)
	require.Empty(t, b.control.requests)
	a := b.browse(t, http.MethodGet, "/console/notifications", nil, nil, "Sec-Fetch-Site", "cross-site")
	require.Contains(t, a.text, `http-equiv="refresh"`, "a link from elsewhere asks once more, with the cookie")
}

func TestConsoleHeaders(t *testing.T) {
	b := start(t)
	d := b.accepted("console")
	b.store.message = store.Message{Channel: "email", MsgType: "html", Body: `<p style="color:red">hi</p><script>alert(1)</script>`}
	cookies := b.signIn(t, "console")
	for _, path := range []string{"/console/", "/console/sign-in", "/console/none", "/console/static/style.css", "/console/deliveries/" + d.ID.String()} {
		a := b.browse(t, http.MethodGet, path, nil, cookies)
		policy := a.header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'", path)
		require.Contains(t, policy, "frame-ancestors 'none'", path)
		require.NotContains(t, policy, "unsafe", path)
		require.NotRegexp(t, regexp.MustCompile(`(?i)<script>|<style|<[^>]*\s(style|on[a-z]+)=`), a.text, path)
	}
	mail := b.browse(t, http.MethodGet, "/console/deliveries/"+d.ID.String()+"/mail", nil, cookies)
	policy := mail.header.Get("Content-Security-Policy")
	require.Contains(t, policy, "; sandbox;")
	require.Contains(t, policy, "frame-ancestors 'self'")
	require.NotContains(t, policy, "script-src")
	require.Empty(t, mail.header.Get("X-Frame-Options"), "the page frames it")
}

func TestConsoleLanguage(t *testing.T) {
	b := start(t)
	for accept, want := range map[string]string{
		"": `lang="en"`, "zh-CN,zh;q=0.9,en;q=0.8": `lang="zh-CN"`, "de, zh;q=0.5": `lang="zh-CN"`, "fr": `lang="en"`, "en-GB": `lang="en"`,
		"zh-Hant-TW": `lang="zh-CN"`, ";;;": `lang="en"`,
	} {
		require.Contains(t, b.browse(t, http.MethodGet, "/console/sign-in", nil, nil, "Accept-Language", accept).text, want, accept)
	}
	a := b.browse(t, http.MethodPost, "/console/preferences", url.Values{"language": {"zh"}, "theme": {"dark"}, "back": {"/console/sign-in?next=x"}}, nil)
	require.Equal(t, "/console/sign-in?next=x", a.header.Get("Location"))
	cookies := (&http.Response{Header: a.header}).Cookies()
	page := b.browse(t, http.MethodGet, "/console/sign-in", nil, cookies, "Accept-Language", "en").text
	require.Contains(t, page, `lang="zh-CN" data-theme="dark"`)
	require.Contains(t, page, "登录")
}

// What people typed reaches the store as it was typed, and nothing else does.
func TestConsoleSearch(t *testing.T) {
	b := start(t)
	cookies := b.signIn(t, "console")
	const since = "2026-01-31T08:00:00Z"
	b.browse(t, http.MethodGet, "/console/notifications?"+url.Values{
		"recipient": {" a@example.com "}, "template": {"t"}, "channel": {"email"}, "status": {"failed"}, "key": {"k"}, "since": {since},
	}.Encode(), nil, cookies)
	at, err := time.Parse(time.RFC3339, since)
	require.NoError(t, err)
	require.Equal(t, store.NotificationFilter{
		AppID: "console", IdempotencyKey: "k", Status: "failed", Channel: "email", Recipient: "a@example.com", Template: "t", Since: at, NotConfigured: true,
	}, b.store.notificationFilter)

	for _, query := range []string{"since=yesterday", "recipient=%00", "recipient=%ff", "after=x%zz"} {
		require.Equal(t, http.StatusBadRequest, b.browse(t, http.MethodGet, "/console/notifications?"+query, nil, cookies).status, query)
	}
	broad := start(t, func(o *api.Options) { o.Store = tooBroad{b.store} })
	a := broad.browse(t, http.MethodGet, "/console/notifications", nil, cookies)
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.text, "Narrow it")
	require.Contains(t, a.text, `name="recipient"`, "the form is still there")
}

// tooBroad is a store in which every list reads too much.
type tooBroad struct{ *memory }

func (tooBroad) ListNotifications(context.Context, store.NotificationFilter, uuid.UUID, int) ([]store.Notification, error) {
	return nil, store.ErrTooBroad
}

// Whom the configuration names is for administrators to see, and so is what vendors say of them.
func TestConsoleHidesConfiguredRecipients(t *testing.T) {
	b := start(t)
	d := b.accepted("console")
	const address = "secret@example.com"
	b.store.deliveries[0].Recipient = store.Recipient{Type: "email", Value: address, Configured: true}
	b.store.deliveries[0].LastError = "no such user " + address
	b.store.attempts = []store.Attempt{{Attempt: 1, Class: "permanent", Code: "smtp_550", Error: "no such user " + address, Details: []byte(`{"to":"` + address + `"}`)}}
	for app, shown := range map[string]bool{"console": false, "root": true} {
		cookies := b.signIn(t, app)
		for _, path := range []string{
			"/console/notifications", "/console/notifications/" + d.NotificationID.String(), "/console/deliveries/" + d.ID.String(),
			"/console/dead/group?code=smtp_550",
		} {
			a := b.browse(t, http.MethodGet, path, nil, cookies)
			require.Equal(t, http.StatusOK, a.status, path)
			require.Equal(t, shown, strings.Contains(a.text, address), "%s to %s", path, app)
		}
		b.browse(t, http.MethodGet, "/console/notifications?recipient="+address, nil, cookies)
		require.Equal(t, !shown, b.store.notificationFilter.NotConfigured, app)
		require.Equal(t, !shown, b.store.deliveryFilter.NotConfigured, app)
	}
}

// Who signs in with a test secret is the app's test, as in the API.
func TestConsoleTestSecret(t *testing.T) {
	b := start(t)
	credentials, err := api.ParseCredentials([]byte("apps:\n- {appId: console, appSecret: console-secret, testSecrets: [trial-secret], roles: [admin]}"))
	require.NoError(t, err)
	b.auth.Set(credentials)
	a := b.browse(t, http.MethodPost, "/console/sign-in", url.Values{"app": {"console"}, "secret": {"trial-secret"}}, nil)
	require.Equal(t, http.StatusSeeOther, a.status, a.text)
	page := b.browse(t, http.MethodGet, "/console/notifications", nil, (&http.Response{Header: a.header}).Cookies())
	require.Equal(t, http.StatusOK, page.status)
	require.Equal(t, "console"+accepting.TestSuffix, b.store.notificationFilter.AppID)
	require.NotContains(t, page.text, `name="app"`, "it is no administrator")
}

// A large form is read only when its sender is signed in.
func TestConsoleLargeForms(t *testing.T) {
	b := start(t)
	form := url.Values{"back": {"/console/dead"}, "text": {strings.Repeat("x", 100_000)}}
	a := b.browse(t, http.MethodPost, "/console/preferences", form, b.signIn(t, "console"))
	require.Equal(t, http.StatusSeeOther, a.status, a.text)
	a = b.browse(t, http.MethodPost, "/console/preferences", form, []*http.Cookie{{Name: "sealos_notify_session", Value: "guessed"}})
	require.Equal(t, http.StatusRequestEntityTooLarge, a.status)
}

// Whatever an app's pages and requests read many rows for takes its share of the lists, and leaves the others theirs.
func TestWhatReadsManyRowsIsCountedAmongTheLists(t *testing.T) {
	t.Parallel()
	held := &heldLists{release: make(chan struct{})}
	b := start(t, func(o *api.Options) {
		held.memory = o.Store.(*memory)
		o.Store, o.Overview = held, heldOverview{o.Overview, held}
	})
	b.store.versions = []store.TemplateVersion{{Name: "t", Version: 1}}
	b.store.templates["one"] = store.Template{Name: "one", Channel: "email", Body: "x", Version: 1, Owner: "root"}
	cookies := b.signIn(t, "root")
	paths := []string{
		"/console/notifications", "/console/deliveries", "/console/dead", "/console/audit", "/console/templates", "/console/templates/t/versions",
		"/api/v1/audit", "/api/v1/overview", "/api/v1/templates/one",
	}
	var searches sync.WaitGroup
	for _, path := range paths {
		for range 10 {
			searches.Go(func() {
				if strings.HasPrefix(path, "/console") {
					b.browse(t, http.MethodGet, path, nil, cookies)
				} else {
					b.call(t, request{method: http.MethodGet, path: path, app: "root"})
				}
			})
		}
	}
	require.Eventually(t, func() bool { return held.reading.Load() == 8 }, limit.Wait, time.Millisecond)
	require.Never(t, func() bool { return held.reading.Load() > 8 }, 300*time.Millisecond, 10*time.Millisecond)
	close(held.release)
	limit.Group(t, &searches, "the searches")
	require.Equal(t, int64(8), held.most.Load())
}

// heldLists is a store whose lists wait until release is closed.
type heldLists struct {
	*memory
	reading atomic.Int64
	most    atomic.Int64
	release chan struct{}
}

func (h *heldLists) hold() {
	now := h.reading.Add(1)
	defer h.reading.Add(-1)
	for most := h.most.Load(); now > most && !h.most.CompareAndSwap(most, now); most = h.most.Load() {
	}
	select {
	case <-h.release:
	case <-time.After(limit.Wait):
	}
}

func (h *heldLists) ListNotifications(context.Context, store.NotificationFilter, uuid.UUID, int) ([]store.Notification, error) {
	h.hold()
	return nil, nil
}

func (h *heldLists) ListDeliveries(context.Context, store.DeliveryFilter, uuid.UUID, int) ([]store.Delivery, error) {
	h.hold()
	return nil, nil
}

func (h *heldLists) DeadGroups(context.Context, string, int) ([]store.DeadGroup, bool, error) {
	h.hold()
	return nil, false, nil
}

func (h *heldLists) ListAudit(context.Context, store.AuditFilter, uuid.UUID, int) ([]store.AuditEntry, error) {
	h.hold()
	return nil, nil
}

func (h *heldLists) ListTemplates(context.Context, store.TemplateFilter, string, int) ([]store.Template, error) {
	h.hold()
	return nil, nil
}

func (h *heldLists) TemplateVersions(ctx context.Context, name string, before, limit int) ([]store.TemplateVersion, error) {
	if limit > 1 {
		h.hold()
	}
	return h.memory.TemplateVersions(ctx, name, before, limit)
}

// heldOverview is an overview whose counts wait like its lists.
type heldOverview struct {
	api.Overview
	lists *heldLists
}

func (h heldOverview) Recent(ctx context.Context, app string) (overview.Recent, error) {
	h.lists.hold()
	return h.Overview.Recent(ctx, app)
}

func (h heldOverview) OfTemplate(ctx context.Context, app, template string) (overview.ChannelFigures, error) {
	h.lists.hold()
	return h.Overview.OfTemplate(ctx, app, template)
}

// lookedUp is a store that counts the sessions that are looked up, and answers when it is told to.
type lookedUp struct {
	*memory
	asked  chan struct{}
	answer chan struct{}
	now    atomic.Int32
	most   atomic.Int32
}

func (l *lookedUp) Session(ctx context.Context, digest string) (store.Session, error) {
	now := l.now.Add(1)
	defer l.now.Add(-1)
	for most := l.most.Load(); now > most && !l.most.CompareAndSwap(most, now); most = l.most.Load() {
	}
	l.asked <- struct{}{}
	select {
	case <-l.answer:
	case <-ctx.Done():
		return store.Session{}, ctx.Err()
	}
	return l.memory.Session(ctx, digest)
}

// Anybody can make up a session: few are looked up at once, so that the database's connections
// are for those who are known.
func TestSessionsAreLookedUpFewAtOnce(t *testing.T) {
	t.Parallel()
	s := &lookedUp{memory: newMemory(), asked: make(chan struct{}, 1000), answer: make(chan struct{})}
	b := start(t, func(o *api.Options) { o.Store = s })
	var strangers sync.WaitGroup
	for range 50 {
		strangers.Go(func() {
			a := b.browse(t, http.MethodGet, "/console/", nil, []*http.Cookie{{Name: "sealos_notify_session", Value: "made-up"}})
			if a.status != http.StatusSeeOther && a.status != http.StatusServiceUnavailable {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}
	limit.Receive(t, s.asked, "a look-up")
	require.Equal(t, 202, b.call(t, post("console", goodNotification)).status)
	close(s.answer)
	limit.Group(t, &strangers, "answers")
	require.LessOrEqual(t, s.most.Load(), int32(4), "at once")
}

// What a stranger asks of other paths asks the database nothing, and neither does signing out.
func TestStrangersLookNothingUpElsewhere(t *testing.T) {
	t.Parallel()
	s := &lookedUp{memory: newMemory(), asked: make(chan struct{}, 1000), answer: make(chan struct{})}
	close(s.answer)
	b := start(t, func(o *api.Options) { o.Store = s })
	const cookie = "Cookie: sealos_notify_session=made-up\r\n"
	for _, path := range []string{"/", "/x", "/livez", "/api/v1/notifications", "/riverui/", "/openapi.yaml"} {
		conn := b.dial(t, "POST "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+cookie+"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}")
		_, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	require.Empty(t, s.asked)
	a := b.browse(t, http.MethodPost, "/console/sign-out", url.Values{}, []*http.Cookie{{Name: "sealos_notify_session", Value: "made-up"}})
	require.Equal(t, http.StatusSeeOther, a.status)
	require.Zero(t, s.deleted)
}

// What the console sends again is what its filter says, as in the API.
func TestConsoleRetriesWhatItShows(t *testing.T) {
	b := start(t)
	cookies := b.signIn(t, "console")
	b.browse(t, http.MethodGet, "/console/dead/count?channel=email&code=smtp_550&provider=smtp", nil, cookies)
	require.Equal(t, []steering.RequeueRequest{{
		Filter: store.DeliveryFilter{AppID: "console", Status: store.DeliveryDead, Channel: "email", Provider: "smtp", Code: "smtp_550"},
		DryRun: true, Limit: steering.MaxRequeued, By: actorOf("console"),
	}}, b.control.requests)
}
