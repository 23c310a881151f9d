package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var templateCases = map[string]func(*testing.T, bundle){
	"Templates/create and read":   templateCreate,
	"Templates/update":            templateUpdate,
	"Templates/delete":            templateDelete,
	"Templates/versions":          templateVersions,
	"Templates/concurrent writes": templateWriters,
	"Templates/not found":         templateNotFound,
	"Templates/list":              templateList,
	"Templates/replaced versions": templateReplacedVersions,
}

func template(name, channel string) store.Template {
	now := store.Now()
	return store.Template{
		Name: name, Channel: channel, Description: "描述", MsgType: "text", Subject: "{{ .subject }}",
		Body: "【{{ .severity }}】\n{{ .incident }}", TemplateCode: "SMS_1", CreatedAt: now, UpdatedAt: now,
	}
}

// create creates a template and returns it as stored.
func (b bundle) create(t *testing.T, tmpl store.Template, by string) store.Template {
	t.Helper()
	created, err := b.CreateTemplate(t.Context(), tmpl, by)
	require.NoError(t, err)
	return created
}

// version returns the version entry of a stored template.
func version(t store.Template, by string) store.TemplateVersion {
	return store.TemplateVersion{
		Name: t.Name, Version: t.Version, Channel: t.Channel, Description: t.Description, MsgType: t.MsgType,
		Subject: t.Subject, Body: t.Body, TemplateCode: t.TemplateCode, CreatedBy: by, CreatedAt: t.UpdatedAt,
	}
}

func templateCreate(t *testing.T, b bundle) {
	want := template("alert", "email")
	created := b.create(t, want, "app")
	want.Version = 1
	require.Equal(t, want, created)
	got, err := b.Template(t.Context(), "alert")
	require.NoError(t, err)
	require.Equal(t, want, got)

	// Names are unique over all channels, and case counts.
	_, err = b.CreateTemplate(t.Context(), template("alert", "sms"), "app")
	require.ErrorIs(t, err, store.ErrExists)
	b.create(t, template("Alert", "sms"), "app")
	got, err = b.Template(t.Context(), "alert")
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Equal(t, 2, b.count(t, "template_versions"), "a refused write makes no version")
}

func templateUpdate(t *testing.T, b bundle) {
	first := b.create(t, template("alert", "email"), "app")
	other := b.create(t, template("other", "email"), "app")
	later := first.UpdatedAt.Add(time.Minute)
	got, err := b.UpdateTemplate(t.Context(), store.Template{
		Name: "alert", Channel: "sms", Body: "new", Version: 7, CreatedAt: later, UpdatedAt: later,
	}, "app")
	require.NoError(t, err)
	want := store.Template{Name: "alert", Channel: "email", Body: "new", Version: 2, CreatedAt: first.CreatedAt, UpdatedAt: later}
	require.Equal(t, want, got)

	got, err = b.Template(t.Context(), "alert")
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = b.Template(t.Context(), "other")
	require.NoError(t, err)
	require.Equal(t, other, got)
}

func templateDelete(t *testing.T, b bundle) {
	b.create(t, template("alert", "email"), "app")
	b.create(t, template("other", "email"), "app")
	require.NoError(t, b.DeleteTemplate(t.Context(), "alert"))
	_, err := b.Template(t.Context(), "alert")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.Template(t.Context(), "other")
	require.NoError(t, err)
	require.Equal(t, 2, b.create(t, template("alert", "sms"), "app").Version, "the name is free again, and its versions continue")
}

func templateVersions(t *testing.T, b bundle) {
	first := b.create(t, template("alert", "email"), "author")
	b.create(t, template("other", "email"), "author")
	next := first
	next.Body, next.Description, next.UpdatedAt = "new", "", first.UpdatedAt.Add(time.Minute)
	second, err := b.UpdateTemplate(t.Context(), next, "editor")
	require.NoError(t, err)
	require.NoError(t, b.DeleteTemplate(t.Context(), "alert"))
	third := b.create(t, template("alert", "sms"), "author")

	all := []store.TemplateVersion{version(third, "author"), version(second, "editor"), version(first, "author")}
	require.Equal(t, []int{3, 2, 1}, []int{all[0].Version, all[1].Version, all[2].Version})
	for _, want := range all {
		got, err := b.TemplateVersion(t.Context(), "alert", want.Version)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, c := range []struct {
		before, limit int
		want          []store.TemplateVersion
	}{
		{0, 10, all}, {0, 2, all[:2]}, {2, 10, all[2:]}, {1, 10, nil},
	} {
		got, err := b.TemplateVersions(t.Context(), "alert", c.before, c.limit)
		require.NoError(t, err)
		require.ElementsMatch(t, c.want, got, "%+v", c)
		require.True(t, slices.IsSortedFunc(got, func(a, b store.TemplateVersion) int { return b.Version - a.Version }))
	}
}

// Concurrent writes of one template each make a version.
func templateWriters(t *testing.T, b bundle) {
	const writers = 20
	tmpl := b.create(t, template("alert", "email"), "app")
	versions, errs := make([]int, writers), make([]error, writers)
	concurrently(t, writers, func(i int) {
		updated, err := b.UpdateTemplate(t.Context(), tmpl, "app")
		versions[i], errs[i] = updated.Version, err
	})
	slices.Sort(versions)
	for i := range writers {
		require.NoError(t, errs[i])
		require.Equal(t, i+2, versions[i])
	}
	require.Equal(t, writers+1, b.count(t, "template_versions"))
}

func templateNotFound(t *testing.T, b bundle) {
	_, err := b.Template(t.Context(), "none")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.UpdateTemplate(t.Context(), template("none", "email"), "app")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, b.DeleteTemplate(t.Context(), "none"), store.ErrNotFound)
	require.Zero(t, b.count(t, "template_versions"))

	b.create(t, template("alert", "email"), "app")
	_, err = b.TemplateVersion(t.Context(), "alert", 2)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.TemplateVersion(t.Context(), "none", 1)
	require.ErrorIs(t, err, store.ErrNotFound)
	versions, err := b.TemplateVersions(t.Context(), "none", 0, 10)
	require.NoError(t, err)
	require.Empty(t, versions)
}

func templateList(t *testing.T, b bundle) {
	for _, name := range []string{"b", "a-1", "a", "B", "a.1", "_"} {
		channel := "email"
		if name == "a" || name == "B" {
			channel = "sms"
		}
		b.create(t, template(name, channel), "app")
	}
	for _, c := range []struct {
		channel, after string
		limit          int
		want           []string
	}{
		{"", "", 10, []string{"B", "_", "a", "a-1", "a.1", "b"}}, // in byte order on both engines
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

// A version goes when it was replaced long ago. The newest of a name stays, also of a deleted
// template, which can be restored from it and whose numbers go on.
func templateReplacedVersions(t *testing.T, b bundle) {
	now := store.Now()
	day := func(n int) time.Time { return now.AddDate(0, 0, n) }
	for _, name := range []string{"used", "deleted"} {
		tmpl := template(name, "email")
		tmpl.CreatedAt, tmpl.UpdatedAt = day(-10), day(-10)
		b.create(t, tmpl, "app")
		for _, at := range []time.Time{day(-8), day(-2)} {
			tmpl.UpdatedAt = at
			_, err := b.UpdateTemplate(t.Context(), tmpl, "app")
			require.NoError(t, err)
		}
	}
	require.NoError(t, b.DeleteTemplate(t.Context(), "deleted"))
	for _, c := range []struct {
		before  time.Time
		deleted int
		left    []int
	}{{day(-9), 0, []int{3, 2, 1}}, {day(-7), 2, []int{3, 2}}, {day(-7), 0, []int{3, 2}}, {day(1), 2, []int{3}}} {
		n, err := b.DeleteReplacedVersions(t.Context(), c.before)
		require.NoError(t, err)
		require.Equal(t, c.deleted, n)
		for _, name := range []string{"used", "deleted"} {
			versions, err := b.TemplateVersions(t.Context(), name, 0, 10)
			require.NoError(t, err)
			var left []int
			for _, v := range versions {
				left = append(left, v.Version)
			}
			require.Equal(t, c.left, left)
		}
	}
	require.Equal(t, 4, b.create(t, template("deleted", "email"), "app").Version)
}
