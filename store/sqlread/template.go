package sqlread

import (
	"context"

	"github.com/labring/sealos-notify/store"
)

// Columns of the two tables of templates, as Template and version scan them.
const (
	TemplateColumns = `name, channel, description, msg_type, subject, body, template_code, version, created_at, updated_at,
		owner, private, template_codes, locale, texts`
	VersionColumns = `name, version, channel, description, msg_type, subject, body, template_code, created_by, created_at,
		owner, private, template_codes, locale, texts, deleted`
)

// Template scans TemplateColumns.
func Template(row Row) (store.Template, error) {
	var t store.Template
	err := row.Scan(&t.Name, &t.Channel, &t.Description, &t.MsgType, &t.Subject, &t.Body, &t.TemplateCode, &t.Version,
		&t.CreatedAt, &t.UpdatedAt, &t.Owner, &t.Private, &t.TemplateCodes, &t.Locale, &t.Texts)
	return t, err
}

func version(row Row) (store.TemplateVersion, error) {
	var v store.TemplateVersion
	err := row.Scan(&v.Name, &v.Version, &v.Channel, &v.Description, &v.MsgType, &v.Subject, &v.Body, &v.TemplateCode,
		&v.CreatedBy, &v.CreatedAt, &v.Owner, &v.Private, &v.TemplateCodes, &v.Locale, &v.Texts, &v.Deleted)
	return v, err
}

// Template implements store.Templates.
func (r Reader) Template(ctx context.Context, name string) (store.Template, error) {
	t, err := one(ctx, r.DB, Template, `SELECT `+TemplateColumns+` FROM templates WHERE name = $1`, name)
	return wrapped(t, err, "template %q", name)
}

// ListTemplates implements store.Templates.
func (r Reader) ListTemplates(ctx context.Context, f store.TemplateFilter, after string, limit int) ([]store.Template, error) {
	from := `templates`
	if f.Deleted {
		from = `(
			SELECT *, created_at AS updated_at FROM template_versions deletions
			WHERE deleted AND version = (SELECT max(version) FROM template_versions WHERE name = deletions.name)) templates`
	}
	templates, err := all(ctx, r.DB, Template,
		`SELECT `+TemplateColumns+` FROM `+from+`
		WHERE name > $1 AND ($2 = '' OR channel = $2) AND ($3 = '' OR owner = $3 OR NOT private)
		ORDER BY name LIMIT $4`, after, f.Channel, f.VisibleTo, limit)
	return wrapped(templates, err, "list templates")
}

// TemplateVersion implements store.Templates.
func (r Reader) TemplateVersion(ctx context.Context, name string, number int) (store.TemplateVersion, error) {
	v, err := one(ctx, r.DB, version,
		`SELECT `+VersionColumns+` FROM template_versions WHERE name = $1 AND version = $2`, name, number)
	return wrapped(v, err, "version %d of template %q", number, name)
}

// TemplateVersions implements store.Templates.
func (r Reader) TemplateVersions(ctx context.Context, name string, before, limit int) ([]store.TemplateVersion, error) {
	versions, err := all(ctx, r.DB, version,
		`SELECT `+VersionColumns+` FROM template_versions
		WHERE name = $1 AND ($2 = 0 OR version < $2) ORDER BY version DESC LIMIT $3`, name, before, limit)
	return wrapped(versions, err, "versions of template %q", name)
}
