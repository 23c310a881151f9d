package templates

import (
	"bytes"
	"cmp"
	"errors"
	htmltemplate "html/template"
	"io"
	"slices"
	"strings"
	"text/template/parse"
)

// htmlOutput prints values as they are: html/template escapes the result of every
// action.
type htmlOutput struct{ textOutput }

// unsafeMark is what html/template prints in place of a value that it cannot make safe.
var unsafeMark = []byte("ZgotmplZ")

func (o *htmlOutput) result() (string, error) {
	if bytes.Contains(o.bytes, unsafeMark) {
		return "", ErrUnsafeHTML
	}
	return o.textOutput.result()
}

// bindHTML is bind for HTML. It copies the trees, because html/template changes them in
// its first execution.
func (t *Template) bindHTML(r *rendering) *htmltemplate.Template {
	root := htmltemplate.New(rootName).Funcs(r.functions()).Funcs(r.internals())
	for name, tree := range t.trees {
		// AddParseTree fails only after an execution.
		htmltemplate.Must(root.AddParseTree(name, tree.Copy()))
	}
	return root.Lookup(rootName)
}

// checkHTML returns a *SyntaxError when html/template cannot escape the template, or would
// take too long to analyse it.
func (t *Template) checkHTML(heavy Heavy) error {
	c := htmlCost{trees: t.trees, callers: map[string]bool{}}
	c.template(t.trees[rootName])
	if c.err != "" {
		return syntaxErrorAt(t.source, c.pos, c.err)
	}
	if t.heavy = c.total > lightHTMLCost; t.heavy {
		if err := heavy.call(); err != nil {
			return err
		}
	}
	root := t.bindHTML(new(rendering))
	// Execute begins with the analysis. It ends there, because a zero rendering has no
	// step left.
	var err *htmltemplate.Error
	if errors.As(root.Execute(io.Discard, nil), &err) {
		return t.htmlError(err)
	}
	for _, analysed := range root.Templates() {
		if err := t.checkAnalysed(analysed.Tree.Root); err != nil {
			return err
		}
	}
	return nil
}

// checkAnalysed returns a *SyntaxError for what html/template allows and this package
// does not. It recognises it by the names that the analysis has put into the tree.
func (t *Template) checkAnalysed(n parse.Node) error {
	switch n := n.(type) {
	case *parse.ActionNode:
		for _, cmd := range n.Pipe.Cmds {
			// This escaper allows harmless names only, but <s{{.}}> could become <script>.
			if cmd.Args[0].String() == "_html_template_htmlnamefilter" {
				return syntaxErrorAt(t.source, n.Pos, "a value cannot be a part of the name of a tag or an attribute")
			}
		}
	case *parse.TemplateNode:
		// Anywhere but in text, html/template calls a copy, which this check does not see.
		if strings.Contains(n.Name, "$htmltemplate_") {
			return syntaxErrorAt(t.source, n.Pos, "a template can be called where text stands, not within a tag, an attribute, a title, a script or a style")
		}
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, inner := range n.Nodes {
			if err := t.checkAnalysed(inner); err != nil {
				return err
			}
		}
	case *parse.IfNode:
		return cmp.Or(t.checkAnalysed(n.List), t.checkAnalysed(n.ElseList))
	case *parse.WithNode:
		return cmp.Or(t.checkAnalysed(n.List), t.checkAnalysed(n.ElseList))
	case *parse.RangeNode:
		return cmp.Or(t.checkAnalysed(n.List), t.checkAnalysed(n.ElseList))
	}
	return nil
}

func (t *Template) htmlError(err *htmltemplate.Error) error {
	message, ok := htmlProblems[err.ErrorCode]
	switch {
	case !ok:
		message = "a value stands where it cannot be escaped"
	case message == "":
		message = err.Description
	}
	if err.Node == nil {
		return &SyntaxError{Line: max(1, err.Line), Message: message}
	}
	return syntaxErrorAt(t.source, err.Node.Position(), message)
}

// htmlProblems are the messages to authors for the error codes of html/template, whose
// own descriptions quote the rewritten tree. An empty message means that the description
// of this code does not, and is used.
var htmlProblems = map[htmltemplate.ErrorCode]string{
	htmltemplate.ErrAmbigContext: "a condition decides whether the value is in the path or in the query of a URL",
	htmltemplate.ErrBadHTML:      "",
	htmltemplate.ErrBranchEnd:    "a branch of a condition or a round of a loop leaves a tag, a quote or an element open",
	htmltemplate.ErrEndContext:   "the HTML ends inside a tag, an attribute, a comment, a script or a style",
}

// maxHTMLCost bounds html/template's analysis to about 0.1 s. The unit is a byte of text.
// Measured on a shared 2-core Xeon: a byte of text took 2 ns and of tags 14 ns, an action 1.6
// to 2.6 µs, a repeated body 0.1 µs for each template; that is at most 82 ns a unit.
const (
	maxHTMLCost    = 1 << 20
	lightHTMLCost  = 1 << 14 // some 1 ms
	strayCost      = 64      // bytes that are read again
	backslash      = 4       // as slow as so many others
	nodeCost       = 32
	repeatCost     = 128
	repeatTemplate = 2 // for each template
)

// htmlCost estimates the cost of html/template's analysis, which has no bound of its own.
// The analysis reads the body of each loop twice. It also reads each called template
// twice when it finds a mistake. So every level of nesting doubles its time.
type htmlCost struct {
	trees   map[string]*parse.Tree
	callers map[string]bool // the templates whose bodies are being counted

	raw   string // the raw element that is open, or empty
	total int
	err   string // why the template is refused; empty when it is not
	pos   parse.Pos
}

func (c *htmlCost) template(tree *parse.Tree) {
	c.callers[tree.Name] = true
	c.list(tree.Root)
	delete(c.callers, tree.Name)
}

func (c *htmlCost) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		c.node(n)
		if c.err != "" {
			return
		}
		if c.total > maxHTMLCost {
			c.fail(n, "the HTML is too large for loops and templates nested this deep")
			return
		}
	}
}

func (c *htmlCost) node(n parse.Node) {
	c.total += nodeCost
	switch n := n.(type) {
	case *parse.TextNode:
		c.text(n.Text)
	case *parse.IfNode:
		c.list(n.List)
		c.list(n.ElseList)
	case *parse.WithNode:
		c.list(n.List)
		c.list(n.ElseList)
	case *parse.RangeNode:
		c.twice(func() { c.list(n.List) })
		c.list(n.ElseList)
	case *parse.TemplateNode:
		if c.callers[n.Name] {
			c.fail(n, "in HTML a template cannot call itself")
			return
		}
		c.twice(func() { c.template(c.trees[n.Name]) })
	}
}

// text counts a text. For some signs the analysis reads all that is before or after them: for
// a < that begins no tag, which may be a DOCTYPE, and a backslash in a string of CSS.
func (c *htmlCost) text(text []byte) {
	slow := 0
	for rest := text; ; {
		i := bytes.IndexAny(rest, `<\`)
		if i < 0 {
			break
		}
		if rest[i] == '\\' {
			slow += backslash
		} else if !c.tag(rest[i+1:]) {
			slow++
		}
		rest = rest[i+1:]
	}
	c.total += len(text) + slow*len(text)/strayCost
}

// rawElements are those in which < begins no tag.
var rawElements = []string{"title", "textarea", "style", "script"}

// tag reports whether what follows a < makes it a tag.
func (c *htmlCost) tag(rest []byte) bool {
	name, closing := bytes.CutPrefix(rest, []byte("/"))
	end := bytes.IndexFunc(name, func(r rune) bool { return r|0x20 < 'a' || r|0x20 > 'z' })
	if end >= 0 {
		name = name[:end]
	}
	switch element := strings.ToLower(string(name[:min(len(name), len("textarea"))])); {
	case c.raw == "" && closing, c.raw == "" && !slices.Contains(rawElements, element):
		return element != ""
	case c.raw == "":
		c.raw = element
		return true
	case closing && element == c.raw:
		c.raw = ""
		return true
	}
	return false
}

// twice counts a body that the analysis reads twice. Each time it copies what it knows of
// all templates.
func (c *htmlCost) twice(body func()) {
	before := c.total
	body()
	c.total += c.total - before + repeatCost + repeatTemplate*len(c.trees)
}

func (c *htmlCost) fail(n parse.Node, message string) { c.err, c.pos = message, n.Position() }
