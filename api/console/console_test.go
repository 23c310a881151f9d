package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
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
func (r role) Roles() []string      { return []string{string(r)} }
func (r role) May(role string) bool { return string(r) == role }

// nothing is an API in which nothing exists. The token is the user's role.
type nothing struct{}

var errNothing = errors.New("nothing is here")

func (nothing) SignIn(context.Context, string, string) (string, time.Time, error) {
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
func (nothing) Cancel(context.Context, string) error        { return errNothing }
func (nothing) Retry(context.Context, string, string) error { return errNothing }
func (nothing) RetryMatching(context.Context, steering.RequeueRequest) (steering.Requeued, error) {
	return steering.Requeued{}, nil
}
func (nothing) Channels(context.Context) ([]overview.Channel, error) { return nil, nil }
func (nothing) ChannelNames() []string                               { return nil }
func (nothing) Providers(string) []string                            { return nil }
func (nothing) Problem(error) Problem                                { return Problem{Status: 404, Code: "not_found"} }

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
		path = strings.NewReplacer("{$}", "", "{id}", uuid.NewString()).Replace(path)
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
	require.Equal(t, 4, open, "routes without signing in")
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
		if strings.HasSuffix(file.Name(), ".min.js") {
			content, err := os.ReadFile("static/" + file.Name())
			require.NoError(t, err)
			sum := sha256.Sum256(content)
			require.Equal(t, hex.EncodeToString(sum[:]), hashes[file.Name()], file.Name())
			require.FileExists(t, "static/"+strings.TrimSuffix(file.Name(), ".min.js")+".LICENSE")
		}
	}
	require.Len(t, hashes, 1)
}

func TestStatic(t *testing.T) {
	t.Parallel()
	address, err := asset("style.css")
	require.NoError(t, err)
	a := ask(t, http.MethodGet, address, "")
	require.Equal(t, http.StatusOK, a.Code)
	require.Contains(t, a.Header().Get("Cache-Control"), "immutable")
	require.Equal(t, http.StatusNotFound, ask(t, http.MethodGet, Prefix+"/static/none.js", "").Code)
	_, err = asset("none.js")
	require.Error(t, err)
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
