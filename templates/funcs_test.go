package templates

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFunctions(t *testing.T) {
	t.Parallel()
	const params = `{"s":"警报abc","e":"","n":3,"f":2.5,"zero":0,"no":false,"nul":null,
		"l":["a","b","c"],"o":{"k":"v"},"u":"a b&c=警"}`
	for _, c := range []struct{ source, want string }{
		{`{{index . "x" | default "n/a"}}`, "n/a"},
		{`{{.nul | default "n/a"}}`, "n/a"},
		{`{{.e | default "n/a"}}`, "n/a"},
		{`{{.zero | default 7}}{{.no | default true}}`, "0false"},
		{`{{.l | default "n/a"}}`, `["a","b","c"]`},

		{`{{index .l 2}}{{index .o "k"}}`, "cv"},
		{`{{index . "o" "k"}}`, "v"},
		{`{{if index . "x" "y" "z"}}y{{else}}n{{end}}`, "n"},

		{`{{len .s}} {{len .l}} {{len .o}} {{len .e}}`, "5 3 1 0"},
		{`{{len (json .l)}}`, "13"},

		{`{{slice .s 1 3}}|{{slice .s 2}}|{{slice .s}}|{{slice .s 0 99}}|{{slice .s 99}}`, "报a|abc|警报abc|警报abc|"},
		{`{{slice .s 5 5}}|{{slice .s 0 0}}`, "|"},
		{`{{range slice .l 1}}{{.}}{{end}}|{{slice .l 0 1}}`, `bc|["a"]`},
		{`{{slice (json .o) 1 4}}`, `"k"`},

		{`{{json .l}} {{json .o}} {{json .nul}} {{json .n}} {{json "<&>\"\n"}}`,
			`["a","b","c"] {"k":"v"} null 3 "<&>\"\n"`},
		{`{{$j := json .o}}{{$j}}`, `{"k":"v"}`},

		{`{{print "a" 1 2 "b"}}|{{print}}|{{print .l .o}}`, `a1 2b||["a","b","c"] {"k":"v"}`},
		{`{{printf "%s-%d-%.2f-%05.1f-%g-%x-%v-%q-%%" .s .n .n .f .f 255 .no "q"}}`, `警报abc-3-3.00-002.5-2.5-ff-false-"q"-%`},
		{`{{printf "[%6s][%-6s][%.2s]" "ab" "ab" "警报a"}}`, "[    ab][ab    ][警报]"},
		{`{{.n | printf "%03d"}}`, "003"},
		{`{{printf "%v %s" .l .o}}`, `["a","b","c"] {"k":"v"}`},
		{`https://x/?q={{urlquery .u}}`, "https://x/?q=a+b%26c%3D%E8%AD%A6"},

		{`{{eq .n 3}} {{eq .n 3.0}} {{eq .n 1 2 3}} {{eq .n 1 2}} {{ne .n 3}}`, "true true true false false"},
		{`{{eq .s "警报abc"}} {{eq .nul nil}} {{eq .s nil}} {{eq .no false}} {{ne .no true}}`, "true true false true true"},
		{`{{lt .f 3}} {{le .f 2.5}} {{gt .n 2.5}} {{ge .n 3}} {{gt .n .f}}`, "true true true true true"},
		{`{{lt .n 3}} {{le .n 2.9}} {{gt .n 3}} {{ge .n 3.1}}`, "false false false false"},
		{`{{lt "a" "b"}} {{ge "a" "b"}}`, "true false"},
		{`{{and .n .s}} {{or .e .s}} {{not .e}} {{and .zero .x}}`, "警报abc 警报abc true 0"},
	} {
		t.Run(c.source, func(t *testing.T) {
			t.Parallel()
			got, err := render(t, Text, c.source, params)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}
