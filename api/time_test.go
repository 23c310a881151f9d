package api_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Times are what RFC 3339 allows, in bodies and in queries.
func TestTimesAreRFC3339(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-01-02T03:04:05Z":      at,
		"2026-01-02t03:04:05z":      at,
		"2026-01-02T11:04:05+08:00": at,
		"2026-01-02T03:04:05-00:00": at,
		"2026-01-01T03:05:05-23:59": at,
		"2026-01-02T03:04:05.5Z":    at.Add(time.Second / 2),
		"1990-12-31T23:59:60Z":      time.Date(1991, 1, 1, 0, 0, 0, 0, time.UTC), // section 5.8
		"1990-12-31T15:59:60-08:00": time.Date(1991, 1, 1, 0, 0, 0, 0, time.UTC),
		"2026-01-02T03:04:05,5Z":    {},
		"2026-01-02T03:04:05.Z":     {},
		"2026-01-02T03:04:05+24:00": {},
		"2026-01-02T03:04:05+08:60": {},
		"2026-01-02T03:04:05+0800":  {},
		"2026-01-02T03:04:05+08":    {},
		"2026-01-02T03:04:05":       {},
		"2026-01-02 03:04:05Z":      {}, // section 5.6 leaves it to the reader
		"2026-01-02T3:04:05Z":       {},
		"2026-01-02T24:00:00Z":      {},
		"2026-01-02T03:04:60Z":      {},
		"2026-01-02T03:04:61Z":      {},
		"2026-02-29T03:04:05Z":      {},
		"02026-01-02T03:04:05Z":     {},
		"20260102T030405Z":          {},
		"2026-01-02T03:04:05Z ":     {},
		"2026-01-02T03:04:05\u212a": {},
		"1767323045":                {},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			list := b.callUndescribed(t, request{method: "GET", app: "root", path: "/api/v1/notifications?since=" + url.QueryEscape(text)})
			sent := b.callUndescribed(t, post("console", with("sendAt", `"`+text+`"`)))
			if want.IsZero() {
				for field, a := range map[string]answer{"query.since": list, "sendAt": sent} {
					require.Equal(t, 400, a.status, a.text)
					_, named := a.problem(t)
					require.Equal(t, field, named)
				}
				return
			}
			require.Equal(t, 200, list.status, list.text)
			require.WithinDuration(t, want, b.store.notificationFilter.Since, 0)
			require.Equal(t, 202, sent.status, sent.text)
			require.WithinDuration(t, want, *b.accepter.requests[0].SendAt, 0)
		})
	}
}
