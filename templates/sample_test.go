package templates

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// A sample has every param in a shape that renders, from all branches.
func TestSample(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		``:                            `{}`,
		`no params`:                   `{}`,
		`{{ .a }`:                     `{}`,
		`{{ .severity }}`:             `{"severity":"severity"}`,
		`{{ .user.name }}`:            `{"user":{"name":"name"}}`,
		`{{ $.user.name }}`:           `{"user":{"name":"name"}}`,
		`{{ .user }}{{ .user.name }}`: `{"user":{"name":"name"}}`,
		`{{ if eq .severity "P0" }}{{ .pager }}{{ else }}{{ .mail }}{{ end }}`:                                            `{"severity":"P0","pager":"pager","mail":"mail"}`,
		`{{ if gt .usage 0.9 }}!{{ end }}{{ printf "%d" .count }}`:                                                        `{"usage":0.9,"count":1}`,
		`{{ range $i, $pod := .pods }}{{ $i }}{{ $pod.name }} {{ printf "%.1f" $pod.cpu }}{{ else }}{{ .none }}{{ end }}`: `{"pods":[{"name":"name","cpu":1}],"none":"none"}`,
		`{{ range .tags }}{{ . }}{{ end }}`:                                                                               `{"tags":["tag"]}`,
		`{{ range .a }}{{ range .b }}{{ .c }}{{ $.d }}{{ end }}{{ end }}`:                                                 `{"a":[{"b":[{"c":"c"}]}],"d":"d"}`,
		`{{ index . "e-mail" | default "x" }}{{ with index . "user" "tel" }}{{ . }}{{ end }}`:                             `{"e-mail":"e-mail","user":{"tel":"tel"}}`,
		`{{ (index .list 0).name }}`:                                                                                      `{"list":[{"name":"name"}]}`,
		`{{ with .user }}{{ .name }}{{ end }}{{ $u := .user }}{{ $u.tel }}`:                                               `{"user":{"name":"name","tel":"tel"}}`,
		`{{ define "x" }}{{ .name }}{{ $.tel }}{{ end }}{{ template "x" .user }}`:                                         `{"user":{"name":"name","tel":"tel"}}`,
		`{{ .text | plain | json }}{{ slice .long 0 4 }}{{ urlquery .q }}`:                                                `{"text":"text","long":"long","q":"q"}`,
		`{{ range 3 }}{{ $.a }}{{ end }}{{ . | index }}`:                                                                  `{"a":"a"}`,
	} {
		got, err := json.Marshal(Sample(source))
		require.NoError(t, err, source)
		require.JSONEq(t, want, string(got), source)
	}
	require.Equal(t, map[string]any{"a": "a", "b": "b"}, Sample("{{ .a }}", "{{ .b }}"))
}

// Templates that call each other are followed so far only: each call may be two more.
func TestSampleEnds(t *testing.T) {
	t.Parallel()
	require.NotNil(t, Sample(`{{ define "x" }}{{ template "x" .a }}{{ template "x" .b }}{{ end }}{{ template "x" . }}`))
}
