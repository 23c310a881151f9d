package api_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
)

func startWithUI(t *testing.T) *bench { return start(t, withUI) }

// withUI mounts a River UI that answers with what it was asked.
func withUI(o *api.Options) {
	o.RiverUI = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/riverui/panic" {
			panic("boom")
		}
		_, _ = io.WriteString(w, r.Method+" "+r.URL.RequestURI())
	})
}

func basic(app, secret string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(app+":"+secret))}}
}

func TestRiverUIIsForAdmins(t *testing.T) {
	t.Parallel()
	b := startWithUI(t)
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"nothing":         {nil, 401},
		"wrong":           {basic("root", "x"), 401},
		"not base64":      {http.Header{"Authorization": {"Basic !"}}, 401},
		"without a colon": {http.Header{"Authorization": {"Basic cm9vdA=="}}, 401},
		"another role":    {basic("console", "console-secret"), 403},
		"basic":           {basic("root", "root-secret"), 200},
		"headers":         {http.Header{"X-App-Id": {"root"}, "X-App-Secret": {"root-secret"}}, 200},
		"bearer":          {http.Header{"Authorization": {"Bearer root:root-secret"}}, 200},
	} {
		for _, path := range []string{"/riverui", "/riverui/", "/riverui/jobs?state=running", "/riverui/api/jobs"} {
			a := b.callUndescribed(t, request{method: "GET", path: path, header: c.header})
			require.Equal(t, c.status, a.status, name)
			switch c.status {
			case 200:
				require.Equal(t, "GET "+path, a.text)
			case 401:
				require.Equal(t, `Basic realm="sealos-notify", charset="UTF-8"`, a.header.Get("WWW-Authenticate"), "a browser asks")
				fallthrough
			default:
				a.problem(t)
			}
		}
	}
}

func TestRiverUIChangesComeFromItsOwnPages(t *testing.T) {
	t.Parallel()
	b := startWithUI(t)
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"same origin":         {http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
		"same origin, by URL": {http.Header{"Origin": {b.url}}, 200},
		"not a browser":       {http.Header{}, 200},
		"cross site":          {http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"same site":           {http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"another origin":      {http.Header{"Origin": {"https://evil.example"}}, 403},
		"null origin":         {http.Header{"Origin": {"null"}}, 403},
	} {
		c.header.Set("Authorization", basic("root", "root-secret").Get("Authorization"))
		for _, method := range []string{"POST", "PUT", "DELETE"} {
			a := b.callUndescribed(t, request{method: method, path: "/riverui/api/jobs/cancel", header: c.header, body: "{}"})
			require.Equal(t, c.status, a.status, name)
			if c.status == 403 {
				code, _ := a.problem(t)
				require.Equal(t, "forbidden", code)
			}
		}
		require.Equal(t, 200, b.callUndescribed(t, request{method: "GET", path: "/riverui/", header: c.header}).status, name)
	}
}

func TestAPanicInRiverUIIsAnInternalError(t *testing.T) {
	t.Parallel()
	b := startWithUI(t)
	a := b.callUndescribed(t, request{method: "GET", path: "/riverui/panic", app: "root"})
	require.Equal(t, 500, a.status)
	a.problem(t)
}

func TestWithoutRiverUIThereIsNothing(t *testing.T) {
	t.Parallel()
	b := start(t)
	require.Equal(t, 404, b.callUndescribed(t, request{method: "GET", path: "/riverui/", app: "root"}).status)
}

// The console shows River UI in a frame, and its session opens it for administrators.
func TestRiverUIInTheConsole(t *testing.T) {
	t.Parallel()
	b := startWithUI(t)
	admin, sender := b.signIn(t, "root"), b.signIn(t, "sender")
	a := b.browse(t, http.MethodGet, "/riverui/", nil, admin)
	require.Equal(t, http.StatusOK, a.status, a.text)
	require.Empty(t, a.header.Get("X-Frame-Options"))
	require.Contains(t, a.header.Get("Content-Security-Policy"), "frame-ancestors 'self'")
	require.Equal(t, http.StatusForbidden, b.browse(t, http.MethodGet, "/riverui/", nil, sender).status)

	change := func(cookies []*http.Cookie, header ...string) answer {
		return b.browse(t, http.MethodPost, "/riverui/api/jobs/retry", nil, cookies, header...)
	}
	require.Equal(t, http.StatusOK, change(admin, "Sec-Fetch-Site", "same-origin").status)
	require.Equal(t, http.StatusForbidden, change(admin, "Sec-Fetch-Site", "cross-site").status)
	require.Equal(t, http.StatusForbidden, change(sender, "Sec-Fetch-Site", "same-origin").status)

	b.browse(t, http.MethodPost, "/console/sign-out", nil, admin)
	a = b.browse(t, http.MethodGet, "/riverui/", nil, admin, "Sec-Fetch-Dest", "iframe")
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Empty(t, a.header.Get("WWW-Authenticate"), "no question pops up in the frame")
	a = b.browse(t, http.MethodGet, "/riverui/", nil, admin)
	require.NotEmpty(t, a.header.Get("WWW-Authenticate"))

	b.auth.Set(api.Unprotected())
	require.Equal(t, http.StatusOK, b.browse(t, http.MethodGet, "/riverui/", nil, nil).status)
}
