package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/labring/sealos-notify/store"
)

const (
	templateColumns = `name, channel, description, msg_type, subject, body, template_code, version, created_at, updated_at`
	versionColumns  = `name, version, channel, description, msg_type, subject, body, template_code, created_by, created_at`
)

func scanTemplate(row row) (store.Template, error) {
	var (
		t                store.Template
		created, updated int64
	)
	err := row.Scan(&t.Name, &t.Channel, &t.Description, &t.MsgType, &t.Subject, &t.Body, &t.TemplateCode,
		&t.Version, &created, &updated)
	t.CreatedAt, t.UpdatedAt = fromMicros(created), fromMicros(updated)
	return t, err
}

// CreateTemplate implements store.Templates.
func (s *Store) CreateTemplate(ctx context.Context, t store.Template, by string) (store.Template, error) {
	created, err := s.writeTemplate(ctx, by, `
		INSERT INTO templates (`+templateColumns+`)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 1 + coalesce(max(version), 0), ?8, ?9
		FROM template_versions WHERE name = ?1
		ON CONFLICT (name) DO NOTHING RETURNING `+templateColumns,
		t.Name, t.Channel, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode,
		t.CreatedAt.UnixMicro(), t.UpdatedAt.UnixMicro())
	if errors.Is(err, store.ErrNotFound) { // nothing was written
		err = store.ErrExists
	}
	if err != nil {
		return store.Template{}, fmt.Errorf("create template %q: %w", t.Name, err)
	}
	return created, nil
}

// UpdateTemplate implements store.Templates.
func (s *Store) UpdateTemplate(ctx context.Context, t store.Template, by string) (store.Template, error) {
	updated, err := s.writeTemplate(ctx, by, `
		UPDATE templates SET version = version + 1, description = ?, msg_type = ?, subject = ?, body = ?,
			template_code = ?, updated_at = ?
		WHERE name = ? RETURNING `+templateColumns,
		t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.UpdatedAt.UnixMicro(), t.Name)
	if err != nil {
		return store.Template{}, fmt.Errorf("update template %q: %w", t.Name, err)
	}
	return updated, nil
}

// writeTemplate runs a statement that writes one template and returns it, and
// keeps it as a version.
func (s *Store) writeTemplate(ctx context.Context, by, statement string, args ...any) (t store.Template, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		if t, err = scanTemplate(tx.QueryRowContext(ctx, statement, args...)); err != nil {
			return found(err)
		}
		_, err = tx.ExecContext(ctx,
			`INSERT INTO template_versions (`+versionColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			t.Name, t.Version, t.Channel, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode,
			by, t.UpdatedAt.UnixMicro())
		return err
	})
	return t, err
}

// DeleteTemplate implements store.Templates.
func (s *Store) DeleteTemplate(ctx context.Context, name string) error {
	result, err := s.write.ExecContext(ctx, `DELETE FROM templates WHERE name = ?`, name)
	if err != nil {
		return fmt.Errorf("delete template %q: %w", name, marked(err))
	}
	if n, _ := result.RowsAffected(); n == 0 { // this driver always knows
		return fmt.Errorf("template %q: %w", name, store.ErrNotFound)
	}
	return nil
}

// Template implements store.Templates.
func (s *Store) Template(ctx context.Context, name string) (store.Template, error) {
	t, err := scanTemplate(s.read.QueryRowContext(ctx, `SELECT `+templateColumns+` FROM templates WHERE name = ?`, name))
	if err != nil {
		return store.Template{}, fmt.Errorf("template %q: %w", name, found(err))
	}
	return t, nil
}

// checkTemplates returns store.ErrStale unless the templates of the acceptances are
// stored as they were read.
func checkTemplates(ctx context.Context, tx *sql.Tx, batch []store.Acceptance) error {
	names := store.TemplateNames(batch)
	if len(names) == 0 {
		return nil
	}
	stored, err := query(ctx, tx, func(row row) (t store.Template, err error) {
		var updated int64
		err = row.Scan(&t.Name, &t.Version, &updated)
		t.UpdatedAt = fromMicros(updated)
		return t, err
	}, `SELECT name, version, updated_at FROM templates WHERE name IN `+among, array(names))
	if err != nil {
		return fmt.Errorf("read templates: %w", err)
	}
	return store.CheckTemplates(batch, stored)
}

// ListTemplates implements store.Templates.
func (s *Store) ListTemplates(ctx context.Context, channel, after string, limit int) ([]store.Template, error) {
	templates, err := query(ctx, s.read, scanTemplate,
		`SELECT `+templateColumns+` FROM templates
		WHERE name > ?2 AND (?1 = '' OR channel = ?1) ORDER BY name LIMIT ?3`, channel, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	return templates, nil
}

func scanVersion(row row) (store.TemplateVersion, error) {
	var (
		v       store.TemplateVersion
		created int64
	)
	err := row.Scan(&v.Name, &v.Version, &v.Channel, &v.Description, &v.MsgType, &v.Subject, &v.Body, &v.TemplateCode,
		&v.CreatedBy, &created)
	v.CreatedAt = fromMicros(created)
	return v, err
}

// TemplateVersion implements store.Templates.
func (s *Store) TemplateVersion(ctx context.Context, name string, version int) (store.TemplateVersion, error) {
	v, err := scanVersion(s.read.QueryRowContext(ctx,
		`SELECT `+versionColumns+` FROM template_versions WHERE name = ? AND version = ?`, name, version))
	if err != nil {
		return store.TemplateVersion{}, fmt.Errorf("version %d of template %q: %w", version, name, found(err))
	}
	return v, nil
}

// TemplateVersions implements store.Templates.
func (s *Store) TemplateVersions(ctx context.Context, name string, before, limit int) ([]store.TemplateVersion, error) {
	versions, err := query(ctx, s.read, scanVersion,
		`SELECT `+versionColumns+` FROM template_versions
		WHERE name = ?1 AND (?2 = 0 OR version < ?2) ORDER BY version DESC LIMIT ?3`, name, before, limit)
	if err != nil {
		return nil, fmt.Errorf("versions of template %q: %w", name, err)
	}
	return versions, nil
}
