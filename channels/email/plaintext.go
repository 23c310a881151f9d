package email

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// plainText returns an HTML document as plain text: paragraphs and list items on
// lines of their own, links with their address, <pre> as it is.
func plainText(document string) string {
	var w textWriter
	var link string // of the <a> that is open
	z := html.NewTokenizer(strings.NewReader(document))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return strings.TrimRight(w.text.String(), " \t")
		}
		token := z.Token()
		opens := kind != html.EndTagToken
		switch token.DataAtom {
		case atom.Title, atom.Style, atom.Script:
			w.hidden = opens
		case atom.Br:
			w.newline(w.breaks + 1)
		case atom.Pre:
			w.newline(2)
			w.pre = opens
			w.begins = opens
		case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Ul, atom.Ol, atom.Table, atom.Blockquote, atom.Hr:
			w.newline(2)
		case atom.Div, atom.Tr, atom.Section, atom.Header, atom.Footer:
			w.newline(1)
		case atom.Li:
			w.newline(1)
			if opens {
				w.write("- ")
			}
		case atom.Td, atom.Th:
			w.write(" ")
		case atom.Img:
			w.write(attribute(token, "alt"))
		case atom.A:
			if opens {
				link = attribute(token, "href")
				break
			}
			if link != "" && !strings.HasPrefix(link, "#") && !strings.HasSuffix(w.text.String(), link) {
				w.write(" (" + link + ")")
			}
			link = ""
		default:
			if kind == html.TextToken {
				w.write(token.Data)
			}
		}
	}
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// textWriter writes text as HTML renders it: white space is one space, and elements
// break lines.
type textWriter struct {
	text   strings.Builder
	breaks int  // line breaks due before the next word
	space  bool // a space is due before the next word
	hidden bool // text is dropped
	pre    bool // white space is kept
	begins bool // the <pre> has just begun, where a line break is no text
}

func (w *textWriter) newline(n int) {
	w.breaks = max(w.breaks, n)
	w.space = false
}

func (w *textWriter) write(s string) {
	if w.hidden {
		return
	}
	if w.pre {
		w.writePre(s)
		return
	}
	for _, r := range s {
		if strings.ContainsRune(" \t\r\n\f", r) {
			w.space = w.breaks == 0
			continue
		}
		w.writeRune(r)
	}
}

func (w *textWriter) writePre(s string) {
	if w.begins {
		s = strings.TrimPrefix(s, "\n")
	}
	w.begins = false
	for _, r := range s {
		if r == '\n' {
			w.breaks++
			continue
		}
		w.writeRune(r)
	}
}

// writeRune writes what is due before the rune, and the rune.
func (w *textWriter) writeRune(r rune) {
	if w.text.Len() > 0 {
		w.text.WriteString(strings.Repeat("\n", w.breaks))
		if w.space {
			w.text.WriteByte(' ')
		}
	}
	w.breaks, w.space = 0, false
	w.text.WriteRune(r)
}
