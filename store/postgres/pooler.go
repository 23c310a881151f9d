package postgres

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/labring/sealos-notify/store"
)

const (
	// poolerLooks is how often two connections are compared. A pooler in transaction mode gives
	// the second one what the first has just returned, unless somebody else was quicker.
	poolerLooks = 10
	// placesTimeout bounds how long a pooler is asked for connections. A busy machine opens some ten a second.
	placesTimeout = 4 * time.Second
)

// errTransactionPooler is the error of an operator who has not said what is in front of the
// database.
var errTransactionPooler = errors.New("there is a pooler in transaction mode in front of the database: set database.pooling to transaction")

// look looks for a pooler in front of the database, and returns how many connections the pool
// can have. In transaction mode the pooler shares its own, so that is not asked.
func look(ctx context.Context, config *pgxpool.Config, pooling string) (places int, err error) {
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return 0, err
	}
	defer closeConn(ctx, conn)
	server, err := backend(ctx, conn)
	switch {
	case err != nil:
		return 0, err
	case pooling == store.PoolingTransaction:
		return int(config.MaxConns), nil
	case server == conn.PgConn().PID(): // a pooler gives a number of its own
		free, err := freePlaces(ctx, conn)
		return min(int(config.MaxConns), free+1), err
	}
	if err := refuseSharing(ctx, config, conn); err != nil {
		return 0, err
	}
	return tryPlaces(ctx, config, 1), nil
}

// closeConn closes a connection, also when ctx has ended.
func closeConn(ctx context.Context, conn *pgx.Conn) { _ = conn.Close(context.WithoutCancel(ctx)) }

// backend returns the process of the server that works for the connection.
func backend(ctx context.Context, conn *pgx.Conn) (pid uint32, err error) {
	err = conn.QueryRow(ctx, `SELECT pg_backend_pid()`, pgx.QueryExecModeSimpleProtocol).Scan(&pid)
	return pid, err
}

// refuseSharing returns errTransactionPooler when the server works for two open connections by
// one process.
func refuseSharing(ctx context.Context, config *pgxpool.Config, conn *pgx.Conn) error {
	other, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return err
	}
	defer closeConn(ctx, other)
	for range poolerLooks {
		one, err := backend(ctx, conn)
		if err != nil {
			return err
		}
		two, err := backend(ctx, other)
		if err != nil {
			return err
		}
		if one == two {
			return errTransactionPooler
		}
	}
	return nil
}

// Places returns how many connections the store wants, with the one that listens, and how many
// of them it could have when it was opened.
func (s *Store) Places() (wanted, found int) { return s.wanted, s.found }

// freePlaces returns how many more connections the server's limits allow.
func freePlaces(ctx context.Context, conn *pgx.Conn) (free int, err error) {
	err = conn.QueryRow(ctx, `
		SELECT least(
			current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
				- coalesce(current_setting('reserved_connections', true)::int, 0)
				- (SELECT sum(numbackends) FROM pg_stat_database),
			(SELECT nullif(datconnlimit, -1) - numbackends FROM pg_database
				JOIN pg_stat_database ON datid = pg_database.oid WHERE pg_database.datname = current_database()),
			(SELECT nullif(rolconnlimit, -1) - (SELECT count(*) FROM pg_stat_activity WHERE usename = rolname)
				FROM pg_roles WHERE rolname = current_user))::int`, pgx.QueryExecModeSimpleProtocol).Scan(&free)
	return max(0, free), err
}

// tryPlaces returns how many connections a pooler gives the pool, of which some are open. Poolers
// do not say how many they have, so it asks for all of them at once, and closes them.
func tryPlaces(ctx context.Context, config *pgxpool.Config, open int) int {
	ctx, cancel := context.WithTimeout(ctx, placesTimeout)
	defer cancel()
	var got atomic.Int64
	var tries, answered sync.WaitGroup
	for range int(config.MaxConns) - open {
		answered.Add(1)
		tries.Go(func() {
			conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
			answered.Done()
			if err != nil {
				return
			}
			got.Add(1)
			answered.Wait() // all are open at once
			closeConn(ctx, conn)
		})
	}
	tries.Wait()
	return open + int(got.Load())
}
