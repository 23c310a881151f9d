package steering_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// Addresses that fitted no channel may be many. They are erased last, in pages, so that they keep
// nothing from being erased, or from being in the audit log.
func TestUnmatchedAddressesAreErasedLast(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		st := &manyUnmatched{Store: b.Store, pages: []any{100, 100, 20, errors.New("too much")}}
		b.Rebuild(st)
		d := b.Accept("k")
		erase := func() (steering.Erased, error) {
			return b.Jobs.Control.Erase(t.Context(), steering.EraseRequest{Recipient: d.Recipient}, store.Actor{AppID: "operator"})
		}
		_, err := erase()
		require.ErrorContains(t, err, "too much")
		got, err := b.Store.Delivery(t.Context(), d.ID)
		require.NoError(t, err)
		require.True(t, got.IsErased())

		st.pages = []any{100, 20, 0}
		done, err := erase()
		require.NoError(t, err)
		require.Equal(t, steering.Erased{Unmatched: 120}, done)
		entries, err := b.Store.ListAudit(t.Context(), store.AuditFilter{Action: store.AuditRecipientErase}, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, entries, 2)
	})
}

// manyUnmatched is a store whose pages of unmatched addresses have these sizes, or fail.
type manyUnmatched struct {
	store.Store
	pages []any
}

func (m *manyUnmatched) EraseUnmatched(context.Context, store.Erasure) (int, error) {
	page := m.pages[0]
	m.pages = m.pages[1:]
	if err, fails := page.(error); fails {
		return 0, err
	}
	return page.(int), nil
}

// A person who is mentioned often is erased in pages, too.
func TestMentionsAreErasedInPages(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		st := &manyMentions{Store: b.Store, pages: []int{100, 20, 0}}
		b.Rebuild(st)
		done, err := b.Jobs.Control.Erase(t.Context(), steering.EraseRequest{Recipient: store.Recipient{Type: "email", Value: "a@example.com"}}, store.Actor{})
		require.NoError(t, err)
		require.Equal(t, steering.Erased{Mentions: 120}, done)
		require.Empty(t, st.pages)
	})
}

// manyMentions is a store whose pages of mentions have these sizes.
type manyMentions struct {
	store.Store
	pages []int
}

func (m *manyMentions) EraseMentions(_ context.Context, e store.Erasure) (int, error) {
	page := m.pages[0]
	m.pages = m.pages[1:]
	if page > e.Limit {
		return 0, errors.New("too much")
	}
	return page, nil
}

// Deliveries that were erased cannot be sent again, so a request for all dead ones comes to its end.
func TestErasedDeliveriesAreNotRequeued(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		erased, kept := deadDelivery(t, b, "erased"), deadDelivery(t, b, "kept")
		_, err := b.Jobs.Control.Erase(t.Context(), steering.EraseRequest{NotificationID: erased.NotificationID}, store.Actor{})
		require.NoError(t, err)
		for _, dryRun := range []bool{true, false} {
			done, err := b.Jobs.Control.RequeueMatching(t.Context(), steering.RequeueRequest{Limit: 1, DryRun: dryRun})
			require.NoError(t, err)
			require.Equal(t, 1, done.Matched)
			require.False(t, done.More)
		}
		got, err := b.Store.Delivery(t.Context(), kept.ID)
		require.NoError(t, err)
		require.Equal(t, store.DeliveryPending, got.Status)
	})
}

// What a person has used of caps is under the address, too.
func TestEraseReachesCaps(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		k := store.Kind{Name: "billing", Caps: map[string]store.Cap{"test": {Limit: 1, Per: store.PerDay}}, UpdatedAt: store.Now()}
		require.NoError(t, b.Store.PutKind(t.Context(), k, jobstest.By("operator", store.AuditKindWrite, k.Name)))
		used := func() string { return b.QueryText(`SELECT CAST(count(*) AS text) FROM recipient_use`) }
		b.AcceptWith("1", func(r *accepting.Request) { r.Kind = "billing" })
		capped := b.AcceptWith("2", func(r *accepting.Request) { r.Kind = "billing" })
		require.Equal(t, store.CodeCapped, capped.LastCode)
		request := steering.EraseRequest{Recipient: capped.Recipient, DryRun: true}
		_, err := b.Jobs.Control.Erase(t.Context(), request, store.Actor{})
		require.NoError(t, err)
		require.Equal(t, "1", used())
		request.DryRun = false
		done, err := b.Jobs.Control.Erase(t.Context(), request, store.Actor{})
		require.NoError(t, err)
		require.Equal(t, 2, done.Deliveries)
		require.Equal(t, "0", used())
	})
}
