package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Args returns the arguments in the order in which the parser takes them, with what may be
// left out: the command serve. Flags before a command go behind it. "help COMMAND" becomes
// "COMMAND --help", and "--version" becomes "version".
func Args(root *kong.Node, args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"serve"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		return []string{"version"}
	case !strings.HasPrefix(args[0], "-") || args[0] == "-h" || args[0] == "--help":
		return args
	}
	serve, rest := child(root, "serve"), args
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		flag := flagOf(serve, rest[0])
		rest = rest[1:]
		if flag != nil && !flag.IsBool() && len(rest) > 0 {
			rest = rest[1:] // its value
		}
	}
	if len(rest) > 0 && child(root, rest[0]) != nil {
		return slices.Concat(rest[:1], args[:len(args)-len(rest)], rest[1:])
	}
	return append([]string{"serve"}, args...)
}

// child returns the command of the name below a node, or nil.
func child(node *kong.Node, name string) *kong.Node {
	i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return node.Children[i]
}

var (
	unknownFlag    = regexp.MustCompile(`^unknown flag (-\S+?)(,|$)`)
	wrongChoice    = regexp.MustCompile(`^(\S+) must be one of (.*) but got (".*")$`)
	missingCommand = regexp.MustCompile(`^expected (one of )?"\w`)

	// plainer are texts of kong and what they mean.
	plainer = []struct {
		text  *regexp.Regexp
		means string
	}{
		{regexp.MustCompile(`^(\S+): expected \S+ value but got "EOL".*$`), `$1 needs a value`},
		{regexp.MustCompile(`^(\S+): missing value, .*$`), `$1 needs a value`},
		{regexp.MustCompile(`^(\S+): expected a valid \d+ bit u?int but got (".*")$`), `$1 must be a whole number, not $2`},
		{regexp.MustCompile(`^missing flags: (.*)$`), `$1 is missing`},
		{regexp.MustCompile(`^expected "(<.*)"$`), `$1 is missing`},
		{regexp.MustCompile(`^unexpected argument (,.*)?$`), `an argument is empty`},
	}
)

// UsageError returns the error of a command line that cannot be parsed: what is wrong, and
// where the help is.
func UsageError(err error) error {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) {
		return err
	}
	command := wrong.Context.Model.Node
	if selected := wrong.Context.Selected(); selected != nil {
		command = selected
	}
	text := err.Error()
	if m := unknownFlag.FindStringSubmatch(text); m != nil {
		text = explainFlag(command, m[1], text)
	}
	if m := wrongChoice.FindStringSubmatch(text); m != nil {
		choices := strings.ReplaceAll(strings.TrimPrefix(m[2], `"",`), `"`, "")
		text = fmt.Sprintf("%s must be one of %s, not %s", m[1], strings.ReplaceAll(choices, ",", ", "), m[3])
	}
	if missingCommand.MatchString(text) {
		var below []string
		for _, child := range command.Children {
			below = append(below, child.Name)
		}
		text = fmt.Sprintf("%s needs a command: %s", command.Name, strings.Join(below, ", "))
	}
	for _, p := range plainer {
		text = p.text.ReplaceAllString(text, p.means)
	}
	return fmt.Errorf("%s\nHelp: %s --help", text, command.FullPath())
}

// explainFlag returns what is wrong with a flag that the command does not have. text is
// kong's, which may suggest another.
func explainFlag(command *kong.Node, flag, text string) string {
	var owners []string
	_ = kong.Visit(rootOf(command), func(v kong.Visitable, next kong.Next) error {
		if node, is := v.(*kong.Node); is && !node.Hidden && slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return names(f, flag) }) {
			owners = append(owners, node.Path())
		}
		return next(nil)
	})
	switch {
	case len(owners) > 0:
		text = fmt.Sprintf("unknown flag %s: it is a flag of %s", flag, enumerate(owners))
		if flagOf(command, "--profile") != nil && flag != "--url" {
			text += "; which service this command calls is said by --profile or --url"
		}
	case len(flag) == 2: // all short flags look alike to kong
		text = "unknown flag " + flag
	}
	return text
}

func rootOf(node *kong.Node) *kong.Node {
	for node.Parent != nil {
		node = node.Parent
	}
	return node
}

// enumerate returns a text such as "a, b and c".
func enumerate(words []string) string {
	last := len(words) - 1
	if last <= 0 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// count returns a number with its noun, such as "1 delivery" and "2 deliveries".
func count(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "y"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
