package upkeep_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs"
	"github.com/labring/sealos-notify/store"
)

func TestDeleteBefore(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Start()
		closed := b.Accept("closed")
		b.WaitFor(closed.ID, store.DeliverySuccess)

		n, _, err := b.Jobs.Retention.DeleteBefore(t.Context(), time.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Zero(t, n, "it is too young")

		n, _, err = b.Jobs.Retention.DeleteBefore(t.Context(), time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, 1, n)
		_, err = b.Store.Delivery(t.Context(), closed.ID)
		require.ErrorIs(t, err, store.ErrNotFound)
		// The key is free again: the same request makes a new notification.
		require.NotEqual(t, closed.NotificationID, b.Accept("closed").NotificationID)
	})
}

// keeper is a provider whose messages stay with the vendor.
type keeper struct {
	*jobstest.Provider
	err    error
	before []time.Time // of its calls
}

func (k *keeper) Expire(_ context.Context, before time.Time) (int, error) {
	k.before = append(k.before, before)
	return 1, k.err
}

// What stays with a vendor is deleted with the notifications, whether the provider serves a
// channel or not. One that fails does not keep the others from it.
func TestMessagesAtTheVendorAreDeleted(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		refusal := &channels.Error{Class: channels.Misconfigured, Code: "k8s_403", Message: "no, because of canary"}
		serving, spare := &keeper{Provider: b.Provider, err: refusal}, &keeper{Provider: b.Provider}
		provider := func(name string, sender channels.Sender) channels.Provider {
			return channels.Provider{Name: name, Type: jobstest.TestChannel, Sender: sender}
		}
		settings := b.Settings(channels.Resend)
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider("a", serving)},
			provider("b", spare), provider("c", b.Provider))
		b.Jobs.Apply(settings)
		requireDeletes(t, b)
		require.Empty(t, serving.before, "0 days keep all")

		settings.Retention.Days = 30
		b.Jobs.Apply(settings)
		_, err := b.Jobs.Retention.Delete(t.Context())
		require.ErrorContains(t, err, "provider a: k8s_403 (misconfigured)")
		require.NotContains(t, err.Error(), "canary", "the log says nothing of whom the vendor names")
		for _, k := range []*keeper{serving, spare} {
			require.Len(t, k.before, 1)
			require.WithinDuration(t, time.Now().AddDate(0, 0, -30), k.before[0], time.Minute)
		}
	})
}

// The audit log is kept as long as notifications.
func TestTheAuditLogIsKeptAsLongAsNotifications(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		settings.Retention.Days = 30
		b.Jobs.Apply(settings)
		old := time.Now().AddDate(0, 0, -31)
		b.Exec(`INSERT INTO audit (id, at, app_id, person, address, agent, action, object_id, outcome, detail)
			SELECT $1, at, app_id, person, address, agent, action, 'old', outcome, detail FROM audit WHERE object_id = 'hello'`, store.FirstID(old))
		entries := func() (objects []string) {
			listed, err := b.Store.ListAudit(t.Context(), store.AuditFilter{}, uuid.Nil, 100)
			require.NoError(t, err)
			for _, e := range listed {
				objects = append(objects, e.ObjectID)
			}
			return objects
		}
		require.Contains(t, entries(), "old")
		requireDeletes(t, b)
		require.NotContains(t, entries(), "old")
		require.Contains(t, entries(), "hello", "of the template")
	})
}

// requireDeletes runs the retention to its end.
func requireDeletes(t *testing.T, b *jobstest.Bundle) {
	t.Helper()
	more, err := b.Jobs.Retention.Delete(t.Context())
	require.NoError(t, err)
	require.False(t, more)
}

// deleteMany starts a replica that deletes notifications without end.
func deleteMany(t *testing.T, b *jobstest.Bundle, lease time.Duration) (*manyNotifications, *jobs.Client) {
	t.Helper()
	st := &manyNotifications{Store: b.Store, audit: make(chan struct{}, 100)}
	b.Rebuild(st)
	settings := b.Settings(channels.Resend)
	settings.Retention.Days = 30
	b.Jobs.Apply(settings)
	c := b.Open(jobs.Dispatcher{Enabled: true, Interval: 100 * time.Millisecond, BatchSize: 1, LeaseTimeout: lease})
	require.NoError(t, c.Start(t.Context()))
	return st, c
}

// When there are more old notifications than a job has time for, everything else is deleted before
// them, and the job goes on at once instead of an hour later.
func TestRetentionGoesOnWhileNotificationsAreLeft(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		st, c := deleteMany(t, b, 3*time.Second)
		t.Cleanup(func() { require.NoError(t, c.Stop()) })
		for range 3 {
			limit.Receive(t, st.audit, "a deletion of old audit entries")
		}
		require.GreaterOrEqual(t, st.deleted.Load(), int64(2))
	})
}

// A stop does not wait until all old notifications are deleted, and cuts nothing: another replica goes on.
func TestRetentionEndsWithAStop(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		st, c := deleteMany(t, b, time.Hour)
		limit.Receive(t, st.audit, "a deletion of old audit entries")
		require.NoError(t, c.Stop())
		depths, err := b.Store.QueueDepths(t.Context())
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(depths, func(d store.QueueDepth) bool {
			return d.Queue == "maintenance" && d.State == "available" && d.Jobs == 1
		}), "%v", depths)
	})
}

// All old rows are deleted, in small transactions: others wait for what one writes.
func TestOldRowsAreDeletedInSmallTransactions(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const rows = 2_500
		st := &manyRows{Store: b.Store, events: rows, threads: rows, uses: rows, suppressions: rows}
		b.Rebuild(st)
		settings := b.Settings(channels.Resend)
		settings.Retention.Days = 30
		b.Jobs.Apply(settings)
		requireDeletes(t, b)
		require.Equal(t, []int{0, 0, 0, 0}, []int{st.events, st.threads, st.uses, st.suppressions})
		require.LessOrEqual(t, st.most, 1_000)
	})
}

// manyRows is a store with old rows, and most is how many of them were deleted at once.
type manyRows struct {
	store.Store
	events, threads, uses, suppressions int
	most                                int
}

func (s *manyRows) DeleteEvents(_ context.Context, _ time.Time, limit int) (int, error) {
	return s.delete(&s.events, limit)
}

func (s *manyRows) ForgetThreads(_ context.Context, _ time.Time, limit int) (int, error) {
	return s.delete(&s.threads, limit)
}

func (s *manyRows) ForgetRecipientUses(_ context.Context, _ time.Time, limit int) (int, error) {
	return s.delete(&s.uses, limit)
}

func (s *manyRows) ForgetSuppressions(_ context.Context, _ time.Time, limit int) (int, error) {
	return s.delete(&s.suppressions, limit)
}

func (s *manyRows) delete(rows *int, limit int) (int, error) {
	deleted := min(*rows, limit)
	*rows, s.most = *rows-deleted, max(s.most, deleted)
	return deleted, nil
}

// manyNotifications is a store with no end of old notifications.
type manyNotifications struct {
	store.Store
	deleted atomic.Int64
	audit   chan struct{}
}

func (s *manyNotifications) DeleteClosed(ctx context.Context, _ time.Time, _ int) (int, bool, error) {
	select {
	case <-time.After(100 * time.Millisecond):
		s.deleted.Add(1)
		return 1, true, nil
	case <-ctx.Done():
		return 0, false, ctx.Err()
	}
}

func (s *manyNotifications) DeleteAudit(context.Context, time.Time) (int, error) {
	s.audit <- struct{}{}
	return 0, nil
}
