package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// role is a user who has one role.
type role string

func (r role) ID() string           { return string(r) }
func (r role) Person() string       { return "" }
func (r role) Roles() []string      { return []string{string(r)} }
func (r role) May(role string) bool { return string(r) == role }

// nothing is an API in which nothing exists. The token is the user's role.
type nothing struct{ noTemplates }

var errNothing = errors.New("nothing is here")

func (nothing) SignIn(context.Context, string, string) (string, time.Time, error) {
	return "", time.Time{}, errNothing
}
func (nothing) SignOnHost() string { return "login.example.com" }
func (nothing) BeginSignOn(context.Context, string) (Attempt, string, error) {
	return Attempt{}, "", errNothing
}
func (nothing) FinishSignOn(context.Context, string, Attempt, url.Values) (string, time.Time, error) {
	return "", time.Time{}, errNothing
}
func (nothing) SignOut(context.Context, string) error { return nil }
func (nothing) As(ctx context.Context, token string) (context.Context, User, error) {
	if token == "" {
		return ctx, nil, nil
	}
	return ctx, role(token), nil
}
func (nothing) Notification(context.Context, string) (store.Notification, error) {
	return store.Notification{}, errNothing
}
func (nothing) Notifications(context.Context, store.NotificationFilter, uuid.UUID, int) ([]store.Notification, error) {
	return nil, nil
}
func (nothing) Delivery(context.Context, string) (store.Delivery, error) {
	return store.Delivery{}, errNothing
}
func (nothing) Deliveries(context.Context, store.DeliveryFilter, uuid.UUID, int) ([]store.Delivery, error) {
	return nil, nil
}
func (nothing) Message(context.Context, store.Delivery) (store.Message, error) {
	return store.Message{}, errNothing
}
func (nothing) Attempts(context.Context, store.Delivery) ([]store.Attempt, error) {
	return nil, errNothing
}
func (nothing) DeadGroups(context.Context, string) ([]store.DeadGroup, bool, error) {
	return nil, false, nil
}
func (nothing) Kinds(context.Context, string, int) ([]store.Kind, error) { return nil, nil }
func (nothing) Kind(context.Context, string) (store.Kind, error)         { return store.Kind{}, errNothing }
func (nothing) SaveKind(context.Context, store.Kind) error               { return errNothing }
func (nothing) DeleteKind(context.Context, string) error                 { return errNothing }
func (nothing) Endpoints(context.Context, uuid.UUID, int) ([]store.Endpoint, error) {
	return nil, nil
}
func (nothing) CreateEndpoint(context.Context, string, string, []string) (string, error) {
	return "", errNothing
}
func (nothing) SwitchEndpoint(context.Context, string, bool) error     { return errNothing }
func (nothing) RotateEndpoint(context.Context, string) (string, error) { return "", errNothing }
func (nothing) ReplayEndpoint(context.Context, string, time.Time) (int, error) {
	return 0, errNothing
}
func (nothing) DeleteEndpoint(context.Context, string) error { return errNothing }
func (nothing) Mark(context.Context) string                  { return "" }
func (nothing) TemplateFigures(context.Context, string) (overview.ChannelFigures, error) {
	return overview.ChannelFigures{}, nil
}
func (nothing) Cancel(context.Context, string) error { return errNothing }
func (nothing) Incidents(context.Context, store.IncidentStatus, uuid.UUID, int) ([]store.Incident, error) {
	return nil, errNothing
}
func (nothing) Incident(context.Context, string) (store.Incident, error) {
	return store.Incident{}, errNothing
}
func (nothing) Acknowledge(context.Context, string, string) error { return errNothing }
func (nothing) Retry(context.Context, string, string) error       { return errNothing }
func (nothing) RetryMatching(context.Context, steering.RequeueRequest) (steering.Requeued, error) {
	return steering.Requeued{}, nil
}
func (nothing) Channels(context.Context) ([]overview.Channel, error)   { return nil, nil }
func (nothing) ChannelNames() []string                                 { return nil }
func (nothing) Providers(string) []string                              { return nil }
func (nothing) Receivers(context.Context) ([]Receiver, error)          { return nil, nil }
func (nothing) ReceiverAlerts(context.Context, string) ([]Told, error) { return nil, nil }
func (nothing) TestReceiver(context.Context, string) (string, error)   { return "", errNothing }
func (nothing) ProviderDetails(context.Context) ([]overview.Provider, error) {
	return nil, nil
}
func (nothing) ProbeProvider(context.Context, string) (overview.Probed, error) {
	return overview.Probed{}, errNothing
}
func (nothing) Recent(context.Context, string) (overview.Recent, error) {
	return overview.Recent{}, nil
}
func (nothing) RecipientTypes() []string { return nil }
func (nothing) Preferences(context.Context, store.Recipient) ([]store.Preference, error) {
	return nil, nil
}
func (nothing) SetPreferences(context.Context, store.Recipient, []store.Preference) error {
	return errNothing
}
func (nothing) Suppressions(context.Context, store.SuppressionFilter, uuid.UUID, int) ([]store.Suppression, error) {
	return nil, nil
}
func (nothing) DeleteSuppression(context.Context, string) error { return errNothing }
func (nothing) Contacts(context.Context, store.ContactFilter, store.ContactKey, int) ([]store.Contact, error) {
	return nil, nil
}
func (nothing) Contact(context.Context, store.ContactKey) (store.Contact, error) {
	return store.Contact{}, errNothing
}
func (nothing) Groups(context.Context, store.ContactFilter, store.ContactKey, int) ([]store.Group, error) {
	return nil, nil
}
func (nothing) Group(context.Context, store.ContactKey) (store.Group, error) {
	return store.Group{}, errNothing
}
func (nothing) Apps(context.Context) ([]App, error) { return nil, nil }
func (nothing) Audit(context.Context, store.AuditFilter, uuid.UUID, int) ([]store.AuditEntry, error) {
	return nil, nil
}
func (nothing) Problem(error) Problem { return Problem{Status: 404, Code: "not_found"} }

// ask asks for a path as a user with the role; empty: nobody.
func ask(t *testing.T, method, path, role string) *httptest.ResponseRecorder {
	t.Helper()
	c := New(nothing{}, zap.NewNop())
	r := httptest.NewRequest(method, path, nil)
	if role != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: role})
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return w
}

// Every route asks who it is, and for its role. A new one cannot be forgotten.
func TestEveryRouteIsGuarded(t *testing.T) {
	t.Parallel()
	open := 0
	for _, r := range routes {
		method, path, _ := strings.Cut(r.pattern, " ")
		path = strings.NewReplacer("{$}", "", "{id}", uuid.NewString(), "{name}", "alert").Replace(path)
		if r.open {
			open++
			continue
		}
		a := ask(t, method, path, "")
		require.Equal(t, http.StatusSeeOther, a.Code, r.pattern)
		require.True(t, strings.HasPrefix(a.Header().Get("Location"), Prefix+"/sign-in"), r.pattern)
		a = ask(t, method, path, "none")
		require.Equal(t, r.role != "", a.Code == http.StatusForbidden, r.pattern)
		if r.role != "" {
			require.NotContains(t, []int{http.StatusForbidden, http.StatusInternalServerError}, ask(t, method, path, r.role).Code, r.pattern)
		}
	}
	require.Equal(t, 6, open, "routes without signing in")
}

// Both languages have the same texts, with the same arguments, and every text that a template
// names is there.
func TestTexts(t *testing.T) {
	t.Parallel()
	english, chinese := readTexts("en"), readTexts("zh")
	keys := func(c catalogue) []string {
		return slices.DeleteFunc(slices.Sorted(maps.Keys(c)), func(key string) bool { return strings.HasSuffix(key, ".one") })
	}
	require.Equal(t, keys(english), keys(chinese))
	verbs := regexp.MustCompile(`%(\[\d\])?[sd]`)
	for key, text := range english {
		require.NotEmpty(t, text, key)
		if !strings.HasSuffix(key, ".one") {
			require.Equal(t, verbs.FindAllString(text, -1), verbs.FindAllString(chinese[key], -1), key)
		}
	}
	narrow := regexp.MustCompile(`\p{Han}[,:;?!()]|[,:;?!()]\p{Han}`)
	for key, text := range chinese {
		require.NotRegexp(t, narrow, text, "%s: Chinese has wide marks", key)
	}
	files, err := templateFiles.ReadDir("templates")
	require.NoError(t, err)
	named := regexp.MustCompile(`\{\{[^}]*?\bt "([^"]+)"`)
	for _, file := range files {
		content, err := templateFiles.ReadFile("templates/" + file.Name())
		require.NoError(t, err)
		for _, match := range named.FindAllStringSubmatch(string(content), -1) {
			require.Contains(t, english, match[1], file.Name())
		}
	}
	for _, r := range routes {
		require.Contains(t, english, r.view+".title")
	}
	for _, action := range actions {
		require.Contains(t, english, "action."+string(action))
	}
	for name := range notices {
		require.Contains(t, english, "notice."+name)
	}
}

// The files of others are those that static/README.md names.
func TestVendoredFiles(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("static/README.md")
	require.NoError(t, err)
	named := regexp.MustCompile("\\| `([^`]+)` \\|.*`([0-9a-f]{64})` \\|").FindAllStringSubmatch(string(readme), -1)
	hashes := map[string]string{}
	for _, m := range named {
		hashes[m[1]] = m[2]
	}
	files, err := os.ReadDir("static")
	require.NoError(t, err)
	for _, file := range files {
		if kind := path.Ext(file.Name()); strings.HasSuffix(file.Name(), ".min"+kind) {
			content, err := os.ReadFile("static/" + file.Name())
			require.NoError(t, err)
			sum := sha256.Sum256(content)
			require.Equal(t, hex.EncodeToString(sum[:]), hashes[file.Name()], file.Name())
			require.FileExists(t, "static/"+strings.TrimSuffix(file.Name(), ".min"+kind)+".LICENSE")
		}
	}
	require.Len(t, hashes, 3)
}

func TestStatic(t *testing.T) {
	t.Parallel()
	address, err := Asset("style.css")
	require.NoError(t, err)
	a := ask(t, http.MethodGet, address, "")
	require.Equal(t, http.StatusOK, a.Code)
	require.Contains(t, a.Header().Get("Cache-Control"), "immutable")
	for _, other := range []string{"", "?", "?v=", "?v=0123456789ab"} {
		a = ask(t, http.MethodGet, Prefix+"/static/style.css"+other, "")
		require.Equal(t, http.StatusOK, a.Code)
		require.NotContains(t, a.Header().Get("Cache-Control"), "immutable", other)
	}
	require.Equal(t, http.StatusNotFound, ask(t, http.MethodGet, Prefix+"/static/none.js", "").Code)
	_, err = Asset("none.js")
	require.Error(t, err)
}

// Each bound of a time is read, also when both are the same.
func TestBetween(t *testing.T) {
	t.Parallel()
	const at = "2026-01-02T03:04:05Z"
	since, until, problem := between(at, at)
	require.Nil(t, problem)
	require.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), since)
	require.Equal(t, since, until)
	since, until, problem = between("", "")
	require.Nil(t, problem)
	require.True(t, since.IsZero() && until.IsZero())
	for _, c := range [][2]string{{"today", ""}, {"", "today"}, {at, "today"}} {
		_, _, problem = between(c[0], c[1])
		require.Equal(t, "bad_time", problem.Code, c)
	}
}

func TestVariantsOfANumber(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string][]string{
		"138 0000 0000":  {"138 0000 0000", "13800000000", "+8613800000000", "8613800000000"},
		"+8613800000000": {"+8613800000000", "13800000000", "8613800000000"},
		"a@example.com":  {"a@example.com"},
		"12025550123":    {"12025550123"},
		"":               {""},
	} {
		require.Equal(t, want, variants(typed), typed)
	}
}
