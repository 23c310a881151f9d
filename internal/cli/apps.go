package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/labring/sealos-notify/client"
)

type appsCommand struct{ Remote }

// Run lists the apps.
func (appsCommand) Run(ctx context.Context, s *session) error {
	list, err := s.api.Apps(ctx)
	if err != nil {
		return err
	}
	return s.print(list, func(w io.Writer) {
		row(w, "APP", "NAME", "ENABLED", "ROLES", "HIGH PRIORITY", "TEST SECRETS", "LIMITS")
		for _, a := range list.Apps {
			limits := make([]string, len(a.Limits))
			for i, l := range a.Limits {
				limits[i] = limitText(l)
			}
			row(w, a.AppID, a.Name, yes(a.Enabled), strings.Join(a.Roles, ", "), yes(a.HighPriority), a.TestSecrets, strings.Join(limits, "; "))
		}
	})
}

// limitText returns a limit with what was used of it.
func limitText(l client.Limit) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s", l.Limit, l.Channel)) + fmt.Sprintf(": %d of %d", l.Used, l.Most)
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
