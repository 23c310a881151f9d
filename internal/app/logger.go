package app

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"unicode"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"

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

// riverLogger is the log for River, from warnings up: our own line for each
// attempt says what River's would, and more.
func riverLogger(log *zap.Logger) *slog.Logger {
	core := log.Core()
	if quiet, err := zapcore.NewIncreaseLevelCore(core, zapcore.WarnLevel); err == nil {
		core = quiet // it fails only when the level is higher already
	}
	return slog.New(zapslog.NewHandler(core, zapslog.WithName("river"), zapslog.AddStacktraceAt(slog.LevelError+1)))
}
