package api

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	c, err := parseCredentials([]byte(`
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
- appId: empty
  appSecrets: ['']
- {appId: tested, appSecret: real-secret, testSecrets: [test-secret]}
- {appId: tested-admin, appSecret: real-secret, testSecrets: [test-secret], roles: [admin]}
`))
	require.NoError(t, err)
	for _, row := range []struct {
		app, secret string
		want        *Caller
	}{
		{"notify-console", "dev-secret", &Caller{AppID: "notify-console", Roles: []Role{RoleSend, RoleTemplates}}},
		{"two", "one-secret", &Caller{AppID: "two", Roles: []Role{RoleAdmin}}},
		{"two", "two:secret", &Caller{AppID: "two", Roles: []Role{RoleAdmin}}},
		{"all", "a-secret", &Caller{AppID: "all", Roles: []Role{}}},
		{"all", "b-secret", &Caller{AppID: "all", Roles: []Role{}}},
		{"tested", "real-secret", &Caller{AppID: "tested", Roles: []Role{RoleSend, RoleTemplates}}},
		{"tested", "test-secret", &Caller{AppID: "tested:test", Roles: []Role{RoleSend, RoleTemplates}, test: true}},
		{"tested-admin", "test-secret", &Caller{AppID: "tested-admin:test", Roles: []Role{RoleSend, RoleTemplates}, test: true}},
		{"tested:test", "test-secret", nil},
		{"two", "dev-secret", nil},
		{"two", "", nil},
		{"off", "off-secret", nil},
		{"empty", "", nil},
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
