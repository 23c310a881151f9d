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
func (s *Store) CreateTemplate(
	ctx context.Context, t store.Template, owner string, audit store.AuditEntry,
) (store.Template, error) {
	created, err := s.writeTemplate(ctx, audit, `
		INSERT INTO templates (`+sqlread.TemplateColumns+`)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 1 + coalesce(max(version), 0), ?8, ?9, ?10, ?11, ?13, ?14, ?15
		FROM template_versions WHERE name = ?1
		HAVING coalesce((SELECT owner FROM template_versions WHERE name = ?1 ORDER BY version DESC LIMIT 1), '') = ?12
		ON CONFLICT (name) DO NOTHING RETURNING `+sqlread.TemplateColumns,
		t.Name, t.Channel, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode,
		t.CreatedAt.UnixMicro(), t.UpdatedAt.UnixMicro(), t.Owner, t.Private, owner, text(t.TemplateCodes.JSON()),
		t.Locale, text(t.Texts.JSON()))
	if errors.Is(err, store.ErrNotFound) {
		err = store.ErrExists // nothing was written
	}
	if err != nil {
		return store.Template{}, fmt.Errorf("create template %q: %w", t.Name, err)
	}
	return created, nil
}

// UpdateTemplate implements store.Templates.
func (s *Store) UpdateTemplate(
	ctx context.Context, t store.Template, owner string, version int, audit store.AuditEntry,
) (store.Template, error) {
	updated, err := s.writeTemplate(ctx, audit, `
		UPDATE templates SET version = version + 1, description = ?, msg_type = ?, subject = ?, body = ?,
			template_code = ?, updated_at = ?, owner = ?, private = ?, template_codes = ?,
			locale = ?, texts = ?
		WHERE name = ? AND owner = ? AND ? IN (0, version) RETURNING `+sqlread.TemplateColumns,
		t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.UpdatedAt.UnixMicro(), t.Owner, t.Private,
		text(t.TemplateCodes.JSON()), t.Locale, text(t.Texts.JSON()), t.Name, owner, version)
	if err != nil {
		return store.Template{}, fmt.Errorf("update template %q: %w", t.Name, err)
	}
	return updated, nil
}

// writeTemplate runs a statement that returns the template that it wrote, and keeps that
// as a version. It returns store.ErrNotFound when the statement wrote none.
func (s *Store) writeTemplate(
	ctx context.Context, audit store.AuditEntry, statement string, args ...any,
) (t store.Template, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		written, err := query(ctx, tx, sqlread.Template, statement, args...)
		if err != nil {
			return err
		}
		if len(written) == 0 {
			return store.ErrNotFound
		}
		t = written[0]
		return insertVersion(ctx, tx, t.AsVersion(audit.AppID, false), audit)
	})
	return t, err
}

const insertVersionRow = `INSERT INTO template_versions (` + sqlread.VersionColumns + `)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

func insertVersion(ctx context.Context, tx *sql.Tx, v store.TemplateVersion, audit store.AuditEntry) error {
	_, err := tx.ExecContext(ctx, insertVersionRow,
		v.Name, v.Version, v.Channel, v.Description, v.MsgType, v.Subject, v.Body, v.TemplateCode,
		v.CreatedBy, v.CreatedAt.UnixMicro(), v.Owner, v.Private, text(v.TemplateCodes.JSON()), v.Locale, text(v.Texts.JSON()), v.Deleted)
	if err != nil {
		return err
	}
	return insertAudit(ctx, tx, audit.OfVersion(v.Version))
}

// DeleteTemplate implements store.Templates.
func (s *Store) DeleteTemplate(ctx context.Context, name, owner string, audit store.AuditEntry) error {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		deleted, err := query(ctx, tx, sqlread.Template,
			`DELETE FROM templates WHERE name = ? AND owner = ? RETURNING `+sqlread.TemplateColumns, name, owner)
		if err != nil {
			return err
		}
		if len(deleted) == 0 {
			return store.ErrNotFound
		}
		t := deleted[0]
		t.Version, t.UpdatedAt = t.Version+1, store.Now()
		return insertVersion(ctx, tx, t.AsVersion(audit.AppID, true), audit)
	})
	if err != nil {
		return fmt.Errorf("delete template %q: %w", name, err)
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
func (s *Store) DeleteReplacedVersions(ctx context.Context, before time.Time) (int, error) {
	deleted, err := s.execute(ctx, `
		DELETE FROM template_versions WHERE (name, version) IN (
			SELECT name, version FROM (
				SELECT name, version, lead(created_at) OVER (PARTITION BY name ORDER BY version) AS replaced_at
				FROM template_versions) versions
			WHERE replaced_at < $1)`, before)
	if err != nil {
		return 0, fmt.Errorf("delete replaced versions: %w", err)
	}
	return deleted, nil
}
