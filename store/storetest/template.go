package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var templateCases = map[string]func(*testing.T, bundle){
	"Templates/create and read":                templateCreate,
	"Templates/update":                         templateUpdate,
	"Templates/delete":                         templateDelete,
	"Templates/owner":                          templateOwner,
	"Templates/private":                        templatePrivate,
	"Templates/audited with the change":        templateAudited,
	"Templates/concurrent deletes and creates": templateDeleters,
	"Templates/versions":                       templateVersions,
	"Templates/concurrent writes":              templateWriters,
	"Templates/not found":                      templateNotFound,
	"Templates/list":                           templateList,
	"Templates/stale version":                  templateStaleVersion,
	"Templates/list of the deleted":            templateDeletedList,
	"Templates/replaced versions":              templateReplacedVersions,
}

func template(name, channel string) store.Template {
	now := store.Now()
	return store.Template{
		Name: name, Channel: channel, Description: "描述", MsgType: "text", Subject: "{{ .subject }}",
		Body: "【{{ .severity }}】\n{{ .incident }}", TemplateCode: "SMS_1", TemplateCodes: store.Codes{"other": "4711"}, Locale: "zh",
		Texts:     store.Texts{"en": {Subject: "{{ .subject }}", Body: "<\"{{ .incident }}\">\n"}, "zh-Hant": {TemplateCodes: store.Codes{"other": "4712"}}},
		CreatedAt: now, UpdatedAt: now, Owner: "owner",
	}
}

// create creates a template and returns it as stored.
func (b bundle) create(t *testing.T, tmpl store.Template, by string) store.Template {
	t.Helper()
	before, err := b.TemplateVersions(t.Context(), tmpl.Name, 0, 1)
	require.NoError(t, err)
	owner := ""
	if len(before) > 0 {
		owner = before[0].Owner
	}
	created, err := b.CreateTemplate(t.Context(), tmpl, owner, did(by, store.AuditTemplateCreate, tmpl.Name))
	require.NoError(t, err)
	return created
}

// did returns the entry of what an app did.
func did(app string, action store.AuditAction, object string) store.AuditEntry {
	return store.Actor{AppID: app, Address: "192.0.2.1", Agent: "curl/8"}.Did(action, object)
}

// deletion returns the newest version of a template that an app has deleted.
func (b bundle) deletion(t *testing.T, deleted store.Template, by string) store.TemplateVersion {
	t.Helper()
	got, err := b.TemplateVersions(t.Context(), deleted.Name, 0, 1)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.WithinDuration(t, time.Now(), got[0].CreatedAt, time.Minute)
	deleted.Version, deleted.UpdatedAt = deleted.Version+1, got[0].CreatedAt
	require.Equal(t, deleted.AsVersion(by, true), got[0])
	return got[0]
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
	_, err = b.CreateTemplate(t.Context(), template("alert", "sms"), "owner", did("app", store.AuditTemplateCreate, "alert"))
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
		Owner: "new", Private: true,
	}, "owner", 0, did("app", store.AuditTemplateUpdate, "alert"))
	require.NoError(t, err)
	want := store.Template{
		Name: "alert", Channel: "email", Body: "new", Version: 2, CreatedAt: first.CreatedAt, UpdatedAt: later, Owner: "new", Private: true,
	}
	require.Equal(t, want, got)

	got, err = b.Template(t.Context(), "alert")
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = b.Template(t.Context(), "other")
	require.NoError(t, err)
	require.Equal(t, other, got)
}

func templateDelete(t *testing.T, b bundle) {
	created := b.create(t, template("alert", "email"), "app")
	b.create(t, template("other", "email"), "app")
	require.NoError(t, b.DeleteTemplate(t.Context(), "alert", "owner", did("app", store.AuditTemplateDelete, "alert")))
	require.Equal(t, 2, b.deletion(t, created, "app").Version, "the deletion is a version")
	_, err := b.Template(t.Context(), "alert")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.Template(t.Context(), "other")
	require.NoError(t, err)
	require.Equal(t, 3, b.create(t, template("alert", "sms"), "app").Version, "the name is free again, and its versions continue")
}

func templateVersions(t *testing.T, b bundle) {
	first := b.create(t, template("alert", "email"), "author")
	b.create(t, template("other", "email"), "author")
	next := first
	next.Body, next.Description, next.UpdatedAt = "new", "", first.UpdatedAt.Add(time.Minute)
	second, err := b.UpdateTemplate(t.Context(), next, "owner", 0, did("editor", store.AuditTemplateUpdate, "alert"))
	require.NoError(t, err)
	require.NoError(t, b.DeleteTemplate(t.Context(), "alert", "owner", did("remover", store.AuditTemplateDelete, "alert")))
	gone := b.deletion(t, second, "remover")
	third := b.create(t, template("alert", "sms"), "author")

	all := []store.TemplateVersion{third.AsVersion("author", false), gone, second.AsVersion("editor", false), first.AsVersion("author", false)}
	require.Equal(t, []int{4, 3, 2, 1}, []int{all[0].Version, all[1].Version, all[2].Version, all[3].Version})
	for _, want := range all {
		got, err := b.TemplateVersion(t.Context(), "alert", want.Version)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, c := range []struct {
		before, limit int
		want          []store.TemplateVersion
	}{
		{0, 10, all}, {0, 2, all[:2]}, {3, 10, all[2:]}, {1, 10, nil},
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
		updated, err := b.UpdateTemplate(t.Context(), tmpl, "owner", 0, did("app", store.AuditTemplateUpdate, "alert"))
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
	_, err = b.UpdateTemplate(t.Context(), template("none", "email"), "owner", 0, actor.Did(store.AuditTemplateUpdate, "none"))
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, b.DeleteTemplate(t.Context(), "none", "owner", actor.Did(store.AuditTemplateDelete, "none")), store.ErrNotFound)
	require.Zero(t, b.count(t, "template_versions"))
	require.Zero(t, b.count(t, "audit"), "nothing was changed")

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
		list, err := b.ListTemplates(t.Context(), store.TemplateFilter{Channel: c.channel}, c.after, c.limit)
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
		tmpl = b.create(t, tmpl, "app")
		for _, at := range []time.Time{day(-8), day(-2)} {
			tmpl.UpdatedAt = at
			_, err := b.UpdateTemplate(t.Context(), tmpl, tmpl.Owner, 0, actor.Did(store.AuditTemplateUpdate, name))
			require.NoError(t, err)
		}
	}
	// The deletion, just now, is version 4.
	require.NoError(t, b.DeleteTemplate(t.Context(), "deleted", template("deleted", "email").Owner, actor.Did(store.AuditTemplateDelete, "deleted")))
	for _, c := range []struct {
		before        time.Time
		gone          int
		used, deleted []int
	}{
		{day(-9), 0, []int{3, 2, 1}, []int{4, 3, 2, 1}}, {day(-7), 2, []int{3, 2}, []int{4, 3, 2}},
		{day(-7), 0, []int{3, 2}, []int{4, 3, 2}}, {day(-1), 2, []int{3}, []int{4, 3}}, {day(1), 1, []int{3}, []int{4}},
	} {
		n, err := b.DeleteReplacedVersions(t.Context(), c.before)
		require.NoError(t, err)
		require.Equal(t, c.gone, n)
		for name, want := range map[string][]int{"used": c.used, "deleted": c.deleted} {
			versions, err := b.TemplateVersions(t.Context(), name, 0, 10)
			require.NoError(t, err)
			var left []int
			for _, v := range versions {
				left = append(left, v.Version)
			}
			require.Equal(t, want, left, name)
		}
	}
	require.Equal(t, 5, b.create(t, template("deleted", "email"), "app").Version)
}

// A write that knows another owner than the stored one changes nothing.
func templateOwner(t *testing.T, b bundle) {
	created := b.create(t, template("alert", "email"), "owner")
	changed := created
	changed.Body = "another text"
	_, err := b.UpdateTemplate(t.Context(), changed, "another", 0, actor.Did(store.AuditTemplateUpdate, "alert"))
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, b.DeleteTemplate(t.Context(), "alert", "another", actor.Did(store.AuditTemplateDelete, "alert")), store.ErrNotFound)
	got, err := b.Template(t.Context(), "alert")
	require.NoError(t, err)
	require.Equal(t, created, got)
	require.Equal(t, 1, b.count(t, "template_versions"))
	require.Equal(t, 1, b.count(t, "audit"))

	changed.Owner = "another"
	_, err = b.UpdateTemplate(t.Context(), changed, "owner", 0, actor.Did(store.AuditTemplateOwner, "alert"))
	require.NoError(t, err)
	require.NoError(t, b.DeleteTemplate(t.Context(), "alert", "another", actor.Did(store.AuditTemplateDelete, "alert")))

	// The name stays its owner's, also when it was deleted after somebody had looked.
	for _, known := range []string{"", "owner"} {
		_, err = b.CreateTemplate(t.Context(), template("alert", "email"), known, actor.Did(store.AuditTemplateCreate, "alert"))
		require.ErrorIs(t, err, store.ErrExists, known)
	}
	require.Equal(t, 4, b.create(t, template("alert", "email"), "another").Version)
	_, err = b.CreateTemplate(t.Context(), template("new", "email"), "owner", actor.Did(store.AuditTemplateCreate, "new"))
	require.ErrorIs(t, err, store.ErrExists, "nobody had it")
}

func templatePrivate(t *testing.T, b bundle) {
	for name, private := range map[string]bool{"a": false, "b": true} {
		for _, owner := range []string{"one", "two"} {
			tmpl := template(name+"-"+owner, "email")
			tmpl.Owner, tmpl.Private = owner, private
			b.create(t, tmpl, owner)
		}
	}
	for app, want := range map[string][]string{
		"":      {"a-one", "a-two", "b-one", "b-two"},
		"one":   {"a-one", "a-two", "b-one"},
		"two":   {"a-one", "a-two", "b-two"},
		"three": {"a-one", "a-two"},
	} {
		list, err := b.ListTemplates(t.Context(), store.TemplateFilter{VisibleTo: app}, "", 10)
		require.NoError(t, err)
		var names []string
		for _, tmpl := range list {
			names = append(names, tmpl.Name)
		}
		require.Equal(t, want, names, app)
	}
}

func templateAudited(t *testing.T, b bundle) {
	created := b.create(t, template("alert", "email"), "author")
	_, err := b.UpdateTemplate(t.Context(), created, "owner", 0, did("editor", store.AuditTemplateUpdate, "alert"))
	require.NoError(t, err)
	require.NoError(t, b.DeleteTemplate(t.Context(), "alert", "owner", did("remover", store.AuditTemplateDelete, "alert")))
	restored := did("author", store.AuditTemplateRestore, "alert")
	restored.Detail = "like version 1"
	_, err = b.CreateTemplate(t.Context(), created, "owner", restored)
	require.NoError(t, err)
	_, err = b.CreateTemplate(t.Context(), created, "owner", did("another", store.AuditTemplateCreate, "alert"))
	require.ErrorIs(t, err, store.ErrExists)

	require.Equal(t, []store.AuditEntry{
		did("author", store.AuditTemplateCreate, "alert").OfVersion(1),
		did("editor", store.AuditTemplateUpdate, "alert").OfVersion(2),
		did("remover", store.AuditTemplateDelete, "alert").OfVersion(3),
		restored.OfVersion(4),
	}, b.audit(t, store.AuditFilter{}))
	require.Equal(t, "version 4, like version 1", b.audit(t, store.AuditFilter{Action: store.AuditTemplateRestore})[0].Detail)

	// When the entry cannot be written, nothing is.
	entry := did("editor", store.AuditTemplateUpdate, "alert")
	_, err = b.db.ExecContext(t.Context(), `DROP TABLE audit`)
	require.NoError(t, err)
	_, err = b.UpdateTemplate(t.Context(), created, "owner", 0, entry)
	require.Error(t, err)
	require.Error(t, b.DeleteTemplate(t.Context(), "alert", "owner", entry))
	require.Equal(t, 4, b.count(t, "template_versions"))
	got, err := b.Template(t.Context(), "alert")
	require.NoError(t, err)
	require.Equal(t, 4, got.Version)
}

// Whatever the order, each write has a version of its own, and a refused one is ErrExists or
// ErrNotFound.
func templateDeleters(t *testing.T, b bundle) {
	b.create(t, template("alert", "email"), "owner")
	errs := make([]error, 20)
	concurrently(t, len(errs), func(i int) {
		if i%2 == 0 {
			errs[i] = b.DeleteTemplate(t.Context(), "alert", "owner", actor.Did(store.AuditTemplateDelete, "alert"))
		} else {
			_, errs[i] = b.CreateTemplate(t.Context(), template("alert", "email"), "owner", actor.Did(store.AuditTemplateCreate, "alert"))
		}
	})
	done := 1
	for i, err := range errs {
		switch {
		case err == nil:
			done++
		case i%2 == 0:
			require.ErrorIs(t, err, store.ErrNotFound)
		default:
			require.ErrorIs(t, err, store.ErrExists)
		}
	}
	require.Equal(t, done, b.count(t, "template_versions"))
	require.Equal(t, done, b.count(t, "audit"))
}

// A write of a version that is not the newest changes nothing.
func templateStaleVersion(t *testing.T, b bundle) {
	first := b.create(t, template("alert", "email"), "app")
	mine, theirs := first, first
	mine.Body, theirs.Body = "mine", "theirs"
	second, err := b.UpdateTemplate(t.Context(), theirs, "owner", 1, did("other", store.AuditTemplateUpdate, "alert"))
	require.NoError(t, err)
	require.Equal(t, 2, second.Version)
	for _, version := range []int{1, 3} {
		_, err = b.UpdateTemplate(t.Context(), mine, "owner", version, did("app", store.AuditTemplateUpdate, "alert"))
		require.ErrorIs(t, err, store.ErrNotFound)
	}
	got, err := b.Template(t.Context(), "alert")
	require.NoError(t, err)
	require.Equal(t, second, got)
	require.Equal(t, 2, b.count(t, "template_versions"))
	require.Equal(t, 2, b.count(t, "audit"))
}

// The deleted templates are as they were, and do not show what was created again.
func templateDeletedList(t *testing.T, b bundle) {
	list := func(f store.TemplateFilter, after string) []string {
		f.Deleted = true
		found, err := b.ListTemplates(t.Context(), f, after, 10)
		require.NoError(t, err)
		names := []string{}
		for _, tmpl := range found {
			names = append(names, tmpl.Name)
		}
		return names
	}
	remove := func(name, owner string) {
		require.NoError(t, b.DeleteTemplate(t.Context(), name, owner, did("app", store.AuditTemplateDelete, name)))
	}
	require.Empty(t, list(store.TemplateFilter{}, ""))
	gone := b.create(t, template("gone", "email"), "app")
	b.create(t, template("again", "email"), "app")
	b.create(t, template("there", "email"), "app")
	private := template("private", "sms")
	private.Private = true
	b.create(t, private, "app")
	for _, name := range []string{"gone", "again", "private"} {
		remove(name, "owner")
	}
	b.create(t, template("again", "email"), "app")
	require.Equal(t, []string{"gone", "private"}, list(store.TemplateFilter{}, ""))
	require.Equal(t, []string{"private"}, list(store.TemplateFilter{}, "gone"))
	require.Equal(t, []string{"private"}, list(store.TemplateFilter{Channel: "sms"}, ""))
	require.Equal(t, []string{"gone"}, list(store.TemplateFilter{VisibleTo: "another"}, ""))
	remove("again", "owner")
	require.Equal(t, []string{"again", "gone", "private"}, list(store.TemplateFilter{}, ""), "once, though it was deleted twice")

	found, err := b.ListTemplates(t.Context(), store.TemplateFilter{Deleted: true}, "again", 1)
	require.NoError(t, err)
	deletion := b.deletion(t, gone, "app")
	gone.Version, gone.CreatedAt, gone.UpdatedAt = 2, deletion.CreatedAt, deletion.CreatedAt
	require.Equal(t, []store.Template{gone}, found)
}
