package store

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// River's rule for the names of queues.
var riverQueue = regexp.MustCompile(`^(?:[a-z0-9])+(?:[_|\-]?[a-z0-9]+)*$`)

func TestLineNamesAreQueuesOfRiver(t *testing.T) {
	t.Parallel()
	parts := []string{
		"app", "notify-console", "a_b-c1", "App", "a.b", "a--b", "a-", "-a", "_", "app:test", "团队", "a|b", "a b",
		strings.Repeat("a", 20), strings.Repeat("a", 21), strings.Repeat("a", 128),
	}
	seen := map[string]Line{}
	for _, provider := range parts {
		for _, app := range parts {
			line := Line{Channel: "a_channel_with_22_char", Provider: provider, AppID: app}
			name := line.Queue()
			require.Regexp(t, riverQueue, name)
			require.LessOrEqual(t, len(name), 64)
			require.Empty(t, seen[name], "%v and %v have the same name", seen[name], line)
			seen[name] = line
			channel, p, a := SplitQueue(name)
			require.Equal(t, []string{line.Channel, LinePart(provider), LinePart(app)}, []string{channel, p, a})
		}
	}
	require.Equal(t, "email|smtp|billing", Line{"email", "smtp", "billing"}.Queue())
	require.Equal(t, "email|billing", Line{"email", "", "billing"}.Queue())
	channel, provider, app := SplitQueue("email|billing")
	require.Equal(t, []string{"email", "", "billing"}, []string{channel, provider, app})
}

func TestQueueWithoutALine(t *testing.T) {
	t.Parallel()
	require.Equal(t, "email", Line{Channel: "email"}.Queue())
	channel, provider, app := SplitQueue("email")
	require.Equal(t, []string{"email", "", ""}, []string{channel, provider, app})
}
