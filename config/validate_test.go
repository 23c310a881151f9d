package config

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
)

// A provider type names the key that is wrong, so that the problem shows its line.
func TestProviderTypesNameTheKey(t *testing.T) {
	t.Parallel()
	for _, typ := range builtin.Types() {
		t.Run(typ.Name, func(t *testing.T) {
			t.Parallel()
			config := reflect.ValueOf(typ.NewConfig()).Elem()
			config.SetZero()
			var wrong *channels.KeyError
			require.ErrorAs(t, config.Addr().Interface().(channels.Config).Validate(), &wrong)
			require.True(t, slices.ContainsFunc(fieldsOf(config), func(f field) bool { return f.key == wrong.Key }), wrong.Key)
		})
	}
}
