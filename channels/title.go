package channels

import "strings"

// maxTitle bounds a title that is taken from a message, in characters.
const maxTitle = 80

// FirstLine returns the first line of a text that is not empty, cut to 80 characters. It is the
// title of a message that has none.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = strings.TrimSpace(line)
	if characters := []rune(line); len(characters) > maxTitle {
		return string(characters[:maxTitle-1]) + "…"
	}
	return line
}
