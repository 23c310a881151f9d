package channeltest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
)

// Fuzz is the fuzz target of a channel whose vendor speaks HTTP. Whatever the vendor
// answers, Send returns in time, with a receipt or with a typed error that shows
// nothing private. The answers, in the vendor's own form, begin the corpus.
func Fuzz(f *testing.F, c Channel, answers ...string) {
	for _, body := range append(answers, "", page, "null", "[]", `"x"`, `{"code":1e999}`, `{"code":`, strings.Repeat("[", 1000)) {
		for _, status := range []int{200, 400, 429, 500} {
			f.Add(status, "1", body)
		}
		f.Add(429, "Fri, 31 Dec 9999 23:59:59 GMT", body+strings.Join(c.Private, " "))
	}
	f.Fuzz(func(t *testing.T, status int, retryAfter, body string) {
		// Whole answers only: testAnswers has the broken ones.
		final := 200 + int(uint(status)%400)
		header := "Retry-After: " + strings.NewReplacer("\r", "", "\n", "").Replace(retryAfter) + "\r\n"
		v := c.start(t, answer(final, header, body))
		err := c.send(t.Context(), t, v.sender, hurry)
		if err == nil {
			return
		}
		var e *channels.Error
		require.True(t, errors.As(err, &e), "no *channels.Error: %v", err)
		require.Contains(t, []channels.Class{
			channels.Permanent, channels.Transient, channels.Throttled, channels.Misconfigured, channels.Uncertain,
		}, e.Class)
		require.NotEmpty(t, e.Code)
		require.GreaterOrEqual(t, e.RetryAfter, time.Duration(0))
		require.Less(t, len(e.Code)+len(e.Message), 64<<10)
	})
}
