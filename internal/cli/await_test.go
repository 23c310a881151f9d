package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
)

func TestLiveView(t *testing.T) {
	t.Parallel()
	lines := []string{
		countsText(client.Counts{Total: 3, Pending: 3}), countsText(client.Counts{Total: 3, Pending: 3}),
		countsText(client.Counts{Total: 3, Success: 1, Failed: 1, Cancelled: 1}),
	}
	show := func(v *liveView) {
		for _, line := range lines {
			v.show(line)
		}
		v.end()
	}

	var plain bytes.Buffer
	show(newLiveView(&plain))
	require.Equal(t, "3 deliveries: 3 pending\n3 deliveries: 1 success, 1 waiting for a retry, 1 cancelled\n", plain.String(),
		"a line for each change")

	var terminal bytes.Buffer
	show(&liveView{w: &terminal, terminal: true, started: time.Now()})
	require.Equal(t, "\r\x1b[K"+lines[0]+"\r\x1b[K"+lines[1]+"\r\x1b[K"+lines[2]+"\n", terminal.String(),
		"one line in place")

	terminal.Reset()
	waited := &liveView{w: &terminal, terminal: true, started: time.Now().Add(-90 * time.Second)}
	waited.show("a\x1b[2J\rb")
	require.Equal(t, "\r\x1b[Ka [2J b after 1m30s", terminal.String())
}
