package smoke

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// What the examples of the Go client show, against the service.
func TestGoClient(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	c, err := client.New(client.Options{URL: r.Base, AppID: harness.AppID, AppSecret: harness.AppSecret})
	require.NoError(t, err)

	id := r.Send("k", 3)
	n, err := c.Wait(limit.Context(t), id)
	require.NoError(t, err)
	require.Equal(t, client.StatusSuccess, n.Status)
	require.Equal(t, 3, n.Counts.Success)
	require.Empty(t, n.Tasks)

	found := map[string]bool{}
	for d, err := range c.AllDeliveries(t.Context(), client.DeliveryQuery{DeliveryFilter: client.DeliveryFilter{Notification: id}, Limit: 2}) {
		require.NoError(t, err)
		found[d.ID] = true
	}
	require.Len(t, found, 3, "of two pages")

	later := time.Now().Add(time.Hour)
	waiting, err := c.Send(t.Context(), client.SendRequest{
		IdempotencyKey: "later", SendAt: &later,
		Channels:   map[string]client.Message{client.ChannelFeishuApp: {Template: "feishu-alert", Params: map[string]any{"incident": "i", "severity": "P0"}}},
		Recipients: []client.RecipientRequest{{Type: client.RecipientFeishuUserID, Value: "ou_a"}},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = c.Wait(ctx, waiting.NotificationID)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	_, err = c.Send(t.Context(), client.SendRequest{
		IdempotencyKey: "other", Channels: map[string]client.Message{client.ChannelFeishuApp: {Template: "missing"}},
		Recipients: []client.RecipientRequest{{Type: client.RecipientFeishuUserID, Value: "ou_a"}},
	})
	var refused *client.Problem
	require.ErrorAs(t, err, &refused)
	require.Equal(t, client.CodeUnknownTemplate, refused.Code)
	require.Equal(t, "channels.feishu_app.template", refused.Field())
}

// The TypeScript client is compiled, installed as a package, and called by a program that is compiled
// against its types. So is the example of its page, which is not run.
func TestTypeScriptClient(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()

	const source = "../../../client/typescript"
	tsc, err := filepath.Abs("../../tools/node/node_modules/.bin/tsc")
	require.NoError(t, err)
	require.FileExists(t, tsc, "make deps installs it")
	dir := t.TempDir()
	installed := filepath.Join(dir, "node_modules/@labring/sealos-notify-client")
	require.NoError(t, os.MkdirAll(installed, 0o700))
	copyFile(t, filepath.Join(source, "package.json"), filepath.Join(installed, "package.json"))
	execute(t, source, nil, tsc, "--outDir", filepath.Join(installed, "dist"))

	copyFile(t, "testdata/typescript/client.ts", filepath.Join(dir, "client.ts"))
	page, err := os.ReadFile(filepath.Join(source, "README.md"))
	require.NoError(t, err)
	example := regexp.MustCompile("(?s)```ts\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, example)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "readme.ts"), example[1], 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type": "module"}`), 0o600))
	execute(t, dir, nil, tsc, "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "client.ts", "readme.ts")

	said := execute(t, dir, []string{"URL=" + r.Base, "APP_ID=" + harness.AppID, "APP_SECRET=" + harness.AppSecret}, "node", "client.js")
	require.Equal(t, "all of it holds\n", said)
}

// execute runs a program that must succeed, and returns what it prints.
func execute(t *testing.T, dir string, env []string, program string, args ...string) string {
	t.Helper()
	cmd := limit.Command(t, limit.Run, program, args...)
	cmd.Dir, cmd.Env = dir, append(cmd.Environ(), env...)
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return string(said)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, 0o600))
}
