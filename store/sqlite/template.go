package sqlite

import (
	"context"
	"fmt"

	"github.com/labring/sealos-notify/store"
)

const templateColumns = `name, channel, description, msg_type, subject, body, template_code, created_at, updated_at`

func scanTemplate(row row) (store.Template, error) {
	var (
		t                store.Template
		created, updated int64
	)
	err := row.Scan(&t.Name, &t.Channel, &t.Description, &t.MsgType, &t.Subject, &t.Body, &t.TemplateCode,
		&created, &updated)
	t.CreatedAt, t.UpdatedAt = fromMicros(created), fromMicros(updated)
	return t, err
}

// CreateTemplate implements store.Templates.
func (s *Store) CreateTemplate(ctx context.Context, t store.Template) error {
	n, err := s.exec(ctx,
		`INSERT INTO templates (`+templateColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING`,
		t.Name, t.Channel, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode,
		t.CreatedAt.UnixMicro(), t.UpdatedAt.UnixMicro())
	if err != nil {
		return fmt.Errorf("create template: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("template %q: %w", t.Name, store.ErrExists)
	}
	return nil
}

// UpdateTemplate implements store.Templates.
func (s *Store) UpdateTemplate(ctx context.Context, t store.Template) (store.Template, error) {
	updated, err := scanTemplate(s.write.QueryRowContext(ctx,
		`UPDATE templates SET description = ?, msg_type = ?, subject = ?, body = ?, template_code = ?, updated_at = ?
		WHERE name = ? RETURNING `+templateColumns,
		t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.UpdatedAt.UnixMicro(), t.Name))
	if err != nil {
		return store.Template{}, fmt.Errorf("update template %q: %w", t.Name, found(err))
	}
	return updated, nil
}

// DeleteTemplate implements store.Templates.
func (s *Store) DeleteTemplate(ctx context.Context, name string) error {
	n, err := s.exec(ctx, `DELETE FROM templates WHERE name = ?`, name)
	if err != nil {
		return fmt.Errorf("delete template %q: %w", name, err)
	}
	if n == 0 {
		return fmt.Errorf("template %q: %w", name, store.ErrNotFound)
	}
	return nil
}

// exec runs a statement and returns how many rows it changed.
func (s *Store) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	result, err := s.write.ExecContext(ctx, sql, args...)
	if err != nil {
		return 0, marked(err)
	}
	return result.RowsAffected()
}

// Template implements store.Templates.
func (s *Store) Template(ctx context.Context, name string) (store.Template, error) {
	t, err := scanTemplate(s.read.QueryRowContext(ctx, `SELECT `+templateColumns+` FROM templates WHERE name = ?`, name))
	if err != nil {
		return store.Template{}, fmt.Errorf("template %q: %w", name, found(err))
	}
	return t, nil
}

// FindTemplates implements store.Templates.
func (s *Store) FindTemplates(ctx context.Context, names []string) ([]store.Template, error) {
	templates, err := query(ctx, s.read, scanTemplate,
		`SELECT `+templateColumns+` FROM templates WHERE name IN `+among, array(names))
	if err != nil {
		return nil, fmt.Errorf("find templates: %w", err)
	}
	return templates, nil
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
