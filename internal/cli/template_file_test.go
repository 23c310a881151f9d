package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/labring/sealos-notify/client"
)

// A template that is printed and read again is the same template.
func TestTemplateFileRoundTrip(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune("ab{}:#-'\"|>%@&*! \t\n\r\\【告警】\u00a0\u2028\ufeff0~\x1b\u009b\u202e\u200d\U000e0041")), 0, 40, -1),
		rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) {
		f := templateFile{
			Name: "n", Channel: "c", Description: text.Draw(t, "description"), MsgType: text.Draw(t, "msgType"),
			TemplateCode: text.Draw(t, "templateCode"), TemplateCodes: map[string]string{"other": text.Draw(t, "code")}, Subject: text.Draw(t, "subject"), Body: text.Draw(t, "body"),
			Locale: "zh", Texts: map[string]client.Text{
				"no": {Subject: text.Draw(t, "subject in Norwegian"), Body: text.Draw(t, "body in Norwegian")}, "zh-Hant": {TemplateCodes: map[string]string{"other": text.Draw(t, "code in Chinese")}},
			},
		}
		document, err := f.document()
		require.NoError(t, err)
		again, err := parseTemplateFile([]byte(document))
		require.NoError(t, err, document)
		require.Equal(t, sampledFile{Template: f}, again, document)
		require.Equal(t, string(cleaned([]byte(document))), document, "a terminal shows all of it")
	})
}

func TestTemplateFileIsReadable(t *testing.T) {
	t.Parallel()
	document, err := templateFile{Name: "mail", Channel: "email", Subject: "[{{ .severity }}]", Body: "<p>\n  {{ .incident }}\n</p>\n"}.document()
	require.NoError(t, err)
	require.Equal(t, `name: mail
channel: email
subject: "[{{ .severity }}]"
body: |
  <p>
    {{ .incident }}
  </p>
`, document)
}

func TestTemplateFileWithTexts(t *testing.T) {
	t.Parallel()
	document, err := templateFile{
		Name: "debt", Channel: "email", Locale: "zh", Subject: "欠费", Body: "欠 {{ .amount }}\n请充值\n",
		Texts: map[string]client.Text{"ja": {Body: "-"}, "en": {Subject: "Debt", Body: "You owe {{ .amount }}\nTop up\n"}},
	}.document()
	require.NoError(t, err)
	require.Equal(t, `name: debt
channel: email
locale: zh
subject: 欠费
body: |
  欠 {{ .amount }}
  请充值
texts:
  en:
    subject: Debt
    body: |
      You owe {{ .amount }}
      Top up
  ja:
    body: "-"
`, document)
	_, err = parseTemplateFile([]byte("name: a\nchannel: email\nlocale: zh\nbody: x\ntexts: {en: {bodi: x}}\n"))
	require.ErrorContains(t, err, `unknown field "bodi"`)
}

func TestReadTemplates(t *testing.T) {
	t.Parallel()
	read := func(files map[string]string) (map[string]sampledFile, error) {
		dir := t.TempDir()
		for name, content := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		}
		return readTemplates(dir)
	}
	const a, b = "name: a\nchannel: email\nbody: x\n", "name: b\nchannel: email\nbody: x\n"
	files, err := read(map[string]string{"1.yaml": a, "2.yml": b + "sampleParams: {n: 1, m: {x: y}}\n", "README.md": "no template"})
	require.NoError(t, err)
	require.Equal(t, map[string]sampledFile{
		"a": {Template: templateFile{Name: "a", Channel: "email", Body: "x"}},
		"b": {Template: templateFile{Name: "b", Channel: "email", Body: "x"}, SampleParams: map[string]any{"n": uint64(1), "m": map[string]any{"x": "y"}}},
	}, files)

	_, err = read(nil)
	require.ErrorContains(t, err, "has no YAML files", "an empty folder is a mistake, not the wish to delete everything")

	_, err = read(map[string]string{
		"1.yaml": a, "2.yaml": a, "3.yaml": "name: c\nchannel: email\nbodi: x\n", "4.yaml": "name: d\n", "5.yaml": "- x\n", "6.yaml": "",
	})
	for _, fault := range []string{
		"2.yaml: template a is in another file, too", `3.yaml: [3:1] unknown field "bodi"`,
		"4.yaml: name and channel are required", "5.yaml: ", "6.yaml: name and channel are required",
	} {
		require.ErrorContains(t, err, fault)
	}
}

// Files that Windows' editors saved, with a byte order mark and CRLF, are read.
func TestFilesMayHaveAByteOrderMark(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("\xef\xbb\xbfname: a\r\nchannel: email\r\nbody: x\r\n"), 0o600))
	files, err := readTemplates(dir)
	require.NoError(t, err)
	require.Equal(t, templateFile{Name: "a", Channel: "email", Body: "x"}, files["a"].Template)
}

// Vendors' codes are often numbers.
func TestTemplateFileWithCodes(t *testing.T) {
	t.Parallel()
	f, err := parseTemplateFile([]byte("name: code\nchannel: sms\ntemplateCodes: {aliyun: SMS_1, other: 4711, third: \"007\"}\n"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"aliyun": "SMS_1", "other": "4711", "third": "007"}, f.Template.TemplateCodes)
}

// What is missing is said of the language that misses it.
func TestParamsOfTexts(t *testing.T) {
	t.Parallel()
	p := client.Preview{PreviewText: client.PreviewText{Locale: "zh", Missing: []string{"a"}}, Texts: map[string]client.PreviewText{
		"en": {Locale: "en", Missing: []string{"a", "b"}}, "de": {Locale: "de"}, "ja": {Locale: "ja", Missing: []string{"c"}},
	}}
	require.Equal(t, "a; en: a, b; ja: c", missingIn(p))
	require.Empty(t, missingIn(client.Preview{Texts: map[string]client.PreviewText{"en": {}}}))
	require.Equal(t, "sampleParams lack en: x", checked{Preview: &client.Preview{Texts: map[string]client.PreviewText{"en": {Locale: "en", Missing: []string{"x"}}}}}.result())
}
