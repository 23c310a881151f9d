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

// marked wraps an error in store.ErrUnavailable when it says that the database
// can not do it now.
func marked(err error) error {
	if err == nil || errors.Is(err, store.ErrUnavailable) || !isAway(err) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

// tooBroad wraps the error of a list in store.ErrTooBroad when the server stopped it
// at its time. The caller's own end, by contrast, is none of the server's.
func tooBroad(ctx context.Context, err error) error {
	const queryCanceled = "57014"
	var stopped *pgconn.PgError
	if errors.As(err, &stopped) && stopped.Code == queryCanceled && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", store.ErrTooBroad, stopped)
	}
	return marked(err)
}

func isAway(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		// Connection, resources (disk, memory, connections), operator, system;
		// read-only after a failover; a conflict that another try resolves.
		return slices.Contains([]string{"08", "53", "57", "58"}, refused.Code[:min(2, len(refused.Code))]) ||
			slices.Contains([]string{"25006", "40001", "40P01"}, refused.Code)
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connecting) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
