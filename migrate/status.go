package migrate

import (
	"context"
	"path"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/rivermigrate"
)

func (s *session) riverStatus(ctx context.Context) ([]Migration, error) {
	all := s.river.AllVersions()
	status := make([]Migration, len(all))
	for i, v := range all {
		// ExistingVersions fails when a newer program has applied versions unknown here.
		valid, err := s.river.Validate(ctx, &rivermigrate.ValidateOpts{TargetVersion: v.Version})
		if err != nil {
			return nil, err
		}
		status[i] = Migration{Line: LineRiver, Version: int64(v.Version), Name: v.Name, Applied: valid.OK}
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
			status[i].Applied, status[i].AppliedAt = true, &at
		}
	}
	return status, nil
}
