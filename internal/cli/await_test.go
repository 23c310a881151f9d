package cli

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
)

func TestProgressText(t *testing.T) {
	t.Parallel()
	for want, n := range map[string]client.Notification{
		"3 deliveries: 3 pending": {Counts: client.Counts{Total: 3, Pending: 3}},
		"group all, which is being expanded: 1000 contacts so far; 3 deliveries: 3 pending": {
			Counts: client.Counts{Total: 3, Pending: 3}, Expansion: &client.Expansion{Group: "all", Contacts: 1000},
		},
		"1 delivery: 1 dead": {Counts: client.Counts{Total: 1, Dead: 1}, Expansion: &client.Expansion{Group: "all", Contacts: 1, Done: true}},
	} {
		require.Equal(t, want, progressText(n))
	}
	require.Equal(t, "group all of 1 contact", expansionText(&client.Expansion{Group: "all", Contacts: 1, Done: true}))
	require.Equal(t, "group all up to 2 contacts (cancelled)", expansionText(&client.Expansion{Group: "all", Contacts: 2, Done: true, Stopped: "cancelled"}))
}

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
