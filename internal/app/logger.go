package app

import (
	"bytes"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"strings"
	"unicode"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"

	"github.com/labring/sealos-notify/config"
)

// newLogger makes the log and the handle that changes its level. The format is
// fixed from here on.
func newLogger(c config.Logging, out io.Writer) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zap.ParseAtomicLevel(c.Level)
	if err != nil {
		return nil, level, fmt.Errorf("logging.level: %w", err)
	}
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
	return zap.New(core), level, nil
}

// oneLine writes each entry as one line of graphic characters: whatever somebody
// put into it forges no other entry, and is nothing that a terminal obeys. zap
// writes one entry at a time, and escapes less than that.
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

// takeOver makes entries of what libraries write to the process's own loggers: the
// standard library's, and that of Kubernetes' client. give back ends it.
func takeOver(log *zap.Logger) (giveBack func()) {
	output, flags := stdlog.Writer(), stdlog.Flags()
	stdlog.SetOutput(unquoted{log.Named("library")})
	stdlog.SetFlags(0)
	klog.SetSlogLogger(libraryLogger(log, "kubernetes"))
	return func() {
		klog.ClearLogger()
		stdlog.SetFlags(flags)
		stdlog.SetOutput(output)
	}
}

// unquoted makes an entry of each text, up to the first thing that it quotes: in
// what net/http says, that is what a vendor has sent.
type unquoted struct{ log *zap.Logger }

// Write implements io.Writer.
func (w unquoted) Write(text []byte) (int, error) {
	said, _, _ := strings.Cut(strings.TrimSpace(string(text)), `"`)
	w.log.Warn(strings.TrimSpace(said))
	return len(text), nil
}

// libraryLogger is the log for a library, from warnings up: below them River says
// what our own line for each attempt says better, and Kubernetes' client says all
// that it sends.
func libraryLogger(log *zap.Logger, name string) *slog.Logger {
	core := log.Core()
	if quiet, err := zapcore.NewIncreaseLevelCore(core, zapcore.WarnLevel); err == nil {
		core = quiet // it fails only when the level is higher already
	}
	return slog.New(zapslog.NewHandler(core, zapslog.WithName(name), zapslog.AddStacktraceAt(slog.LevelError+1)))
}
