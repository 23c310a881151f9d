package api

import (
	"flag"
	"os"
	"testing"

	"github.com/aymanbagabas/go-udiff"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
)

var update = flag.Bool("update", false, "write openapi.yaml")

// Run `go test ./api -run TestOpenAPI -update` after a change of the API.
func TestOpenAPIIsCommitted(t *testing.T) {
	t.Parallel()
	spec, err := OpenAPI(channels.RecipientTypeNames(builtin.Types()...))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("openapi.yaml", spec, 0o644))
	}
	committed, err := os.ReadFile("openapi.yaml")
	require.NoError(t, err)
	require.Empty(t, udiff.Unified("openapi.yaml", "the routes", string(committed), string(spec)), "openapi.yaml is out of date: run with -update")
}
