package jobs

import (
	"testing"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/labring/sealos-notify/store"
)

// River would write a panic's value into its log and its job.
func TestAPanicInADeliveryIsAFailureWithoutItsValue(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.ErrorLevel)
	w := &deliverWorker{deliverer: nil /* it panics */, hand: &hand{}, log: zap.New(core)}
	err := w.Work(t.Context(), &river.Job[store.JobArgs]{JobRow: &rivertype.JobRow{ID: 1}})
	require.EqualError(t, err, "it panicked: see the log")
	line := logs.All()[0].ContextMap()
	require.Equal(t, "runtime.errorString", line["panicType"])
	require.Contains(t, line["stack"], "Deliver")
}
