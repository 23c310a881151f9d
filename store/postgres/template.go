package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
)

const templateColumns = `name, channel, description, msg_type, subject, body, template_code, created_at, updated_at`

// CreateTemplate implements store.Templates.
func (s *Store) CreateTemplate(ctx context.Context, t store.Template) error {
	tag, err := s.pool.Exec(ctx,
		`INSERT INTO templates (`+templateColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (name) DO NOTHING`,
		t.Name, t.Channel, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.CreatedAt, t.UpdatedAt)
	if err != nil {
		return fmt.Errorf("create template: %w", marked(err))
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("template %q: %w", t.Name, store.ErrExists)
	}
	return nil
}

// UpdateTemplate implements store.Templates.
func (s *Store) UpdateTemplate(ctx context.Context, t store.Template) (store.Template, error) {
	updated, err := queryOne(ctx, s.pool, pgx.RowToStructByPos[store.Template],
		`UPDATE templates SET description = $2, msg_type = $3, subject = $4, body = $5, template_code = $6, updated_at = $7
		WHERE name = $1 RETURNING `+templateColumns,
		t.Name, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.UpdatedAt)
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

// FindTemplates implements store.Templates.
func (s *Store) FindTemplates(ctx context.Context, names []string) ([]store.Template, error) {
	templates, err := query(ctx, s.pool, pgx.RowToStructByPos[store.Template],
		`SELECT `+templateColumns+` FROM templates WHERE name = ANY ($1)`, names)
	if err != nil {
		return nil, fmt.Errorf("find templates: %w", err)
	}
	return templates, nil
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
