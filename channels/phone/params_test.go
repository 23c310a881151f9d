package phone_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels/phone"
)

func TestParams(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		``: ``, `null`: ``, `{}`: ``,
		`{"a":"数据库 \"主\" <1>"}`:                               `{"a":"数据库 \"主\" <1>"}`,
		`{"a":7,"b":-0.85,"c":12345678901234567890,"d":true}`: `{"a":"7","b":"-0.85","c":"12345678901234567890","d":"true"}`,
		`{"a":null,"b":[1,"二"],"c":{"d":"e"}}`:                `{"a":"","b":"[1,\"二\"]","c":"{\"d\":\"e\"}"}`,
	} {
		got, err := phone.Params(json.RawMessage(raw))
		require.NoError(t, err)
		if want == "" {
			require.Empty(t, got)
			continue
		}
		require.JSONEq(t, want, got)
	}
	for _, raw := range []string{`[]`, `"canary"`, `7`, `{`} {
		_, err := phone.Params(json.RawMessage(raw))
		require.EqualError(t, err, "the params are not a JSON object", raw)
	}
}
