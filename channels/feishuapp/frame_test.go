package feishuapp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The bytes are those that the platform's SDK makes of the same frame (ws.Frame.Marshal).
func TestFramesAreTheSDKs(t *testing.T) {
	t.Parallel()
	f := frame{
		seqID: 300, logID: 1, service: 33554678, method: methodData, headers: []header{{"type", "event"}, {"sum", "2"}},
		kind: "k", payload: []byte("{}"), logIDNew: "l",
	}
	want := "\b\xac\x02\x10\x01\x18\xf6\x81\x80\x10 \x01*\r\n\x04type\x12\x05event*\b\n\x03sum\x12\x012" + "2\x00:\x01kB\x02{}J\x01l"
	require.Equal(t, want, string(f.marshal()))
	got, err := unmarshalFrame([]byte(want))
	require.NoError(t, err)
	require.Equal(t, &f, got)
	require.Equal(t, 2, got.number("sum"))
	require.Zero(t, got.number("type"))
	require.Empty(t, got.get("seq"))
}

// Bytes of anybody are a frame or an error, and a frame is written as it was read.
func FuzzUnmarshalFrame(f *testing.F) {
	f.Add((&frame{headers: []header{{"type", "ping"}}, payload: []byte("{}")}).marshal())
	f.Add([]byte{0x2a, 0x05, 0x0a, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		parsed, err := unmarshalFrame(b)
		if err != nil {
			require.ErrorIs(t, err, errFrame)
			return
		}
		again, err := unmarshalFrame(parsed.marshal())
		require.NoError(t, err)
		require.Equal(t, parsed.marshal(), again.marshal())
	})
}
