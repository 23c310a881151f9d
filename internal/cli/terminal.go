package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf16"

	"golang.org/x/term"
)

// Clean returns a writer to w whose texts cannot control a terminal, whoever wrote them.
// The whole program prints through it. A write must hold whole characters.
func Clean(w io.Writer) io.Writer { return cleanWriter{w} }

type cleanWriter struct{ to io.Writer }

// Write implements io.Writer.
func (c cleanWriter) Write(text []byte) (int, error) {
	if _, err := c.to.Write(cleaned(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// cleaned returns a text with lines and tabs, and without other characters that are not
// visible.
func cleaned(text []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return visible(r)
	}, text)
}

// visible returns a space for control characters, so that no value breaks a table or
// controls the terminal, and removes format characters such as bidi and zero-width ones,
// so that none shows as another.
func visible(r rune) rune {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return ' '
	case unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}

// escapeInvisible writes the characters of a JSON document that Clean would change as
// escapes, so that the document keeps them. encoding/json escapes fewer.
func escapeInvisible(document string) string {
	var b strings.Builder
	for _, r := range document {
		switch {
		case r == '\n' || visible(r) == r:
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

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
