package cli

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// No text controls the terminal or breaks a table, wherever it comes from. JSON keeps it,
// escaped.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	const hostile = "x\x1b]0;title\ay\r\u009b2J\u202ez\u2066\ufeff\u200b\u2028\U000e0041\x7f\x00"
	var out bytes.Buffer
	s := &session{out: Clean(&out), progress: Clean(&out)}
	require.NoError(t, s.print(nil, func(w io.Writer) {
		row(w, "a\x1b[2J\u202eb\u200b", "c\td\ne", "")
		block(w, hostile+"\nnext")
		fmt.Fprintf(w, "%s\n", hostile)
	}))
	require.NoError(t, s.printText(nil, "\tindented "+hostile+"\n"))
	fmt.Fprintln(s.progress, errors.New("refused: "+hostile))
	_, err := Clean(&out).Write([]byte("raw \x9b2J\n"))
	require.NoError(t, err)
	require.Equal(t, "a [2Jb   c d e   -\nx ]0;title y  2Jz   \nnext\nx ]0;title y  2Jz   \n"+
		"\tindented x ]0;title y  2Jz   \nrefused: x ]0;title y  2Jz   \nraw \ufffd2J\n", out.String())

	out.Reset()
	s.json = true
	type document struct {
		Text string
		Raw  json.RawMessage
	}
	raw, err := json.Marshal(map[string]string{"x": hostile})
	require.NoError(t, err)
	require.NoError(t, s.print(document{hostile, raw}, nil))
	require.Equal(t, string(cleaned(out.Bytes())), out.String(), "nothing is left to remove")
	var again document
	require.NoError(t, json.Unmarshal(out.Bytes(), &again), out.String())
	require.Equal(t, hostile, again.Text)
	require.JSONEq(t, string(raw), string(again.Raw))
}

func TestTimes(t *testing.T) {
	t.Parallel()
	var p past
	var f future
	for _, moment := range []encoding.TextUnmarshaler{&p, &f} {
		require.ErrorContains(t, moment.UnmarshalText([]byte("yesterday")), "is neither a time such as 2026-01-31T08:00:00Z nor how long")
		require.ErrorContains(t, moment.UnmarshalText([]byte("-2h")), "must not be negative")
		require.NoError(t, moment.UnmarshalText([]byte("2026-01-31T08:00:00+08:00")))
	}
	require.True(t, p.Equal(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)))
	require.True(t, f.Equal(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)))
	for text, want := range map[string]time.Duration{
		"2h": 2 * time.Hour, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, "2d": 48 * time.Hour, "1w2d": 9 * 24 * time.Hour, "0s": 0,
	} {
		require.NoError(t, p.UnmarshalText([]byte(text)), text)
		require.WithinDuration(t, time.Now().Add(-want), p.Time, time.Minute, text)
		require.NoError(t, f.UnmarshalText([]byte(text)), text)
		require.WithinDuration(t, time.Now().Add(want), *f.orNil(), time.Minute, text)
	}
	require.Nil(t, future{}.orNil())

	var s span
	require.NoError(t, s.UnmarshalText([]byte("2d")))
	require.Equal(t, 48*time.Hour, s.Duration)
	for _, wrong := range []string{"0s", "-1h", "5", "soon", ""} {
		require.ErrorContains(t, s.UnmarshalText([]byte(wrong)), "is not a duration such as", wrong)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"0 deliveries": count(0, "delivery"), "1 delivery": count(1, "delivery"), "2 deliveries": count(2, "delivery"),
		"1 template": count(1, "template"), "2 templates": count(2, "template"),
	} {
		require.Equal(t, want, got)
	}
}

// A flag that selects nothing in particular is refused by its name.
func TestEmptySelectorIsRefused(t *testing.T) {
	t.Parallel()
	for _, blank := range []string{"", " ", "\u3000"} {
		parser := newParser(t)
		for _, args := range [][]string{
			{"deliveries", "list", "--recipient", blank}, {"deliveries", "retry", "--status", "dead", "--channel=" + blank},
			{"notifications", "list", "--key", blank}, {"template", "list", "--channel", blank},
		} {
			_, err := parser.Parse(args)
			require.ErrorContains(t, err, "must not be empty", args)
			flag, _, _ := strings.Cut(args[len(args)-1], "=")
			if !strings.HasPrefix(flag, "--") {
				flag = args[len(args)-2]
			}
			require.ErrorContains(t, err, flag)
		}
	}
}
