package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

const (
	templateColumns = `name, channel, description, msg_type, subject, body, template_code, version, created_at, updated_at`
	versionColumns  = `name, version, channel, description, msg_type, subject, body, template_code, created_by, created_at`
)

// keepVersion ends a statement whose "written" are rows of templates that it has
// just written: it keeps them as versions, by $1.
const keepVersion = `, kept AS (
		INSERT INTO template_versions (` + versionColumns + `)
		SELECT name, version, channel, description, msg_type, subject, body, template_code, $1, updated_at FROM written
	)
	SELECT ` + templateColumns + ` FROM written`

// CreateTemplate implements store.Templates.
func (s *Store) CreateTemplate(ctx context.Context, t store.Template, by string) (store.Template, error) {
	created, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[store.Template], `
		WITH written AS (
			INSERT INTO templates (`+templateColumns+`)
			SELECT $2, $3, $4, $5, $6, $7, $8, 1 + coalesce(max(version), 0), $9, $10
			FROM template_versions WHERE name = $2
			ON CONFLICT (name) DO NOTHING RETURNING `+templateColumns+`
		)`+keepVersion,
		by, t.Name, t.Channel, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.CreatedAt, t.UpdatedAt)
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
	updated, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[store.Template], `
		WITH written AS (
			UPDATE templates SET version = version + 1, description = $3, msg_type = $4, subject = $5, body = $6,
				template_code = $7, updated_at = $8
			WHERE name = $2 RETURNING `+templateColumns+`
		)`+keepVersion,
		by, t.Name, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.UpdatedAt)
	if err != nil {
		return store.Template{}, fmt.Errorf("update template %q: %w", t.Name, err)
	}
	return updated, nil
}

// DeleteTemplate implements store.Templates.
func (s *Store) DeleteTemplate(ctx context.Context, name string) error {
	tag, err := s.pool.Exec(ctx, `DELETE FROM templates WHERE name = $1`, name)
	if err != nil {
		return fmt.Errorf("delete template %q: %w", name, marked(err))
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("template %q: %w", name, store.ErrNotFound)
	}
	return nil
}

// Template implements store.Templates.
func (s *Store) Template(ctx context.Context, name string) (store.Template, error) {
	t, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[store.Template],
		`SELECT `+templateColumns+` FROM templates WHERE name = $1`, name)
	if err != nil {
		return store.Template{}, fmt.Errorf("template %q: %w", name, err)
	}
	return t, nil
}

// queueTemplates makes the transaction fail with store.ErrStale unless the templates of
// the acceptances are stored as they were read.
func queueTemplates(tx *transaction, acceptances []store.Acceptance) {
	names := store.TemplateNames(acceptances)
	if len(names) == 0 {
		return
	}
	tx.Queue(`SELECT name, version, updated_at FROM templates WHERE name = ANY ($1)`, names).
		Query(func(rows pgx.Rows) error {
			stored, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t store.Template, err error) {
				return t, row.Scan(&t.Name, &t.Version, &t.UpdatedAt)
			})
			if err != nil {
				return err
			}
			return store.CheckTemplates(acceptances, stored)
		})
}

// ListTemplates implements store.Templates.
func (s *Store) ListTemplates(ctx context.Context, channel, after string, limit int) ([]store.Template, error) {
	templates, err := query(ctx, s.pool, pgx.RowToStructByPos[store.Template],
		`SELECT `+templateColumns+` FROM templates
		WHERE name > $2 AND ($1 = '' OR channel = $1) ORDER BY name LIMIT $3`, channel, after, limit)
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	return templates, nil
}

// TemplateVersion implements store.Templates.
func (s *Store) TemplateVersion(ctx context.Context, name string, version int) (store.TemplateVersion, error) {
	v, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[store.TemplateVersion],
		`SELECT `+versionColumns+` FROM template_versions WHERE name = $1 AND version = $2`, name, version)
	if err != nil {
		return store.TemplateVersion{}, fmt.Errorf("version %d of template %q: %w", version, name, err)
	}
	return v, nil
}

// TemplateVersions implements store.Templates.
func (s *Store) TemplateVersions(ctx context.Context, name string, before, limit int) ([]store.TemplateVersion, error) {
	versions, err := query(ctx, s.pool, pgx.RowToStructByPos[store.TemplateVersion],
		`SELECT `+versionColumns+` FROM template_versions
		WHERE name = $1 AND ($2 = 0 OR version < $2) ORDER BY version DESC LIMIT $3`, name, before, limit)
	if err != nil {
		return nil, fmt.Errorf("versions of template %q: %w", name, err)
	}
	return versions, nil
}
