package jobs_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/upkeep"
)

// River would write a panic's value into its log and its job.
func TestAPanicInAPeriodicJobIsAFailureWithoutItsValue(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Jobs.Orphans, b.Jobs.Retention = nil, upkeep.NewRetention(nil, nil, nil) // they panic
		b.Start()
		for _, kind := range []string{"orphans", "retention"} {
			var noted string
			require.Eventually(t, func() bool {
				noted = b.QueryText(`SELECT CAST(errors AS TEXT) FROM river_job WHERE kind = $1 AND errors IS NOT NULL`, kind)
				return noted != ""
			}, limit.Wait, 5*time.Millisecond, "%s did not fail", kind)
			require.Contains(t, noted, "it panicked: see the log", kind)
			require.NotContains(t, noted, "nil pointer", kind)
		}
	})
}
