package jobs

import (
	"context"
	"testing"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/labring/sealos-notify/store"
)

// The log has the kind of a panic and where it was, and the job neither.
func TestAPanicInADeliveryIsAFailureWithoutItsValue(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.ErrorLevel)
	w := &deliverWorker{hand: &hand{}} // it panics without its other parts
	row := &rivertype.JobRow{ID: 1, Kind: store.JobArgs{}.Kind()}
	err := recovering(zap.New(core)).Work(t.Context(), row, func(ctx context.Context) error {
		return w.Work(ctx, &river.Job[store.JobArgs]{JobRow: row})
	})
	require.EqualError(t, err, "it panicked: see the log")
	line := logs.All()[0].ContextMap()
	require.Equal(t, "deliver", line["kind"])
	require.Equal(t, "runtime.errorString", line["panicType"])
	require.Contains(t, line["stack"], "deliverWorker")
}
