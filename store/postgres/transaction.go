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
type transaction struct {
	*connection
	last *pgx.Batch // what Commit sends before COMMIT
}

type connection = pgxpool.Conn

var _ pgx.Tx = transaction{}

// inTransaction runs do, which sends BEGIN in its first batch and commits, or fails:
// what it did is undone then.
func (s *Store) inTransaction(ctx context.Context, do func(tx transaction) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // which closes a connection that is still in a transaction
	tx := transaction{conn, &pgx.Batch{}}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	return nil
}

// queueBegin makes BEGIN a batch's first statement.
func queueBegin(batch *pgx.Batch) { batch.Queue("BEGIN") }

// Exec implements pgx.Tx. It waits for Commit, where an error of the statement comes
// out, too, and says nothing of the rows: River announces new jobs by it and does not
// ask.
func (t transaction) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	t.last.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

// Commit implements pgx.Tx. When it returns nil, what the transaction did is durable.
func (t transaction) Commit(ctx context.Context) error {
	t.last.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" { // that of a transaction that failed is a ROLLBACK
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return t.SendBatch(ctx, t.last).Close()
}

// Rollback implements pgx.Tx.
func (t transaction) Rollback(ctx context.Context) error {
	if t.Conn().IsClosed() || t.Conn().PgConn().TxStatus() == 'I' {
		return nil
	}
	_, err := t.connection.Exec(ctx, "ROLLBACK")
	return err
}

// Prepare implements pgx.Tx.
func (t transaction) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	return t.Conn().Prepare(ctx, name, sql)
}

// LargeObjects implements pgx.Tx. There are none.
func (transaction) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }
