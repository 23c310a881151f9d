package smoke

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// onTerminal runs a command on a terminal. It types when the command asks, and returns what
// the terminal shows and the exit code.
func (c terminal) onTerminal(typed string, args ...string) (shown string, code int) {
	c.t.Helper()
	quoted := []string{c.w.Program().Path}
	for _, arg := range args {
		quoted = append(quoted, "'"+arg+"'")
	}
	// script of util-linux makes the terminal.
	cmd := limit.Command(c.t, limit.Wait, "script", "--quiet", "--return", "--command", strings.Join(quoted, " "), os.DevNull)
	keyboard, typing, err := os.Pipe()
	require.NoError(c.t, err)
	defer func() { _, _ = keyboard.Close(), typing.Close() }() // an end of the input would be typed, too
	screen := &screen{typed: typed, typing: typing}
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout = c.w.Dir, append(cmd.Environ(), c.env...), keyboard, screen
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(c.t, err, &exit, "%s", screen.shown.String())
	}
	return screen.shown.String(), cmd.ProcessState.ExitCode()
}

// screen keeps what a terminal shows, and types an answer when it is asked.
type screen struct {
	shown  strings.Builder
	typed  string
	typing io.Writer
}

// Write implements io.Writer.
func (s *screen) Write(text []byte) (int, error) {
	s.shown.Write(text)
	if s.typed != "" && strings.HasSuffix(s.shown.String(), "[y/N] ") {
		if _, err := io.WriteString(s.typing, s.typed); err != nil {
			return 0, err
		}
		s.typed = ""
	}
	return len(text), nil
}

// What cannot be undone is counted, and done when the answer is yes.
func TestQuestionsOnATerminal(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	c := openTerminal(t, w, r)
	fault := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 400, Code: "230001"})
	id := r.Send("dead", 2)
	r.Until(id, "failed")
	fault.Lift()

	_, said := c.run(1, "deliveries", "retry", "--status", "dead")
	require.Contains(t, said, "2 dead deliveries will be sent again. Nothing was done, because there is no terminal to ask on: --yes does it")
	for _, no := range []string{"n\n", "\n", "what?\n", "\x04"} {
		shown, code := c.onTerminal(no, "deliveries", "retry", "--status", "dead")
		require.Contains(t, shown, "2 dead deliveries will be sent again. Go on? [y/N] ")
		require.Contains(t, shown, "nothing was done", "%q", no)
		require.Equal(t, 1, code)
	}
	_, code := c.onTerminal("\x03", "deliveries", "retry", "--status", "dead")
	require.Equal(t, 130, code, "Ctrl-C")
	require.Zero(t, w.Vendors.Feishu.Inbox().Total())
	shown, code := c.onTerminal("y\n", "deliveries", "retry", "--status", "dead")
	require.Zero(t, code, shown)
	require.Contains(t, shown, "Sent again: 2 dead deliveries.")
	r.Until(id, "success")

	shown, code = c.onTerminal("yes\n", "deliveries", "retry", "--code", "none")
	require.Zero(t, code, shown)
	require.Contains(t, shown, "Sent again: 0 dead deliveries.")
	require.NotContains(t, shown, "Go on?", "there is nothing to ask about")

	require.NoError(t, os.MkdirAll(w.Path("templates"), 0o700))
	require.NoError(t, os.WriteFile(w.Path("templates/new.yaml"), []byte("name: new\nchannel: feishu_app\nbody: x\n"), 0o600))
	shown, code = c.onTerminal("n\n", "template", "push", "--prune", w.Path("templates"))
	require.Equal(t, 1, code)
	require.Contains(t, shown, "will be deleted: feishu-alert. Go on? [y/N]")
	list := runJSON[client.TemplateList](c, 0, "template", "list").Templates
	require.Len(t, list, 1, "nothing was pushed either")
	require.Equal(t, "feishu-alert", list[0].Name)
}

// hostileText is what a template, a vendor or a false service may hold.
const hostileText = "x\x1b[2J\x1b]0;title\a\r\u009b2J\u202eevil\u2066\u200b\u2028\x7f"

// commandArgs are arguments for each command that calls the service.
var commandArgs = map[string][]string{
	"send":                 {"--to", "email:a@example.com", "-t", "email=x", "--wait"},
	"status":               nil,
	"notifications list":   nil,
	"notifications show":   {"id"},
	"notifications cancel": {"id"},
	"ack":                  {"id"},
	"incidents list":       nil,
	"deliveries list":      nil,
	"deliveries show":      {"id"},
	"deliveries retry":     {"id"},
	"receivers list":       nil,
	"receivers alerts":     {"x"},
	"receivers test":       {"x"},
	"providers list":       nil,
	"providers probe":      {"x"},
	"template list":        nil,
	"template get":         {"x"},
	"template check":       {"templates"},
	"template push":        {"templates", "--prune", "--yes"},
	"template pull":        {"--from", "SERVICE"},
	"template diff":        {"templates", "--prune"},
	"template preview":     {"x"},
	"template test":        {"x", "--to", "email:a@example.com", "--wait"},
	"template versions":    {"x"},
	"template restore":     {"x", "1"},
	"template delete":      {"x"},
	"template owner":       {"x", "app"},
	"kind list":            nil,
	"kind show":            {"x"},
	"kind push":            {"kind.yaml"},
	"kind rm":              {"x", "--yes"},
	"contact list":         nil,
	"contact show":         {"x"},
	"contact push":         {"contacts"},
	"contact rm":           {"x", "--yes"},
	"group list":           nil,
	"group show":           {"x"},
	"group push":           {"contacts"},
	"group rm":             {"x", "--yes"},
	"audit":                nil,
	"preference show":      {"email:a@example.com"},
	"preference set":       {"email:a@example.com", "--off", "x"},
	"preference new-key":   {"--forget", "--yes"},
	"suppression list":     nil,
	"suppression rm":       {"id"},
	"endpoint list":        nil,
	"endpoint show":        {"id"},
	"endpoint create":      {"https://hooks.example.com"},
	"endpoint set":         {"id", "--off"},
	"endpoint rotate":      {"id"},
	"endpoint replay":      {"id", "--since", "2026-01-01T00:00:00Z"},
	"endpoint rm":          {"id", "--yes"},
	"breaker open":         {"x"},
	"breaker close":        {"x"},
	"erase":                {"--notification", "id", "--yes"},
	"apps":                 nil,
	"whoami":               nil,
	"healthcheck":          nil,
}

// Whatever the service says, no command lets it control the terminal.
func TestNoCommandPrintsControlCharacters(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	require.NoError(t, os.MkdirAll(w.Path("templates"), 0o700))
	require.NoError(t, os.WriteFile(w.Path("templates/new.yaml"), []byte("name: new\nchannel: email\nbody: x\n"), 0o600))
	require.NoError(t, os.WriteFile(w.Path("kind.yaml"), []byte("name: x\n"), 0o600))
	require.NoError(t, os.MkdirAll(w.Path("contacts"), 0o700))
	require.NoError(t, os.WriteFile(w.Path("contacts/new.yaml"), []byte("name: new\n"), 0o600))
	problem := map[string]any{
		"title": hostileText, "status": 422, "code": hostileText, "detail": hostileText,
		"errors": []any{map[string]any{"field": hostileText, "message": hostileText}, map[string]any{"field": hostileText, "message": hostileText}},
	}
	services := map[string]string{
		"answers":  hostileService(t, http.StatusOK, "application/json", anyAnswer()),
		"refuses":  hostileService(t, http.StatusUnprocessableEntity, "application/problem+json", problem),
		"nonsense": hostileService(t, http.StatusOK, "application/json", hostileText),
		"reason":   rawService(t, "HTTP/1.1 418 "+strings.ReplaceAll(hostileText, "\r", "")+"\r\nContent-Length: 0\r\n\r\n"),
	}
	for _, command := range commandsOf(t, w) {
		args, known := commandArgs[command]
		require.True(t, known, "command %s needs arguments here", command)
		for name, url := range services {
			args := slices.Clone(args)
			if i := slices.Index(args, "SERVICE"); i >= 0 {
				args[i] = url
			}
			c := terminal{t, w, []string{"SEALOS_NOTIFY_URL=" + url, "HOME=" + w.Dir, "XDG_CONFIG_HOME="}}
			forms := [][]string{{"-o", "text"}}
			switch {
			case command == "healthcheck":
				forms = [][]string{{"--url", url}}
			case name == "answers":
				forms = append(forms, []string{"-o", "json"})
			}
			for _, form := range forms {
				out, said := c.runAny(append(append(strings.Fields(command), args...), form...)...)
				for _, printed := range []string{out, said} {
					require.NotContains(t, strings.ToValidUTF8(printed, "\x1b"), "\x1b", "%s %v, service %s: %q", command, form, name, printed)
					at := strings.IndexFunc(printed, func(r rune) bool {
						return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028')
					})
					require.Negative(t, at, "%s %v, service %s: %q", command, form, name, printed)
				}
				if form[1] == "json" {
					require.True(t, json.Valid([]byte(out)), "%s: %s\n%s", command, out, said)
				}
			}
		}
	}
}

// runAny runs a command, whatever its exit code.
func (c terminal) runAny(args ...string) (out, said string) {
	c.t.Helper()
	cmd := c.w.Program(args...)
	cmd.Env = append(cmd.Environ(), c.env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		require.ErrorAs(c.t, err, &exit)
	}
	return stdout.String(), stderr.String()
}

// commandsOf returns the program's commands that call a service, as the completion has them.
func commandsOf(t *testing.T, w *harness.World) []string {
	t.Helper()
	words := func(line ...string) []string {
		out, err := w.Program(append([]string{"complete", "--"}, line...)...).Output()
		require.NoError(t, err)
		var found []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(line, "\t")
			found = append(found, word)
		}
		return found
	}
	var commands []string
	for _, command := range words("") {
		switch command {
		case "serve", "migrate", "config", "dev", "completion", "version":
			continue
		}
		below := words(command, "")
		if len(below) == 0 {
			commands = append(commands, command)
		}
		for _, sub := range below {
			commands = append(commands, command+" "+sub)
		}
	}
	return commands
}

// anyAnswer has the fields of all answers of the API.
func anyAnswer() map[string]any {
	now := time.Now()
	fields := map[string]any{"version": 1, "createdAt": now, "updatedAt": now, "startedAt": now, "finishedAt": now, "nextRetryAt": now, "deliveries": 1}
	for _, name := range []string{
		"id", "notificationId", "idempotencyKey", "senderAppId", "priority", "channel", "provider", "templateName", "lastCode", "lastError",
		"name", "description", "subject", "body", "msgType", "templateCode", "createdBy", "appId", "class", "code", "error", "value", "type", "next",
	} {
		fields[name] = hostileText
	}
	item := func(status string) map[string]any {
		all := map[string]any{"status": status, "recipient": fields, "details": map[string]any{hostileText: hostileText}, "unmatched": []any{fields}}
		for name, value := range fields {
			all[name] = value
		}
		return all
	}
	answer := item("failed")
	answer["counts"] = map[string]any{"total": 2, "dead": 1, "cancelled": 1}
	answer["message"], answer["attempts"], answer["tasks"] = fields, []any{item("x")}, []any{item(hostileText)}
	answer["missing"], answer["unused"], answer["roles"] = []any{hostileText}, []any{hostileText}, []any{hostileText}
	answer["created"], answer["changed"], answer["change"] = []any{hostileText}, []any{hostileText}, hostileText
	answer["labels"], answer["locale"], answer["timeZone"] = map[string]any{hostileText: hostileText}, hostileText, hostileText
	answer["addresses"] = []any{fields}
	answer["preview"] = map[string]any{"missing": []any{hostileText}, "body": hostileText}
	return answer
}

// hostileService answers every request with the document. Lists have one element of it.
func hostileService(t *testing.T, status int, mediaType string, document any) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := document
		if fields, is := document.(map[string]any); is && status == http.StatusOK {
			// Of an incident, what is next is no text.
			incident := maps.Clone(fields)
			delete(incident, "next")
			parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
			if list := parts[len(parts)-1]; r.Method == http.MethodGet && (len(parts) == 3 || list == "versions") {
				page := map[string]any{list: []any{incident}, "entries": []any{fields}}
				if list != "versions" {
					page["next"] = hostileText
				}
				if list == "whoami" {
					page = fields
				}
				answer = page
			} else if list == "erase" {
				answer = map[string]any{"deliveries": 1} // it has numbers only
			} else if list == "ack" {
				answer = map[string]any{"changed": true, "incident": incident}
			} else if list == "replay" {
				answer = incident // its next would be asked for
			}
		}
		w.Header().Set("Content-Type", mediaType)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// rawService answers every connection with the text.
func rawService(t *testing.T, text string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = fmt.Fprint(conn, text)
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}
