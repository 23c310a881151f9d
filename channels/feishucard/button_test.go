package feishucard_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishucard"
)

var ack = channels.Button{Label: "<认领>", Value: "v1"}

const (
	behaviors = `"behaviors":[{"type":"callback","value":{"sealos_notify":"v1"}}]`
	button    = `{` + behaviors + `,"tag":"button","text":{"content":"<认领>","tag":"plain_text"},"type":"primary"}`
	action    = `{"actions":[` + button + `],"tag":"action"}`
	note      = `{"elements":[{"content":"by *A*","tag":"plain_text"}],"tag":"note"}`
	div       = `{"tag":"div","text":{"content":"by *A*","tag":"plain_text","text_color":"grey","text_size":"notation"}}`
	shared    = `"config":{"update_multi":true}`
)

func TestBelowTheCard(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{}`:                               `{` + shared + `,"elements":[•]}`,
		`{"elements":[{"tag":"hr"}]}`:      `{` + shared + `,"elements":[{"tag":"hr"},•]}`,
		`{"schema":"1.0","elements":null}`: `{` + shared + `,"elements":[•],"schema":"1.0"}`,
		`{"config":{"wide_screen_mode":true,"update_multi":false},"i18n_elements":{"en_us":[{"tag":"hr"}],"zh_cn":[]}}`: `{"config":{"update_multi":true,"wide_screen_mode":true},"i18n_elements":{"en_us":[{"tag":"hr"},•],"zh_cn":[•]}}`,
		`{"schema":"2.0","body":{"padding":"4px","elements":[{"tag":"hr"}]}}`:                                           `{"body":{"elements":[{"tag":"hr"},•],"padding":"4px"},` + shared + `,"schema":"2.0"}`,
		`{"schema":"2.0"}`: `{"body":{"elements":[•]},` + shared + `,"schema":"2.0"}`,
	} {
		inButton, inNote := action, note
		if strings.Contains(body, "2.0") {
			inButton, inNote = button, div
		}
		got, err := feishucard.WithButton(body, ack)
		require.NoError(t, err, body)
		require.Equal(t, strings.ReplaceAll(want, "•", inButton), got)
		require.NoError(t, feishucard.Card(got))
		got, err = feishucard.WithNote(body, "by *A*")
		require.NoError(t, err, body)
		require.Equal(t, strings.ReplaceAll(want, "•", inNote), got)
		require.NoError(t, feishucard.Card(got))
	}
}

func TestNothingFitsBelowTheCard(t *testing.T) {
	t.Parallel()
	full := strings.Repeat(`{"tag":"hr"},`, 198) + `{"tag":"hr"}`
	for body, wrong := range map[string]string{
		`{"type":"template","data":{"template_id":"AAq"}}`: "builder",
		`{"elements":{}}`: "a list is missing",
		`{"config":1}`:    "an object is missing",
		`{"elements":[{"tag":"markdown","content":"` + strings.Repeat("x", 30<<10-60) + `"}]}`: "bytes long",
		`{"schema":"2.0","body":{"elements":[` + full + `]}}`:                                  "201 elements",
	} {
		_, err := feishucard.WithButton(body, ack)
		require.ErrorContains(t, err, wrong)
		_, err = feishucard.WithNote(body, "by A")
		require.ErrorContains(t, err, wrong)
	}
}

func TestLongLabelsAreCut(t *testing.T) {
	t.Parallel()
	got, err := feishucard.WithButton(`{}`, channels.Button{Label: strings.Repeat("认", 200)})
	require.NoError(t, err)
	require.Equal(t, 100, strings.Count(got, "认"))
}

func TestButtonValue(t *testing.T) {
	t.Parallel()
	require.Equal(t, "v1", feishucard.ButtonValue(map[string]any{"sealos_notify": "v1", "x": 1}))
	for _, other := range []map[string]any{nil, {}, {"sealos_notify": 1}, {"action": "approve"}} {
		require.Empty(t, feishucard.ButtonValue(other))
	}
}
