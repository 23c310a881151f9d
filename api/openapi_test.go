package api

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/aymanbagabas/go-udiff"
	"github.com/goccy/go-yaml"
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

// What generators of clients and linters ask of the document.
func TestOpenAPIForGenerators(t *testing.T) {
	t.Parallel()
	text, err := OpenAPI(channels.RecipientTypeNames(builtin.Types()...))
	require.NoError(t, err)
	var document struct {
		Info    struct{ License struct{ Identifier string } }
		Servers []struct{ URL string }
		Tags    []struct{ Name string }
		Paths   map[string]map[string]struct {
			Tags     []string
			Security *[]any
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Default any }
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &document))
	require.Equal(t, "Apache-2.0", document.Info.License.Identifier)
	require.NotEmpty(t, document.Servers)
	declared := map[string]bool{}
	for _, tag := range document.Tags {
		declared[tag.Name] = true
	}
	for path, operations := range document.Paths {
		for method, operation := range operations {
			require.Len(t, operation.Tags, 1, "%s %s", method, path)
			require.Contains(t, declared, operation.Tags[0], "%s %s", method, path)
			require.NotNil(t, operation.Security, "%s %s", method, path)
			require.Equal(t, strings.HasPrefix(path, apiPrefix), len(*operation.Security) > 0, "%s %s", method, path)
		}
	}
	// openapi-typescript makes a field with a default required.
	for name, schema := range document.Components.Schemas {
		for field, property := range schema.Properties {
			require.Nil(t, property.Default, "%s.%s", name, field)
		}
	}
}
