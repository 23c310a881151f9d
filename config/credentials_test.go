package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/config"
)

// checkApps checks a configuration with that credentials file, and returns the
// error without the file's path.
func checkApps(t *testing.T, apps string) (*config.Checked, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "apps.yaml")
	require.NoError(t, os.WriteFile(path, []byte(apps), 0o600))
	checked, err := config.Loader{Types: builtin.Types(), Env: map[string]string{"AUTH_CREDENTIALS_FILE_PATH": path}}.Check(nil)
	if err != nil {
		return nil, strings.ReplaceAll(err.Error(), path, "apps.yaml")
	}
	return checked, ""
}

func TestCredentialsFileIsRead(t *testing.T) {
	t.Parallel()
	checked, problems := checkApps(t, `
apps:
- appId: "notify-console"
  appSecret: "dev-secret"
  name: "Notify Console"
  enabled: true
- appId: two
  appSecrets: [one-secret, "two:secret", 0123]
  roles: [admin]
- appId: all
  appSecret: a-secret
  appSecrets: [b-secret]
  roles: []
- appId: off
  appSecret: off-secret
  enabled: false
`)
	require.Empty(t, problems)
	require.Equal(t, "credentials of 4 apps", fmt.Sprint(checked.Credentials))
}

func TestCredentialsFileIsStrict(t *testing.T) {
	t.Parallel()
	const good = "apps:\n- appId: a\n  appSecret: canary\n"
	const notASCII = "must have one or more printable ASCII characters, and no space"
	const notAnID = "must be 1 to 128 letters, digits, dots, dashes or underscores"
	var served []string
	for _, typ := range builtin.Types() {
		served = append(served, typ.Channel)
	}
	for name, c := range map[string]struct{ file, want string }{
		"empty":               {"", "apps.yaml: apps: must have at least one element"},
		"no apps":             {"apps: []", "apps.yaml:1: apps: must have at least one element"},
		"unknown key":         {good + "  role: [send]\n", "apps.yaml:4: apps[0].role: unknown key"},
		"unknown top key":     {good + "app: []\n", "apps.yaml:4: app: unknown key"},
		"key twice":           {good + "  appSecret: canary2\n", "apps.yaml:4: apps[0].appSecret: is given twice"},
		"secret in a file":    {good + "- {appId: b, appSecretFile: /canary}\n", "apps.yaml:4: apps[1].appSecretFile: unknown key\napps.yaml:4: apps[1].appSecret: is required (or appSecrets)"},
		"not YAML":            {good + " x: [canary\n", "apps.yaml:4: not valid YAML: "},
		"not a mapping":       {"canary", "apps.yaml:1: must be a mapping of keys to values"},
		"apps not a list":     {"apps: canary", "apps.yaml:1: apps: must be a list"},
		"app not a mapping":   {good + "- canary\n", "apps.yaml:4: apps[1]: must be a mapping of keys to values"},
		"wrong type":          {"apps:\n- appId: a\n  appSecret: [canary]\n", "apps.yaml:3: apps[0].appSecret: must be a text"},
		"roles not a list":    {good + "  roles: canary\n", "apps.yaml:4: apps[0].roles: must be a list"},
		"enabled not a bool":  {good + "  enabled: canary\n", "apps.yaml:4: apps[0].enabled: must be true or false"},
		"app twice":           {good + "- appId: b\n  appSecret: canary\n- appId: a\n  appSecret: canary\n", "apps.yaml:6: apps[2].appId: is given twice"},
		"no id":               {good + "- appSecret: canary\n", "apps.yaml:4: apps[1].appId: " + notAnID},
		"colon in id":         {good + "- appId: a:b\n  appSecret: canary\n", "apps.yaml:4: apps[1].appId: " + notAnID},
		"space in id":         {good + "- appId: a b\n  appSecret: canary\n", "apps.yaml:4: apps[1].appId: " + notAnID},
		"no secret":           {good + "- appId: b\n", "apps.yaml:4: apps[1].appSecret: is required (or appSecrets)"},
		"empty secret":        {good + "- appId: b\n  appSecret: ''\n", "apps.yaml:5: apps[1].appSecret: is required (or appSecrets)"},
		"line feed":           {good + "- appId: b\n  appSecret: \"canary\\n\"\n", "apps.yaml:5: apps[1].appSecret: " + notASCII},
		"not ASCII":           {good + "- appId: b\n  appSecret: canary密\n", "apps.yaml:5: apps[1].appSecret: " + notASCII},
		"empty second":        {good + "- appId: b\n  appSecrets: [canary, '']\n", "apps.yaml:5: apps[1].appSecrets[1]: " + notASCII},
		"empty second below":  {good + "- appId: b\n  appSecrets:\n  - canary\n  - ''\n", "apps.yaml:7: apps[1].appSecrets[1]: " + notASCII},
		"test secret twice":   {good + "  testSecrets:\n  - canary\n", "apps.yaml:5: apps[0].testSecrets[0]: must differ from all other secrets"},
		"test secret of all":  {good + "- {appId: b, appSecret: canary2, testSecrets: [canary]}\n- {appId: c, appSecret: canary3, testSecrets: [canary4, canary4]}\n- {appId: d, appSecret: canary5, testSecrets: [canary4]}\n", "apps.yaml:4: apps[1].testSecrets[0]: must differ from all other secrets\napps.yaml:5: apps[2].testSecrets[0]: must differ from all other secrets\napps.yaml:5: apps[2].testSecrets[1]: must differ from all other secrets\napps.yaml:6: apps[3].testSecrets[0]: must differ from all other secrets"},
		"limit too large":     {good + "  limits:\n    deliveriesPerDay: {sms: 1000000001, voice: 9999999999999999999999}\n", "apps.yaml:5: apps[0].limits.deliveriesPerDay.voice: must be a whole number\napps.yaml:5: apps[0].limits.deliveriesPerDay.sms: must be from 0 to 1000000000"},
		"limit of two":        {good + "  limits:\n    deliveriesPerMinute: {sms: -1, voice: -1}\n    deliveriesPerDay: 5\n    perHour: 1\n", "apps.yaml:6: apps[0].limits.deliveriesPerDay: must be a mapping of keys to values\napps.yaml:7: apps[0].limits.perHour: unknown key\napps.yaml:5: apps[0].limits.deliveriesPerMinute.sms: must be from 0 to 1000000000\napps.yaml:5: apps[0].limits.deliveriesPerMinute.voice: must be from 0 to 1000000000"},
		"weight 0":            {good + "  weight: 0\n", "apps.yaml:4: apps[0].weight: must be from 1 to 100"},
		"weight too large":    {good + "  weight: 101\n", "apps.yaml:4: apps[0].weight: must be from 1 to 100"},
		"weight no number":    {good + "  weight: heavy\n", "apps.yaml:4: apps[0].weight: must be a whole number"},
		"high no bool":        {good + "  limits: {highPriority: never}\n", "apps.yaml:4: apps[0].limits.highPriority: must be true or false"},
		"a secret as channel": {good + "  limits: {deliveriesPerDay: {'canary:secret': 1}}\n", "apps.yaml:4: apps[0].limits.deliveriesPerDay.(not a plain name): unknown channel; there are: " + strings.Join(served, ", ")},
		"negative limit":      {good + "  limits:\n    requestsPerMinute: -1\n", "apps.yaml:5: apps[0].limits.requestsPerMinute: must be from 0 to 1000000000"},
		"negative deliveries": {good + "  limits:\n    deliveriesPerDay:\n      sms: -1\n", "apps.yaml:6: apps[0].limits.deliveriesPerDay.sms: must be from 0 to 1000000000"},
		"limit of nothing":    {good + "  limits:\n    deliveriesPerMinute:\n      fax: 1\n", "apps.yaml:6: apps[0].limits.deliveriesPerMinute.fax: unknown channel; there are: " + strings.Join(served, ", ")},
		"limit no number":     {good + "  limits: {requestsPerMinute: canary}\n", "apps.yaml:4: apps[0].limits.requestsPerMinute: must be a whole number"},
		"unknown role":        {good + "  roles:\n  - send\n  - canary\n", "apps.yaml:6: apps[0].roles[1]: must be one of send, templates, admin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := checkApps(t, c.file)
			if name == "not YAML" {
				require.Contains(t, problems, c.want)
			} else {
				require.Equal(t, c.want, problems)
			}
			require.NotContains(t, problems, "canary", "an error shows no secret")
		})
	}
}

func TestCheckReportsTheCredentialsFileWithTheRest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte("auth: {credentialsFilePath: /nonexistent/apps.yaml}\nlogging:\n  level: loud\n"), 0o600))
	loader := config.Loader{Path: path, Env: map[string]string{}}
	_, err := loader.Check(nil)
	require.EqualError(t, err, path+":3: logging.level: must be one of debug, info, warn, error\n"+
		path+":1: auth.credentialsFilePath: cannot be read: no such file or directory")
	require.ErrorIs(t, err, os.ErrNotExist)
}
