package templates

import (
	"strings"
	"text/template/parse"
)

// maxCalls bounds the templates that a sample follows: templates that call each other twice
// are exponentially many calls.
const maxCalls = 100

// Sample returns params that the texts of a template may be tried with: every param that one of
// them reads in any branch, with a value of the kind that its use shows. A text is the param's
// name, or what the template compares it with; what is looped over has one element. A source
// that cannot be parsed adds nothing.
func Sample(sources ...string) map[string]any {
	params := &guess{}
	for _, source := range sources {
		trees, err := parse.Parse(rootName, source, "", "", new(rendering).functions(), builtins)
		if err != nil || trees[rootName] == nil || len(source) > MaxSource {
			continue
		}
		s := &sampler{trees: trees}
		s.call(trees[rootName], params)
	}
	object, is := params.value("").(map[string]any)
	if !is {
		return map[string]any{}
	}
	return object
}

// guess is what the uses of a value tell of it.
type guess struct {
	fields  map[string]*guess
	element *guess // it is looped over
	like    any    // a value that it was compared with or formatted as
}

// field returns a field of the value.
func (s *guess) field(names ...string) *guess {
	for _, name := range names {
		if s.fields == nil {
			s.fields = map[string]*guess{}
		}
		if s.fields[name] == nil {
			s.fields[name] = &guess{}
		}
		s = s.fields[name]
	}
	return s
}

// elements returns what the value has when it is looped over.
func (s *guess) elements() *guess {
	if s.element == nil {
		s.element = &guess{}
	}
	return s.element
}

// value returns a value like the guess.
func (s *guess) value(name string) any {
	switch {
	case s.element != nil:
		return []any{s.element.value(strings.TrimSuffix(name, "s"))}
	case s.fields != nil:
		object := map[string]any{}
		for name, field := range s.fields {
			object[name] = field.value(name)
		}
		return object
	case s.like != nil:
		return s.like
	}
	return name
}

// sampler walks the trees of one source. Values that are no params have a guess, too, which
// nobody reads.
type sampler struct {
	trees map[string]*parse.Tree
	dot   *guess
	vars  map[string]*guess
	calls int
	depth int
}

// call walks a tree with its argument.
func (s *sampler) call(t *parse.Tree, dot *guess) {
	if s.calls++; s.calls > maxCalls {
		return
	}
	inside := &sampler{trees: s.trees, dot: dot, vars: map[string]*guess{"$": dot}, calls: s.calls, depth: s.depth}
	inside.list(t.Root)
	s.calls = inside.calls
}

func (s *sampler) list(l *parse.ListNode) {
	if l == nil || s.depth > maxNesting {
		return
	}
	s.depth++
	defer func() { s.depth-- }()
	for _, node := range l.Nodes {
		switch n := node.(type) {
		case *parse.ActionNode:
			s.declare(n.Pipe, s.pipe(n.Pipe))
		case *parse.IfNode:
			s.declare(n.Pipe, s.pipe(n.Pipe))
			s.list(n.List)
			s.list(n.ElseList)
		case *parse.WithNode:
			s.inside(&n.BranchNode, func(v *guess) *guess { return v })
		case *parse.RangeNode:
			s.inside(&n.BranchNode, (*guess).elements)
		case *parse.TemplateNode:
			argument := &guess{}
			if n.Pipe != nil {
				argument = s.pipe(n.Pipe)
			}
			if t := s.trees[n.Name]; t != nil {
				s.call(t, argument)
			}
		}
	}
}

// inside walks a branch whose dot comes from the value of its pipeline.
func (s *sampler) inside(b *parse.BranchNode, dotOf func(*guess) *guess) {
	dot := dotOf(s.pipe(b.Pipe))
	s.declare(b.Pipe, dot)
	outer := s.dot
	s.dot = dot
	s.list(b.List)
	s.dot = outer
	s.list(b.ElseList)
}

// declare gives the value of a pipeline to the last variable that it declares; another one
// before it is an index.
func (s *sampler) declare(p *parse.PipeNode, v *guess) {
	for i, variable := range p.Decl {
		s.vars[variable.Ident[0]] = &guess{}
		if i == len(p.Decl)-1 {
			s.vars[variable.Ident[0]] = v
		}
	}
}

// pipe returns the value of a pipeline.
func (s *sampler) pipe(p *parse.PipeNode) *guess {
	var piped *guess
	for _, command := range p.Cmds {
		piped = s.command(command, piped)
	}
	return piped
}

// command returns the value of a command, which is a param's when the function passes one on.
func (s *sampler) command(c *parse.CommandNode, piped *guess) *guess {
	function, is := c.Args[0].(*parse.IdentifierNode)
	if !is {
		return s.operand(c.Args[0])
	}
	var args []*guess
	var like constant // among them
	for _, arg := range c.Args[1:] {
		args = append(args, s.operand(arg))
		switch n := arg.(type) {
		case *parse.StringNode:
			like.value = n.Text
		case *parse.NumberNode:
			like.value = n.Float64
		}
	}
	if piped != nil {
		args = append(args, piped)
	}
	if len(args) == 0 {
		return &guess{}
	}
	switch function.Ident {
	case "eq", "ne", "lt", "le", "gt", "ge":
		like.give(args)
	case "printf":
		if format, is := like.value.(string); is && strings.ContainsAny(format, "dfgx") && !strings.ContainsAny(format, "svq") {
			constant{1.0}.give(args)
		}
	case "index":
		return s.index(c.Args[min(2, len(c.Args)):], args[0])
	case "slice":
		return args[0]
	case "default", "plain", "json":
		return args[len(args)-1]
	}
	return &guess{}
}

// constant is a value that a template writes.
type constant struct{ value any }

// give makes the values that are known less like the constant.
func (c constant) give(to []*guess) {
	for _, s := range to {
		if s.like == nil {
			s.like = c.value
		}
	}
}

// index returns the element that the keys lead to.
func (s *sampler) index(keys []parse.Node, from *guess) *guess {
	for _, key := range keys {
		if name, is := key.(*parse.StringNode); is {
			from = from.field(name.Text)
		} else {
			from = from.elements()
		}
	}
	return from
}

// operand returns the value of an operand.
func (s *sampler) operand(n parse.Node) *guess {
	switch n := n.(type) {
	case *parse.DotNode:
		return s.dot
	case *parse.FieldNode:
		return s.dot.field(n.Ident...)
	case *parse.VariableNode:
		if v := s.vars[n.Ident[0]]; v != nil {
			return v.field(n.Ident[1:]...)
		}
	case *parse.ChainNode:
		return s.operand(n.Node).field(n.Field...)
	case *parse.PipeNode:
		return s.pipe(n)
	}
	return &guess{}
}
