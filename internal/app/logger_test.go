package app

import (
	"bytes"
	"encoding/json"
	"errors"
	stdlog "log"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"k8s.io/klog/v2"

	"github.com/labring/sealos-notify/config"
)

// An entry is one line, and no value in it controls a terminal.
func TestLogEntryIsOneLine(t *testing.T) {
	t.Parallel()
	const evil = "a\n{\"level\":\"error\",\"msg\":\"forged\"}\r\x1b[2J\x00\x7f\u0085\u009b2J\u2028\u202e\U000e0001\xff"
	for _, format := range []string{"json", "console"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			log, _ := newLogger(config.Logging{Level: "debug", Format: format}, &out)
			fields := []zap.Field{
				zap.String("text", evil), zap.String(evil, "key"), zap.Error(errors.New(evil)), zap.ByteString("bytes", []byte(evil)),
				zap.Strings("list", []string{evil}), zap.Any("any", map[string]string{evil: evil}), zap.Namespace(evil), zap.String("in", evil),
			}
			log.Info("request", fields...)
			log.Info(evil)
			log.Named(evil).With(fields...).Warn("named")
			libraryLogger(log, "river").Error(evil, evil, evil)

			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			require.Len(t, lines, 4, out.String())
			for _, line := range lines {
				require.Negative(t, strings.IndexFunc(line, func(r rune) bool { return r != '\t' && !unicode.IsGraphic(r) }), "%q", line)
				if format == "json" {
					require.True(t, json.Valid([]byte(line)), line)
				} else {
					require.Regexp(t, `^\d{4}-\d\d-\d\dT`, line)
				}
			}
		})
	}
}

// What libraries write becomes entries, without what a vendor has sent. The test is
// not parallel, because the loggers are the process's.
func TestLibrariesWriteEntries(t *testing.T) {
	var before, out bytes.Buffer
	kept := stdlog.Writer()
	stdlog.SetOutput(&before)
	t.Cleanup(func() { stdlog.SetOutput(kept) })
	log, _ := newLogger(config.Logging{Level: "debug", Format: "json"}, &out)

	restore := redirectLibraryLogs(log)
	stdlog.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=%v", "HTTP/1.1 200 OK\r\n\r\ncanary", nil)
	stdlog.Println("two\nlines")
	klog.V(8).Info("Request Body canary")
	klog.Errorf("Unable to rotate token: %v", errors.New("no such file"))
	restore()
	stdlog.Print("mine again")

	require.Contains(t, before.String(), "mine again")
	require.NotContains(t, out.String(), "canary")
	var messages []string
	for line := range strings.Lines(out.String()) {
		var entry struct{ Msg string }
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		messages = append(messages, entry.Msg)
	}
	require.Equal(t, []string{"Unsolicited response received on idle HTTP channel starting with", "two\nlines",
		"Unable to rotate token: no such file"}, messages)
}
