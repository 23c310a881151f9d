package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/testdb"
)

// The history is written past the service, so the schema could change without it.
func TestHistoryFitsTheSchema(t *testing.T) {
	t.Parallel()
	b := bench{amounts: amounts{finished: 2 * crowd}}
	require.NoError(t, b.fill(t.Context(), testdb.New(t)))
}
