package cli

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	for want, errs := range map[int][]error{
		0:               {nil},
		exitRefused:     {errors.New("usage"), &client.Problem{Status: 401}, &client.Problem{Status: 422}},
		exitIncomplete:  {&failure{errors.New("dead"), exitIncomplete}},
		exitUnreachable: {client.ErrUnreachable, &client.Problem{Status: 503}, &client.Problem{Status: 429}, context.DeadlineExceeded},
		exitInterrupted: {context.Canceled},
	} {
		for _, err := range errs {
			require.Equal(t, want, ExitCode(err), "%v", err)
			if err != nil {
				require.Equal(t, want, ExitCode(errors.Join(fmt.Errorf("template x: %w", err))), "%v", err)
			}
		}
	}
}
