package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Clean returns a writer to w whose texts cannot control a terminal, also those of strangers.
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
