package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// CreateTemplate implements store.Templates.
func (s *Store) CreateTemplate(
	ctx context.Context, t store.Template, owner string, audit store.AuditEntry,
) (store.Template, error) {
	created, err := s.writeTemplate(ctx, audit, `
		INSERT INTO templates (`+sqlread.TemplateColumns+`)
		SELECT $1, $2, $3, $4, $5, $6, $7, 1 + coalesce(max(version), 0), $8, $9, $10, $11, $13, $14, $15
		FROM template_versions WHERE name = $1
		HAVING coalesce((SELECT owner FROM template_versions WHERE name = $1 ORDER BY version DESC LIMIT 1), '') = $12
		ON CONFLICT (name) DO NOTHING RETURNING `+sqlread.TemplateColumns,
		t.Name, t.Channel, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.CreatedAt, t.UpdatedAt,
		t.Owner, t.Private, owner, t.TemplateCodes.JSON(), t.Locale, t.Texts.JSON())
	if errors.Is(err, store.ErrNotFound) || isTaken(err) {
		err = store.ErrExists // nothing was written
	}
	if err != nil {
		return store.Template{}, fmt.Errorf("create template %q: %w", t.Name, err)
	}
	return created, nil
}

// isTaken reports whether a key is taken. A template's version is when the template was
// deleted by a transaction that the insert waited for.
func isTaken(err error) bool {
	const uniqueViolation = "23505"
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == uniqueViolation
}

// UpdateTemplate implements store.Templates.
func (s *Store) UpdateTemplate(
	ctx context.Context, t store.Template, owner string, version int, audit store.AuditEntry,
) (store.Template, error) {
	updated, err := s.writeTemplate(ctx, audit, `
		UPDATE templates SET version = version + 1, description = $3, msg_type = $4, subject = $5, body = $6,
			template_code = $7, updated_at = $8, owner = $9, private = $10, template_codes = $12,
			locale = $13, texts = $14
		WHERE name = $1 AND owner = $2 AND $11 IN (0, version) RETURNING `+sqlread.TemplateColumns,
		t.Name, owner, t.Description, t.MsgType, t.Subject, t.Body, t.TemplateCode, t.UpdatedAt, t.Owner, t.Private, version,
		t.TemplateCodes.JSON(), t.Locale, t.Texts.JSON())
	if err != nil {
		return store.Template{}, fmt.Errorf("update template %q: %w", t.Name, err)
	}
	return updated, nil
}

// writeTemplate runs a statement that returns the template that it wrote, and keeps that as a
// version. It returns store.ErrNotFound when the statement wrote none.
func (s *Store) writeTemplate(
	ctx context.Context, audit store.AuditEntry, statement string, args ...any,
) (t store.Template, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
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
	return t, marked(err)
}

func insertVersion(ctx context.Context, tx pgx.Tx, v store.TemplateVersion, audit store.AuditEntry) error {
	_, err := tx.Exec(ctx, `INSERT INTO template_versions (`+sqlread.VersionColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		v.Name, v.Version, v.Channel, v.Description, v.MsgType, v.Subject, v.Body, v.TemplateCode, v.CreatedBy, v.CreatedAt,
		v.Owner, v.Private, v.TemplateCodes.JSON(), v.Locale, v.Texts.JSON(), v.Deleted)
	if err != nil {
		return err
	}
	return insertAudit(ctx, tx, audit.OfVersion(v.Version))
}

// DeleteTemplate implements store.Templates.
func (s *Store) DeleteTemplate(ctx context.Context, name, owner string, audit store.AuditEntry) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		deleted, err := query(ctx, tx, sqlread.Template,
			`DELETE FROM templates WHERE name = $1 AND owner = $2 RETURNING `+sqlread.TemplateColumns, name, owner)
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
		return fmt.Errorf("delete template %q: %w", name, marked(err))
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
