package email

import (
	"encoding/base64"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxLine is the longest line of a header, in octets (RFC 2047 section 2), unless one
// word is longer.
const maxLine = 76

// Longest words that are written as they are, in octets. A line must not have more than
// 998 (RFC 5322 section 2.1.1).
const (
	maxWord    = 900
	maxRawWord = 60 // where a longer one may be encoded
)

// field returns a header field. Its value is folded between the words. The first word
// follows the name, because some clients show nothing of a value that begins with an
// empty line.
func field(name string, words []string) string {
	var b strings.Builder
	b.WriteString(name + ":")
	line := b.Len()
	for i, word := range words {
		if i > 0 && line+1+len(word) > maxLine {
			b.WriteString("\r\n")
			line = 0
		}
		b.WriteString(" " + word)
		line += 1 + len(word)
	}
	return b.String() + "\r\n"
}

// textField returns a header field that shows the text literally. What cannot be
// written as it is becomes encoded words (RFC 2047), and so does what a reader would
// take for one.
func textField(name, text string, longest int) string {
	words := strings.Split(text, " ")
	encode := func(word string) bool { return !plain(word, longest) }
	first := slices.IndexFunc(words, encode)
	if first < 0 {
		return field(name, words)
	}
	last := len(words)
	for !encode(words[last-1]) {
		last--
	}
	if slices.Contains(words, "") { // two spaces, or one at an end, would get lost
		first, last = 0, len(words)
	}
	encoded := encodedWords(name, strings.Join(words[first:last], " "))
	return field(name, slices.Concat(words[:first], encoded, words[last:]))
}

// addressField returns a header field with one address.
func addressField(name string, a *mail.Address) string {
	bare := (&mail.Address{Address: a.Address}).String()
	if a.Name == "" {
		return field(name, []string{bare})
	}
	for word := range strings.SplitSeq(a.Name, " ") {
		if !plain(word, maxRawWord) {
			return field(name, append(encodedWords(name, a.Name), bare))
		}
	}
	return field(name, strings.Split(a.String(), " "))
}

// plain reports whether a word of a header may be written as it is.
func plain(word string, longest int) bool {
	visible := func(r rune) bool { return '!' <= r && r <= '~' }
	return word != "" && len(word) <= longest && !strings.Contains(word, "=?") &&
		!strings.ContainsFunc(word, func(r rune) bool { return !visible(r) })
}

// encodedWords returns the text as encoded words. Each fits into the first line of the
// field, whose name has at most maxHeaderName octets.
func encodedWords(name, text string) []string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	size := min(45, (maxLine-len(name)-len(": =?utf-8?b??="))/4*3) // base64 makes 4 octets of 3
	var words []string
	for text != "" {
		n := min(size, len(text))
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n--
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(text[:n]))+"?=")
		text = text[n:]
	}
	return words
}
