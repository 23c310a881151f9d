package security

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// No field of a mail accepts a line break or a NUL. The API refuses text that would
// become another header or command.
func TestMailFieldsTakeNoBreaks(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		r := w.Start()
		templates(r)
		send := func(incident, address string) harness.Answer {
			body := notification("k", incident, []map[string]string{{"type": "email", "value": address}})
			body["channels"] = map[string]any{"email": body["channels"].(map[string]any)["email"]}
			return r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", body)
		}
		for _, char := range []string{"\r", "\n", "\r\n", "\x00"} {
			for _, text := range []string{char, char + "Bcc: eve@example.com", "x" + char + char + "body"} {
				require.Contains(t, []int{400, 422}, send(text, mail).Status, "%q in a subject", text)
				require.Contains(t, []int{400, 422}, send("x", mail+text).Status, "%q behind an address", text)
				require.Contains(t, []int{400, 422}, send("x", text+mail).Status, "%q before an address", text)
			}
		}
		require.Zero(t, w.Vendors.Inbox.Total())
		a := send("x", mail)
		require.Equal(t, http.StatusAccepted, a.Status, "no refused request used up the key")
		harness.RequireOnceEach(t, w, harness.IDs(r.Until(a.Body["notificationId"].(string), "success")))
	})
}

// No request can write a line into the log.
func TestLogLinesCannotBeForged(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start("--log-level", "debug")
	const forged = `{"level":"error","msg":"forged"}`
	for _, evil := range []string{"\n" + forged, "\r" + forged, "\x1b[2J" + forged, "\u009b2J" + forged, "\u2028" + forged, `",` + forged, "%0a" + forged, "\x00" + forged, "\xff" + forged} {
		for _, request := range []string{
			"GET /livez" + evil + " HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /api/v1/" + evil + " HTTP/1.1\r\nHost: x\r\nX-App-Id: " + harness.AppID + "\r\nX-App-Secret: " + harness.AppSecret + "\r\n\r\n",
			"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: " + evil + "\r\nUser-Agent: " + evil + "\r\nReferer: " + evil + "\r\n\r\n",
			"GET /api/v1/templates HTTP/1.1\r\nHost: x\r\nX-App-Id: " + evil + "\r\nX-App-Secret: " + evil + "\r\n\r\n",
			evil + " /livez HTTP/1.1\r\nHost: x\r\n\r\n",
			"GET /livez HTTP/1.1" + evil + "\r\nHost: " + evil + "\r\n\r\n",
		} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(r.Base, "http://"))
			require.NoError(t, err)
			require.NoError(t, conn.SetDeadline(time.Now().Add(limit.Wait)))
			_, err = io.WriteString(conn, request)
			require.NoError(t, err)
			require.NoError(t, conn.(*net.TCPConn).CloseWrite())
			_, err = io.Copy(io.Discard, conn) // until the service has answered and closed
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "no answer to %q", request)
			require.NoError(t, conn.Close())
		}
	}
	require.Zero(t, r.Terminate())

	lines := strings.Split(r.Log.String(), "\n")
	require.Greater(t, len(lines), 10)
	for _, line := range lines {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		require.NotEqual(t, "forged", entry["msg"], line)
		require.Negative(t, strings.IndexFunc(line, unicode.IsControl), "%q", line)
	}
}
