package cli

import (
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
)

// program has a command beside the package's own, as the program has.
type program struct {
	Serve struct {
		Config  string `short:"c"`
		Address string
	} `cmd:""`
	Commands
}

// What is wrong is said in one line, with what may have been meant.
func TestUsageErrors(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&program{}, kong.Exit(func(int) {}), kong.Vars{"recipient_types": "email"}, kong.Name("sealos-notify"))
	require.NoError(t, err)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"sned"}, "unexpected argument sned, did you mean \"send\"?\nHelp: sealos-notify --help"},
		{[]string{"templates", "list"}, "unexpected argument templates, did you mean \"template\"?\nHelp: sealos-notify --help"},
		{[]string{"template", "lst"}, "unexpected argument lst, did you mean one of \"list\", \"get\", \"test\"?\nHelp: sealos-notify template --help"},
		{[]string{"template", "push", "--dry-rum", "."}, "unknown flag --dry-rum, did you mean \"--dry-run\"?\nHelp: sealos-notify template push --help"},
		{
			[]string{"deliveries", "retry", "--status", "dead", "-c", "prod.yaml"},
			"unknown flag -c: it is a flag of serve; which service this command calls is said by --profile or --url\nHelp: sealos-notify deliveries retry --help",
		},
		{[]string{"whoami", "--address=x"}, "unknown flag --address: it is a flag of serve and contact list; which service this command calls is said by --profile or --url\nHelp: sealos-notify whoami --help"},
		{[]string{"template", "list", "-x"}, "unknown flag -x\nHelp: sealos-notify template list --help"},
		{[]string{"deliveries", "retry", "--status", "success"}, "--status must be one of dead, failed, not \"success\"\nHelp: sealos-notify deliveries retry --help"},
		{[]string{"template", "list", "-o", "yaml"}, "--output must be one of text, json, not \"yaml\"\nHelp: sealos-notify template list --help"},
		{[]string{"deliveries", "retry", "--status"}, "--status needs a value\nHelp: sealos-notify deliveries retry --help"},
		{[]string{"send", "--to"}, "--to needs a value\nHelp: sealos-notify send --help"},
		{[]string{"send", "x"}, "send: name a recipient with --to TYPE:VALUE, or many with --to-file FILE\nHelp: sealos-notify send --help"},
		{[]string{"notifications", "show"}, "<id> is missing\nHelp: sealos-notify notifications show --help"},
		{[]string{"notifications", "list", "--limit", "many"}, "--limit must be a whole number, not \"many\"\nHelp: sealos-notify notifications list --help"},
		{[]string{"notifications"}, "notifications needs a command: list, show, cancel\nHelp: sealos-notify notifications --help"},
		{[]string{""}, "an argument is empty\nHelp: sealos-notify --help"},
	} {
		_, err := parser.Parse(c.args)
		require.Error(t, err, "%q", c.args)
		require.EqualError(t, UsageError(err), c.want, "%q", c.args)
	}
}

// A flag of many commands is explained by all of them.
func TestFlagsOfManyCommands(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&program{}, kong.Exit(func(int) {}), kong.Vars{"recipient_types": "email"}, kong.Name("sealos-notify"))
	require.NoError(t, err)
	_, err = parser.Parse([]string{"serve", "--profile", "prod"})
	require.ErrorContains(t, UsageError(err), "unknown flag --profile: it is a flag of send, notifications, ack, incidents, deliveries, ")
}

func TestArgs(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&program{}, kong.Vars{"recipient_types": "email"})
	require.NoError(t, err)
	for _, c := range []struct{ args, want []string }{
		{nil, []string{"serve"}},
		{[]string{"-c", "x"}, []string{"serve", "-c", "x"}},
		{[]string{"-c", "x", "deliveries", "retry", "--", "-c"}, []string{"deliveries", "-c", "x", "retry", "--", "-c"}},
		{[]string{"--config=x", "--address", ":1", "send", "x"}, []string{"send", "--config=x", "--address", ":1", "x"}},
		{[]string{"-c", "send"}, []string{"serve", "-c", "send"}},
		{[]string{"--address", ":1"}, []string{"serve", "--address", ":1"}},
		{[]string{"migrate", "-c", "x"}, []string{"migrate", "-c", "x"}},
		{[]string{"--help"}, []string{"--help"}},
		{[]string{"-h"}, []string{"-h"}},
		{[]string{"--version"}, []string{"version"}},
		{[]string{"help"}, []string{"--help"}},
		{[]string{"help", "template", "push"}, []string{"template", "push", "--help"}},
	} {
		require.Equal(t, c.want, Args(parser.Model.Node, c.args), "%q", c.args)
	}
}
