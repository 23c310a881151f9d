package migrate

import (
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
)

// LockTimeout is how long a statement of a migration waits for a lock.
const LockTimeout = lockTimeout

// PostgresWith returns a Migrator that applies the given migrations instead of the product's.
func PostgresWith(pool *pgxpool.Pool, migrations fs.FS) *Migrator { return postgres(pool, migrations) }
