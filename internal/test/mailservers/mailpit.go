package mailservers

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/freeport"
)

// MailpitServer is a running Mailpit.
type MailpitServer struct {
	Port int
	CA   string // PEM

	api string
}

// TLSMode is how TLS begins at a Mailpit.
type TLSMode string

// Both modes refuse clients without TLS.
const (
	ImplicitTLS TLSMode = "--smtp-require-tls"
	StartTLS    TLSMode = "--smtp-require-starttls"
)

// Mailpit runs a Mailpit until the test ends. It requires TLS and the account.
func Mailpit(t testing.TB, mode TLSMode) *MailpitServer {
	t.Helper()
	program, err := mailpitProgram()
	require.NoError(t, err)
	cert := newCertificate(t)
	smtp, api := freePort(t), freePort(t)
	start(t, nil, program, []string{
		"--smtp", freeport.Address(smtp), "--listen", freeport.Address(api),
		"--smtp-tls-cert", cert.certFile, "--smtp-tls-key", cert.keyFile, string(mode),
		"--smtp-auth-file", write(t, "accounts", Username+":"+Password),
		"--smtp-disable-rdns", "--disable-version-check", "--enable-chaos",
		"--database", filepath.Join(t.TempDir(), "mailpit.db"),
	}, smtp, api)
	return &MailpitServer{Port: smtp, CA: cert.ca, api: "http://" + freeport.Address(api) + "/api/v1/"}
}

// mailpitProgram builds Mailpit from its own module, which pins the version, and
// returns its path in Go's build cache. The first build takes minutes.
var mailpitProgram = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.Command("go", "tool", "-n", "mailpit")
	cmd.Dir = filepath.Join(filepath.Dir(here), "mailpit")
	path, err := cmd.Output()
	return strings.TrimSpace(string(path)), err
})

// Chaos holds the SMTP codes with which a Mailpit refuses; 0 refuses nothing.
type Chaos struct{ Sender, Recipient, Authentication int }

// Fail makes the server refuse as the chaos says.
func (m *MailpitServer) Fail(t testing.TB, c Chaos) {
	t.Helper()
	trigger := func(code int) map[string]int {
		if code == 0 {
			return map[string]int{"ErrorCode": 451, "Probability": 0}
		}
		return map[string]int{"ErrorCode": code, "Probability": 100}
	}
	body, err := json.Marshal(map[string]any{
		"Sender": trigger(c.Sender), "Recipient": trigger(c.Recipient), "Authentication": trigger(c.Authentication),
	})
	require.NoError(t, err)
	m.call(t, http.MethodPut, "chaos", body)
}

// Messages returns the mails as they arrived, the newest first.
func (m *MailpitServer) Messages(t testing.TB) [][]byte {
	t.Helper()
	var list struct {
		Messages []struct{ ID string }
	}
	require.NoError(t, json.Unmarshal(m.call(t, http.MethodGet, "messages", nil), &list))
	var raw [][]byte
	for _, message := range list.Messages {
		raw = append(raw, m.call(t, http.MethodGet, "message/"+message.ID+"/raw", nil))
	}
	return raw
}

func (m *MailpitServer) call(t testing.TB, method, path string, body []byte) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, m.api+path, bytes.NewReader(body))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, resp.Body.Close()) }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, string(answer))
	return answer
}
