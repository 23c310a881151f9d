package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a file. The parser's time grows with the square of the tokens and of the
// nesting. Within these limits it stays under a second.
const (
	maxFile    = 1 << 20 // bytes
	maxTokens  = 20_000
	maxNesting = 32
)

// syntaxError is why a file cannot be read: it is not YAML, or it uses a feature of
// YAML that is not supported.
type syntaxError struct {
	line    int // 0 when unknown
	message string
}

func (e *syntaxError) Error() string { return e.message }

// parse returns the file's one document, a mapping. An empty file is a mapping
// without keys.
func parse(src []byte) (ast.Node, error) {
	tokens := lexer.Tokenize(string(src))
	if err := guard(tokens); err != nil {
		return nil, err
	}
	// Duplicate keys are found later, where their full name is known.
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		// The error's own text quotes the lines around it, which may hold secrets.
		var yerr yaml.Error
		if errors.As(err, &yerr) && yerr.GetToken() != nil {
			return nil, &syntaxError{yerr.GetToken().Position.Line, "not valid YAML: " + yerr.GetMessage()}
		}
		return nil, &syntaxError{0, "not valid YAML"}
	}
	docs := slices.DeleteFunc(file.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	if len(docs) == 0 {
		return &ast.NullNode{}, nil
	}
	if len(docs) > 1 {
		return nil, &syntaxError{docs[1].Body.GetToken().Position.Line, "only one YAML document is allowed"}
	}
	root := docs[0].Body
	switch root.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.NullNode:
		return root, nil
	}
	return nil, &syntaxError{root.GetToken().Position.Line, expected(reflect.TypeFor[Config]())}
}

// guard refuses what would take the parser long. It also refuses anchors, aliases
// and tags, which can hide where a value comes from or expand into a huge value.
func guard(tokens token.Tokens) error {
	if len(tokens) > maxTokens {
		return &syntaxError{0, fmt.Sprintf("too large: more than %d YAML tokens", maxTokens)}
	}
	depth, entries, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
		}
		switch t.Type {
		case token.AnchorType, token.AliasType, token.MergeKeyType, token.TagType, token.DirectiveType, token.MappingKeyType:
			return &syntaxError{line, "anchors, aliases, tags, directives and complex keys are not supported"}
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		case token.SequenceEntryType: // "- - -" nests within one line
			entries++
		}
		if depth > maxNesting || entries > maxNesting {
			return &syntaxError{line, "nested too deeply"}
		}
	}
	return nil
}

// scalar returns the text of a scalar as it is written: a password of digits keeps
// its leading zeros. It reports false for other nodes.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}
