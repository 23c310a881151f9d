package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// transaction is a transaction whose BEGIN goes out with its first statements and
// whose COMMIT with its last ones: on a busy machine a round trip waits twice for
// its turn, and these two would do nothing else. It is a pgx.Tx for River's sake.
type transaction struct{ *connection }

type connection = pgxpool.Conn

var _ pgx.Tx = transaction{}

// inTransaction runs do, which sends BEGIN and COMMIT in its batches, or fails: what
// it did is undone then.
func (s *Store) inTransaction(ctx context.Context, do func(tx transaction) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // which closes a connection that is still in a transaction
	tx := transaction{conn}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	return nil
}

// queueBegin makes BEGIN a batch's first statement.
func queueBegin(batch *pgx.Batch) { batch.Queue("BEGIN") }

// queueCommit makes COMMIT a batch's last statement: when all answers were read
// without an error, what the transaction did is durable.
func queueCommit(batch *pgx.Batch) {
	batch.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" { // that of a transaction that failed is a ROLLBACK
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
}

// Rollback implements pgx.Tx.
func (t transaction) Rollback(ctx context.Context) error {
	if t.Conn().IsClosed() || t.Conn().PgConn().TxStatus() == 'I' {
		return nil
	}
	_, err := t.Exec(ctx, "ROLLBACK")
	return err
}

// Commit implements pgx.Tx. A batch does that, see queueCommit.
func (transaction) Commit(context.Context) error { return errors.ErrUnsupported }

// Prepare implements pgx.Tx.
func (t transaction) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	return t.Conn().Prepare(ctx, name, sql)
}

// LargeObjects implements pgx.Tx. There are none.
func (transaction) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }
