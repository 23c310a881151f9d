package smoke

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// spans is an OpenTelemetry collector that keeps the spans it receives.
type spans struct {
	mu    sync.Mutex
	spans []*tracepb.Span
	all   string // all requests, as JSON
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var export collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &export) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all += protojson.Format(&export)
	for _, resource := range export.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			s.spans = append(s.spans, scope.GetSpans()...)
		}
	}
}

// named waits for n spans with the name and returns them.
func (s *spans) named(t *testing.T, name string, n int) []*tracepb.Span {
	t.Helper()
	var found []*tracepb.Span
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		found = nil
		for _, span := range s.spans {
			if span.GetName() == name {
				found = append(found, span)
			}
		}
		return len(found) >= n
	}, harness.Patience, harness.Tick, "waiting for %d spans %q", n, name)
	require.Len(t, found, n)
	return found
}

// One trace holds the request, the commit, the job and each attempt. The log has its
// id.
func TestTraceFromTheRequestToTheVendor(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		got := &spans{}
		server := httptest.NewServer(got)
		defer server.Close()
		w.Configure(map[string]string{"tracing": `{endpoint: "` + server.URL + `"}`})
		r := w.StartWith([]string{"OTEL_BSP_SCHEDULE_DELAY=20"})
		r.Template()
		w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, HTTPStatus: 500, Code: "1500"})

		const caller, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
		id := sendTraced(t, r, "traced", "00-"+caller+"-"+span+"-01")
		r.Until(id, "success")

		post, accept := got.named(t, "POST /api/v1/notifications", 1)[0], got.named(t, "accept", 1)[0]
		deliver, send := got.named(t, "deliver", 2), got.named(t, "send", 2)
		committed, recorded := got.named(t, "batch accept", 1), got.named(t, "batch record", 2)
		for _, s := range slices.Concat([]*tracepb.Span{post, accept}, deliver, send, committed, recorded) {
			require.Equal(t, caller, hex.EncodeToString(s.GetTraceId()), s.GetName())
		}
		require.Equal(t, span, hex.EncodeToString(post.GetParentSpanId()))
		require.Equal(t, post.GetSpanId(), accept.GetParentSpanId())
		for i := range 2 {
			require.Equal(t, accept.GetSpanId(), deliver[i].GetParentSpanId())
			require.Contains(t, [][]byte{deliver[0].GetSpanId(), deliver[1].GetSpanId()}, send[i].GetParentSpanId())
		}
		require.Contains(t, got.all, `"sealos-notify"`, "the resource is named")
		require.Contains(t, got.all, `"service.version"`)

		require.Equal(t, caller, r.Await("attempt")["traceId"])
		for line := r.Await("request"); line["traceId"] != caller; line = r.Await("request") {
			continue
		}
		require.Zero(t, r.Terminate(), "the last spans are exported")
		for _, secret := range []string{"ou_traced_0", "DB 主节点不可用", harness.AppSecret, harness.VendorSecret} {
			require.NotContains(t, got.all, secret)
		}
	})
}

// Deliveries do not wait for a collector that is down. Without a collector nothing is
// traced and jobs have no metadata.
func TestTracesAreNoBurden(t *testing.T) {
	t.Parallel()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for name, c := range map[string]struct {
		endpoint string
		metadata string // of the job
	}{
		"no collector": {"", "{}"},
		"it is down":   {"http://127.0.0.1:1", "0af7651916cd43dd8448eb211c80319c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := harness.NewPostgres(t)
			w.Configure(map[string]string{"tracing": `{endpoint: "` + c.endpoint + `"}`})
			r := w.StartWith([]string{"OTEL_BSP_SCHEDULE_DELAY=20"})
			r.Template()
			r.Until(sendTraced(t, r, "k", parent), "success")
			var metadata string
			require.NoError(t, w.Pool().QueryRow(t.Context(),
				"SELECT metadata::text FROM river_job WHERE kind = 'deliver'").Scan(&metadata))
			require.Contains(t, metadata, c.metadata)
			require.Equal(t, c.endpoint != "", strings.Contains(r.Log.String(), "traceId"))
			if c.endpoint != "" {
				r.Await("traces could not be exported")
			}
			require.Zero(t, r.Terminate())
			for line := range strings.Lines(r.Log.String()) {
				require.True(t, json.Valid([]byte(line)), line)
			}
		})
	}
}

// sendTraced posts a notification as part of the caller's trace and returns its id.
func sendTraced(t *testing.T, r *harness.Replica, key, traceparent string) string {
	t.Helper()
	body, err := json.Marshal(harness.Notification(key, 1))
	require.NoError(t, err)
	req, err := http.NewRequest(http.MethodPost, r.Base+"/api/v1/notifications", bytes.NewReader(body))
	require.NoError(t, err)
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "X-App-Id": {harness.AppID}, "X-App-Secret": {harness.AppSecret},
		"Traceparent": {traceparent},
	}
	resp, err := limit.Client.Do(req)
	require.NoError(t, err)
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusAccepted, resp.StatusCode, "%s", raw)
	return harness.NewAnswer(t, resp, raw).Body["notificationId"].(string)
}
