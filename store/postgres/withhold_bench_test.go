package postgres_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
	"github.com/labring/sealos-notify/store/storetest"
)

// BenchmarkAccept accepts batches of 50 notifications to one recipient each: where nothing is asked
// of the recipient, where no address is suppressed, where some are, and of a kind that may be
// switched off.
func BenchmarkAccept(b *testing.B) {
	kind := store.Kind{Name: "news", Optional: true, UpdatedAt: store.Now()}
	for _, c := range []struct {
		name                 string
		suppressible         bool
		suppressed, optional int
	}{
		{"nothing asked", false, 0, 0}, {"none suppressed", true, 0, 0}, {"1000 suppressed", true, 1000, 0}, {"optional kind", true, 0, 1000},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := postgres.Open(b.Context(), testdb.New(b))
			require.NoError(b, err)
			b.Cleanup(s.Close)
			require.NoError(b, s.PutKind(b.Context(), kind, store.Actor{}.Did(store.AuditKindWrite, kind.Name)))
			_, err = s.Pool().Exec(b.Context(), `INSERT INTO suppressions SELECT gen_random_uuid(), 'email', 'email', n || '@gone.example', '', '', now(), now() + interval '1 day'
				FROM generate_series(1, $1::int) n`, c.suppressed)
			require.NoError(b, err)
			_, err = s.Pool().Exec(b.Context(), `INSERT INTO preferences SELECT n || '@off.example', 'email', '', '', 'api', now() FROM generate_series(1, $1::int) n`, c.optional)
			require.NoError(b, err)
			for i := 0; b.Loop(); i++ {
				batch := make([]store.Acceptance, 50)
				for j := range batch {
					batch[j] = storetest.Acceptance("app", fmt.Sprint(i, "-", j), 1)
					batch[j].Suppressible = c.suppressible
					if c.optional > 0 {
						batch[j].Kind, batch[j].CheckKind = &kind, true
					}
				}
				_, err := s.Accept(b.Context(), func() []store.Acceptance { return batch })
				require.NoError(b, err)
			}
		})
	}
}
