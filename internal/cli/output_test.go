package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// No value controls the terminal or breaks a table.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &session{out: &out}
	require.NoError(t, s.print(nil, func(w io.Writer) {
		row(w, "a\x1b[2J\u202eb\u200b", "c\td\ne", "")
		block(w, "x\x1b]0;title\ay\nz\u009b\u2066\ufeff")
	}))
	require.Equal(t, "a [2Jb   c d e   -\nx ]0;title y\nz \n", out.String())
}

func TestMoment(t *testing.T) {
	t.Parallel()
	var m moment
	require.NoError(t, m.UnmarshalText([]byte("2026-01-31T08:00:00+08:00")))
	require.True(t, m.Equal(time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)))
	require.NoError(t, m.UnmarshalText([]byte("2h")))
	require.WithinDuration(t, time.Now().Add(-2*time.Hour), m.Time, time.Minute)
	require.ErrorContains(t, m.UnmarshalText([]byte("yesterday")), "neither a time")
}

// A flag that selects nothing in particular is refused by its name.
func TestEmptySelectorIsRefused(t *testing.T) {
	t.Parallel()
	for _, blank := range []string{"", " ", "\u3000"} {
		var c Commands
		parser, err := kong.New(&c, kong.Exit(func(int) {}))
		require.NoError(t, err)
		for _, args := range [][]string{
			{"deliveries", "list", "--recipient", blank}, {"deliveries", "retry", "--status", "dead", "--channel=" + blank},
			{"notifications", "list", "--key", blank}, {"template", "list", "--channel", blank},
		} {
			_, err = parser.Parse(args)
			require.ErrorContains(t, err, "must not be empty", args)
			flag, _, _ := strings.Cut(args[len(args)-1], "=")
			if !strings.HasPrefix(flag, "--") {
				flag = args[len(args)-2]
			}
			require.ErrorContains(t, err, flag)
		}
	}
}
