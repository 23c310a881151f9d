package api

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCredentialsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "apps.yaml")
	require.NoError(t, os.WriteFile(path, []byte(`
apps:
- appId: "notify-console"
  appSecret: "dev-secret"
  name: "Notify Console"
  enabled: true
- appId: two
  appSecrets: [one-secret, "two:secret"]
  roles: [admin]
- appId: all
  appSecret: a-secret
  appSecrets: [b-secret]
  roles: []
- appId: off
  appSecret: off-secret
  enabled: false
`), 0o600))
	c, err := LoadCredentials(path)
	require.NoError(t, err)
	for _, row := range []struct {
		app, secret string
		want        *Caller
	}{
		{"notify-console", "dev-secret", &Caller{"notify-console", []Role{RoleSend, RoleTemplates}}},
		{"two", "one-secret", &Caller{"two", []Role{RoleAdmin}}},
		{"two", "two:secret", &Caller{"two", []Role{RoleAdmin}}},
		{"all", "a-secret", &Caller{"all", []Role{}}},
		{"all", "b-secret", &Caller{"all", []Role{}}},
		{"two", "dev-secret", nil},
		{"two", "", nil},
		{"off", "off-secret", nil},
		{"nobody", "", nil},
		{"", "", nil},
	} {
		caller, ok := c.check(row.app, row.secret)
		require.Equal(t, row.want != nil, ok, row)
		if ok {
			require.Equal(t, *row.want, caller)
		}
	}
}

func TestTheZeroCredentialsLetNobodyIn(t *testing.T) {
	t.Parallel()
	_, ok := new(Credentials).check("", "")
	require.False(t, ok)
}

func TestCredentialsFileIsStrict(t *testing.T) {
	t.Parallel()
	_, err := LoadCredentials(filepath.Join(t.TempDir(), "missing.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)

	const good = "apps:\n- appId: a\n  appSecret: canary\n"
	for name, c := range map[string]struct{ file, want string }{
		"empty":              {"", "has no apps"},
		"no apps":            {"apps: []", "has no apps"},
		"unknown key":        {good + "  role: [send]\n", "[4:3]"},
		"unknown top key":    {good + "app: []\n", "[4:1]"},
		"key twice":          {good + "  appSecret: canary2\n", "[4:3]"},
		"not YAML":           {good + " x: [canary\n", "[4:"},
		"wrong type":         {"apps:\n- appId: a\n  appSecret: [canary]\n", "[3:"},
		"roles not a list":   {good + "  roles: canary\n", "[4:"},
		"app twice":          {good + "- appId: b\n  appSecret: canary\n- appId: a\n  appSecret: canary\n", "[line 6] appId"},
		"no id":              {good + "- appSecret: canary\n", "[line 4] appId"},
		"colon in id":        {good + "- appId: a:b\n  appSecret: canary\n", "[line 4] appId"},
		"space in id":        {good + "- appId: a b\n  appSecret: canary\n", "[line 4] appId"},
		"no secret":          {good + "- appId: b\n", "[line 4] appSecret"},
		"empty secret":       {good + "- appId: b\n  appSecret: ''\n", "[line 5] appSecret"},
		"line feed":          {good + "- appId: b\n  appSecret: \"canary\\n\"\n", "[line 5] appSecret"},
		"not ASCII":          {good + "- appId: b\n  appSecret: canary密\n", "[line 5] appSecret"},
		"empty second":       {good + "- appId: b\n  appSecrets: [canary, '']\n", "[line 5] appSecrets[1]"},
		"empty second below": {good + "- appId: b\n  appSecrets:\n  - canary\n  - ''\n", "[line 7] appSecrets[1]"},
		"unknown role":       {good + "  roles:\n  - send\n  - canary\n", "[line 6] roles[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseCredentials([]byte(c.file))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "canary", "an error shows no secret")
		})
	}
}

func TestCredentialsDoNotPrintSecretsOrDigests(t *testing.T) {
	t.Parallel()
	c, err := parseCredentials([]byte("apps: [{appId: a, appSecret: canary}]"))
	require.NoError(t, err)
	type wrapper struct{ C *Credentials }
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%s", wrapper{c})} {
		require.Contains(t, text, "credentials of 1 apps")
	}
	asJSON, err := json.Marshal(wrapper{c})
	require.NoError(t, err)
	require.JSONEq(t, `{"C":{}}`, string(asJSON))
}
