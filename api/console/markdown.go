package console

import (
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// line is a line of text with its spans. Nothing here is HTML: the templates write the
// elements, and html/template escapes every text.
type line struct {
	Kind  string // empty, heading, item, quote, code or hr
	Spans []span
}

// span is a piece of a line in one style.
type span struct {
	Text                       string
	Bold, Italic, Strike, Code bool
	At                         bool   // a person who is named
	Color                      string // green, red or grey
	URL                        string // http, https or mailto; may be empty
}

func (l line) plain() string {
	var out strings.Builder
	for _, s := range l.Spans {
		out.WriteString(s.Text)
	}
	return out.String()
}

// plainLines returns a text without a style.
func plainLines(text string) []line {
	var lines []line
	for l := range strings.SplitSeq(text, "\n") {
		lines = append(lines, line{Spans: []span{{Text: l}}})
	}
	return lines
}

// markdown returns a text with the style that Feishu gives it in cards and messages. What it
// does not know stays as it is.
func markdown(text string) []line {
	var lines []line
	inCode := false
	for l := range strings.SplitSeq(breaks.ReplaceAllString(text, "\n"), "\n") {
		trimmed := strings.TrimSpace(l)
		switch {
		case strings.HasPrefix(trimmed, "```"):
			inCode = !inCode
		case inCode:
			lines = append(lines, line{Kind: "code", Spans: []span{{Text: l}}})
		case trimmed == "---" || trimmed == "<hr>":
			lines = append(lines, line{Kind: "hr"})
		default:
			kind, rest := lineKind(trimmed)
			if kind == "" {
				rest = l
			}
			left := maxMarks
			lines = append(lines, line{Kind: kind, Spans: spans(rest, span{}, 0, &left)})
		}
	}
	return lines
}

var (
	breaks  = regexp.MustCompile(`(?i)<br\s*/?>`)
	heading = regexp.MustCompile(`^#{1,6}\s+`)
	item    = regexp.MustCompile(`^[-*]\s+`)
	quote   = regexp.MustCompile(`^>\s?`)
)

func lineKind(l string) (kind, rest string) {
	for kind, mark := range map[string]*regexp.Regexp{"heading": heading, "item": item, "quote": quote} {
		if found := mark.FindString(l); found != "" {
			return kind, l[len(found):]
		}
	}
	return "", l
}

// marks are the styles within a line. Each has its text in the first group.
var marks = regexp.MustCompile("(?i)" + strings.Join([]string{
	"`([^`]+)`",
	`\*\*(.+?)\*\*`,
	`~~(.+?)~~`,
	`\[([^\]]+)\]\(([^)\s]+)\)`,
	`<at\s+[^>]*?(?:user_id|open_id|id|email)\s*=\s*["']?([^"'>\s/]+)["']?[^>]*?/?>(?:([^<]*)</at>)?`,
	`<font\s+color=["']?([a-z-]+)["']?>(.*?)</font>`,
	`<b>(.*?)</b>`,
	`<i>(.*?)</i>`,
	`<s>(.*?)</s>`,
	`<u>(.*?)</u>`,
	`<a\s+href=["']([^"']+)["']>(.*?)</a>`,
	`\*([^*\s][^*]*)\*`,
}, "|"))

// maxMarks is how many marks are looked for in one line. Each look may read the rest of the line,
// and a line may have as much as the text.
const maxMarks = 64

// spans returns a line in the style that is around it. It looks for left marks, and what is beyond
// them is plain.
func spans(text string, style span, depth int, left *int) []span {
	var all []span
	add := func(text string, s span) {
		if depth >= maxDepth {
			all = append(all, styled(s, text))
			return
		}
		all = append(all, spans(text, s, depth+1, left)...)
	}
	for text != "" && *left > 0 {
		*left--
		m := marks.FindStringSubmatchIndex(text)
		if m == nil {
			break
		}
		if m[0] > 0 {
			all = append(all, styled(style, text[:m[0]]))
		}
		group := func(n int) (string, bool) {
			if m[2*n] < 0 {
				return "", false
			}
			return text[m[2*n]:m[2*n+1]], true
		}
		mark(group, style, add, func(s span) { all = append(all, s) })
		text = text[m[1]:]
	}
	if text != "" {
		all = append(all, styled(style, text))
	}
	return all
}

// styled returns a text in a style. Feishu reads &#42; and the like as the characters.
func styled(s span, text string) span {
	s.Text = html.UnescapeString(text)
	return s
}

// mark adds what one of the marks has, by the groups of its expression.
func mark(group func(int) (string, bool), s span, nested func(string, span), flat func(span)) {
	if text, is := group(1); is {
		s.Code = true
		flat(styled(s, text))
		return
	}
	if id, is := group(6); is {
		s.At = true
		name, _ := group(7)
		flat(styled(s, firstOf(name, id)))
		return
	}
	for n, set := range map[int]func(){
		2: func() { s.Bold = true }, 3: func() { s.Strike = true }, 4: func() { address, _ := group(5); s.URL = webURL(address) },
		9: func() { color, _ := group(8); s.Color = fontColor(color) }, 10: func() { s.Bold = true }, 11: func() { s.Italic = true },
		12: func() { s.Strike = true }, 13: func() {}, 15: func() { address, _ := group(14); s.URL = webURL(address) },
		16: func() { s.Italic = true },
	} {
		if text, is := group(n); is {
			set()
			nested(text, s)
			return
		}
	}
}

func fontColor(name string) string {
	name = strings.ToLower(name)
	if slices.Contains([]string{"green", "red", "grey"}, name) {
		return name
	}
	return ""
}

// webURL returns an address that a page may link to, or "".
func webURL(address string) string {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto") {
		return ""
	}
	return address
}
