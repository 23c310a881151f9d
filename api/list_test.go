package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/store"
)

// allDeliveries is the most that one notification has.
const allDeliveries = 30_000

// many is a store with one notification of console's that has many deliveries.
type many struct {
	*memory
	of      uuid.UUID
	page    atomic.Int64 // the largest that was read
	reads   atomic.Int64
	failing atomic.Int64 // the read that fails, from 1
}

func withMany() (*many, func(*api.Options)) {
	m := &many{of: uuid.Must(uuid.NewV7())}
	return m, func(o *api.Options) {
		m.memory = o.Store.(*memory)
		m.notifications[m.of] = store.Notification{ID: m.of, AppID: "console", Status: "failed", Priority: store.PriorityNormal, Counts: store.Counts{Total: allDeliveries}}
		o.Store = m
	}
}

func (m *many) DeliveriesOf(_ context.Context, _, after uuid.UUID, limit int) ([]store.Delivery, error) {
	if m.reads.Add(1) == m.failing.Load() {
		return nil, store.ErrUnavailable
	}
	m.page.Store(max(m.page.Load(), int64(limit)))
	next := 1
	if after != uuid.Nil {
		_, _ = fmt.Sscanf(after.String()[24:], "%x", &next)
		next++
	}
	var rows []store.Delivery
	for ; next <= allDeliveries && len(rows) < limit; next++ {
		id := uuid.MustParse(fmt.Sprintf("00000000-0000-7000-8000-%012x", next))
		rows = append(rows, store.Delivery{ID: id, NotificationID: m.of, Status: "dead", Recipient: store.Recipient{Type: "email", Value: "a@b.c"}, LastError: strings.Repeat("e", 200)})
	}
	return rows, nil
}

// All tasks are in the answer, which is made in pages.
func TestAllTasksAreAnsweredInPages(t *testing.T) {
	t.Parallel()
	m, with := withMany()
	b := start(t, with)
	for _, path := range []string{"", "/deliveries"} {
		a := b.callUndescribed(t, request{method: "GET", path: "/api/v1/notifications/" + m.of.String() + path, app: "console"})
		require.Equal(t, 200, a.status)
		require.Equal(t, "application/json", a.header.Get("Content-Type"))
		var body struct{ Tasks, Deliveries []struct{ ID uuid.UUID } }
		require.NoError(t, json.Unmarshal([]byte(a.text), &body))
		rows := append(body.Tasks, body.Deliveries...)
		require.Len(t, rows, allDeliveries)
		for i, row := range rows {
			require.True(t, strings.HasSuffix(row.ID.String(), fmt.Sprintf("%012x", i+1)), "each is there once, in order")
		}
	}
	require.LessOrEqual(t, m.page.Load(), int64(100), "rows in memory at once")
}

// An error of the first page is an answer. An error of a later one is no answer that looks
// whole.
func TestAFailureBeforeAndInAList(t *testing.T) {
	t.Parallel()
	m, with := withMany()
	b := start(t, with)
	path := "/api/v1/notifications/" + m.of.String()
	m.failing.Store(1)
	require.Equal(t, 503, b.call(t, request{method: "GET", path: path, app: "console"}).status)
	m.failing.Store(m.reads.Load() + 3)
	_, resp := b.send(t, request{method: "GET", path: path, app: "console"})
	_, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoError(t, resp.Body.Close())
	require.Len(t, b.read(t, path), allDeliveries, "nothing of it is left")
}

// read returns the tasks of an answer.
func (b *bench) read(t *testing.T, path string) []any {
	t.Helper()
	a := b.callUndescribed(t, request{method: "GET", path: path, app: "console"})
	require.Equal(t, 200, a.status, a.text[:min(len(a.text), 200)])
	return a.json(t)["tasks"].([]any)
}

// Callers that do not read their answer take little memory and are cut. Then the app's next
// list is answered.
func TestCallersThatDoNotReadAreCut(t *testing.T) { // not parallel: it measures memory
	m, with := withMany()
	b := start(t, with, func(o *api.Options) { o.Config.WriteTimeout = 2 * time.Second })
	path := "/api/v1/notifications/" + m.of.String()
	before := inUse()
	var conns []net.Conn
	for range 30 { // more than are answered at once
		conns = append(conns, b.dial(t, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-App-Id: console\r\nX-App-Secret: console-secret\r\n\r\n"))
	}
	require.Eventually(t, func() bool { // what is made of an answer is not read, so no more of it is made
		reads := m.reads.Load()
		time.Sleep(200 * time.Millisecond)
		return reads > 8 && m.reads.Load() == reads
	}, limit.Wait, time.Millisecond)
	require.Less(t, inUse()-before, int64(len(conns))*1<<20)
	require.Equal(t, 200, b.call(t, request{method: "GET", path: "/api/v1/notifications", app: "root"}).status, "another app does not wait")
	require.Eventually(t, func() bool {
		a := b.callUndescribed(t, request{method: "GET", path: path, app: "console"})
		return a.status == 200 && len(a.json(t)["tasks"].([]any)) == allDeliveries
	}, limit.Wait, 100*time.Millisecond)
	for _, conn := range conns {
		all, err := io.ReadAll(conn)
		var network net.Error
		require.False(t, errors.As(err, &network) && network.Timeout(), "it is still open")
		looksWhole := strings.HasSuffix(string(all), "0\r\n\r\n") && strings.Contains(string(all), "200 OK")
		isWhole := strings.Contains(string(all), fmt.Sprintf("%012x", allDeliveries)) // it began late, when it was read
		require.Equal(t, isWhole, looksWhole)
		require.NoError(t, conn.Close())
	}
}
