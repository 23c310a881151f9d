package templates

import (
	"strconv"
	"strings"
)

// zeroWidthSpace breaks markup and is not seen.
const zeroWidthSpace = "\u200b"

// breakMarkup keeps a Feishu text message from reading a value as markup: <at …>, <i>, **bold**
// and [text](link). Feishu's page 发送消息内容结构 has no escapes for texts.
var breakMarkup = strings.NewReplacer("<", "<"+zeroWidthSpace, "*", "*"+zeroWidthSpace, "]", "]"+zeroWidthSpace)

// plain returns the value as text that Feishu shows as it is. In JSON it is for the markdown
// of cards, in text for text messages. In HTML every value is text, and in a line nothing is
// markup.
func (r *rendering) plain(v any) (string, error) {
	s, err := r.argument(v)
	if err != nil {
		return "", err
	}
	switch r.output.(type) {
	case *jsonOutput:
		s = escapeMarkdown(s)
	case *textOutput:
		s = breakMarkup.Replace(s)
	}
	return r.produce(s)
}

// escapeMarkdown writes every character that is markup in a card's markdown as &#NN;, as
// Feishu's page 富文本（Markdown） has it. The characters are those of the page's table and what
// CommonMark, which cards of schema 2.0 read, adds: & begins an entity and | a table's cell. At
// the start of a line, = underlines a heading, four spaces begin a code block, and a number
// with a full stop a list.
func escapeMarkdown(s string) string {
	const markup = "<>~-!*/\\[]()#:+\"'`$_&|"
	var b strings.Builder
	start, digits := true, false // at a line's start; after nothing but digits from there
	for i, c := range s {
		list := digits && c == '.' && (i+1 == len(s) || strings.IndexByte(" \t\r\n", s[i+1]) >= 0)
		switch {
		case strings.ContainsRune(markup, c), start && strings.ContainsRune("= \t", c), list:
			b.WriteString("&#" + strconv.Itoa(int(c)) + ";")
		default:
			b.WriteRune(c)
		}
		digits = (start || digits) && c >= '0' && c <= '9'
		start = c == '\n' || c == '\r' || start && (c == ' ' || c == '\t')
	}
	return b.String()
}
