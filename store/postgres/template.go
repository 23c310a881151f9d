package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// insertVersion ends a statement that wrote a template (written_template): it keeps it as
// a version that the app $1 wrote, and returns it.
const insertVersion = `, inserted_version AS (
		INSERT INTO template_versions (` + sqlread.VersionColumns + `)
		SELECT name, version, channel, description, msg_type, subject, body, template_code, $1, updated_at
		FROM written_template
	)
	SELECT ` + sqlread.TemplateColumns + ` FROM written_template`

// CreateTemplate implements store.Templates.
func (s *Store) CreateTemplate(ctx context.Context, t store.Template, by string) (store.Template, error) {
	created, err := s.writeTemplate(ctx, `
		WITH written_template AS (
			INSERT INTO templates (`+sqlread.TemplateColumns+`)
			SELECT $2, $3, $4, $5, $6, $7, $8, 1 + coalesce(max(version), 0), $9, $10
			FROM template_versions WHERE name = $2
			ON CONFLICT (name) DO NOTHING RETURNING `+sqlread.TemplateColumns+`
		)`+insertVersion,
		by, t.Name, t.Channel, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.CreatedAt, t.UpdatedAt)
	if errors.Is(err, store.ErrNotFound) {
		err = store.ErrExists // nothing was written
	}
	if err != nil {
		return store.Template{}, fmt.Errorf("create template %q: %w", t.Name, err)
	}
	return created, nil
}

// UpdateTemplate implements store.Templates.
func (s *Store) UpdateTemplate(ctx context.Context, t store.Template, by string) (store.Template, error) {
	updated, err := s.writeTemplate(ctx, `
		WITH written_template AS (
			UPDATE templates SET version = version + 1, description = $3, msg_type = $4, subject = $5, body = $6,
				template_code = $7, updated_at = $8
			WHERE name = $2 RETURNING `+sqlread.TemplateColumns+`
		)`+insertVersion,
		by, t.Name, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.UpdatedAt)
	if err != nil {
		return store.Template{}, fmt.Errorf("update template %q: %w", t.Name, err)
	}
	return updated, nil
}

// writeTemplate runs a statement that returns the template that it wrote, or
// store.ErrNotFound when it wrote none.
func (s *Store) writeTemplate(ctx context.Context, sql string, args ...any) (store.Template, error) {
	written, err := query(ctx, s.pool, sqlread.Template, sql, args...)
	if err != nil {
		return store.Template{}, err
	}
	if len(written) == 0 {
		return store.Template{}, store.ErrNotFound
	}
	return written[0], nil
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

// DeleteReplacedVersions implements store.TemplateHistory.
func (s *Store) DeleteReplacedVersions(ctx context.Context, before time.Time) (int, error) {
	tag, err := s.pool.Exec(ctx, `
		DELETE FROM template_versions WHERE (name, version) IN (
			SELECT name, version FROM (
				SELECT name, version, lead(created_at) OVER (PARTITION BY name ORDER BY version) AS replaced_at
				FROM template_versions) versions
			WHERE replaced_at < $1)`, before)
	if err != nil {
		return 0, fmt.Errorf("delete replaced versions: %w", marked(err))
	}
	return int(tag.RowsAffected()), nil
}

// checkTemplates queues a statement that fails with store.ErrStale unless the templates of
// the acceptances are stored as they were read.
func checkTemplates(queries *pgx.Batch, acceptances []store.Acceptance) {
	names := store.TemplateNames(acceptances)
	if len(names) == 0 {
		return
	}
	queries.Queue(`SELECT name, version FROM templates WHERE name = ANY ($1)`, names).
		Query(func(rows pgx.Rows) error {
			stored, err := collect(rows, func(row sqlread.Row) (t store.Template, err error) {
				err = row.Scan(&t.Name, &t.Version)
				return t, err
			})
			if err != nil {
				return err
			}
			return store.CheckTemplates(acceptances, stored)
		})
}
