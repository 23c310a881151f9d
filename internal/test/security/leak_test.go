package security

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/dingtalk"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/internal/vendors/feishubot"
	"github.com/labring/sealos-notify/internal/vendors/webhook"
	"github.com/labring/sealos-notify/internal/vendors/wecom"
	"github.com/labring/sealos-notify/store"
)

// Canaries in the requests. Each may appear in certain places only.
const (
	mail     = "canary.mail@example.com"
	phone    = "+8613812345678"
	national = "13812345678"
	user     = "canaryuser"
	content  = "canary-content"
	guess    = "canary-guess"
)

// hook is the secret path of the group bot's URL.
var hook = feishubot.Path(harness.VendorID)

// With every fault of every vendor, no secret reaches the log, an answer or the
// database. No address and no content reaches the log, River's tables or the text of
// an error.
func TestNothingLeaks(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		w.Configure(map[string]string{"logging": `{level: debug}`, "defaults": `{maxRetry: 0, retryBackoffSeconds: [0], timeoutSeconds: 1}`})
		r := w.StartWith([]string{"DEBUG=tea,dara,credential"}) // makes Aliyun's SDK print requests
		templates(r)

		r.Do(http.StatusOK, http.MethodPut, "/api/v1/contacts/somebody", map[string]any{
			"addresses": everybody, "labels": map[string]string{"team": "x"},
		})
		r.Do(http.StatusOK, http.MethodPut, "/api/v1/groups/all", map[string]any{"labels": map[string]string{"team": "x"}})
		to := append([]map[string]string{{"type": "contact", "value": "somebody"}, {"type": "group", "value": "all"}}, everybody...)
		answers := ""
		for name, fault := range map[string]vendors.Fault{
			"none":         {},
			"refused":      {HTTPStatus: http.StatusBadRequest, Code: "550", Raw: true, Message: said},
			"denied":       {HTTPStatus: http.StatusForbidden, Code: "535", Raw: true, Message: said},
			"wait":         {HTTPStatus: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"Fri, 31 Dec 9999 23:59:59 GMT"}}, Body: said},
			"a gateway":    {HTTPStatus: http.StatusBadGateway, Code: "451", Raw: true, Body: "<html>" + said + "</html>"},
			"not a vendor": {HTTPStatus: http.StatusOK, Code: "452", Raw: true, Body: `{"hello":"` + said + `"}`},
			"cut":          {Reset: true, After: true},
			"silent":       {Hang: true},
		} {
			lift := failAll(w, fault)
			if name == "none" {
				lift()
			}
			body := notification(name, content, to)
			if name == "wait" {
				body["expiresAt"] = time.Now().Add(3 * time.Second) // a vendor's wait alone ends no delivery
			}
			answer, tasks := sendToEnd(t, r, body)
			lift()
			answers += answer
			require.Len(t, tasks, len(channels))
			for _, task := range tasks {
				require.Equal(t, name == "none", task.Status == "success", "%s: %s: %s %s", name, task.Channel, task.Status, task.LastError)
				requireNone(t, name+": "+task.Channel, task.LastCode+task.LastError, mail, national, user)
			}
		}
		answers += r.Call(harness.AppID, guess, http.MethodGet, "/api/v1/templates?after="+content, nil).Raw
		answers += r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", notification("bad", content,
			[]map[string]string{{"type": "phone", "value": mail}, {"type": "email", "value": phone}})).Raw
		metrics := get(t, r.Metrics)
		require.Zero(t, r.Terminate())

		secrets := []string{harness.VendorSecret, harness.AppSecret, harness.AdminSecret, hook, guess,
			dingtalk.Path(harness.VendorID), wecom.Path(harness.VendorID), webhook.Secret(harness.VendorSecret)}
		if w.DB.Password != "" {
			secrets = append(secrets, w.DB.Password)
		}
		for line := range strings.Lines(r.Log.String()) {
			require.True(t, json.Valid([]byte(line)), "a line that is not the log's: %s", line)
		}
		requireNone(t, "the log", r.Log.String(), append(secrets, mail, national, user, content)...)
		requireNone(t, "answers", answers, secrets...)
		require.Contains(t, metrics, "sealos_notify_attempts_total")
		requireNone(t, "the metrics", metrics, append(secrets, mail, national, user, content)...)
		for table, rows := range everyTable(t, w) {
			requireNone(t, table, rows, secrets...)
			switch table {
			case "notifications", "messages", "deliveries", "templates", "contacts", "contact_addresses": // they hold addresses and content
			case "attempts": // an in-app receipt has the user's namespace
				requireNone(t, table, rows, mail, national, content)
			default:
				requireNone(t, table, rows, mail, national, user, content)
			}
		}
	})
}

// said begins a failing vendor's message.
const said = "no, because of "

// failAll injects the fault into all vendors until it is lifted. Each vendor appends
// the secrets and the address that it was given to the message. (A signature contains
// no secret.)
func failAll(w *harness.World, fault vendors.Fault) (lift func()) {
	var injected []*vendors.Injection
	for _, v := range []struct {
		fail  func(vendors.Fault) *vendors.Injection
		where string
		knows string
	}{
		{w.Vendors.Cluster.Fail, "", user},
		{w.Vendors.Mail.Fail, "", mail + " " + harness.VendorSecret},
		{w.Vendors.SMS.Fail, "", phone + " " + national},
		{w.Vendors.Voice.Fail, "", phone + " " + national},
		{w.Vendors.Bot.Fail, "", mail + " " + hook},
		{w.Vendors.DingTalk.Fail, "", dingtalk.Path(harness.VendorID) + " " + harness.VendorSecret},
		{w.Vendors.WeCom.Fail, "", wecom.Path(harness.VendorID)},
		{w.Vendors.Webhook.Fail, "", harness.VendorSecret + " " + webhook.Secret(harness.VendorSecret)},
		{w.Vendors.Feishu.Fail, feishu.Messages, mail + " " + harness.VendorSecret},
	} {
		told := strings.NewReplacer(said, said+v.knows)
		f := fault
		f.Where, f.Message, f.Body = v.where, told.Replace(f.Message), told.Replace(f.Body)
		injected = append(injected, v.fail(f))
	}
	return func() {
		for _, i := range injected {
			i.Lift()
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := limit.Client.Get(url)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return string(body)
}

func requireNone(t *testing.T, place, text string, canaries ...string) {
	t.Helper()
	for _, canary := range canaries {
		if at := strings.Index(text, canary); at >= 0 {
			require.Fail(t, "it leaks", "%q in %s: …%s…", canary, place, text[max(0, at-200):min(len(text), at+200)])
		}
	}
}

// everyTable returns the content of all tables by name, River's among them.
func everyTable(t *testing.T, w *harness.World) map[string]string {
	t.Helper()
	if w.DB.Driver == store.DriverSQLite {
		return w.Dump()
	}
	ctx := limit.Context(t)
	pool := w.Pool()
	rows, err := pool.Query(ctx, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, tables, "river_job")
	content := map[string]string{}
	for _, table := range tables {
		rows, err := pool.Query(ctx, fmt.Sprintf("SELECT t::text FROM %s t", pgx.Identifier{table}.Sanitize()))
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		content[table] = strings.Join(lines, "\n")
	}
	return content
}
