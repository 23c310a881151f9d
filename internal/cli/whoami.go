package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/labring/sealos-notify/client"
)

type whoamiCommand struct{ Remote }

// identity is the answer of whoami.
type identity struct {
	URL     string `json:"url"`
	Profile string `json:"profile,omitempty"`
	client.Identity
}

// Run asks the service whom it takes the caller for.
func (whoamiCommand) Run(ctx context.Context, s *session) error {
	who, err := s.api.WhoAmI(ctx)
	if err != nil {
		return fmt.Errorf("%s as app %s: %w", s.url, cmp.Or(s.appID, "(none)"), err)
	}
	return s.print(identity{s.url, s.profile, who}, func(w io.Writer) {
		row(w, "Service", s.url)
		row(w, "Profile", s.profile)
		row(w, "App", who.AppID)
		row(w, "Roles", strings.Join(who.Roles, ", "))
		if who.Test {
			row(w, "Test", "what it sends reaches nobody")
		}
		for _, limit := range limitTexts(who.Limits) {
			row(w, "Limit", limit)
		}
	})
}

// limitTexts returns a text for each limit that an app has.
func limitTexts(l client.Limits) (texts []string) {
	if l.RequestsPerMinute > 0 {
		texts = append(texts, count(l.RequestsPerMinute, "notification")+" a minute")
	}
	for _, of := range []struct {
		limits map[string]int
		unit   string
	}{{l.DeliveriesPerMinute, " a minute"}, {l.DeliveriesPerDay, " a day"}} {
		for _, channel := range slices.Sorted(maps.Keys(of.limits)) {
			texts = append(texts, channel+": "+count(of.limits[channel], "delivery")+of.unit)
		}
	}
	if !l.HighPriority {
		texts = append(texts, "no priority high")
	}
	return texts
}
