package cli

import (
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// newParser returns a parser of the package's commands.
func newParser(t *testing.T) *kong.Kong {
	t.Helper()
	parser, err := kong.New(&Commands{}, kong.Exit(func(int) {}), kong.Vars{"recipient_types": "email"}, kong.Name("sealos-notify"))
	require.NoError(t, err)
	return parser
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	parser := newParser(t)
	for _, c := range []struct {
		words     []string
		want, not []string
	}{
		{nil, []string{"send", "template", "deliveries"}, []string{"complete", "--help"}},
		{[]string{"se"}, []string{"send"}, []string{"template"}},
		{[]string{"template", ""}, []string{"push", "diff"}, []string{"send"}},
		{[]string{"template", "push", "--"}, []string{"--prune", "--dry-run", "--url", "--help"}, []string{"--wait"}},
		{[]string{"template", "push", "--output", ""}, []string{"text", "json"}, []string{"push"}},
		{[]string{"template", "-o", "j"}, []string{"json"}, []string{"text"}},
		{[]string{"template", "-o", "json", "pu"}, []string{"push"}, []string{"json"}},
		{[]string{"template", "push", "--dry-run", "--pr"}, []string{"--prune"}, nil},
		{[]string{"deliveries", "list", "--status", ""}, []string{"dead", "failed"}, []string{""}},
		{[]string{"completion", ""}, []string{"bash", "zsh", "fish"}, nil},
		{[]string{"completion", "bash", ""}, nil, []string{"bash"}},
		{[]string{"template", "push", ""}, nil, []string{"push"}},
		{[]string{"nonsense", "--nonsense", "-"}, []string{"--help"}, nil},
	} {
		var words []string
		for _, s := range suggest(parser.Model.Node, c.words) {
			words = append(words, s.word)
		}
		require.Subset(t, words, c.want, "%q", c.words)
		for _, word := range c.not {
			require.NotContains(t, words, word, "%q", c.words)
		}
	}
}
