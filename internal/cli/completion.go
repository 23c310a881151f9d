package cli

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// scripts hand what was typed to `sealos-notify complete`, so that they never
// have to change with the commands.
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

// Run prints what can stand for the last word: a word and its help, a line each.
// Nothing means that the shell may offer files.
func (c completeCommand) Run(k *kong.Context) error {
	for _, s := range suggest(k.Model.Node, c.Words) {
		fmt.Fprintf(k.Stdout, "%s\t%s\n", s.word, s.help)
	}
	return nil
}

type suggestion struct{ word, help string }

// suggest follows the words through the commands and says what fits the last.
func suggest(node *kong.Node, words []string) []suggestion {
	if len(words) == 0 {
		words = []string{""}
	}
	var asking *kong.Flag // whose value comes next
	arguments := 0        // that were given to the command
	for _, word := range words[:len(words)-1] {
		switch {
		case asking != nil:
			asking = nil
		case strings.HasPrefix(word, "-"):
			if flag := flagOf(node, word); flag != nil && !flag.IsBool() {
				asking = flag
			}
		default:
			child := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word })
			if child >= 0 {
				node, arguments = node.Children[child], 0
			} else {
				arguments++
			}
		}
	}
	last := words[len(words)-1]
	var fitting []suggestion
	for _, s := range candidates(node, asking, arguments, strings.HasPrefix(last, "-")) {
		if strings.HasPrefix(s.word, last) {
			fitting = append(fitting, s)
		}
	}
	return fitting
}

func candidates(node *kong.Node, asking *kong.Flag, arguments int, dashed bool) (all []suggestion) {
	switch {
	case asking != nil:
		return choices(asking.Value)
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

// choices are the values that a flag or an argument can have, when they are few.
func choices(v *kong.Value) (all []suggestion) {
	for _, choice := range v.EnumSlice() {
		if choice != "" {
			all = append(all, suggestion{word: choice})
		}
	}
	return all
}

// flagOf finds the flag that a word names without giving its value.
func flagOf(node *kong.Node, word string) *kong.Flag {
	for _, group := range node.AllFlags(false) {
		for _, flag := range group {
			if word == "--"+flag.Name || flag.Short != 0 && word == "-"+string(flag.Short) {
				return flag
			}
		}
	}
	return nil
}
