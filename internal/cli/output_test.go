package cli

import (
	"bytes"
	"io"
	"testing"
	"time"

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
