// Package alertmanager runs a real Prometheus Alertmanager for tests.
package alertmanager

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// Server is a running Alertmanager.
type Server struct {
	t   *testing.T
	url string
}

// Alert is an alert as Prometheus posts it. It is resolved when EndsAt is in the
// past.
type Alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt,omitzero"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// listening matches the line of the log that has the address.
var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// Start runs an Alertmanager on the configuration until the test ends.
func Start(t *testing.T, config string) *Server {
	t.Helper()
	path, err := findProgram()
	require.NoError(t, err)
	folder := t.TempDir()
	file := filepath.Join(folder, "alertmanager.yaml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	cmd := limit.Command(t, limit.Run, path, "--config.file="+file, "--storage.path="+filepath.Join(folder, "data"),
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address=")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	var log bytes.Buffer
	address, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(io.TeeReader(stderr, &log))
		for lines.Scan() {
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				address <- found[1]
			}
		}
		_ = cmd.Wait() // the cleanup kills it
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		limit.Receive(t, ended, "the end of Alertmanager")
		if t.Failed() {
			t.Logf("log of Alertmanager:\n%s", log.String())
		}
	})
	select {
	case a := <-address:
		return &Server{t: t, url: "http://" + a}
	case <-ended:
		require.FailNow(t, "Alertmanager ended", log.String())
	case <-time.After(limit.Wait):
		require.FailNow(t, "waited too long for Alertmanager's address")
	}
	return nil
}

// Post posts alerts to the server.
func (s *Server) Post(alerts ...Alert) {
	s.t.Helper()
	body, err := json.Marshal(alerts)
	require.NoError(s.t, err)
	resp, err := limit.Client.Post(s.url+"/api/v2/alerts", "application/json", bytes.NewReader(body))
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, resp.Body.Close()) }()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, resp.StatusCode, strings.TrimSpace(string(answer)))
}

// findProgram returns the program's path.
func findProgram() (string, error) {
	for _, name := range []string{"prometheus-alertmanager", "alertmanager"} { // Debian's name comes first
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no Alertmanager found on PATH: run make deps")
}
