package smoke

import (
	"context"
	"database/sql"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver

	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/store"
)

// Whatever goes wrong, no secret and no address reaches the log or River's
// tables, and no secret reaches an answer or any other table.
func TestNothingLeaks(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.configure(map[string]string{
			"providers": w.provider(", urgentType: sms"), "logging": `{level: debug}`,
			"defaults": `{maxRetry: 1, retryBackoffSeconds: [0], timeoutSeconds: 1}`,
		})
		r := w.start()
		r.template()
		const user, mail = "ou_canaryuser", "canary.mail@example.com"
		answers := ""
		for i, fault := range []feishu.Fault{
			{}, // none
			{Where: feishu.Token, HTTPStatus: 400, Code: "10014", Message: "bad " + feishuSecret},
			{Where: feishu.Messages, HTTPStatus: 400, Code: "230001", Message: "no such user " + user + " " + mail},
			{Where: feishu.Messages, HTTPStatus: 502, Body: "<html>" + user + mail + "</html>"},
			{Where: feishu.Messages, Reset: true},
			{Where: feishu.Messages, Hang: true},
			{Where: feishu.Urgent, HTTPStatus: 400, Code: "230001", Message: "quota of " + user},
			{Where: feishu.Users, HTTPStatus: 500, Body: "oops"},
		} {
			injected := w.feishu.Fail(fault)
			if i == 0 {
				injected.Lift()
			}
			body := notification(string(rune('a'+i)), 0)
			body["recipients"] = []map[string]string{{"type": "feishu_user_id", "value": user}, {"type": "email", "value": mail}}
			a := r.do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
			id := a.body["notificationId"].(string)
			require.Eventually(t, func() bool {
				status, _ := r.show(id)
				return status == "success" || status == "failed"
			}, patience, tick)
			injected.Lift()
			answers += r.do(http.StatusOK, http.MethodGet, "/api/v1/notifications/"+id, nil).raw
		}
		r.call(appID, "wrong-"+appSecret, http.MethodGet, "/api/v1/templates", nil)
		require.Zero(t, r.terminate())

		secrets := []string{feishuSecret, appSecret, adminSecret, "tenant_access_token", "Bearer"}
		for _, secret := range secrets {
			require.NotContains(t, answers, secret)
			require.NotContains(t, r.log.String(), secret)
		}
		for _, address := range []string{user, mail} {
			require.NotContains(t, r.log.String(), address)
		}
		for table, content := range w.dump() {
			for _, secret := range secrets {
				require.NotContains(t, content, secret, table)
			}
			if table == "river_job" {
				require.Contains(t, content, "deliver")
				require.NotContains(t, content, user)
				require.NotContains(t, content, mail)
			}
		}
	})
}

// dump returns the whole content of the database, by table.
func (w *world) dump() map[string]string {
	w.t.Helper()
	ctx := context.Background()
	tables := []string{"river_job", "notifications", "messages", "deliveries", "attempts", "templates"}
	content := make(map[string]string, len(tables))
	if w.db.Driver == store.DriverSQLite {
		db, err := sql.Open("sqlite", w.db.Path)
		require.NoError(w.t, err)
		defer func() { _ = db.Close() }()
		for _, table := range tables {
			content[table] = dumpRows(ctx, w, db, table)
		}
		return content
	}
	config, err := pgx.ParseConfig("")
	require.NoError(w.t, err)
	config.Host, config.Port, config.User, config.Password, config.Database = w.db.Host, uint16(w.db.Port), w.db.User, w.db.Password, w.db.DBName
	config.TLSConfig = nil
	conn, err := pgx.ConnectConfig(ctx, config)
	require.NoError(w.t, err)
	defer func() { _ = conn.Close(ctx) }()
	for _, table := range tables {
		rows, err := conn.Query(ctx, "SELECT t::text FROM "+table+" t")
		require.NoError(w.t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(w.t, err)
		for _, line := range lines {
			content[table] += line + "\n"
		}
	}
	return content
}

func dumpRows(ctx context.Context, w *world, db *sql.DB, table string) string {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table)
	require.NoError(w.t, err)
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	require.NoError(w.t, err)
	content := ""
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		require.NoError(w.t, rows.Scan(targets...))
		for _, v := range values {
			content += v.String + "\t"
		}
		content += "\n"
	}
	require.NoError(w.t, rows.Err())
	return content
}
