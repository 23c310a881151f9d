package smoke

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// nobody is an address where nothing listens.
const nobody = "127.0.0.1:1"

// terminal runs commands of the program with an environment.
type terminal struct {
	t   *testing.T
	w   *harness.World
	env []string
}

// openTerminal returns a terminal with the replica's URL and the usual app's credentials.
func openTerminal(t *testing.T, w *harness.World, r *harness.Replica) terminal {
	return terminal{t, w, []string{
		"SEALOS_NOTIFY_URL=" + r.Base, "SEALOS_NOTIFY_APP_ID=" + harness.AppID, "SEALOS_NOTIFY_APP_SECRET=" + harness.AppSecret,
		"HOME=" + w.Dir, "XDG_CONFIG_HOME=" + w.Path("settings"),
	}}
}

// with returns the terminal with variables added. They override the others.
func (c terminal) with(env ...string) terminal {
	c.env = append(append([]string{}, c.env...), env...)
	return c
}

// run runs a command and returns its output. It requires the exit code, and that
// no secret is printed.
func (c terminal) run(code int, args ...string) (out, said string) {
	c.t.Helper()
	cmd := c.w.Program(args...)
	cmd.Env = append(cmd.Environ(), c.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(c.t, err, &exit)
	}
	require.Equal(c.t, code, cmd.ProcessState.ExitCode(), "%v\n%s\n%s", args, &stdout, &stderr)
	for _, secret := range []string{harness.AppSecret, harness.AdminSecret, harness.VendorSecret} {
		require.NotContains(c.t, stdout.String()+stderr.String(), secret, "%v", args)
	}
	return stdout.String(), stderr.String()
}

// runJSON runs a command with --output json and returns the decoded output.
func runJSON[T any](c terminal, code int, args ...string) (v T) {
	c.t.Helper()
	out, _ := c.run(code, append(args, "--output", "json")...)
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields() // the types are those of the client
	require.NoError(c.t, decoder.Decode(&v), out)
	require.False(c.t, decoder.More(), "one document: %s", out)
	return v
}

// sendArgs are the arguments that send the usual notification to one user.
func sendArgs(key string, more ...string) []string {
	return append([]string{
		"send", "-t", "feishu_app=feishu-alert", "-p", "incident=disk full", "-p", "severity=P0",
		"--to", "feishu_user_id:ou_" + key, "--key", key,
	}, more...)
}

func TestSendFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	c := openTerminal(t, w, r)

	out, said := c.run(0, sendArgs("k", "--to", "phone:+8613800000000", "--wait")...)
	require.Regexp(t, `^Notification \S+ ended as success, 1 delivery: 1 success\.\n$`, out)
	require.Contains(t, said, "Not reached by any of the channels: phone:+8613800000000")
	require.Contains(t, said, "1 delivery: 1 success\n", "a line for each change")
	require.Equal(t, 1, w.Vendors.Feishu.Inbox().Total())

	out, _ = c.run(0, sendArgs("k", "--to", "phone:+8613800000000")...)
	require.Contains(t, out, "Accepted before: notification")
	_, said = c.run(1, sendArgs("k", "--to", "phone:+8613900000000")...)
	require.Contains(t, said, "idempotency_conflict: idempotencyKey:")

	accepted := runJSON[client.Accepted](c, 0, "send", "feishu-alert", "--params-json", `{"incident": "disk full", "severity": 1}`, "--to", "email:a@example.com")
	require.Equal(t, 1, accepted.Deliveries)
	n := runJSON[client.Notification](c, 0, sendArgs("json", "--wait")...)
	require.Equal(t, client.StatusSuccess, n.Status)
	require.Equal(t, "json", n.IdempotencyKey)

	out, _ = c.run(0, "notifications", "show", accepted.NotificationID)
	require.Contains(t, out, "a@example.com")
	require.Len(t, runJSON[client.Notification](c, 0, "notifications", "show", accepted.NotificationID).Tasks, 1)
	list := runJSON[client.NotificationList](c, 0, "notifications", "list", "--key", "json", "--since", "1h")
	require.Len(t, list.Notifications, 1)
	_, said = c.run(0, "notifications", "list", "--limit", "1")
	require.Contains(t, said, "There are more: --after ")
}

func TestExitCodesOfTheCommandLine(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	c := openTerminal(t, w, r)

	// 1: wrong usage or a refused request.
	_, said := c.run(1, "send", "feishu-alert")
	require.Contains(t, said, "--to")
	_, said = c.run(1, "send", "feishu-alert", "--to", "alice@example.com")
	require.Contains(t, said, "--to alice@example.com: must be TYPE:VALUE")
	_, said = c.run(1, "send", "--to", "email:a@example.com")
	require.Contains(t, said, "name a template")
	_, said = c.run(1, "send", "no-such-template", "--to", "email:a@example.com")
	require.Contains(t, said, "there is no template no-such-template")
	_, said = c.run(1, "send", "feishu-alert", "--to", "email:a@example.com", "-p", "incident=x")
	require.Contains(t, said, "missing_param: channels.feishu_app.params.severity")
	c.run(1, "notifications", "show", "01a20d17-3551-7788-95be-f7cd62c9f4b4")
	c.run(1, "nonsense")
	_, said = c.with("SEALOS_NOTIFY_APP_SECRET=wrong-guess").run(1, "template", "list")
	require.Contains(t, said, "unauthorized: unknown app or wrong secret")
	require.NotContains(t, said, "wrong-guess")

	// 2: a delivery did not arrive.
	w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, HTTPStatus: 400, Code: "230001"})
	out, said := c.run(2, sendArgs("dead", "--wait")...)
	require.Contains(t, out, "ended as failed (not everything arrived), 1 delivery: 1 dead")
	require.Contains(t, out, "feishu_230001")
	require.Contains(t, said, "1 of 1 delivery did not arrive")

	// 3: no answer in time.
	hang := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, Hang: true})
	_, said = c.run(3, sendArgs("slow", "--wait", "--timeout", "500ms")...)
	require.Regexp(t, `notification \S+ has not ended after 500ms: .*; it goes on`, said)
	hang.Lift()
	_, said = c.run(3, "template", "list", "--url", "http://"+nobody)
	require.Contains(t, said, "the service does not answer: GET /api/v1/templates: dial tcp")

	// 130: Ctrl-C.
	hang = w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, Hang: true})
	cmd := w.Program(sendArgs("stopped", "--wait")...)
	cmd.Env = append(cmd.Environ(), c.env...)
	require.NoError(t, cmd.Start())
	limit.Count(t, hang, 1, "hanging sends")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	require.Equal(t, 130, cmd.ProcessState.ExitCode())
	hang.Lift()
}

// The command line finds a dead letter and sends it again.
func TestReplayFromTheCommandLine(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		c := openTerminal(t, w, r)
		w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 3, HTTPStatus: 400, Code: "230001"})
		for _, key := range []string{"a", "b", "c"} {
			c.run(2, sendArgs(key, "--wait")...)
		}

		out, _ := c.run(0, "deliveries", "list", "--status", "dead", "--since", "1h")
		require.Equal(t, 3, strings.Count(out, "feishu_230001"), out)
		dead := runJSON[client.DeliveryList](c, 0, "deliveries", "list", "--status", "dead", "--recipient", "ou_a").Deliveries
		require.Len(t, dead, 1)
		out, _ = c.run(0, "deliveries", "show", dead[0].ID)
		require.Contains(t, out, "feishu_user_id:ou_a")
		require.Contains(t, out, "permanent")
		require.Contains(t, out, "【告警】disk full(严重级别:P0)", "what was sent")
		require.Len(t, runJSON[client.Delivery](c, 0, "deliveries", "show", dead[0].ID).Attempts, 1)

		out, _ = c.run(0, "deliveries", "retry", dead[0].ID)
		require.Equal(t, "Delivery "+dead[0].ID+" goes again.\n", out)
		r.Until(dead[0].NotificationID, "success")
		_, said := c.run(1, "deliveries", "retry", dead[0].ID)
		require.Contains(t, said, "delivery_arrived")

		out, _ = c.run(0, "deliveries", "retry", "--code", "feishu_230001", "--dry-run")
		require.Equal(t, "Would be sent again: 2 dead deliveries.\n", out)
		require.Equal(t, 1, w.Vendors.Feishu.Inbox().Total(), "nothing was sent")
		require.Equal(t, client.Retried{Matched: 2, Retried: 2}, runJSON[client.Retried](c, 0, "deliveries", "retry", "--status", "dead", "--yes"))
		require.Eventually(t, func() bool { return w.Vendors.Feishu.Inbox().Total() == 3 }, harness.Patience, harness.Tick)

		_, said = c.run(1, "deliveries", "retry")
		require.Contains(t, said, "filter")
		_, said = c.run(1, "deliveries", "retry", dead[0].ID, "--code", "x")
		require.Contains(t, said, "ids or a filter, not both")
		_, said = c.run(1, "deliveries", "retry", "--status", "success")
		require.Contains(t, said, "--status must be one of")
	})
}

func TestCancelFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	c := openTerminal(t, w, r)
	later := time.Now().Add(time.Hour).Format(time.RFC3339)
	soon := runJSON[client.Accepted](c, 0, sendArgs("soon", "--send-at", "2h", "--expires-at", "1d")...)
	n := runJSON[client.Notification](c, 0, "notifications", "show", soon.NotificationID)
	require.WithinDuration(t, time.Now().Add(2*time.Hour), *n.SendAt, time.Minute)
	require.WithinDuration(t, time.Now().Add(24*time.Hour), *n.ExpiresAt, time.Minute)
	require.Len(t, runJSON[client.NotificationList](c, 0, "notifications", "list", "--since", "2d", "--until", "0s").Notifications, 1)
	require.Empty(t, runJSON[client.NotificationList](c, 0, "notifications", "list", "--until", "1d").Notifications)
	accepted := runJSON[client.Accepted](c, 0, sendArgs("later", "--send-at", later, "--priority", "high")...)
	out, _ := c.run(0, "notifications", "cancel", accepted.NotificationID)
	require.Contains(t, out, "cancelled, 1 delivery: 1 cancelled")
	n = runJSON[client.Notification](c, 0, "notifications", "show", accepted.NotificationID)
	require.Equal(t, client.StatusCancelled, n.Status)
	require.Equal(t, "high", n.Priority)
	require.NotNil(t, n.SendAt)
	out, said := c.run(2, sendArgs("later", "--send-at", later, "--priority", "high", "--wait")...)
	require.Contains(t, out, "ended as cancelled")
	require.Contains(t, said, "1 of 1 delivery did not arrive")
}

func TestTemplatesInAFolder(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	c := openTerminal(t, w, r)
	require.NoError(t, os.Mkdir(w.Path("templates"), 0o700))
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(w.Path("templates/"+name), []byte(content), 0o600))
	}

	// push accepts the output of get.
	alert, _ := c.run(0, "template", "get", "feishu-alert")
	write("alert.yaml", alert)
	write("mail.yaml", "name: mail\nchannel: feishu_app\nbody: |\n  line {{ .one }}\n  line two\n")
	out, _ := c.run(0, "template", "push", "templates", "--dry-run")
	require.Equal(t, "feishu-alert   would be unchanged\nmail           would be created\n", out)
	c.run(1, "template", "get", "mail")
	out, _ = c.run(0, "template", "push", "templates")
	require.Equal(t, "feishu-alert   unchanged\nmail           created\n", out)
	out, _ = c.run(0, "template", "push", "templates")
	require.Equal(t, "feishu-alert   unchanged\nmail           unchanged\n", out)
	require.Equal(t, 1, runJSON[client.Template](c, 0, "template", "get", "mail").Version, "what is unchanged is not written")
	out, _ = c.run(0, "template", "diff", "templates")
	require.Empty(t, out)

	write("mail.yaml", "name: mail\nchannel: feishu_app\nbody: |\n  line {{ .one }}\n  line 2\n")
	out, said := c.run(2, "template", "diff", "templates")
	require.Contains(t, out, "--- service/mail\n+++ folder/mail\n")
	require.Contains(t, out, "-  line two\n+  line 2\n")
	require.Contains(t, said, "different from the service: 1 template")
	out, _ = c.run(0, "template", "push", "templates")
	require.Contains(t, out, "mail           updated\n")

	// A refused template is named, and the others are pushed.
	write("broken.yaml", "name: broken\nchannel: feishu_app\nbody: '{{ .x '\n")
	write("good.yaml", "name: good\nchannel: feishu_app\nbody: x\n")
	out, said = c.run(1, "template", "push", "templates")
	require.Contains(t, said, "template broken: invalid_template: body:")
	require.Contains(t, out, "good           created\n")
	write("broken.yaml", "name: broken\nchanel: feishu_app\n")
	_, said = c.run(1, "template", "push", "templates")
	require.Contains(t, said, `broken.yaml: [2:1] unknown field "chanel"`)
	require.NoError(t, os.Remove(w.Path("templates/broken.yaml")))

	// Only --prune deletes, and asks.
	require.NoError(t, os.Remove(w.Path("templates/good.yaml")))
	c.run(0, "template", "diff", "templates")
	_, said = c.run(1, "template", "push", "templates", "--prune")
	require.Contains(t, said, "1 template without a file in "+w.Path("templates")+" will be deleted: good. Nothing was done")
	out, _ = c.run(0, "template", "push", "templates", "--prune", "--yes")
	require.Contains(t, out, "good           deleted\n")
	list := runJSON[client.TemplateList](c, 0, "template", "list").Templates
	require.Len(t, list, 2)

	// A deletion can be undone.
	out, _ = c.run(0, "template", "delete", "mail")
	require.Equal(t, "Template mail is deleted. To undo it: sealos-notify template restore mail 2\n", out)
	c.run(1, "template", "get", "mail")
	c.run(0, "template", "restore", "mail", "2")
	c.run(0, "template", "get", "mail")
	_, said = c.run(1, "template", "delete", "no-such-template")
	require.Contains(t, said, "not_found")

	// And only the app's own. Those of others may be in the folder as they are.
	other := c.with("SEALOS_NOTIFY_APP_ID="+harness.OtherID, "SEALOS_NOTIFY_APP_SECRET="+harness.OtherSecret)
	out, _ = other.run(0, "template", "push", "templates")
	require.Contains(t, out, "mail           unchanged\n")
	write("mail.yaml", "name: mail\nchannel: feishu_app\nbody: of a stranger\n")
	_, said = other.run(1, "template", "push", "templates")
	require.Contains(t, said, "template mail: not_owner: template mail belongs to the app "+harness.AppID)
	require.NoError(t, os.Remove(w.Path("templates/mail.yaml")))
	out, _ = other.run(0, "template", "push", "templates", "--prune")
	require.NotContains(t, out, "deleted")
	out, _ = c.run(0, "template", "push", "templates", "--prune", "--yes")
	require.Contains(t, out, "mail           deleted\n")
}

// Owners, private templates and the audit log from the command line.
func TestOwnersFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	c := openTerminal(t, w, w.Start())
	other := c.with("SEALOS_NOTIFY_APP_ID="+harness.OtherID, "SEALOS_NOTIFY_APP_SECRET="+harness.OtherSecret)
	admin := c.with("SEALOS_NOTIFY_APP_ID="+harness.AdminID, "SEALOS_NOTIFY_APP_SECRET="+harness.AdminSecret)
	require.NoError(t, os.Mkdir(w.Path("templates"), 0o700))
	const file = "name: payroll\nchannel: feishu_app\nprivate: true\nbody: x\n"
	require.NoError(t, os.WriteFile(w.Path("templates/payroll.yaml"), []byte(file), 0o600))
	c.run(0, "template", "push", "templates")
	out, _ := c.run(0, "template", "get", "payroll")
	require.Equal(t, file, out, "private is kept")
	out, _ = c.run(0, "template", "push", "templates")
	require.Contains(t, out, "unchanged")
	_, said := other.run(1, "template", "get", "payroll")
	require.Contains(t, said, "not_found")

	_, said = c.run(1, "template", "owner", "payroll", harness.OtherID)
	require.Contains(t, said, "only an administrator may give a template to another app")
	out, _ = admin.run(0, "template", "owner", "payroll", harness.OtherID)
	require.Equal(t, "Template payroll belongs to "+harness.OtherID+" now.\n", out)
	out, _ = other.run(0, "template", "get", "payroll")
	require.Equal(t, file, out)
	out, _ = other.run(0, "template", "list")
	require.Regexp(t, "payroll +feishu_app +"+harness.OtherID, out)

	other.run(0, "template", "restore", "payroll", "1")
	_, said = c.run(1, "audit")
	require.Contains(t, said, "does not have the role admin")
	out, said = admin.run(0, "audit", "--limit", "2")
	require.Regexp(t, harness.OtherID+` +- +template.restore +payroll +done +version 3, like version 1 +127\.0\.0\.1`, out)
	require.Regexp(t, harness.AdminID+` +- +template.owner +payroll +done +version 2, from `+harness.AppID+` to `+harness.OtherID, out)
	require.NotContains(t, out, "template.create")
	require.Contains(t, said, "--after")
	entries := runJSON[client.AuditList](admin, 0, "audit", "--app", harness.AppID, "--action", "template.create", "--object", "payroll").Entries
	require.Len(t, entries, 1)
	require.Empty(t, runJSON[client.AuditList](admin, 0, "audit", "--until", "1h").Entries)
}

// What push would refuse, --dry-run and check refuse in the same words. check also renders
// the templates with the params that stand in their files.
func TestTemplatesAreCheckedByTheService(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	c := openTerminal(t, w, r)
	require.NoError(t, os.Mkdir(w.Path("templates"), 0o700))
	write := func(name, content string) {
		require.NoError(t, os.WriteFile(w.Path("templates/"+name), []byte("name: "+name[:len(name)-5]+"\n"+content), 0o600))
	}
	write("good.yaml", "channel: feishu_app\nbody: '{{ .x }}'\nsampleParams: {x: {y: 1}, z: 2}\n")
	write("plain.yaml", "channel: feishu_app\nbody: '{{ .x }}'\n")
	write("lacking.yaml", "channel: feishu_app\nbody: '{{ .x }} {{ .y }}'\nsampleParams: {x: 1}\n")
	out, said := c.run(2, "template", "check", "templates")
	require.Equal(t, "good      ok, never mentions z\nlacking   sampleParams lack y\nplain     ok, not rendered: no sampleParams\n", out)
	require.Contains(t, said, "params are missing in 1 template")
	out, _ = c.run(0, "template", "push", "templates", "--dry-run")
	require.Equal(t, 3, strings.Count(out, "would be created"), out)
	require.Len(t, runJSON[client.TemplateList](c, 0, "template", "list").Templates, 1, "nothing was stored")

	write("broken.yaml", "channel: feishu_app\nbody: '{{ .x '\n")
	write("pigeon.yaml", "channel: pigeon\nbody: x\n")
	write("feishu-alert.yaml", "channel: email\nbody: moved\n")
	write("kind.yaml", "channel: email\nmsgType: post\nbody: x\n")
	write("bad name.yaml", "channel: email\nbody: x\n")
	_, dry := c.run(1, "template", "push", "templates", "--dry-run")
	_, checked := c.run(1, "template", "check", "templates")
	_, pushed := c.run(1, "template", "push", "templates")
	for _, name := range []string{"broken", "pigeon", "feishu-alert", "kind", "bad name"} {
		require.Contains(t, pushed, "template "+name+": ")
	}
	require.Equal(t, pushed, dry)
	require.Equal(t, pushed, checked)

	// The same for what is another app's, which is not noted as an attempt to change it.
	require.NoError(t, os.RemoveAll(w.Path("templates")))
	require.NoError(t, os.Mkdir(w.Path("templates"), 0o700))
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{"name": "hidden", "channel": "feishu_app", "body": "x", "private": true})
	write("hidden.yaml", "channel: feishu_app\nbody: y\n")
	write("good.yaml", "channel: feishu_app\nbody: y\n")
	other := c.with("SEALOS_NOTIFY_APP_ID="+harness.OtherID, "SEALOS_NOTIFY_APP_SECRET="+harness.OtherSecret)
	admin := c.with("SEALOS_NOTIFY_APP_ID="+harness.AdminID, "SEALOS_NOTIFY_APP_SECRET="+harness.AdminSecret)
	_, dry = other.run(1, "template", "push", "templates", "--dry-run")
	_, checked = other.run(1, "template", "check", "templates")
	require.Empty(t, runJSON[client.AuditList](admin, 0, "audit", "--app", harness.OtherID).Entries)
	_, pushed = other.run(1, "template", "push", "templates")
	require.Contains(t, pushed, "template good: not_owner")
	require.Contains(t, pushed, "template hidden: template_exists")
	require.Equal(t, pushed, dry)
	require.Equal(t, pushed, checked)
}

// A delivery that waits for its retry is sent now.
func TestRetryNowFromTheCommandLine(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{"defaults": `{retryBackoffSeconds: [3600], timeoutSeconds: 10}`})
		r := w.Start()
		r.Template()
		c := openTerminal(t, w, r)
		down := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 503})
		one, two := r.Send("one", 1), r.Send("two", 2)
		require.Eventually(t, func() bool { return len(r.Jobs("retryable")) == 3 }, harness.Patience, harness.Tick)
		out, _ := c.run(0, "deliveries", "list", "--notification", one)
		require.Contains(t, out, "failed (waits for a retry)")
		down.Lift()

		_, tasks := r.Show(one)
		out, _ = c.run(0, "deliveries", "retry", tasks[0].ID)
		require.Equal(t, "Delivery "+tasks[0].ID+" goes again.\n", out)
		r.Until(one, "success")
		out, _ = c.run(0, "deliveries", "retry", "--status", "failed", "--dry-run")
		require.Equal(t, "Would be sent again: 2 waiting deliveries.\n", out)
		c.run(0, "deliveries", "retry", "--status", "failed", "--yes")
		r.Until(two, "success")
	})
}

func TestTemplateFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	c := openTerminal(t, w, r)

	out, said := c.run(2, "template", "preview", "feishu-alert", "-p", "incident=disk full", "-p", "extra=1")
	require.Contains(t, out, "【告警】disk full")
	require.Contains(t, said, "params are missing: severity")
	require.Contains(t, said, "never mentions: extra")
	preview := runJSON[client.Preview](c, 0, "template", "preview", "feishu-alert", "-p", "incident=disk full", "-p", "severity=P0")
	require.Equal(t, "【告警】disk full(严重级别:P0)", preview.Body)

	out, _ = c.run(0, "template", "test", "feishu-alert", "-p", "incident=x", "-p", "severity=P0", "--to", "feishu_user_id:ou_me", "--wait")
	require.Contains(t, out, "ended as success")
	require.True(t, runJSON[client.NotificationList](c, 0, "notifications", "list").Notifications[0].Test)

	r.Do(http.StatusOK, http.MethodPut, "/api/v1/templates/feishu-alert", map[string]string{"body": "second"})
	versions := runJSON[client.VersionList](c, 0, "template", "versions", "feishu-alert").Versions
	require.Len(t, versions, 2)
	out, _ = c.run(0, "template", "versions", "feishu-alert")
	require.Contains(t, out, harness.AppID)
	out, _ = c.run(0, "template", "get", "feishu-alert", "--version", "1")
	require.Contains(t, out, "【告警】")
	out, _ = c.run(0, "template", "restore", "feishu-alert", "1")
	require.Equal(t, "Template feishu-alert is version 3 now, equal to version 1.\n", out)
	now, _ := c.run(0, "template", "get", "feishu-alert")
	require.Contains(t, now, "【告警】")
}

// Flags override the environment; the environment overrides the file.
func TestWhereAndWho(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	c := openTerminal(t, w, r).with("SEALOS_NOTIFY_URL=", "SEALOS_NOTIFY_APP_ID=", "SEALOS_NOTIFY_APP_SECRET=")
	require.NoError(t, os.MkdirAll(w.Path("settings/sealos-notify"), 0o700))
	settings := w.Path("settings/sealos-notify/config.yaml")
	write := func(mode os.FileMode, content string) {
		require.NoError(t, os.WriteFile(settings, []byte(content), 0o600))
		require.NoError(t, os.Chmod(settings, mode))
	}
	whole := fmt.Sprintf("url: %s\nappId: %s\nappSecret: %s\n", r.Base, harness.AppID, harness.AppSecret)

	_, said := c.run(1, "template", "list", "--url", r.Base)
	require.Contains(t, said, "unauthorized")

	write(0o600, whole)
	c.run(0, "template", "list")
	write(0o644, whole)
	_, said = c.run(1, "template", "list")
	require.Contains(t, said, "holds a secret and others may read it: chmod 600 "+settings)
	write(0o644, "url: "+r.Base+"\n")
	c.run(1, "template", "list")
	c.with("SEALOS_NOTIFY_APP_ID="+harness.AppID, "SEALOS_NOTIFY_APP_SECRET="+harness.AppSecret).run(0, "template", "list")

	// The error about a broken file does not contain the secret.
	for _, broken := range []string{whole + "appSecrets: x\n", whole + "  x: [", "appSecret: [" + harness.AppSecret + "]\n"} {
		write(0o600, broken)
		_, said = c.run(1, "template", "list")
		require.Contains(t, said, settings)
	}

	write(0o600, "url: http://"+nobody+"\nappId: nobody\nappSecret: nothing\n")
	w.Write("secret", harness.AppSecret+"\n")
	c.run(0, "template", "list", "--url", r.Base, "--app-id", harness.AppID, "--secret-file", w.Path("secret"))
	c.with("SEALOS_NOTIFY_URL="+r.Base, "SEALOS_NOTIFY_APP_ID="+harness.AppID, "SEALOS_NOTIFY_APP_SECRET="+harness.AppSecret).run(0, "template", "list")
	_, said = c.with("SEALOS_NOTIFY_URL="+r.Base).run(1, "template", "list", "--url", "nonsense")
	require.Contains(t, said, "the URL of the service must look like")
}

// A profile is a service and an app by name. It comes before the environment, and a flag
// before it.
func TestProfiles(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	c := openTerminal(t, w, r).with("SEALOS_NOTIFY_URL=", "SEALOS_NOTIFY_APP_ID=", "SEALOS_NOTIFY_APP_SECRET=")
	require.NoError(t, os.MkdirAll(w.Path("settings/sealos-notify"), 0o700))
	settings := w.Path("settings/sealos-notify/config.yaml")
	profiles := fmt.Sprintf(`url: http://%s
appId: nobody
appSecret: nothing
profiles:
  prod: {url: %q, appId: %s, appSecret: %s}
  admin: {url: %[2]q, appId: %[5]s, appSecret: %[6]s}
  half: {url: %[2]q}
`, nobody, r.Base, harness.AppID, harness.AppSecret, harness.AdminID, harness.AdminSecret)
	require.NoError(t, os.WriteFile(settings, []byte(profiles), 0o600))

	c.run(3, "whoami")
	out, _ := c.run(0, "whoami", "--profile", "prod")
	require.Equal(t, "Service   "+r.Base+"\nProfile   prod\nApp       "+harness.AppID+"\nRoles     send, templates\n", out)
	type identity struct {
		URL, Profile string
		client.Identity
	}
	who := runJSON[identity](c.with("SEALOS_NOTIFY_PROFILE=admin", "SEALOS_NOTIFY_URL=http://"+nobody), 0, "whoami")
	require.Equal(t, []string{r.Base, "admin", harness.AdminID}, []string{who.URL, who.Profile, who.AppID}, "before the environment")
	require.Equal(t, []string{"admin"}, who.Roles)
	who = runJSON[identity](c.with("SEALOS_NOTIFY_PROFILE=prod"), 0, "whoami", "--profile", "admin")
	require.Equal(t, harness.AdminID, who.AppID, "the flag")
	c.run(3, "whoami", "--profile", "prod", "--url", "http://"+nobody)
	c.with("SEALOS_NOTIFY_APP_ID="+harness.AppID, "SEALOS_NOTIFY_APP_SECRET="+harness.AppSecret).run(0, "whoami", "--profile", "half")
	_, said := c.run(1, "whoami", "--profile", "half")
	require.Contains(t, said, r.Base+" as app nobody: unauthorized: unknown app or wrong secret")

	_, said = c.run(1, "whoami", "--profile", "prdo")
	require.Contains(t, said, "there is no profile prdo in "+settings+", which has admin, half and prod")
	_, said = c.run(1, "whoami", "--profile", "")
	require.Contains(t, said, "--profile: must not be empty")
	require.NoError(t, os.Chmod(settings, 0o640))
	_, said = c.run(1, "whoami", "--profile", "prod")
	require.Contains(t, said, "chmod 600 "+settings)
	require.NoError(t, os.WriteFile(settings, []byte("profiles: {prod: {url: x, appSecrets: "+harness.AppSecret+"}}\n"), 0o600))
	require.NoError(t, os.Chmod(settings, 0o600))
	_, said = c.run(1, "whoami", "--profile", "prod")
	require.Contains(t, said, settings+":1: it may have url, appId and appSecret")
	require.NoError(t, os.Remove(settings))
	_, said = c.run(1, "whoami", "--profile", "prod")
	require.Contains(t, said, "there is no profile prod: "+settings+" has no profiles")
}

// Each command takes its own flags only, and a word that is none gets a suggestion.
func TestWrongUsage(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	c := terminal{t, w, nil}
	for _, flag := range [][]string{{"-c", "prod.yaml"}, {"--config=prod.yaml"}, {"--address", ":1"}, {"--log-level", "debug"}} {
		for _, command := range [][]string{
			{"deliveries", "retry", "--status", "dead"}, {"send", "x", "--to", "email:a@example.com"}, {"whoami"}, {"template", "list"}, {"notifications", "list"},
		} {
			_, said := c.run(1, append(append([]string{}, command...), flag...)...)
			require.Contains(t, said, "it is a flag of serve", command)
			require.Contains(t, said, "--profile or --url", command)
			require.Equal(t, 2, strings.Count(said, "\n"), "no page of usage: %s", said)
		}
	}
	_, said := c.run(1, "migrate", "status", "--address", ":1")
	require.Contains(t, said, "unknown flag --address: it is a flag of serve")
	for words, want := range map[string]string{
		"sned": `did you mean "send"?`, "templates list": `did you mean "template"?`,
		"template remove x": `unexpected argument remove`, "srve -c x": `did you mean "serve"?`,
	} {
		out, said := c.run(1, strings.Fields(words)...)
		require.Empty(t, out)
		require.Contains(t, said, want, words)
	}
	version, _ := c.run(0, "--version")
	require.Contains(t, version, "sealos-notify ")
	help, _ := c.run(0, "help", "send")
	require.Contains(t, strings.Join(strings.Fields(help), " "), "Types: contact, group, user_id, email, phone, feishu_user_id, feishu_group, feishu_chat_id, dingtalk_group, dingtalk_user_id, wecom_group, wecom_user_id, webhook.")
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	c := openTerminal(t, w, r)
	out, said := c.run(0, "healthcheck", "--url", r.Base+"/readyz")
	require.Empty(t, out+said)
	_, said = c.run(1, "healthcheck", "--url", r.Base+"/nowhere")
	require.Contains(t, said, "404")
	c.run(1, "healthcheck", "--url", "http://"+nobody+"/readyz")
}

// bash completes commands, flags and values.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	complete := func(words ...string) string {
		cmd := limit.Command(t, limit.Wait, "bash", "-euc", `source <("$0" completion bash)
			COMP_WORDS=("$0" "$@"); COMP_CWORD=$#; _sealos_notify; echo "${COMPREPLY[@]}"`)
		cmd.Args = append(cmd.Args, w.Program().Path)
		cmd.Args = append(cmd.Args, words...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return strings.TrimSpace(string(out))
	}
	require.Equal(t, "serve send", complete("se"))
	require.Equal(t, "push pull preview", complete("template", "p"))
	require.Equal(t, "--dry-run", complete("deliveries", "retry", "--d"))
	require.Equal(t, "text json", complete("template", "list", "--output", ""))
	require.Empty(t, complete("template", "push", "./"))
	c := terminal{t, w, nil}
	for _, shell := range []string{"zsh", "fish"} {
		out, _ := c.run(0, "completion", shell)
		require.Contains(t, out, "complete -- ")
	}
}
