package store_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

// Europe/Berlin goes forward on 2027-03-28 from 02:00 to 03:00, and back on 2027-10-31 from 03:00 to
// 02:00. America/Sao_Paulo went forward at midnight on 2018-11-04; Lord Howe changes by half an hour.
func TestQuietHoursEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, hours, at, want string }{
		{"before", "22:00-08:00 Asia/Shanghai", "2026-12-01T21:59:59+08:00", ""},
		{"the beginning is in them", "22:00-08:00 Asia/Shanghai", "2026-12-01T22:00:00+08:00", "2026-12-02T08:00:00+08:00"},
		{"over midnight", "22:00-08:00 Asia/Shanghai", "2026-12-31T23:59:59+08:00", "2027-01-01T08:00:00+08:00"},
		{"after midnight", "22:00-08:00 Asia/Shanghai", "2027-01-01T00:00:00+08:00", "2027-01-01T08:00:00+08:00"},
		{"the end is not in them", "22:00-08:00 Asia/Shanghai", "2027-01-01T08:00:00+08:00", ""},
		{"until midnight", "20:00-00:00 UTC", "2026-12-01T23:00:00Z", "2026-12-02T00:00:00Z"},
		{"from midnight", "00:00-06:00 UTC", "2026-12-01T00:00:00Z", "2026-12-01T06:00:00Z"},
		{"within a day", "12:00-14:00 UTC", "2026-12-01T13:59:59.999Z", "2026-12-01T14:00:00Z"},
		{"within a day, outside", "12:00-14:00 UTC", "2026-12-01T23:00:00Z", ""},
		{"of another zone than the time", "22:00-08:00 America/New_York", "2026-12-01T12:00:00+08:00", "2026-12-01T13:00:00Z"},
		{"a zone far ahead", "22:00-08:00 Pacific/Kiritimati", "2026-12-01T09:00:00Z", "2026-12-01T18:00:00Z"},
		{"a zone far behind", "22:00-08:00 Pacific/Pago_Pago", "2026-12-01T10:00:00Z", "2026-12-01T19:00:00Z"},
		{"a zone with 45 minutes", "22:00-08:00 Asia/Kathmandu", "2026-12-01T16:15:00Z", "2026-12-02T02:15:00Z"},

		{"a shorter night", "22:00-08:00 Europe/Berlin", "2027-03-27T21:00:00Z", "2027-03-28T06:00:00Z"},
		{"a longer night", "22:00-08:00 Europe/Berlin", "2027-10-30T20:00:00Z", "2027-10-31T07:00:00Z"},
		{"an end that does not exist", "22:00-02:30 Europe/Berlin", "2027-03-28T00:59:00Z", "2027-03-28T01:00:00Z"},
		{"after an end that does not exist", "22:00-02:30 Europe/Berlin", "2027-03-28T01:00:00Z", ""},
		{"an end that exists twice", "22:00-02:30 Europe/Berlin", "2027-10-31T00:00:00Z", "2027-10-31T01:30:00Z"},
		{"between the two ends", "22:00-02:30 Europe/Berlin", "2027-10-31T00:45:00Z", "2027-10-31T01:30:00Z"},
		{"a beginning that does not exist", "02:30-08:00 Europe/Berlin", "2027-03-28T01:00:00Z", "2027-03-28T06:00:00Z"},
		{"a beginning that exists twice", "02:30-08:00 Europe/Berlin", "2027-10-31T00:30:00Z", "2027-10-31T07:00:00Z"},
		{"between the two beginnings", "02:30-08:00 Europe/Berlin", "2027-10-31T01:10:00Z", "2027-10-31T07:00:00Z"},
		{"no midnight", "21:00-00:30 America/Sao_Paulo", "2018-11-04T02:30:00Z", "2018-11-04T03:00:00Z"},
		{"half an hour twice", "22:00-01:45 Australia/Lord_Howe", "2027-04-03T14:50:00Z", "2027-04-03T15:15:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			hours, err := store.ParseQuietHours(c.hours)
			require.NoError(t, err)
			require.Equal(t, c.hours, hours.String())
			at, err := time.Parse(time.RFC3339, c.at)
			require.NoError(t, err)
			want := at
			if c.want != "" {
				want, err = time.Parse(time.RFC3339, c.want)
				require.NoError(t, err)
			}
			require.Equal(t, want.UTC(), hours.Until(at).UTC())
		})
	}
}

func TestQuietHoursAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "22:00", "22:00-08:00", "22:00-08:00 ", "22:00-08:00 Local", "22:00-08:00 Asia/Nowhere", "22:00-08:00 ../etc/passwd",
		"22:00-08:00 localtime", "22:00-08:00 posix/Asia/Shanghai", "22:00-08:00 asia/shanghai", "24:00-08:00 UTC", "22:60-08:00 UTC", "9:00-10:00 UTC", "22:00:00-08:00 UTC",
		"22:00-22:00 UTC", "22:00-21:00 UTC", "08:00-05:01 UTC", "２２:00-08:00 UTC",
	} {
		_, err := store.ParseQuietHours(text)
		require.Error(t, err, text)
	}
}

var fuzzedZones = []string{
	"UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Antarctica/Troll",
	"Pacific/Apia", "Pacific/Chatham", "Africa/Casablanca", "America/St_Johns", "Asia/Tehran", "Africa/Cairo", "America/Nuuk", "Asia/Beirut", "Pacific/Kiritimati",
}

// requireAwake requires what holds of quiet hours in every zone.
func requireAwake(t *testing.T, from, to int, zone string, at time.Time) {
	t.Helper()
	hours, err := store.NewQuietHours(hhmm(from), hhmm(to), zone)
	if err != nil {
		return
	}
	until := hours.Until(at)
	require.False(t, until.Before(at), "%s at %s until %s", hours, at, until)
	require.LessOrEqual(t, until.Sub(at), 25*time.Hour, "%s at %s", hours, at)
	require.Equal(t, until, hours.Until(until), "%s at %s: the end is not in them", hours, at)
	if until.Equal(at) {
		return
	}
	require.True(t, hours.Until(until.Add(-time.Nanosecond)).Equal(until), "%s at %s: until their end", hours, at)
	between := at.Add(rand.N(until.Sub(at)))
	require.True(t, hours.Until(between).Equal(until), "%s at %s and %s: one end", hours, at, between)
}

func hhmm(minutes int) string {
	return time.Time{}.Add(time.Duration(minutes) * time.Minute).Format("15:04")
}

func FuzzQuietHours(f *testing.F) {
	f.Add(22*60, 8*60, 1, int64(1_800_000_000))
	f.Add(22*60, 150, 2, int64(1_806_199_140))
	f.Fuzz(func(t *testing.T, from, to, zone int, unix int64) {
		day := func(n, of int) int { return ((n % of) + of) % of }
		at := time.Unix(1_577_836_800+int64(day(int(unix), 1<<30)), 0) // 2020 to 2054
		requireAwake(t, day(from, 1440), day(to, 1440), fuzzedZones[day(zone, len(fuzzedZones))], at)
	})
}

// Around each change of the clocks of a zone, every quarter of an hour.
func TestQuietHoursAroundClockChanges(t *testing.T) {
	t.Parallel()
	for _, name := range fuzzedZones {
		zone, err := store.LoadZone(name)
		require.NoError(t, err)
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, zone)
		for range 4 {
			_, end := at.ZoneBounds()
			if end.IsZero() {
				break
			}
			at = end
			shown := at.Hour()*60 + at.Minute()
			for from := shown - 240; from <= shown+240; from += 15 {
				for length := 15; length <= 21*60; length += 105 {
					for shift := -4 * time.Hour; shift <= 4*time.Hour; shift += 30 * time.Minute {
						requireAwake(t, (from+1440)%1440, (from+length+1440)%1440, name, at.Add(shift))
					}
				}
			}
		}
	}
}
