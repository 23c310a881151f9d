package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var templateCases = map[string]func(*testing.T, bundle){
	"Templates/create and read": templateCreate,
	"Templates/update":          templateUpdate,
	"Templates/delete":          templateDelete,
	"Templates/find":            templatesFound,
	"Templates/not found":       templateNotFound,
	"Templates/list":            templateList,
}

func template(name, channel string) store.Template {
	now := store.Now()
	return store.Template{
		Name: name, Channel: channel, Description: "描述", MsgType: "text", Subject: "{{ .subject }}",
		Body: "【{{ .severity }}】\n{{ .incident }}", TemplateCode: "SMS_1", CreatedAt: now, UpdatedAt: now,
	}
}

func templateCreate(t *testing.T, b bundle) {
	want := template("alert", "email")
	require.NoError(t, b.CreateTemplate(t.Context(), want))
	got, err := b.Template(t.Context(), "alert")
	require.NoError(t, err)
	require.Equal(t, want, got)

	// Names are unique over all channels, and told apart by case.
	require.ErrorIs(t, b.CreateTemplate(t.Context(), template("alert", "sms")), store.ErrExists)
	require.NoError(t, b.CreateTemplate(t.Context(), template("Alert", "sms")))
	got, err = b.Template(t.Context(), "alert")
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func templateUpdate(t *testing.T, b bundle) {
	first, other := template("alert", "email"), template("other", "email")
	require.NoError(t, b.CreateTemplate(t.Context(), first))
	require.NoError(t, b.CreateTemplate(t.Context(), other))
	later := first.UpdatedAt.Add(time.Minute)
	got, err := b.UpdateTemplate(t.Context(), store.Template{
		Name: "alert", Channel: "sms", Body: "new", CreatedAt: later, UpdatedAt: later,
	})
	require.NoError(t, err)
	want := store.Template{Name: "alert", Channel: "email", Body: "new", CreatedAt: first.CreatedAt, UpdatedAt: later}
	require.Equal(t, want, got)

	got, err = b.Template(t.Context(), "alert")
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = b.Template(t.Context(), "other")
	require.NoError(t, err)
	require.Equal(t, other, got)
}

func templateDelete(t *testing.T, b bundle) {
	require.NoError(t, b.CreateTemplate(t.Context(), template("alert", "email")))
	require.NoError(t, b.CreateTemplate(t.Context(), template("other", "email")))
	require.NoError(t, b.DeleteTemplate(t.Context(), "alert"))
	_, err := b.Template(t.Context(), "alert")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.Template(t.Context(), "other")
	require.NoError(t, err)
	require.NoError(t, b.CreateTemplate(t.Context(), template("alert", "sms")), "the name is free again")
}

func templatesFound(t *testing.T, b bundle) {
	one, other := template("alert", "email"), template("other", "sms")
	for _, created := range []store.Template{one, other, template("third", "email")} {
		require.NoError(t, b.CreateTemplate(t.Context(), created))
	}
	found, err := b.FindTemplates(t.Context(), []string{"other", "none", `"`, "alert", "alert"})
	require.NoError(t, err)
	require.ElementsMatch(t, []store.Template{one, other}, found)
}

func templateNotFound(t *testing.T, b bundle) {
	_, err := b.Template(t.Context(), "none")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.UpdateTemplate(t.Context(), template("none", "email"))
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, b.DeleteTemplate(t.Context(), "none"), store.ErrNotFound)
}

func templateList(t *testing.T, b bundle) {
	for _, name := range []string{"b", "a-1", "a", "B", "a.1", "_"} {
		channel := "email"
		if name == "a" || name == "B" {
			channel = "sms"
		}
		require.NoError(t, b.CreateTemplate(t.Context(), template(name, channel)))
	}
	for _, c := range []struct {
		channel, after string
		limit          int
		want           []string
	}{
		{"", "", 10, []string{"B", "_", "a", "a-1", "a.1", "b"}}, // by bytes, on each engine
		{"", "", 2, []string{"B", "_"}},
		{"", "_", 2, []string{"a", "a-1"}},
		{"", "a1", 10, []string{"b"}},
		{"", "b", 10, nil},
		{"sms", "", 10, []string{"B", "a"}},
		{"sms", "B", 10, []string{"a"}},
		{"voice", "", 10, nil},
	} {
		list, err := b.ListTemplates(t.Context(), c.channel, c.after, c.limit)
		require.NoError(t, err)
		var names []string
		for _, tmpl := range list {
			names = append(names, tmpl.Name)
		}
		require.Equal(t, c.want, names, "%+v", c)
	}
}
