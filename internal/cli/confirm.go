package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// confirmFlag is the answer to the question that a command asks.
type confirmFlag struct {
	Yes bool `short:"y" help:"Do it without asking. Needed where there is no terminal."`
}

// confirm asks on the terminal whether to do something. Without a terminal, and without the
// answer yes, it returns an error.
func (f confirmFlag) confirm(ctx context.Context, what string) error {
	return Confirm(ctx, f.Yes, what)
}

// Confirm asks on the terminal whether to do something, unless yes is true already. what is
// a sentence that says it. The error says that nothing was done.
func Confirm(ctx context.Context, yes bool, what string) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stderr.Fd())) {
		return fmt.Errorf("%s Nothing was done, because there is no terminal to ask on: --yes does it", what)
	}
	fmt.Fprintf(Clean(os.Stderr), "%s Go on? [y/N] ", what)
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n') // the end of the input is a no
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr)
		return ctx.Err()
	case answer := <-answers:
		if answer != "y" && answer != "yes" {
			return errors.New("nothing was done")
		}
		return nil
	}
}
