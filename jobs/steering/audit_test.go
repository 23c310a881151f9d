package steering_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// A cancellation has one entry, however many transactions it takes, and each delivery that is
// sent again has one.
func TestCancellationsAndRequeuesAreAudited(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		by := store.Actor{AppID: "operator", Address: "192.0.2.1", Agent: "curl/8"}
		audited := func(action store.AuditAction) (objects []string) {
			entries, err := b.Store.ListAudit(t.Context(), store.AuditFilter{Action: action}, uuid.Nil, 2000)
			require.NoError(t, err)
			for _, e := range entries {
				require.Equal(t, by, e.Actor)
				require.Equal(t, store.AuditDone, e.Outcome)
				objects = append(objects, e.ObjectID)
			}
			return objects
		}
		a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", steering.CancelBatch+1))
		require.NoError(t, err)
		for range 2 { // the second has nothing to cancel
			require.NoError(t, b.Jobs.Control.Cancel(t.Context(), a.NotificationID, by))
			require.Equal(t, []string{a.NotificationID.String()}, audited(store.AuditNotificationCancel))
		}

		deliveries := b.Deliveries(a.NotificationID)
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), deliveries[0], "", by))
		require.Error(t, b.Jobs.Control.Requeue(t.Context(), deliveries[0], "", by), "it is open")
		require.Equal(t, []string{deliveries[0].ID.String()}, audited(store.AuditDeliveryRetry))

		b.Exec(`UPDATE deliveries SET status = 'dead' WHERE id IN ($1, $2)`, deliveries[1].ID, deliveries[2].ID)
		b.Exec(`UPDATE notifications SET cancelled = cancelled - 2, dead = 2 WHERE id = $1`, a.NotificationID)
		dead := steering.RequeueRequest{Filter: store.DeliveryFilter{NotificationID: a.NotificationID}, Limit: 10, By: by, DryRun: true}
		for _, dryRun := range []bool{true, false} {
			dead.DryRun = dryRun
			done, err := b.Jobs.Control.RequeueMatching(t.Context(), dead)
			require.NoError(t, err)
			require.Equal(t, 2, done.Matched)
		}
		require.ElementsMatch(t, []string{deliveries[0].ID.String(), deliveries[1].ID.String(), deliveries[2].ID.String()},
			audited(store.AuditDeliveryRetry), "a dry run changes nothing")
	})
}
