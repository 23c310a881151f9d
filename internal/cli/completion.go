package cli

import (
	"embed"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// scripts pass the typed words to `sealos-notify complete`, so that they do not
// depend on the commands.
//
//go:embed completion
var scripts embed.FS

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints a script.
func (c completionCommand) Run(k *kong.Context) error {
	script, err := scripts.ReadFile("completion/" + c.Shell)
	if err != nil {
		return err
	}
	_, err = k.Stdout.Write(script)
	return err
}

type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"What was typed after the program's name; the last word is the one to complete."`
}

// Run prints the words that can replace the last one, each on a line with its help.
// When it prints nothing, the shell offers files.
func (c completeCommand) Run(k *kong.Context) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" { // the scripts put it before what was typed
		words = words[1:]
	}
	if len(words) > 0 && strings.HasPrefix(words[0], "-") {
		words = Args(k.Model.Node, words)
	}
	for _, s := range suggest(k.Model.Node, words) {
		fmt.Fprintf(k.Stdout, "%s\t%s\n", s.word, s.help)
	}
	return nil
}

type suggestion struct{ word, help string }

// suggest follows the words through the commands and returns what can replace the
// last one.
func suggest(node *kong.Node, words []string) []suggestion {
	if len(words) == 0 {
		words = []string{""}
	}
	var pending *kong.Flag // its value comes next
	arguments := 0         // of the command, so far
	for _, word := range words[:len(words)-1] {
		switch {
		case pending != nil:
			pending = nil
		case strings.HasPrefix(word, "-"):
			if flag := flagOf(node, word); flag != nil && !flag.IsBool() {
				pending = flag
			}
		default:
			if below := child(node, word); below != nil {
				node, arguments = below, 0
			} else {
				arguments++
			}
		}
	}
	last := words[len(words)-1]
	var fitting []suggestion
	for _, s := range candidates(node, pending, arguments, strings.HasPrefix(last, "-")) {
		if strings.HasPrefix(s.word, last) {
			fitting = append(fitting, s)
		}
	}
	return fitting
}

// candidates returns all words that can come next: values of the pending flag, flags
// when dashed, values of the next argument, or commands.
func candidates(node *kong.Node, pending *kong.Flag, arguments int, dashed bool) (all []suggestion) {
	switch {
	case pending != nil:
		return choices(pending.Value)
	case dashed:
		for _, group := range node.AllFlags(true) {
			for _, flag := range group {
				all = append(all, suggestion{"--" + flag.Name, flag.Help})
			}
		}
		return all
	case arguments < len(node.Positional):
		return choices(node.Positional[arguments])
	}
	for _, child := range node.Children {
		if !child.Hidden {
			all = append(all, suggestion{child.Name, child.Help})
		}
	}
	return all
}

// choices returns the values of a flag or an argument that has an enum.
func choices(v *kong.Value) (all []suggestion) {
	for _, choice := range v.EnumSlice() {
		if choice != "" {
			all = append(all, suggestion{word: choice})
		}
	}
	return all
}

// flagOf returns the flag that a word names without its value.
func flagOf(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, flag := range group {
			if names(flag, word) {
				return flag
			}
		}
	}
	return nil
}

// names reports whether a word names the flag.
func names(flag *kong.Flag, word string) bool {
	return word == "--"+flag.Name || flag.Short != 0 && word == "-"+string(flag.Short)
}
