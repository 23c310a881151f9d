package clienttest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels/builtin"
)

// The client has a constant for every code of the API and for every code of our own of a delivery.
func TestConstantsOfCodes(t *testing.T) {
	t.Parallel()
	ours := constants(t, "Code")
	var codes []string
	for pattern, code := range map[string]string{
		"api/problem.go":           `code\w+ += "(\w+)"|http\.Status\w+: +"(\w+)"`,
		"jobs/refusal/refusal.go":  `\t\w+ += "(\w+)"`,
		"jobs/*/*.go":              `\bCode\w+ += "(\w+)"`,
		"store/*.go":               `\bCode\w+ += "(\w+)"`,
		"channels/*.go":            `\bCode\w+ += "(\w+)"`,
		"channels/vendorhttp/*.go": `\bCode\w+ += "(\w+)"`,
	} {
		files, err := filepath.Glob(filepath.Join("../../..", pattern))
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, file := range files {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, match := range regexp.MustCompile(code).FindAllStringSubmatch(string(source), -1) {
				codes = append(codes, strings.Join(match[1:], ""))
			}
		}
	}
	require.NotEmpty(t, codes)
	for _, code := range codes {
		switch code {
		case "sign_in_expired", "sign_in_refused", "not_admitted", "provider_unreachable": // the console's
		default:
			require.Contains(t, ours, code)
		}
	}
	for _, code := range ours {
		require.Contains(t, codes, code)
	}
}

// The client has a constant for every channel, type of recipients, priority and receipt.
func TestConstantsOfEnums(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../api/openapi.yaml")
	require.NoError(t, err)
	var spec struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Enum []string }
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &spec))
	for prefix, at := range map[string][2]string{
		"Recipient": {"RecipientRequest", "type"},
		"Priority":  {"NotificationRequest", "priority"},
		"Receipt":   {"Delivery", "receipt"},
	} {
		require.ElementsMatch(t, spec.Components.Schemas[at[0]].Properties[at[1]].Enum, constants(t, prefix), prefix)
	}
	var channels []string
	for _, typ := range builtin.Types() {
		channels = append(channels, typ.Channel)
	}
	require.ElementsMatch(t, channels, constants(t, "Channel"))
}

// constants returns the values of the client's constants whose names begin with a prefix.
func constants(t *testing.T, prefix string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../client/constants.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if is && strings.HasPrefix(spec.Names[0].Name, prefix) {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			values = append(values, value)
		}
		return true
	})
	require.NotEmpty(t, values, prefix)
	return values
}
