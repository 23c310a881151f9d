package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

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

func isUnavailable(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		// The classes of connections, resources (disk, memory, connections), operator and
		// system; read-only after a failover; conflicts that another try resolves.
		return slices.Contains([]string{"08", "53", "57", "58"}, refused.Code[:min(2, len(refused.Code))]) ||
			slices.Contains([]string{"25006", "40001", "40P01"}, refused.Code)
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connecting) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
