// Package openid runs a real OpenID provider for tests.
package openid

import (
	"bufio"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// The client that providers know.
const (
	ClientID     = "sealos-notify"
	ClientSecret = "openid-canary-secret"
)

// Password is everybody's.
const Password = "password"

// Start runs a provider until the test ends or stop is called, and returns its issuer. It sends
// browsers to the redirect addresses only.
func Start(t testing.TB, redirects ...string) (issuer string, stop func()) {
	t.Helper()
	program, err := build()
	require.NoError(t, err)
	cmd := exec.Command(program, append([]string{ClientID, ClientSecret}, redirects...)...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	stop = sync.OnceFunc(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	t.Cleanup(stop)
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n')
		line <- strings.TrimSpace(text)
	}()
	issuer = limit.Receive(t, line, "the issuer of the provider")
	require.NotEmpty(t, issuer, "the provider did not start")
	return issuer, stop
}

// SignIn signs a person in at the address that a provider is asked for, and returns where the
// provider sends the browser then.
func SignIn(t testing.TB, address, person string) (callback *url.URL) {
	t.Helper()
	client := *limit.Client
	client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Query().Has("state") && !r.URL.Query().Has("client_id") {
			return http.ErrUseLastResponse // it is the service's
		}
		return nil
	}
	form, err := client.Get(address)
	require.NoError(t, err)
	require.NoError(t, form.Body.Close())
	require.Equal(t, http.StatusOK, form.StatusCode, address)
	id := form.Request.URL.Query().Get("authRequestID")
	sent, err := client.PostForm(form.Request.URL.String(), url.Values{"username": {person}, "password": {Password}, "id": {id}})
	require.NoError(t, err)
	require.NoError(t, sent.Body.Close())
	callback, err = sent.Location()
	require.NoError(t, err)
	return callback
}

// build builds the provider from its own module, and returns its path in Go's build cache.
var build = sync.OnceValues(func() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	cmd := exec.Command("go", "tool", "-n", "provider")
	cmd.Dir = filepath.Join(filepath.Dir(here), "provider")
	path, err := cmd.Output()
	return strings.TrimSpace(string(path)), err
})
