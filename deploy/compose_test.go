package deploy

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/testdb"
)

// compose has the fields of the compose file that the tests read.
type compose struct {
	Services map[string]composeService
	Volumes  map[string]any
}

type composeService struct {
	Command     []string
	Environment map[string]string
	Ports       []string
	Volumes     []string
	User        string
	ReadOnly    bool                                  `yaml:"read_only"`
	CapDrop     []string                              `yaml:"cap_drop"`
	SecurityOpt []string                              `yaml:"security_opt"`
	StopGrace   time.Duration                         `yaml:"stop_grace_period"`
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	HealthCheck struct{ Test []string }
}

func readCompose(t *testing.T) compose {
	t.Helper()
	return one[compose](t, "compose", "compose.yaml")
}

// variable matches a required variable in compose's syntax.
var variable = regexp.MustCompile(`\$\{([A-Z_]+):\?[^}]*\}`)

// changeMe matches the placeholders of secrets in the example files.
var changeMe = regexp.MustCompile(`CHANGE_ME\w*`)

// exampleEnv reads .env.example.
func exampleEnv(t *testing.T) map[string]string {
	t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(read(t, "compose/.env.example")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && line[0] != '#' {
			values[name] = value
		}
	}
	return values
}

func TestComposeServices(t *testing.T) {
	t.Parallel()
	file := readCompose(t)
	database, notify := file.Services["database"], file.Services["notify"]

	require.Contains(t, file.Volumes, "database")
	require.Contains(t, database.Volumes, "database:/var/lib/postgresql/data", "the data outlives the container")
	require.Equal(t, "CMD", database.HealthCheck.Test[0])
	require.Empty(t, database.Ports)
	require.Equal(t, "service_healthy", notify.DependsOn["database"].Condition)

	require.True(t, notify.ReadOnly)
	require.Equal(t, []string{"ALL"}, notify.CapDrop)
	require.Equal(t, []string{"no-new-privileges:true"}, notify.SecurityOpt)
	for _, port := range notify.Ports {
		require.Regexp(t, `^127\.0\.0\.1:`, port, "credentials travel without TLS")
	}

	used := map[string]bool{}
	for _, found := range variable.FindAllStringSubmatch(read(t, "compose/compose.yaml"), -1) {
		used[found[1]] = true
	}
	for name := range exampleEnv(t) {
		require.True(t, used[name], name)
		delete(used, name)
	}
	require.Empty(t, used, "missing in .env.example")
}

// The example files are refused until every placeholder in them is replaced. Then the
// service serves, and its grace period is longer than its longest stop.
func TestComposeConfiguration(t *testing.T) {
	t.Parallel()
	notify := readCompose(t).Services["notify"]
	root := harness.NewRoot(t)
	host, inside, _ := strings.Cut(strings.TrimSuffix(notify.Volumes[0], ":ro"), ":")
	files, err := os.ReadDir(filepath.Join("compose", host))
	require.NoError(t, err)
	example := exampleEnv(t)
	// check checks the example files with the placeholders replaced by a text.
	check := func(placeholder string) (env []string, output string, err error) {
		edit := func(text string) string { return changeMe.ReplaceAllString(text, placeholder) }
		for _, file := range files {
			content := read(t, filepath.Join("compose", host, file.Name()))
			root.Write(path.Join(inside, strings.TrimSuffix(file.Name(), ".example")), edit(content))
		}
		for name, value := range notify.Environment {
			env = append(env, name+"="+variable.ReplaceAllStringFunc(value, func(v string) string {
				return edit(example[variable.FindStringSubmatch(v)[1]])
			}))
		}
		cmd := root.Program(append([]string{"config", "check"}, notify.Command...)...)
		cmd.Env = env
		said, err := cmd.CombinedOutput()
		return env, string(said), err
	}
	_, output, err := check("$0")
	require.Error(t, err)
	for _, key := range []string{"database.password", "providers.feishu-app.appSecret", "apps[0].appSecret"} {
		require.Contains(t, output, key+": is a placeholder")
	}
	env, output, err := check("an-edited-value")
	require.NoError(t, err, output)
	require.Regexp(t, `(?m)^feishu_app +\S`, output, "it is on")

	db := testdb.New(t)
	serve := root.Program(notify.Command...)
	serve.Env = append(env, "DATABASE_HOST="+db.Host, fmt.Sprintf("DATABASE_PORT=%d", db.Port), "DATABASE_USER="+db.User,
		"DATABASE_PASSWORD="+db.Password, "DATABASE_DBNAME="+db.DBName, "SERVER_ADDRESS=127.0.0.1:0", "METRICS_ADDRESS=127.0.0.1:0")
	const margin = 10 * time.Second
	require.GreaterOrEqual(t, notify.StopGrace, longestStop(t, serve)+margin)
}
