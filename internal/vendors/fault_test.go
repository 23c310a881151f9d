package vendors_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/vendors"
)

func TestFaultIsMet(t *testing.T) {
	t.Parallel()
	var faults vendors.Faults
	require.Nil(t, faults.Meet("send"))

	twice := faults.Inject(vendors.Fault{Where: "send", Times: 2})
	always := faults.Inject(vendors.Fault{})
	require.Same(t, always, faults.Meet("query"))
	require.Same(t, twice, faults.Meet("send"))
	require.Same(t, twice, faults.Meet("send"))
	require.Same(t, always, faults.Meet("send"))

	always.Lift()
	always.Lift()
	require.Nil(t, faults.Meet("send"))
}

func TestFaultIsAwaited(t *testing.T) {
	t.Parallel()
	var faults vendors.Faults
	fault := faults.Inject(vendors.Fault{Times: 2})
	done := make(chan error)
	go func() { done <- fault.Wait(t.Context(), 2) }()
	faults.Meet("a")
	faults.Meet("b")
	require.NoError(t, <-done)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, fault.Wait(ctx, 3), context.Canceled)
}

func TestFaultHolds(t *testing.T) {
	t.Parallel()
	var faults vendors.Faults
	fault := faults.Inject(vendors.Fault{Hang: true, Delay: time.Millisecond})
	held := make(chan bool)
	go func() { held <- fault.Hold(t.Context()) }()
	fault.Lift()
	require.True(t, <-held)

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	hangs := faults.Inject(vendors.Fault{Hang: true, Delay: time.Hour})
	require.False(t, hangs.Hold(gone))
}
