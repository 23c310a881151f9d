package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
)

// readAll writes files into a folder and reads the contacts of one of them, or of the folder. Places
// are without the folder.
func readAll(t *testing.T, path string, files map[string]string) ([]placedContact, error) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	var all []placedContact
	err := readContacts(filepath.Join(dir, path), func(c placedContact) error {
		c.place = strings.TrimPrefix(c.place, dir+"/")
		all = append(all, c)
		return nil
	})
	return all, err
}

func TestReadContacts(t *testing.T) {
	t.Parallel()
	alice := client.ContactRequest{Name: "alice", ContactContent: client.ContactContent{
		Addresses: []client.Recipient{{Type: "phone", Value: "+8613800000000"}, {Type: "email", Value: "alice@example.com"}},
		Locale:    "zh-CN", TimeZone: "Asia/Shanghai", Labels: map[string]string{"region": "cn"},
	}}
	bob := client.ContactRequest{Name: "bob", ContactContent: client.ContactContent{Addresses: []client.Recipient{{Type: "email", Value: "bob@example.com"}}}}

	got, err := readAll(t, ".", map[string]string{
		"1.yaml": "# the first\nname: alice\naddresses:\n  - {type: phone, value: \"+8613800000000\"}\n  - type: email\n    value: alice@example.com\n" +
			"locale: zh-CN\ntimeZone: Asia/Shanghai\nlabels: {region: cn}\n---\nname: bob\naddresses: [{type: email, value: bob@example.com}]\n",
		"2.yml": "name: carol\n", "notes.md": "no contact",
	})
	require.NoError(t, err)
	require.Equal(t, []placedContact{{alice, "1.yaml:2"}, {bob, "1.yaml:11"}, {client.ContactRequest{Name: "carol"}, "2.yml:1"}}, got)

	got, err = readAll(t, "people.CSV", map[string]string{
		"people.CSV": "\ufeffname,locale,timeZone,label.region,phone,email\r\nalice,zh-CN,Asia/Shanghai,cn,+8613800000000,alice@example.com\r\n\r\n\"bob\", ,,,,\"bob@example.com\"\r\n",
	})
	require.NoError(t, err)
	require.Equal(t, []placedContact{{alice, "people.CSV:2"}, {bob, "people.CSV:4"}}, got)

	// What show prints can be pushed.
	shown, err := document(contactFile{Name: alice.Name, Addresses: alice.Addresses, Locale: alice.Locale, TimeZone: alice.TimeZone, Labels: alice.Labels})
	require.NoError(t, err)
	got, err = readAll(t, "x.yaml", map[string]string{"x.yaml": shown})
	require.NoError(t, err)
	require.Equal(t, alice, got[0].ContactRequest)
}

// What is wrong is said with the file, the line and the column.
func TestReadContactsNamesThePlace(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"a.yaml|name: a\nadresses: []\n":                 "a.yaml:2:1: unknown field",
		"a.yaml|name: a\naddresses: [{type: x, val: y}]": "a.yaml:2:23: unknown field",
		"a.yaml|name: a\n---\nlocale: en\n":              "a.yaml:3: name is required",
		"a.yaml|name: a\n---\nname: a\n":                 "a.yaml:3: contact a is at ",
		"a.yaml|name: [\n":                               "a.yaml:1:",
		"a.yaml|just a text":                             "a.yaml:1",
		"a.csv|name,email\na,b,c\n":                      "a.csv:2:1: wrong number of fields",
		"a.csv|name,email\na,\"b\nc\n":                   "a.csv:",
		"a.csv|name,,email\n":                            "a.csv:1:6: the column has no name",
		"a.csv|":                                         "a.csv: the first line must name the columns",
		"a.csv|name,email\n,a@example.com\n":             "a.csv:2: name is required",
		"a.csv|name\na\nb\na\n":                          "a.csv:4: contact a is at ",
		"none/|":                                         "no such file",
	} {
		name, text, _ := strings.Cut(content, "|")
		files := map[string]string{name: text}
		if strings.HasSuffix(name, "/") {
			files = nil
		}
		_, err := readAll(t, name, files)
		require.ErrorContains(t, err, want, content)
	}
	_, err := readAll(t, ".", nil)
	require.ErrorContains(t, err, "has no YAML files")
}

// FuzzContactTable checks that every table is either contacts with names, or an error with a place.
func FuzzContactTable(f *testing.F) {
	for _, seed := range []string{
		"name,email\na,a@example.com\n", "\xef\xbb\xbfname\r\na\r\n", "name,label.\na,b\n", "\"name\n", "name,name\na,b\n", ",\n", "name\n\"\"\n", "name;email\na;b\n",
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "fuzzed.csv")
	f.Fuzz(func(t *testing.T, table []byte) {
		require.NoError(t, os.WriteFile(path, table, 0o600))
		err := readContacts(path, func(c placedContact) error {
			require.NotEmpty(t, c.Name)
			require.Regexp(t, `fuzzed\.csv:\d+$`, c.place)
			return nil
		})
		if err != nil {
			require.Contains(t, err.Error(), "fuzzed.csv:")
		}
	})
}
