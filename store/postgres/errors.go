package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/labring/sealos-notify/store"
)

// marked wraps an error in store.ErrUnavailable when the database cannot do it now and may
// later, and says what is missing when a prepared statement is on another connection.
func marked(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && slices.Contains([]string{"26000", "42P05"}, refused.Code) && !errors.Is(err, errTransactionPooler) {
		return fmt.Errorf("%w: %w", errTransactionPooler, err)
	}
	if err == nil || errors.Is(err, store.ErrUnavailable) || !isUnavailable(err) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// tooBroad wraps the error of a list in store.ErrTooBroad when the server stopped it after
// store.ListTime. A list that ends with its caller's context is not too broad.
func tooBroad(ctx context.Context, err error) error {
	const queryCanceled = "57014"
	var stopped *pgconn.PgError
	if errors.As(err, &stopped) && stopped.Code == queryCanceled && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", store.ErrTooBroad, stopped)
	}
	return marked(err)
}

// isUnavailable reports whether another try may succeed. Whatever fails while connecting is
// the database's: a rotated password or a database that is being restored is no statement's
// fault.
func isUnavailable(err error) bool {
	var connecting *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, pgconn.ErrConnClosed) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return true
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false
	}
	// FATAL ends the connection; PgBouncer answers a statement so when it cannot connect. The
	// classes of connections, resources (disk, memory, connections), operator and system;
	// read-only after a failover; conflicts that another try resolves.
	return slices.Contains([]string{"FATAL", "PANIC"}, cmp.Or(refused.SeverityUnlocalized, refused.Severity)) ||
		slices.Contains([]string{"08", "53", "57", "58"}, refused.Code[:min(2, len(refused.Code))]) ||
		slices.Contains([]string{"25006", "40001", "40P01"}, refused.Code) || isOtherSchema(refused)
}

// isMisconfigured reports whether the server refused the credentials or the name of the
// database. A start does not wait for that to change.
func isMisconfigured(err error) bool {
	const unknownDatabase = "3D000"
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (strings.HasPrefix(refused.Code, "28") || refused.Code == unknownDatabase)
}

// isOtherSchema reports whether the schema is not the one that the statement is for: somebody
// migrates up or down at the moment. A plan that was prepared before has its own codes.
func isOtherSchema(refused *pgconn.PgError) bool {
	const undefinedTable, undefinedColumn, undefinedFunction, undefinedObject = "42P01", "42703", "42883", "42704"
	const featureNotSupported = "0A000" // "cached plan must not change result type"
	return slices.Contains([]string{undefinedTable, undefinedColumn, undefinedFunction, undefinedObject}, refused.Code) ||
		refused.Code == featureNotSupported && strings.Contains(refused.Message, "cached plan")
}
