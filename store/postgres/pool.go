package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/labring/sealos-notify/store"
)

// baseSettings has every setting that pgx would otherwise take from PG* variables and the home
// directory: only the service's configuration counts. verify-ca and verify-full trust the
// system's certificates (SSL_CERT_FILE adds to them), unless there is sslRootCert.
const baseSettings = `dbname='' password='' passfile='' connect_timeout=5 target_session_attrs=read-write ` +
	`sslrootcert='' sslcert='' sslkey='' sslpassword='' sslcertmode=allow sslsni=1 sslnegotiation=postgres ` +
	`channel_binding=prefer require_auth='' min_protocol_version='' max_protocol_version='' `

// noJIT keeps PostgreSQL from compiling statements. It does so with those that it takes for long ones, also wrongly
// when a table has grown since it was analyzed; that took 20 ms and more where the statement took one. It is no startup
// parameter, because poolers refuse those that they do not know.
const noJIT = `SET jit = off`

// SQLSTATE of a write on a standby, or on a primary that was demoted.
const readOnlyTransaction = "25006"

// poolConfig returns the configuration of the pool: MaxOpenConns connections for work and one
// for LISTEN. It never shrinks below MaxIdleConns. Connections beyond them are closed after a
// minute without use.
func poolConfig(c store.Config) (*pgxpool.Config, error) {
	// pgx makes the TLS settings when it parses host and sslmode. The rest, secrets above
	// all, is set as fields.
	config, err := pgxpool.ParseConfig(baseSettings + fmt.Sprintf("user=unset host=%s port=%d sslmode=%s",
		quote(c.Host), c.Port, quote(sslMode(c))))
	if err != nil {
		return nil, fmt.Errorf("database settings: %w", err)
	}
	conn := config.ConnConfig
	conn.User, conn.Password, conn.Database = c.User, c.Password, c.DBName
	if err := setCertificates(&conn.Config, c.PEM); err != nil {
		return nil, err
	}
	conn.RuntimeParams = map[string]string{"application_name": "sealos-notify"}

	if c.Pooling == store.PoolingTransaction {
		// Nothing is prepared on a connection, and the types of parameters and results are the
		// same as with prepared statements.
		conn.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}

	// The service has fewer statements than this. pgx makes room for 512 of each on every connection,
	// which is 160 KB.
	conn.StatementCacheCapacity, conn.DescriptionCacheCapacity = 128, 128

	// After a failover a connection may lead to the old primary, which is read-only now.
	// target_session_attrs refuses new connections to it. Open ones are closed when it
	// refuses a write. A connection that has seen another schema has plans for it.
	keepOpen := conn.OnPgError
	conn.OnPgError = func(c *pgconn.PgConn, e *pgconn.PgError) bool {
		return e.Code != readOnlyTransaction && !isOtherSchema(e) && keepOpen(c, e)
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name: "timestamptz", OID: pgtype.TimestamptzOID,
			Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		if c.Pooling == store.PoolingTransaction {
			return nil // the next statement may be on another connection
		}
		_, err := conn.Exec(ctx, noJIT)
		return err
	}

	config.MaxConns = int32(c.MaxOpenConns) + 1 //nolint:gosec // validated
	config.MinConns = int32(min(c.MaxIdleConns, c.MaxOpenConns))
	config.MinIdleConns = 0
	config.MaxConnIdleTime = time.Minute
	config.HealthCheckPeriod = 30 * time.Second
	config.MaxConnLifetime = c.ConnMaxLifetime
	config.MaxConnLifetimeJitter = c.ConnMaxLifetime / 10
	config.PingTimeout = 2 * time.Second // of an idle connection, before it is used
	return config, nil
}

// quote returns any text as a value of a connection string.
func quote(s string) string {
	return `'` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + `'`
}
