package templates

import (
	"fmt"
	"strconv"
	"strings"
	"text/template/parse"
)

// rewrite makes the trees safe to execute:
//
//	{{.user.name}}             {{_printParam "user.name" . "" "user" "name"}}
//	{{json .user.name}}        {{_print "json .user.name" (json (_get . "" "user" "name"))}}
//	{{range .items}}…{{end}}   {{range _get . "" "items" | _items}}{{$- := _tick 0}}…{{end}}
//	{{define "x"}}…{{end}}     {{define "x"}}{{$- := _enter 0}}…{{$- := _leave}}{{end}}
//
// It returns a *SyntaxError for mistakes that the parser does not find. The names are those
// of all fields and the texts of all strings, because `index . "name"` reads a param too.
func rewrite(source string, trees map[string]*parse.Tree) (names map[string]bool, err error) {
	w := &rewriter{source: source, trees: trees, names: map[string]bool{}}
	for name, tree := range trees {
		steps := stepsOf(tree.Root)
		w.variables = 0
		if err := w.list(tree.Root); err != nil {
			return nil, err
		}
		nodes := []parse.Node{action(tree.Root.Pos, fnEnter, steps)}
		nodes = append(nodes, tree.Root.Nodes...)
		if name != rootName { // after which nothing counts the depth
			nodes = append(nodes, action(tree.Root.Pos, fnLeave))
		}
		tree.Root.Nodes = nodes
	}
	return w.names, nil
}

type rewriter struct {
	source  string
	trees   map[string]*parse.Tree
	names   map[string]bool
	nesting int

	variables int // of the template
}

func (w *rewriter) list(l *parse.ListNode) error {
	if l == nil {
		return nil
	}
	if err := w.nest(l.Pos); err != nil {
		return err
	}
	for _, n := range l.Nodes {
		if err := w.node(n); err != nil {
			return err
		}
	}
	w.nesting--
	return nil
}

func (w *rewriter) node(n parse.Node) error {
	switch n := n.(type) {
	case *parse.ActionNode:
		name, function := paramName(n.Pipe), printFunction(n.Pipe)
		if err := w.pipe(n.Pipe); err != nil {
			return err
		}
		if len(n.Pipe.Decl) == 0 { // an assignment prints nothing
			n.Pipe = printed(n.Pipe, function, name)
		}
	case *parse.IfNode:
		return w.branch(&n.BranchNode)
	case *parse.WithNode:
		return w.branch(&n.BranchNode)
	case *parse.RangeNode:
		steps := stepsOf(n.List)
		if err := w.branch(&n.BranchNode); err != nil {
			return err
		}
		operand := fnItems
		if len(n.Pipe.Decl) == 2 {
			operand = fnPairs
		}
		n.Pipe.Cmds = append(n.Pipe.Cmds, command(n.Pipe.Pos, operand))
		n.List.Nodes = append([]parse.Node{action(n.Pos, fnTick, steps)}, n.List.Nodes...)
	case *parse.TemplateNode:
		if w.trees[n.Name] == nil {
			return w.errorf(n.Pos, "template %q is not defined", n.Name)
		}
		if n.Pipe != nil {
			return w.pipe(n.Pipe)
		}
	}
	return nil
}

func (w *rewriter) branch(b *parse.BranchNode) error {
	if err := w.pipe(b.Pipe); err != nil {
		return err
	}
	if err := w.list(b.List); err != nil {
		return err
	}
	return w.list(b.ElseList)
}

func (w *rewriter) pipe(p *parse.PipeNode) error {
	if err := w.nest(p.Pos); err != nil {
		return err
	}
	if !p.IsAssign {
		w.variables += len(p.Decl)
	}
	if w.variables > maxVariables {
		return w.errorf(p.Pos, "more than %d variables", maxVariables)
	}
	for stage, cmd := range p.Cmds {
		first := cmd.Args[0]
		if first.Type() == parse.NodeNil {
			return w.errorf(first.Position(), "nil is not a command")
		}
		if first.Type() != parse.NodeIdentifier && (stage > 0 || len(cmd.Args) > 1) {
			return w.errorf(first.Position(), "%s is not a function: it takes no arguments", first)
		}
		for i, arg := range cmd.Args {
			var err error
			if cmd.Args[i], err = w.operand(arg); err != nil {
				return err
			}
		}
	}
	w.nesting--
	return nil
}

// operand returns what replaces an operand: a call of fnGet for a field and of fnNumber for a
// fraction, else the operand itself.
func (w *rewriter) operand(n parse.Node) (parse.Node, error) {
	switch n := n.(type) {
	case *parse.StringNode:
		w.names[n.Text] = true
	case *parse.FieldNode:
		w.names[n.Ident[0]] = true
		return get(n.Pos, &parse.DotNode{NodeType: parse.NodeDot, Pos: n.Pos}, "", n.Ident), nil
	case *parse.VariableNode:
		if len(n.Ident) == 1 {
			return n, nil
		}
		variable := &parse.VariableNode{NodeType: parse.NodeVariable, Pos: n.Pos, Ident: n.Ident[:1]}
		prefix := strings.TrimPrefix(n.Ident[0]+".", "$.")
		w.names[n.Ident[1]] = true
		return get(n.Pos, variable, prefix, n.Ident[1:]), nil
	case *parse.ChainNode:
		prefix := n.Node.String()
		if pipe, ok := n.Node.(*parse.PipeNode); ok {
			prefix = paramName(pipe)
		}
		w.names[n.Field[0]] = true
		from, err := w.operand(n.Node)
		if err != nil {
			return nil, err
		}
		return get(n.Pos, from, prefix+".", n.Field), nil
	case *parse.PipeNode:
		return n, w.pipe(n)
	case *parse.NumberNode:
		if n.IsComplex {
			return nil, w.errorf(n.Pos, "%s: complex numbers are not supported", n.Text)
		}
		if digits, ok := fractional(n); ok {
			return call(n.Pos, fnNumber, str(n.Pos, digits)), nil
		}
	}
	return n, nil
}

// fractional returns the digits of a number that is not written as a whole one. Executed,
// such a number would lose digits.
func fractional(n *parse.NumberNode) (digits string, ok bool) {
	_, notInt := strconv.ParseInt(n.Text, 0, 64)
	_, notUint := strconv.ParseUint(n.Text, 0, 64)
	if notInt == nil || notUint == nil || n.Text[0] == '\'' {
		return "", false
	}
	if strings.ContainsAny(n.Text, "xX") { // of base 16
		return strconv.FormatFloat(n.Float64, 'g', -1, 64), true
	}
	return n.Text, true
}

// nest bounds the recursion of the execution inside one template.
func (w *rewriter) nest(pos parse.Pos) error {
	if w.nesting++; w.nesting > maxNesting {
		return w.errorf(pos, "more than %d actions or parentheses inside each other", maxNesting)
	}
	return nil
}

func (w *rewriter) errorf(pos parse.Pos, format string, args ...any) error {
	return syntaxErrorAt(w.source, pos, fmt.Sprintf(format, args...))
}

// paramName returns how errors name the value of a pipeline: the param's name where it is
// a param, else the pipeline's source.
func paramName(p *parse.PipeNode) string {
	args := p.Cmds[0].Args
	if len(p.Cmds) > 1 {
		return p.String()
	}
	switch first := args[0].(type) {
	case *parse.FieldNode:
		return strings.Join(first.Ident, ".")
	case *parse.VariableNode:
		return strings.TrimPrefix(strings.Join(first.Ident, "."), "$.")
	case *parse.IdentifierNode:
		if name, ok := indexedName(first.Ident, args[1:]); ok {
			return name
		}
	}
	return p.String()
}

// indexedName returns "user.name" for `index . "user" "name"`, and whether the call reads
// a param of a constant name.
func indexedName(function string, args []parse.Node) (string, bool) {
	if function != "index" || len(args) < 2 || (args[0].String() != "." && args[0].String() != "$") {
		return "", false
	}
	var path []string
	for _, arg := range args[1:] {
		key, ok := arg.(*parse.StringNode)
		if !ok {
			return "", false
		}
		path = append(path, key.Text)
	}
	return strings.Join(path, "."), true
}

// printFunction returns the function that prints the result of the pipeline.
func printFunction(p *parse.PipeNode) string {
	last := p.Cmds[len(p.Cmds)-1].Args[0]
	if id, ok := last.(*parse.IdentifierNode); ok && id.Ident == "urlquery" {
		return fnPrintQuery
	}
	return fnPrint
}

// printed makes (function "name" pipe). A param that stands alone takes one call instead of two,
// because calls are most of what a rendering costs.
func printed(p *parse.PipeNode, function, name string) *parse.PipeNode {
	if len(p.Cmds) == 1 && len(p.Cmds[0].Args) == 1 {
		if inner, is := p.Cmds[0].Args[0].(*parse.PipeNode); is {
			if param := inner.Cmds[0].Args; param[0].String() == fnGet {
				return call(inner.Pos, fnPrintParam, append([]parse.Node{str(p.Pos, name)}, param[1:]...)...)
			}
		}
	}
	return call(p.Pos, function, str(p.Pos, name), p)
}

// action makes {{$- := function}}. It is an assignment, because in HTML even an empty text
// that is printed would be escaped. Authors cannot write the name $-.
func action(pos parse.Pos, function string, args ...parse.Node) *parse.ActionNode {
	pipe := call(pos, function, args...)
	pipe.Decl = []*parse.VariableNode{{NodeType: parse.NodeVariable, Pos: pos, Ident: []string{"$-"}}}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Pipe: pipe}
}

// stepsOf returns how many steps the source of a list is, each time that it is executed.
// The bodies of loops inside count by themselves.
func stepsOf(l *parse.ListNode) parse.Node {
	steps := sourceOf(l) / sourcePerStep
	return &parse.NumberNode{NodeType: parse.NodeNumber, Pos: l.Pos, IsInt: true, Int64: int64(steps), Text: strconv.Itoa(steps)}
}

// sourceOf returns the bytes of a list that are executed at most once when the list is.
func sourceOf(l *parse.ListNode) int {
	if l == nil {
		return 0
	}
	n := 0
	for _, node := range l.Nodes {
		switch node := node.(type) {
		case *parse.TextNode: // the output is bounded
		case *parse.IfNode:
			n += len(node.Pipe.String()) + sourceOf(node.List) + sourceOf(node.ElseList)
		case *parse.WithNode:
			n += len(node.Pipe.String()) + sourceOf(node.List) + sourceOf(node.ElseList)
		case *parse.RangeNode:
			n += len(node.Pipe.String()) + sourceOf(node.ElseList)
		default:
			n += len(node.String())
		}
	}
	return n
}

// get makes (_get from "prefix" "field"…).
func get(pos parse.Pos, from parse.Node, prefix string, fields []string) parse.Node {
	args := []parse.Node{from, str(pos, prefix)}
	for _, f := range fields {
		args = append(args, str(pos, f))
	}
	return call(pos, fnGet, args...)
}

// call makes (function args…).
func call(pos parse.Pos, function string, args ...parse.Node) *parse.PipeNode {
	return &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{command(pos, function, args...)}}
}

func command(pos parse.Pos, function string, args ...parse.Node) *parse.CommandNode {
	nodes := append([]parse.Node{parse.NewIdentifier(function).SetPos(pos)}, args...)
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: nodes}
}

func str(pos parse.Pos, s string) parse.Node {
	return &parse.StringNode{NodeType: parse.NodeString, Pos: pos, Quoted: strconv.Quote(s), Text: s}
}
