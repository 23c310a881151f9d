package templates

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Numbers print in full, with all their digits, wherever they come from.
func TestNumbersPrintInFull(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"1e-7": "0.0000001", "1E-7": "0.0000001", "-1.5e-10": "-0.00000000015", "1.2e+1": "12", "1.25e1": "12.5",
		"12345678901234567.89": "12345678901234567.89", "0.12345678901234567890123": "0.12345678901234567890123",
		"1.50": "1.50", "1.0": "1", "100.00": "100", "1e3": "1000", "-0.0": "0", "0e-999": "0", "0.0": "0",
		"12345678901234567.0": "12345678901234567", "9007199254740993.5": "9007199254740993.5",
		"1e18": "1000000000000000000", "1e21": "1000000000000000000000", "1.5e30": "1500000000000000000000000000000",
		"1e308": "1" + strings.Repeat("0", 308), "5e-324": "0." + strings.Repeat("0", 323) + "5",
		// Beyond what is a number, as they are.
		"1e309": "1e309", "1e-999": "1e-999", "1e-999999999": "1e-999999999", "1e99999999999999999999": "1e99999999999999999999",
		"0." + strings.Repeat("1", 2000): "0." + strings.Repeat("1", 2000),
	} {
		for _, source := range []string{"{{.n}}", "{{json .n}}", "{{print .n}}", `{{printf "%v" .n}}`, `{{printf "%s" .n}}`, "{{urlquery .n}}"} {
			got, err := render(t, Text, source, `{"n":`+number+`}`)
			require.NoError(t, err)
			require.Equal(t, want, strings.Trim(got, `"`), "%s of %s", source, number)
		}
		got, err := render(t, JSON, `{"a":{{.n}},"b":"{{.n}}","c":{{json .l}}}`, `{"n":`+number+`,"l":[`+number+`]}`)
		require.NoError(t, err)
		require.Equal(t, 3, strings.Count(got, want), got)
	}
	for _, float := range []float64{1e-7, 0.1, 1234567.5, 1e21} {
		got, err := mustParse(t, "{{.n}}").Render(map[string]any{"n": float}, nil)
		require.NoError(t, err)
		require.NotContains(t, got, "e")
	}
	for literal, want := range map[string]string{
		"1e-7": "0.0000001", "12345678901234567.89": "12345678901234567.89", "+.5": "0.5", "5.": "5", "0x1p-2": "0.25",
		"0x1e": "30", "'e'": "101", "'.'": "46", "1e3": "1000", "1.50": "1.50",
	} {
		got, err := render(t, Text, `{{print "" `+literal+`}}`, `{}`)
		require.NoError(t, err, literal)
		require.Equal(t, want, strings.Trim(got, `"`), literal)
	}
}

func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	const params = `{"big":12345678901234567.89,"id":9007199254740993,"tiny":1e-7,"tenth":0.1,"price":19.99}`
	for source, want := range map[string]string{
		"{{lt .big 12345678901234567.90}} {{eq .big 12345678901234567.89}} {{eq .big 12345678901234568}}":   "true true false",
		"{{eq .id 9007199254740992.0}} {{gt .id 9007199254740992.5}}":                                       "false true",
		"{{eq .tenth 0.1}} {{eq .tenth 0.10}} {{eq .tenth 1e-1}} {{gt .tiny 0}} {{lt .tiny 1e-6}}":          "true true true true true",
		`{{printf "%.2f" .big}} {{printf "%.1f" .id}} {{printf "%f" .tiny}} {{printf "%.7f" .tiny}}`:        "12345678901234567.89 9007199254740993.0 0.000000 0.0000001",
		`{{printf "%g %g" .big .price}} {{printf "%8.2f|%-8.1f|%+.1f|%08.2f" .price .price .price .price}}`: "1.234567890123456789e+16 19.99    19.99|20.0    |+20.0|00019.99",
		`{{if .tiny}}true{{end}}{{if not 0.0}} and false{{end}}`:                                            "true and false",
	} {
		got, err := render(t, Text, source, params)
		require.NoError(t, err, source)
		require.Equal(t, want, got, source)
	}
	_, err := render(t, Text, `{{printf "%d" .price}}`, params)
	require.ErrorContains(t, err, "whole number, not a number")
}

func mustParse(t *testing.T, source string) *Template {
	t.Helper()
	template, err := Parse(Text, source, nil)
	require.NoError(t, err)
	return template
}
