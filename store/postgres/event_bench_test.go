package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
	"github.com/labring/sealos-notify/store/storetest"
)

// BenchmarkRecord records batches of 50 successes, each of a notification of its own: where there are no
// endpoints, where another app has one, and where the app has one.
func BenchmarkRecord(b *testing.B) {
	for name, endpointOf := range map[string]string{"no endpoint": "", "of another app": "other", "of the app": "app"} {
		b.Run(name, func(b *testing.B) {
			s, err := postgres.Open(b.Context(), testdb.New(b))
			require.NoError(b, err)
			b.Cleanup(s.Close)
			if endpointOf != "" {
				e := store.Endpoint{ID: uuid.Must(uuid.NewV7()), AppID: endpointOf, Secret: []byte("s"), CreatedAt: store.Now(), UpdatedAt: store.Now()}
				require.NoError(b, s.CreateEndpoint(b.Context(), e, store.Actor{}.Did(store.AuditEndpointCreate, e.ID.String())))
			}
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				batch, outcomes := make([]store.Acceptance, 50), make([]store.Outcome, 50)
				for j := range batch {
					batch[j] = storetest.Acceptance("app", fmt.Sprint(i, "-", j), 1)
				}
				_, err := s.Accept(b.Context(), func() []store.Acceptance { return batch })
				require.NoError(b, err)
				for j, a := range batch {
					d, err := s.Delivery(b.Context(), a.Deliveries[0].ID)
					require.NoError(b, err)
					outcomes[j] = store.Outcome{Status: store.DeliverySuccess, Attempt: store.Attempt{
						ID: uuid.Must(uuid.NewV7()), DeliveryID: d.ID, JobID: d.JobID, Attempt: 1, Provider: "smtp",
						StartedAt: time.Now(), FinishedAt: time.Now(),
					}}
				}
				b.StartTimer()
				_, err = s.Record(b.Context(), outcomes)
				require.NoError(b, err)
			}
		})
	}
}
