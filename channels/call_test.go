package channels_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
)

func TestCall(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	receipt := channels.Receipt{Details: map[string]any{"id": "1"}}
	for name, c := range map[string]struct {
		do   func() (channels.Receipt, error)
		want error
	}{
		"success": {func() (channels.Receipt, error) { return receipt, nil }, nil},
		"failure": {func() (channels.Receipt, error) { return receipt, refused }, refused},
	} {
		got, err := channels.Call(t.Context(), c.do)
		require.Equal(t, receipt, got, name)
		require.Equal(t, c.want, err, name)
	}
}

// Whatever ends a call's goroutine is an uncertain error of that call.
func TestCallThatBreaks(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func() (channels.Receipt, error){
		"panic":              func() (channels.Receipt, error) { panic("canary") },
		"panic of nil":       func() (channels.Receipt, error) { panic(nil) },
		"ends its goroutine": func() (channels.Receipt, error) { runtime.Goexit(); return channels.Receipt{}, nil },
	} {
		_, err := channels.Call(t.Context(), do)
		e := channels.AsError(err)
		require.Equal(t, []string{"uncertain", "panic"}, []string{string(e.Class), e.Code}, name)
		require.NotContains(t, e.Error(), "canary")
		var panicked *channels.Panic
		if errors.As(err, &panicked) {
			require.NotContains(t, panicked.Error(), "canary")
			require.Contains(t, string(panicked.Stack), "call_test.go", name)
			require.NotContains(t, string(panicked.Stack), "canary", name)
		}
		require.Equal(t, name != "ends its goroutine", panicked != nil, name)
	}
}

// A call whose time is over is left behind, unless it is about to return.
func TestCallThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	release := make(chan struct{})
	defer close(release)
	started := time.Now()
	_, err := channels.Call(ctx, func() (channels.Receipt, error) { <-release; return channels.Receipt{}, nil })
	require.ErrorIs(t, err, channels.ErrAbandoned)
	require.Equal(t, channels.Uncertain, channels.AsError(err).Class)
	require.Less(t, time.Since(started), 10*time.Second)

	_, err = channels.Call(ctx, func() (channels.Receipt, error) { time.Sleep(time.Millisecond); return channels.Receipt{}, nil })
	require.NoError(t, err)
}
