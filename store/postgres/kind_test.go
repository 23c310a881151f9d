package postgres_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/storetest"
)

// Several replicas accept for the same people at once: each gets exactly as many as the cap allows,
// though the replicas name them in opposite orders and post the same keys.
func TestCapsOverReplicas(t *testing.T) {
	t.Parallel()
	const replicas, each, people, most = 4, 6, 5, 9
	config := testdb.New(t)
	first := open(t, config)
	kind := store.Kind{Name: "billing", Caps: map[string]store.Cap{"email": {Limit: most, Per: store.PerDay}}, UpdatedAt: store.Now()}
	require.NoError(t, first.PutKind(t.Context(), kind, store.Actor{}.Did(store.AuditKindWrite, kind.Name)))
	var wg sync.WaitGroup
	for r := range replicas {
		replica := open(t, config)
		wg.Go(func() {
			for i := range each {
				var batch []store.Acceptance
				for _, key := range []string{fmt.Sprint(r, "-", i), fmt.Sprint("same-", i)} {
					a := storetest.Acceptance("app", key, people)
					a.Kind, a.CheckKind = &kind, true
					batch = append(batch, a)
				}
				if r%2 == 0 {
					batch[0], batch[1] = batch[1], batch[0]
				}
				if _, err := replica.Accept(t.Context(), func() []store.Acceptance { return batch }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	sent := map[string]int{}
	all, err := first.ListDeliveries(t.Context(), store.DeliveryFilter{}, uuid.Nil, 10_000)
	require.NoError(t, err)
	require.Len(t, all, people*(replicas*each+each))
	for _, d := range all {
		if d.Status == store.DeliveryPending {
			sent[d.Recipient.Value]++
		}
	}
	require.Len(t, sent, people)
	for person, n := range sent {
		require.Equal(t, most, n, person)
	}
}
