package api_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
)

// bodyWith returns a notification whose params are the JSON.
func bodyWith(params string) string {
	return `{"idempotencyKey":"k","channels":{"email":{"template":"t","params":` + params + `}},"recipients":[{"type":"email","value":"a@b.c"}]}`
}

// A body has at most 100,000 values, whatever they are. The error names where they are.
func TestValuesOfABodyAreBounded(t *testing.T) {
	t.Parallel()
	b := start(t)
	const most, others = 100_000, 11 // the notification's own
	for name, c := range map[string]struct{ open, value, close string }{
		"numbers": {`{"l":[`, "0", `]}`},
		"objects": {`{"l":[`, "{}", `]}`},
		"lists":   {`{"l":[`, "[]", `]}`},
		"texts":   {`{"l":[`, `""`, `]}`},
		"nulls":   {`{"l":[`, "null", `]}`},
	} {
		fits := strings.Repeat(c.value+",", most-others-1)
		a := b.call(t, post("console", bodyWith(c.open+fits+c.value+c.close)))
		require.Equal(t, 202, a.status, "%s: %s", name, a.text)
		a = b.call(t, post("console", bodyWith(c.open+fits+c.value+","+c.value+c.close)))
		require.Equal(t, 400, a.status, name)
		code, field := a.problem(t)
		require.Equal(t, "invalid_request", code)
		require.Contains(t, field, "recipients", "the list before has used them up")
		a = b.call(t, post("console", bodyWith(c.open+fits+fits+c.value+c.close)))
		require.Equal(t, 400, a.status, name)
		_, field = a.problem(t)
		require.Equal(t, "channels.email.params", field)
		require.Contains(t, a.text, "100000 values")
	}
	var members strings.Builder
	for i := range most {
		fmt.Fprintf(&members, `,"%d":1`, i)
	}
	a := b.call(t, post("console", bodyWith("{"+members.String()[1:]+"}")))
	require.Equal(t, 400, a.status)
	_, field := a.problem(t)
	require.Equal(t, "channels.email.params", strings.Join(strings.Split(field, ".")[:3], "."))
}

// slow is an Accepter that keeps requests with many values until they may leave.
type slow struct {
	*accepter
	entered chan struct{}
	leave   chan struct{}
}

func (s slow) Accept(ctx context.Context, r accepting.Request) (accepting.Accepted, error) {
	if len(r.Channels["email"].Params) > 0 {
		s.entered <- struct{}{}
		select {
		case <-s.leave:
		case <-time.After(limit.Wait):
		}
	}
	return s.accepter.Accept(ctx, r)
}

// Large bodies in hand are bounded over the process and for an app. What has no room waits,
// and is then refused with 503 and Retry-After. Small bodies never wait for large ones.
func TestLargeBodiesDoNotHoldUpSmallOnes(t *testing.T) { // not parallel: it measures memory
	s := slow{&accepter{}, make(chan struct{}, 100), make(chan struct{})}
	b := start(t, func(o *api.Options) { o.Accepter = s })
	large := bodyWith(`{"l":[` + strings.Repeat(`{"a":0},`, 40_000) + `0],"text":"` + strings.Repeat("x", 3<<20) + `"}`)
	before := inUse()
	var senders sync.WaitGroup
	statuses := make(chan answer, 100)
	for _, app := range []string{"console", "sender", "root"} {
		for range 5 {
			senders.Go(func() { statuses <- b.callUndescribed(t, post(app, large)) })
		}
	}
	limit.Receive(t, s.entered, "the first large body")
	for range 20 {
		require.Equal(t, 202, b.call(t, post("console", strings.ReplaceAll(bodyWith(`{}`), "k", "small"))).status)
	}
	for range 10 { // of 15: at most 4 have room
		refused := limit.Receive(t, statuses, "a refusal")
		require.Equal(t, 503, refused.status, refused.text)
		require.Contains(t, refused.text, `"code":"busy"`)
		require.NotEmpty(t, refused.header.Get("Retry-After"))
	}
	require.Less(t, inUse()-before, int64(200<<20), "all bodies in hand")
	require.LessOrEqual(t, len(s.entered)+1, 4, "at once")
	close(s.leave)
	limit.Group(t, &senders, "answers")
	runtime.GC()
	require.Equal(t, 202, b.call(t, post("console", large)).status, "there is room again")
}

// Strangers' forms have no share that they could use up: while more than a thousand come slowly,
// people sign in and work.
func TestStrangersFormsDoNotHoldUpTheConsole(t *testing.T) { // not parallel: it has many connections
	b := start(t)
	cookies := b.signIn(t, "console")
	conns := make([]net.Conn, 1100)
	var dialled sync.WaitGroup
	for i := range conns {
		dialled.Go(func() {
			conns[i] = b.dial(t, "POST /console/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 8192\r\n\r\na")
		})
	}
	limit.Group(t, &dialled, "connections")
	b.signIn(t, "sender")
	form := url.Values{"back": {"/console/dead"}, "text": {strings.Repeat("x", 100_000)}}
	require.Equal(t, http.StatusSeeOther, b.browse(t, http.MethodPost, "/console/preferences", form, cookies).status)
	for _, conn := range conns {
		require.NoError(t, conn.Close())
	}
}
