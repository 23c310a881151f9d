package migrate

import (
	"context"
	"path"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
)

func (s *session) riverStatus(ctx context.Context) ([]Migration, error) {
	exists, err := s.executor.TableExists(ctx, &riverdriver.TableExistsParams{Table: "river_migration"})
	if err != nil {
		return nil, err
	}
	// Versions that this program does not know may be among them: a newer one was here.
	applied := make(map[int]time.Time)
	if exists {
		rows, err := s.executor.MigrationGetByLine(ctx,
			&riverdriver.MigrationGetByLineParams{Line: riverdriver.MigrationLineMain})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			applied[row.Version] = row.CreatedAt.UTC()
		}
	}

	all := s.river.AllVersions()
	status := make([]Migration, len(all))
	for i, v := range all {
		status[i] = Migration{Line: LineRiver, Version: int64(v.Version), Name: v.Name}
		if at, ok := applied[v.Version]; ok {
			status[i].AppliedAt = &at
		}
	}
	return status, nil
}

func (s *session) ourStatus(ctx context.Context) ([]Migration, error) {
	all, err := s.ours.Status(ctx)
	if err != nil {
		return nil, err
	}
	status := make([]Migration, len(all))
	for i, v := range all {
		_, name, _ := strings.Cut(strings.TrimSuffix(path.Base(v.Source.Path), ".sql"), "_")
		status[i] = Migration{Line: LineOurs, Version: v.Source.Version, Name: name}
		if v.State == goose.StateApplied {
			at := v.AppliedAt.UTC()
			status[i].AppliedAt = &at
		}
	}
	return status, nil
}
