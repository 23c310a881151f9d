package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// CreateTemplate implements store.Templates.
func (s *Store) CreateTemplate(ctx context.Context, t store.Template, by string) (store.Template, error) {
	created, err := s.writeTemplate(ctx, by, `
		INSERT INTO templates (`+sqlread.TemplateColumns+`)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 1 + coalesce(max(version), 0), ?8, ?9
		FROM template_versions WHERE name = ?1
		ON CONFLICT (name) DO NOTHING RETURNING `+sqlread.TemplateColumns,
		t.Name, t.Channel, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode,
		t.CreatedAt.UnixMicro(), t.UpdatedAt.UnixMicro())
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
	updated, err := s.writeTemplate(ctx, by, `
		UPDATE templates SET version = version + 1, description = ?, msg_type = ?, subject = ?, body = ?,
			template_code = ?, updated_at = ?
		WHERE name = ? RETURNING `+sqlread.TemplateColumns,
		t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.UpdatedAt.UnixMicro(), t.Name)
	if err != nil {
		return store.Template{}, fmt.Errorf("update template %q: %w", t.Name, err)
	}
	return updated, nil
}

const insertVersion = `INSERT INTO template_versions (` + sqlread.VersionColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// writeTemplate runs a statement that returns the template that it wrote, and keeps that
// as a version. It returns store.ErrNotFound when the statement wrote none.
func (s *Store) writeTemplate(ctx context.Context, by, statement string, args ...any) (t store.Template, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		written, err := query(ctx, tx, sqlread.Template, statement, args...)
		if err != nil {
			return err
		}
		if len(written) == 0 {
			return store.ErrNotFound
		}
		t = written[0]
		_, err = tx.ExecContext(ctx,
			insertVersion,
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
	if n, _ := result.RowsAffected(); n == 0 { // this driver returns no error
		return fmt.Errorf("template %q: %w", name, store.ErrNotFound)
	}
	return nil
}

// checkTemplates returns store.ErrStale unless the templates of the acceptances are
// stored as they were read.
func checkTemplates(ctx context.Context, tx *sql.Tx, batch []store.Acceptance) error {
	names := store.TemplateNames(batch)
	if len(names) == 0 {
		return nil
	}
	stored, err := query(ctx, tx, func(row sqlread.Row) (t store.Template, err error) {
		err = row.Scan(&t.Name, &t.Version)
		return t, err
	}, `SELECT name, version FROM templates WHERE name IN `+listed, array(names))
	if err != nil {
		return fmt.Errorf("read templates: %w", err)
	}
	return store.CheckTemplates(batch, stored)
}

// DeleteReplacedVersions implements store.TemplateHistory.
func (s *Store) DeleteReplacedVersions(ctx context.Context, before time.Time) (n int, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) (err error) {
		n, err = changed(ctx, tx, `
		DELETE FROM template_versions WHERE (name, version) IN (
			SELECT name, version FROM (
				SELECT name, version, lead(created_at) OVER (PARTITION BY name ORDER BY version) AS replaced_at
				FROM template_versions) versions
			WHERE replaced_at < $1)`, before.UnixMicro())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete replaced versions: %w", err)
	}
	return n, nil
}
