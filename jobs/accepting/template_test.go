package accepting_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// A stale cached template is not used: other replicas write templates too.
func TestAcceptWithAStaleTemplate(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		write := func(body string) {
			t.Helper()
			tmpl, err := b.Store.Template(t.Context(), "hello")
			require.NoError(t, err)
			tmpl.Body, tmpl.UpdatedAt = body, store.Now()
			_, err = b.Store.UpdateTemplate(t.Context(), tmpl, "app", 0, jobstest.By("app", store.AuditTemplateUpdate, "hello"))
			require.NoError(t, err)
		}
		require.Equal(t, "Hello world", b.MessageOf("1").Body)
		write("Bye {{ .name }}")
		m := b.MessageOf("2")
		require.Equal(t, "Bye world", m.Body)
		require.Equal(t, 2, m.TemplateVersion)

		write("{{ .reason }}")
		_, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("3", 1))
		jobstest.RequireRefusal(t, err, refusal.MissingParam, "channels.test.params.reason")
		write("Hi {{ .name }}") // the stale template would refuse the request
		require.Equal(t, "Hi world", b.MessageOf("3").Body)

		require.NoError(t, b.Store.DeleteTemplate(t.Context(), "hello", "app", jobstest.By("app", store.AuditTemplateDelete, "hello")))
		_, err = b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("4", 1))
		jobstest.RequireRefusal(t, err, refusal.UnknownTemplate, "channels.test.template")
		_, err = b.Store.CreateTemplate(t.Context(), store.Template{Name: "hello", Channel: "test", Body: "Again", UpdatedAt: store.Now()}, "app",
			jobstest.By("app", store.AuditTemplateCreate, "hello"))
		require.NoError(t, err)
		require.Equal(t, "Again", b.MessageOf("4").Body)
	})
}

// A request that comes after a write of its template is rendered with the new version. A
// message is rendered from one version. No request is refused because of the writes.
func TestAcceptWhileATemplateIsWritten(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const callers, requests = 8, 10
		var written atomic.Int64 // the version whose write has returned
		var group sync.WaitGroup
		for c := range callers {
			group.Go(func() {
				for i := range requests {
					least := int(written.Load())
					a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request(fmt.Sprintf("%d-%d", c, i), 1))
					if !assert.NoError(t, err) {
						return
					}
					m, err := b.Store.Message(t.Context(), b.Deliveries(a.NotificationID)[0].MessageID)
					assert.NoError(t, err)
					assert.GreaterOrEqual(t, m.TemplateVersion, least)
					if m.TemplateVersion > 1 {
						assert.Equal(t, fmt.Sprintf("version %d", m.TemplateVersion), m.Body)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() {
			group.Wait()
			close(done)
		}()
		ctx := limit.Context(t)
		for accepting := true; accepting; {
			require.NoError(t, ctx.Err(), "the callers take too long")
			updated, err := b.Store.UpdateTemplate(t.Context(), store.Template{
				Name: "hello", Body: fmt.Sprintf("version %d", max(1, written.Load())+1), UpdatedAt: store.Now(), Owner: "app",
			}, "app", 0, jobstest.By("app", store.AuditTemplateUpdate, "hello"))
			require.NoError(t, err)
			written.Store(int64(updated.Version))
			select {
			case <-done:
				accepting = false
			default:
			}
		}
		require.Greater(t, written.Load(), int64(2))
	})
}

// slowTemplates is a store that answers reads of templates once release is closed.
type slowTemplates struct {
	store.Store
	reads   atomic.Int64
	release chan struct{}
}

func (s *slowTemplates) Template(ctx context.Context, name string) (store.Template, error) {
	s.reads.Add(1)
	select {
	case <-s.release:
		return store.Template{Name: name}, nil
	case <-ctx.Done():
		return store.Template{}, ctx.Err()
	}
}

// Callers that wait for the first read of a template share its result, as a cached one. The
// first caller may leave before the read ends.
func TestConcurrentReadsOfATemplateAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		templates := &slowTemplates{release: make(chan struct{})}
		cached := accepting.CachedTemplate(templates)
		leaving, leave := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for i := range 20 {
			ctx := t.Context()
			if i == 0 {
				ctx = leaving
			}
			group.Go(func() {
				name, isCached, err := cached(ctx, "hello")
				assert.NoError(t, err)
				assert.Equal(t, "hello", name)
				assert.True(t, isCached)
			})
			synctest.Wait()
		}
		leave()
		close(templates.release)
		group.Wait()
		assert.EqualValues(t, 1, templates.reads.Load())
	})
}

// A private template is for its owner and administrators. For others it is as if it were not
// there, also when it becomes private while a replica has it in its cache.
func TestAcceptWithAPrivateTemplate(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		accept := func(app, template, key string, admin bool) error {
			req := jobstest.Request(key, 1)
			req.AppID, req.Admin = app, admin
			req.Channels["test"] = accepting.ChannelRequest{Template: template, Params: map[string]any{"name": "world"}}
			_, err := b.Jobs.Accepter.Accept(t.Context(), req)
			return err
		}
		private := func(owner string, is bool) {
			t.Helper()
			tmpl, err := b.Store.Template(t.Context(), "hello")
			require.NoError(t, err)
			before := tmpl.Owner
			tmpl.Owner, tmpl.Private = owner, is
			_, err = b.Store.UpdateTemplate(t.Context(), tmpl, before, 0, jobstest.By("app", store.AuditTemplateUpdate, "hello"))
			require.NoError(t, err)
		}
		missing := accept("other", "none", "1", false)
		jobstest.RequireRefusal(t, missing, refusal.UnknownTemplate, "channels.test.template")
		require.NoError(t, accept("other", "hello", "1", false), "everybody may send a public one")

		private("app", true)
		hidden := accept("other", "hello", "2", false)
		jobstest.RequireRefusal(t, hidden, refusal.UnknownTemplate, "channels.test.template")
		require.Equal(t, strings.Replace(missing.Error(), "none", "hello", 1), hidden.Error())
		require.NoError(t, accept("app", "hello", "3", false))
		require.NoError(t, accept("other", "hello", "4", true), "an administrator")
		require.NoError(t, accept("other", "hello", "1", false), "what was accepted before is a replay")

		private("other", true) // a new owner
		require.NoError(t, accept("other", "hello", "5", false))
		jobstest.RequireRefusal(t, accept("app", "hello", "6", false), refusal.UnknownTemplate, "channels.test.template")
		private("other", false)
		require.NoError(t, accept("app", "hello", "7", false))
	})
}

// The configuration names the templates of alerts, so it may name private ones. The app that
// posts sends in its own name.
func TestAlertsMayUseAPrivateTemplate(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		_, err := b.Store.CreateTemplate(t.Context(), store.Template{
			Name: "private", Channel: "test", Body: "private: {{ .title }}", Owner: "operators", Private: true,
		}, "", jobstest.By("operators", store.AuditTemplateCreate, "private"))
		require.NoError(t, err)
		alerts := alertsOf("private", "private", 1, "97% full")
		require.NotEqual(t, "operators", alerts.AppID)
		require.Equal(t, "private: [FIRING] disk", acceptAlerts(t, b, alerts).Body)
		problems, err := b.Jobs.Accepter.CheckAlerts(t.Context(), alerts)
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}
