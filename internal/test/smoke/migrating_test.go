package smoke

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// Credentials of an app of the old service.
const (
	oldApp    = "old-console"
	oldSecret = "a-secret-of-the-old-service"
)

// oldTemplates is what the old service lists: some that are taken as they are, and one for each rule that
// it does not have.
func oldTemplates() []map[string]any {
	one := func(name, channel, msgType, subject, body, code string) map[string]any {
		return map[string]any{
			"id": 1, "name": name, "channel": channel, "msgType": msgType, "subject": subject, "body": body, "templateCode": code,
			"description": "", "createdAt": "2026-01-02T03:04:05.678901", "updatedAt": "2026-01-02 03:04:05", // without a zone
		}
	}
	return []map[string]any{
		one("feishu-alert", "feishu_app", "text", "", "【告警】{{ .incident }}(严重级别:{{ .severity }})", ""),
		one("email-alert", "email", "", "[{{ .severity }}]", "{{ .incident }}\r\n", ""),
		one("login-code", "sms", "", "", "", "SMS_1"),
		one("card", "feishu_app", "interactive", "", `{"elements": [{"tag": "markdown", "content": "{{ .text }}"}]`, ""),
		one("open", "email", "", "", "{{ if .x }}", ""),
		one("故障/alert", "feishu_app", "text", "", "{{ .incident }}", ""),
	}
}

// oldService answers GET /api/v1/templates as the README of the service that this one replaces says.
func oldService(t *testing.T, answer any) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-App-Id") != oldApp || r.Header.Get("X-App-Secret") != oldSecret:
			w.WriteHeader(http.StatusUnauthorized)
		case r.Method != http.MethodGet || r.URL.Path != "/api/v1/templates":
			w.WriteHeader(http.StatusNotFound)
		default:
			_ = json.NewEncoder(w).Encode(answer) // the test sees what is missing
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// The commands of docs/migrating.md work in their order. The test replaces only addresses.
func TestMigrating(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	w.UseAllChannels(w.Vendors.Addresses)
	blocks := func(heading string, count int) []string {
		found := shellBlocksOf(t, "docs/migrating.md", heading)
		require.Len(t, found, count, heading)
		return found
	}
	bin := filepath.Join(w.Dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, os.Symlink(w.Program().Path, filepath.Join(bin, "sealos-notify")))
	old := oldService(t, map[string]any{"templates": oldTemplates()})
	run := func(script, url string) (out string, code int) {
		script = strings.NewReplacer("http://old.example.com:8080", old, "http://127.0.0.1:8081", url,
			"FROM_APP_ID=notify-console", "FROM_APP_ID="+oldApp, "old-secret", oldSecret).Replace(script)
		cmd := limit.Command(t, 2*limit.Wait, "bash", "-c", script)
		cmd.Dir, cmd.Env = w.Dir, append(os.Environ(), "HOME="+w.Dir, "XDG_CONFIG_HOME=", "PATH="+bin+":"+os.Getenv("PATH"))
		shown, _ := cmd.CombinedOutput() // the exit code says it
		require.NotContains(t, string(shown), oldSecret)
		return string(shown), cmd.ProcessState.ExitCode()
	}

	out, code := run(blocks("## 1. The configuration", 1)[0], "")
	require.Zero(t, code, out)
	require.Contains(t, out, "config.yaml is valid")

	r := w.Start()
	pull := blocks("## 3. The templates", 4)
	login := strings.ReplaceAll(pull[0], "dev-secret", harness.AppSecret)
	out, code = run(login+pull[1], r.Base)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "email-alert    would be created\nfeishu-alert   would be created\nlogin-code     would be created\n")
	for _, refused := range []string{"template card: invalid_template: body: ", "template open: invalid_template: body: ", "template 故障/alert: invalid_request: name: "} {
		require.Contains(t, out, refused)
	}
	require.NotContains(t, out, "\ntemplate feishu-alert")
	c := openTerminal(t, w, r)
	require.Empty(t, runJSON[client.TemplateList](c, 0, "template", "list").Templates, "a dry run")

	out, code = run(login+pull[2], r.Base)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "feishu-alert   created\n")
	require.Len(t, runJSON[client.TemplateList](c, 0, "template", "list").Templates, 3)
	out, code = run(login+pull[2], r.Base)
	require.Equal(t, 1, code, out)
	require.Contains(t, out, "email-alert    unchanged\nfeishu-alert   unchanged\nlogin-code     unchanged\n")

	t.Log("the refused ones are corrected and pushed; pulling again keeps them")
	for file, change := range map[string][2]string{
		"card.yaml": {`"}]`, `"}]}`}, "open.yaml": {"{{ if .x }}", "{{ if .x }}x{{ end }}"}, "%E6%95%85%E9%9A%9C%2Falert.yaml": {"name: 故障/alert", "name: fault-alert"},
	} {
		path := w.Path("refused/" + file)
		saved, err := os.ReadFile(path)
		require.NoError(t, err)
		corrected := strings.Replace(string(saved), change[0], change[1], 1)
		require.NotEqual(t, string(saved), corrected, corrected)
		require.NoError(t, os.WriteFile(path, []byte(corrected), 0o600))
	}
	out, code = run(login+pull[3], r.Base)
	require.Zero(t, code, out)
	require.Contains(t, out, "fault-alert   created\n")
	out, code = run(login+pull[2], r.Base)
	require.Equal(t, 1, code, out) // the name is still refused
	require.Contains(t, out, "card           kept\n")
	require.Equal(t, `{"elements": [{"tag": "markdown", "content": "{{ .text }}"}]}`, runJSON[client.Template](c, 0, "template", "get", "card").Body)

	t.Log("the old service's request works here")
	answers := curls(t, w, r, strings.NewReplacer("http://127.0.0.1:8081", r.Base, "dev-secret", harness.AppSecret).Replace(blocks("## 4. A first notification", 1)[0]))
	require.Equal(t, http.StatusAccepted, answers[0].Status, answers[0].Raw)
	r.Until(answers[0].Body["notificationId"].(string), "success")
	require.Equal(t, "【告警】DB 主节点不可用(严重级别:P0)", w.Vendors.Feishu.Inbox().Arrivals()[0].Text)
}

// What is different here is kept, unless it is to be overwritten.
func TestPullOfDifferentTemplates(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	c := openTerminal(t, w, r).with("SEALOS_NOTIFY_FROM_APP_ID="+oldApp, "SEALOS_NOTIFY_FROM_APP_SECRET="+oldSecret)
	changed := oldTemplates()[:1]
	changed[0]["body"] = "{{ .incident }}"
	old := oldService(t, changed) // the list alone

	out, said := c.run(2, "template", "pull", "--from", old)
	require.Equal(t, "feishu-alert   kept\n", out)
	require.Contains(t, said, "different here, and kept: 1 template (--overwrite replaces them)")
	out, _ = c.run(0, "template", "pull", "--from", old+"/", "--overwrite", "--dry-run")
	require.Equal(t, "feishu-alert   would be updated\n", out)
	c.run(0, "template", "pull", "--from", old, "--overwrite")
	require.Equal(t, "{{ .incident }}", runJSON[client.Template](c, 0, "template", "get", "feishu-alert").Body)
	out, _ = c.run(0, "template", "pull", "--from", old)
	require.Equal(t, "feishu-alert   unchanged\n", out)
}

func TestPullFromAServiceThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	c := openTerminal(t, w, r).with("SEALOS_NOTIFY_FROM_APP_ID="+oldApp, "SEALOS_NOTIFY_FROM_APP_SECRET=wrong")
	old := oldService(t, oldTemplates())
	_, said := c.run(1, "template", "pull", "--from", old)
	require.Contains(t, said, "it does not know the app")
	require.NotContains(t, said, "wrong")
	w.Write("old-secret", oldSecret+"\n")
	c.run(1, "template", "pull", "--from", old, "--from-secret-file", w.Path("old-secret")) // some are refused

	_, said = c.run(1, "template", "pull", "--from", oldService(t, map[string]any{"items": []any{}}), "--from-secret-file", w.Path("old-secret"))
	require.Contains(t, said, "the answer is not a list of templates")
	_, said = c.run(1, "template", "pull", "--from", "old.example.com")
	require.Contains(t, said, "must look like https://host:port")

	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	redirects := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	_, said = c.run(1, "template", "pull", "--from", redirects.URL)
	require.Contains(t, said, "it answers with status 302")
	require.Zero(t, elsewhere, "the secret goes nowhere else")
	redirects.Close()
	c.run(3, "template", "pull", "--from", redirects.URL)
}
