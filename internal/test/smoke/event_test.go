package smoke

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// eventsKey is endpoints.key.
const eventsKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// eventRequest is a request to an endpoint.
type eventRequest struct {
	header http.Header
	body   []byte
}

// javascript runs the line of docs/events.md that verifies an event, with Standard Webhooks' own library, which make deps
// installs, and returns the event.
func (got eventRequest) javascript(t *testing.T, secret string) (map[string]any, error) {
	t.Helper()
	line := harness.Blocks(t, "docs/events.md", "## What comes", "js")[0]
	cmd := limit.Command(t, limit.Wait, "node", "-e", `
		const { Webhook } = require("standardwebhooks")
		const { headers, body } = JSON.parse(require("fs").readFileSync(0, "utf8"))
		`+line+`
		console.log(JSON.stringify(event))`)
	headers := map[string]string{}
	for name := range got.header {
		headers[name] = got.header.Get(name)
	}
	input, err := json.Marshal(map[string]any{"headers": headers, "body": string(got.body)})
	require.NoError(t, err)
	cmd.Stdin = bytes.NewReader(input)
	cmd.Env = append(cmd.Environ(), "NOTIFY_SECRET="+secret, "NODE_PATH="+filepath.Join(harness.Project(), "internal/tools/node/node_modules"))
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		return nil, errors.New(string(exit.Stderr))
	}
	var event map[string]any
	require.NoError(t, json.Unmarshal(out, &event))
	return event, nil
}

// An app is told what became of its notifications, over HTTPS with a private CA, and verifies that by
// Standard Webhooks' own libraries for Go and JavaScript.
func TestEvents(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		requests := make(chan eventRequest, 1000)
		receiver := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			requests <- eventRequest{r.Header, body}
		}))
		t.Cleanup(receiver.Close)
		w.Write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: receiver.Certificate().Raw})))
		w.Configure(map[string]string{"endpoints": fmt.Sprintf("{key: %q, allowPrivateNetworks: true}", eventsKey)})
		r := w.StartWith([]string{"SSL_CERT_FILE=" + w.Path("ca.pem")})
		r.Template()

		refused := r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/endpoints", map[string]any{"url": "ftp://hooks.example.com"})
		require.Equal(t, "invalid_url", refused.Body["code"])
		made := r.Do(http.StatusCreated, http.MethodPost, "/api/v1/endpoints", map[string]any{"url": receiver.URL + "/hook?token=canary"})
		endpoint, secret := made.Body["id"].(string), made.Body["secret"].(string)
		verify := func(secrets ...string) map[string]any {
			t.Helper()
			got := limit.Receive(t, requests, "an event")
			var event map[string]any
			require.NoError(t, json.Unmarshal(got.body, &event))
			for _, secret := range secrets {
				verifier, err := standardwebhooks.NewWebhook(secret)
				require.NoError(t, err)
				require.NoError(t, verifier.Verify(got.body, got.header))
				verified, err := got.javascript(t, secret)
				require.NoError(t, err)
				require.Equal(t, event, verified)
				_, err = eventRequest{got.header, append([]byte(" "), got.body...)}.javascript(t, secret)
				require.ErrorContains(t, err, "No matching signature found")
			}
			return event
		}
		id := r.Send("k", 1)
		r.Until(id, "success")
		told := map[any]any{}
		for range 2 {
			event := verify(secret)
			data := event["data"].(map[string]any)
			require.Equal(t, id, data["notificationId"])
			told[event["type"]] = data["status"]
		}
		require.Equal(t, map[any]any{"delivery.success": "success", "notification.finished": "success"}, told)

		rotated := r.Do(http.StatusOK, http.MethodPost, "/api/v1/endpoints/"+endpoint+"/rotate", nil)
		r.Do(http.StatusOK, http.MethodPut, "/api/v1/endpoints/"+endpoint, map[string]any{"url": receiver.URL, "events": []string{"notification.finished"}, "disabled": true})
		r.Until(r.Send("meanwhile", 1), "success")
		r.Do(http.StatusOK, http.MethodPut, "/api/v1/endpoints/"+endpoint, map[string]any{"url": receiver.URL, "events": []string{"notification.finished"}})
		replayed := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/endpoints/"+endpoint+"/replay", map[string]any{"since": "2026-01-01T00:00:00Z"})
		require.EqualValues(t, 2, replayed.Body["events"])
		for range 2 {
			require.Equal(t, "notification.finished", verify(secret, rotated.Body["secret"].(string))["type"])
		}
		require.NotContains(t, fmt.Sprint(w.Dump()), strings.TrimPrefix(secret, "whsec_"), "the secret is sealed")
		require.NotContains(t, r.Log.String(), "canary", "the address is not logged")
		r.Do(http.StatusNoContent, http.MethodDelete, "/api/v1/endpoints/"+endpoint, nil)
		require.Zero(t, r.Terminate())
	})
}
