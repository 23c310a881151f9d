package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// transaction is a transaction whose statements wait for each other: they go out with
// the next one whose rows are asked for, BEGIN with the first and COMMIT with the last.
// A round trip on a busy machine waits twice for its turn. It is a pgx.Tx for River's
// sake.
type transaction struct {
	pgx.Tx // nil: River calls nothing but what is below
	conn   *pgxpool.Conn
	queue  *pgx.Batch
}

// inTransaction runs do, which commits or fails: what it did is undone then.
func (s *Store) inTransaction(ctx context.Context, do func(tx *transaction) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // which closes a connection that is still in a transaction
	tx := &transaction{conn: conn, queue: &pgx.Batch{}}
	tx.Queue("BEGIN")
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback(ctx))
	}
	return nil
}

// Queue adds a statement to those that wait.
func (t *transaction) Queue(sql string, args ...any) *pgx.QueuedQuery {
	return t.queue.Queue(sql, args...)
}

// send sends the statements that wait and reads their answers.
func (t *transaction) send(ctx context.Context) error {
	batch := t.queue
	t.queue = &pgx.Batch{}
	return t.conn.SendBatch(ctx, batch).Close()
}

// Exec implements pgx.Tx. It waits as by Queue, so an error of the statement comes out
// later, and says nothing of the rows: River announces new jobs by it and does not ask.
func (t *transaction) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	t.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

// Query implements pgx.Tx.
func (t *transaction) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	batch := t.queue
	t.queue = &pgx.Batch{}
	before := batch.QueuedQueries
	batch.Queue(sql, args...)
	results := t.conn.SendBatch(ctx, batch)
	for _, q := range before {
		if err := answer(q, results); err != nil {
			_ = results.Close() // tells the same, if anything
			return nil, err
		}
	}
	rows, err := results.Query()
	if err != nil {
		_ = results.Close()
		return nil, err
	}
	return lastRows{rows, results}, nil
}

// answer reads the answer to a statement.
func answer(q *pgx.QueuedQuery, results pgx.BatchResults) error {
	if q.Fn != nil {
		return q.Fn(results)
	}
	_, err := results.Exec()
	return err
}

// lastRows are the rows of a batch's last statement. Whoever reads them closes them.
type lastRows struct {
	pgx.Rows
	results pgx.BatchResults
}

// Close implements pgx.Rows. What fails behind the last row fails the next statement,
// too.
func (r lastRows) Close() {
	r.Rows.Close()
	_ = r.results.Close()
}

// QueryRow implements pgx.Tx.
func (t *transaction) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := t.Query(ctx, sql, args...)
	return onlyRow{rows, err}
}

// onlyRow is the first row of rows, or why there are none.
type onlyRow struct {
	rows pgx.Rows
	err  error
}

// Scan implements pgx.Row.
func (r onlyRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	_, err := pgx.CollectOneRow(r.rows, func(row pgx.CollectableRow) (struct{}, error) { return struct{}{}, row.Scan(dest...) })
	return err
}

// Commit implements pgx.Tx. When it returns nil, what the transaction did is durable.
func (t *transaction) Commit(ctx context.Context) error {
	t.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" { // that of a transaction that failed is a ROLLBACK
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return t.send(ctx)
}

// Conn implements pgx.Tx. River asks it in which form arguments are sent.
func (t *transaction) Conn() *pgx.Conn { return t.conn.Conn() }

// Rollback implements pgx.Tx.
func (t *transaction) Rollback(ctx context.Context) error {
	if t.Conn().IsClosed() || t.Conn().PgConn().TxStatus() == 'I' {
		return nil
	}
	_, err := t.conn.Exec(ctx, "ROLLBACK")
	return err
}
