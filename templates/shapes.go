package templates

import (
	"errors"
	"text/template/parse"
)

const (
	// maxShapes bounds the bodies that CheckBody tries.
	maxShapes = 256
	// maxShapeNodes bounds the nodes that CheckBody visits, for all bodies together.
	maxShapeNodes = 1_000_000
)

// CheckBody checks what the template renders to, while its params are not known. It tries the
// bodies that the branches make, with the placeholder for each value that is printed: a list
// is empty or has one element. It returns nil when one of them passes, because the params
// choose the branches. It returns the first error when none passes, and nil when there are too
// many to try.
func (t *Template) CheckBody(placeholder string, check func(body string) error) error {
	trees, err := parse.Parse(rootName, t.source, "", "", new(rendering).functions(), builtins)
	if err != nil {
		return syntaxError(err)
	}
	s := &shape{trees: trees, placeholder: placeholder, nodes: maxShapeNodes}
	var first error
	for range maxShapes {
		body, err := s.render(t.format)
		if errors.Is(err, errTooManyNodes) {
			return nil
		}
		if err == nil {
			err = check(body)
		}
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
		if !s.next() {
			return first
		}
	}
	return nil
}

// errTooManyNodes ends CheckBody without an answer.
var errTooManyNodes = errors.New("too many nodes")

// shape renders a template along one way through its branches.
type shape struct {
	trees       map[string]*parse.Tree
	placeholder string
	output      output
	choices     []bool // whether each branch is taken, in the order in which they are met
	met         int    // branches so far
	depth       int    // of templates calling templates
	nodes       int    // that may still be visited
	ended       bool   // by break or continue, until the end of the loop
}

func (s *shape) render(format Format) (string, error) {
	s.output, s.met, s.depth, s.ended = newOutput(format), 0, 0, false
	if err := s.call(rootName); err != nil {
		return "", err
	}
	return s.output.result()
}

// next moves on to the next way through the branches, and reports whether there is one.
func (s *shape) next() bool {
	s.choices = s.choices[:s.met]
	for len(s.choices) > 0 && s.choices[len(s.choices)-1] {
		s.choices = s.choices[:len(s.choices)-1]
	}
	if len(s.choices) == 0 {
		return false
	}
	s.choices[len(s.choices)-1] = true
	return true
}

// taken reports whether the next branch is taken.
func (s *shape) taken() bool {
	if s.met == len(s.choices) {
		s.choices = append(s.choices, false)
	}
	s.met++
	return s.choices[s.met-1]
}

func (s *shape) call(name string) error {
	if s.depth++; s.depth > maxDepth {
		return &LimitError{"templates call each other without an end"}
	}
	defer func() { s.depth-- }()
	if tree := s.trees[name]; tree != nil {
		return s.list(tree.Root)
	}
	return nil
}

func (s *shape) list(l *parse.ListNode) error {
	if l == nil {
		return nil
	}
	for _, n := range l.Nodes {
		if s.nodes--; s.nodes < 0 {
			return errTooManyNodes
		}
		if err := s.node(n); err != nil || s.ended {
			return err
		}
	}
	return nil
}

func (s *shape) node(n parse.Node) error {
	switch n := n.(type) {
	case *parse.TextNode:
		_, err := s.output.Write(n.Text)
		return err
	case *parse.ActionNode:
		return s.print(n)
	case *parse.IfNode:
		return s.branch(n.BranchNode)
	case *parse.WithNode:
		return s.branch(n.BranchNode)
	case *parse.RangeNode:
		err := s.branch(n.BranchNode)
		s.ended = false
		return err
	case *parse.BreakNode, *parse.ContinueNode:
		s.ended = true
	case *parse.TemplateNode:
		return s.call(n.Name)
	}
	return nil
}

func (s *shape) branch(b parse.BranchNode) error {
	if s.taken() {
		return s.list(b.List)
	}
	return s.list(b.ElseList)
}

func (s *shape) print(n *parse.ActionNode) error {
	if len(n.Pipe.Decl) > 0 { // an assignment prints nothing
		return nil
	}
	text, err := s.output.value(s.placeholder)
	if err == nil {
		_, err = s.output.Write([]byte(text))
	}
	return err
}
