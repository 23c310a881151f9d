package migrate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/migrate"
)

// Check tells a schema that is older than the program from one that is right or newer.
func TestCheck(t *testing.T) {
	t.Parallel()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, db, _ := open(t)
			lacks := func(line string) {
				t.Helper()
				var old *migrate.OldSchemaError
				require.ErrorAs(t, m.Check(t.Context()), &old)
				require.Equal(t, line, old.Line)
				require.Less(t, old.Version, old.Needed)
			}
			exec := func(sql string) {
				t.Helper()
				_, err := db.ExecContext(t.Context(), sql)
				require.NoError(t, err)
			}
			lacks(migrate.LineOurs) // there is nothing yet
			require.NoError(t, m.Up(t.Context()))
			require.NoError(t, m.Check(t.Context()))

			exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
			exec(`INSERT INTO river_migration (line, version) SELECT 'main', max(version) + 1 FROM river_migration`)
			require.NoError(t, m.Check(t.Context()), "a newer program has migrated")

			exec(`DELETE FROM river_migration WHERE version > 1`)
			lacks(migrate.LineRiver)
			exec(`DELETE FROM goose_db_version WHERE version_id > 0`)
			lacks(migrate.LineOurs)
		})
	}
}
