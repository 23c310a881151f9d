package templates

import (
	"bytes"
	"cmp"
	"errors"
	htmltemplate "html/template"
	"io"
	"strings"
	"text/template/parse"
)

// htmlOutput prints values as they are: html/template has put its escapers
// behind every action that prints.
type htmlOutput struct{ textOutput }

// unsafe is what html/template prints in place of a value that it cannot make
// safe. Nobody should be sent that.
var unsafe = []byte("ZgotmplZ")

func (o *htmlOutput) result() (string, error) {
	if bytes.Contains(o.bytes, unsafe) {
		return "", ErrUnsafeHTML
	}
	return o.textOutput.result()
}

// bindHTML makes an executable template of copies of the trees, because
// html/template changes them when it is first executed.
func (t *Template) bindHTML(r *rendering) *htmltemplate.Template {
	bound := htmltemplate.New(rootName).Funcs(r.functions()).Funcs(r.internals())
	for name, tree := range t.trees {
		// It fails only after an execution.
		htmltemplate.Must(bound.AddParseTree(name, tree.Copy()))
	}
	return bound.Lookup(rootName)
}

// checkHTML finds what html/template cannot escape. It is a *SyntaxError.
func (t *Template) checkHTML() error {
	c := htmlCost{trees: t.trees, inside: map[string]bool{}}
	c.template(t.trees[rootName])
	if c.err != "" {
		return syntaxErrorAt(t.source, c.pos, c.err)
	}
	bound := t.bindHTML(new(rendering))
	// The analysis is the first part of an execution, whose second part has no
	// step to take here.
	var err *htmltemplate.Error
	if errors.As(bound.Execute(io.Discard, nil), &err) {
		return t.htmlError(err)
	}
	for _, analysed := range bound.Templates() {
		if err := t.checkEscaped(analysed.Tree.Root); err != nil {
			return err
		}
	}
	return nil
}

// checkEscaped finds what html/template lets pass and we do not, by the marks that
// its analysis has left in the tree.
func (t *Template) checkEscaped(n parse.Node) error {
	switch n := n.(type) {
	case *parse.ActionNode:
		for _, cmd := range n.Pipe.Cmds {
			// Harmless names only, but <s{{.}}> could still become a script.
			if cmd.Args[0].String() == "_html_template_htmlnamefilter" {
				return syntaxErrorAt(t.source, n.Pos, "a value cannot be a part of the name of a tag or an attribute")
			}
		}
	case *parse.TemplateNode:
		// Elsewhere it is a copy, which is out of our sight.
		if strings.Contains(n.Name, "$htmltemplate_") {
			return syntaxErrorAt(t.source, n.Pos, "a template can be called where text stands, not within a tag, an attribute, a title, a script or a style")
		}
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, inner := range n.Nodes {
			if err := t.checkEscaped(inner); err != nil {
				return err
			}
		}
	case *parse.IfNode:
		return cmp.Or(t.checkEscaped(n.List), t.checkEscaped(n.ElseList))
	case *parse.WithNode:
		return cmp.Or(t.checkEscaped(n.List), t.checkEscaped(n.ElseList))
	case *parse.RangeNode:
		return cmp.Or(t.checkEscaped(n.List), t.checkEscaped(n.ElseList))
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

// htmlProblems says what the standard library's codes mean to an author. Its own
// descriptions quote the rewritten tree; an empty text here says that the one of
// this code does not.
var htmlProblems = map[htmltemplate.ErrorCode]string{
	htmltemplate.ErrAmbigContext: "it depends on a condition whether the value is in the path or in the query of a URL",
	htmltemplate.ErrBadHTML:      "",
	htmltemplate.ErrBranchEnd:    "the branches of a condition or the rounds of a loop end at different places of the HTML: one leaves a tag, a quote or an element open",
	htmltemplate.ErrEndContext:   "the HTML ends within a tag, an attribute, a comment, a script or a style",
}

// maxHTMLCost bounds html/template's analysis to a fraction of a second. Its unit
// is a byte of text; the others are what is measured to take as long.
const (
	maxHTMLCost  = 1 << 20
	costOfNode   = 32
	costOfDouble = 128 // and 2 for each template
)

// htmlCost estimates what html/template's analysis costs at most. Nothing in it
// is bounded: it goes twice through the body of each loop and, where it finds a
// mistake, of each template that is called, so that its time doubles with each of
// them within another.
type htmlCost struct {
	trees  map[string]*parse.Tree
	inside map[string]bool // templates that call the one at hand

	total int
	err   string // what makes it too expensive
	pos   parse.Pos
}

func (c *htmlCost) template(tree *parse.Tree) {
	c.inside[tree.Name] = true
	c.list(tree.Root)
	delete(c.inside, tree.Name)
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
			c.fail(n, "the HTML is too large for loops and templates this deep within each other")
			return
		}
	}
}

func (c *htmlCost) node(n parse.Node) {
	c.total += costOfNode
	switch n := n.(type) {
	case *parse.TextNode:
		c.total += len(n.Text)
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
		if c.inside[n.Name] {
			c.fail(n, "in HTML a template cannot call itself")
			return
		}
		c.twice(func() { c.template(c.trees[n.Name]) })
	}
}

// twice counts a body that is gone through twice, with a copy of what is known
// of all templates each time.
func (c *htmlCost) twice(body func()) {
	before := c.total
	body()
	c.total += c.total - before + costOfDouble + 2*len(c.trees)
}

func (c *htmlCost) fail(n parse.Node, message string) { c.err, c.pos = message, n.Position() }
