package accepting_test

import (
	"context"
	"fmt"
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
			_, err = b.Store.UpdateTemplate(t.Context(), tmpl, "other")
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

		require.NoError(t, b.Store.DeleteTemplate(t.Context(), "hello"))
		_, err = b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("4", 1))
		jobstest.RequireRefusal(t, err, refusal.UnknownTemplate, "channels.test.template")
		_, err = b.Store.CreateTemplate(t.Context(), store.Template{Name: "hello", Channel: "test", Body: "Again", UpdatedAt: store.Now()}, "")
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
				Name: "hello", Body: fmt.Sprintf("version %d", max(1, written.Load())+1), UpdatedAt: store.Now(),
			}, "other")
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
