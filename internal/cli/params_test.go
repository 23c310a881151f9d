package cli

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParams(t *testing.T) {
	t.Parallel()
	params, err := paramFlags{
		Param: map[string]string{"a": "text=1;2"}, ParamsJSON: `{"a": 1, "n": 12345678901234567890, "l": [{"x": null}]}`,
	}.values()
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"a": "text=1;2", "n": json.Number("12345678901234567890"), "l": []any{map[string]any{"x": nil}},
	}, params)

	params, err = paramFlags{}.values()
	require.NoError(t, err)
	require.Empty(t, params)

	for _, wrong := range []string{"x", "[]", "null", `{"a":1}{}`, `{"a":1`, `"a"`} {
		_, err := paramFlags{ParamsJSON: wrong}.values()
		require.ErrorContains(t, err, "--params-json is not", wrong)
	}
}
