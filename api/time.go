package api

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const timeRule = "must be an RFC 3339 time with its zone, such as 2026-01-02T15:04:05+08:00"

var errTime = errors.New(timeRule)

// shape is RFC 3339's grammar in upper case, which time.Parse does not hold to.
var shape = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$`)

// parseTime parses a time as RFC 3339 has it: with a dot before the fraction, an offset below
// 24 hours, T and Z in either case. A leap second, which Go does not know, is the second
// after it.
func parseTime(text string) (time.Time, error) {
	text = strings.ToUpper(text)
	const toMinute, leap = len("2006-01-02T15:04"), ":60"
	isLeap := len(text) > toMinute && strings.HasPrefix(text[toMinute:], leap)
	if isLeap {
		text = text[:toMinute] + ":59" + text[toMinute+len(leap):]
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || !shape.MatchString(text) {
		return time.Time{}, errTime
	}
	if !isLeap {
		return at, nil
	}
	if utc := at.UTC(); utc.Hour() != 23 || utc.Minute() != 59 {
		return time.Time{}, errTime
	}
	return at.Truncate(time.Second).Add(time.Second), nil
}

// exactTimes decodes times by parseTime.
var exactTimes = json.UnmarshalFromFunc(func(decoder *jsontext.Decoder, to *time.Time) error {
	token, err := decoder.ReadToken()
	if err != nil {
		return err
	}
	*to, err = parseTime(token.String())
	return err
})
