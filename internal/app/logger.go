package app

import (
	"bytes"
	"io"
	stdlog "log"
	"log/slog"
	"strings"
	"sync"
	"unicode"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"

	"github.com/labring/sealos-notify/config"
)

// newLogger returns the log and its level, which can change. The format cannot.
func newLogger(c config.Logging, out io.Writer) (*zap.Logger, zap.AtomicLevel) {
	level := zap.NewAtomicLevel()
	setLevel(level, c)
	enc := zap.NewProductionEncoderConfig()
	enc.TimeKey = "time"
	enc.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	enc.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(enc)
	if c.Format == "console" {
		enc.EncodeLevel = zapcore.CapitalLevelEncoder
		encoder = zapcore.NewConsoleEncoder(enc)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(oneLine{out})), level)
	return zap.New(core), level
}

func setLevel(level zap.AtomicLevel, c config.Logging) {
	_ = level.UnmarshalText([]byte(c.Level)) // the configuration was checked: it is a level
}

// oneLine writes each entry as one line of graphic characters, so that no value
// can forge another entry or control a terminal. zap alone escapes less. It writes
// one entry at a time.
type oneLine struct{ out io.Writer }

// Write implements io.Writer.
func (w oneLine) Write(entry []byte) (int, error) {
	line := bytes.Map(func(r rune) rune {
		if r == '\t' || unicode.IsGraphic(r) {
			return r
		}
		return '?'
	}, bytes.TrimSuffix(entry, []byte("\n")))
	if _, err := w.out.Write(append(line, '\n')); err != nil {
		return 0, err
	}
	return len(entry), nil
}

// klogLock guards klog's logger, which klog itself does not, where a process runs several
// services.
var klogLock sync.Mutex

// redirectLibraryLogs sends what libraries write to the process's own loggers (the
// standard library's and klog, of Kubernetes' client) to the log. The returned
// function restores the loggers.
func redirectLibraryLogs(log *zap.Logger) (restore func()) {
	output, flags := stdlog.Writer(), stdlog.Flags()
	stdlog.SetOutput(unquoted{log.Named("library")})
	stdlog.SetFlags(0)
	setKlog := func(set func()) {
		klogLock.Lock()
		defer klogLock.Unlock()
		set()
	}
	setKlog(func() { klog.SetSlogLogger(libraryLogger(log, "kubernetes")) })
	return func() {
		setKlog(klog.ClearLogger)
		stdlog.SetFlags(flags)
		stdlog.SetOutput(output)
	}
}

// unquoted logs each text up to its first quotation mark. What net/http quotes
// was sent by a vendor.
type unquoted struct{ log *zap.Logger }

// Write implements io.Writer.
func (w unquoted) Write(text []byte) (int, error) {
	message, _, _ := strings.Cut(strings.TrimSpace(string(text)), `"`)
	w.log.Warn(strings.TrimSpace(message))
	return len(text), nil
}

// libraryLogger returns a logger for a library, from warnings up. River's entries
// below that repeat our own line for each attempt, and those of Kubernetes' client
// show all that it sends.
func libraryLogger(log *zap.Logger, name string) *slog.Logger {
	core := log.Core()
	if quiet, err := zapcore.NewIncreaseLevelCore(core, zapcore.WarnLevel); err == nil {
		core = quiet // it fails only when the level is higher already
	}
	return slog.New(zapslog.NewHandler(core, zapslog.WithName(name), zapslog.AddStacktraceAt(slog.LevelError+1)))
}
