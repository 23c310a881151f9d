package siege

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// cost is the most that somebody can cost the service.
type cost struct {
	who, does string
	memory    int64         // beyond what the program had before, in bytes
	processor time.Duration // for all of it
	do        func(*attacker)
	status    []int // of the answers
}

const mebibyte = 1 << 20

// costs is the table of docs/reliability.md; a test compares them.
var costs = []cost{
	{"one request", "has the largest body, of as many values as it may", 250 * mebibyte, 2 * time.Second, func(a *attacker) { a.post(densest("one")) }, []int{202}},
	{"one request", "has the largest body, of one text", 200 * mebibyte, 2 * time.Second, func(a *attacker) { a.post(longest("text")) }, []int{202}},
	{"one request", "has more values than it may", 40 * mebibyte, time.Second, func(a *attacker) { a.post(tooMany) }, []int{400}},
	{"one request", "makes 30,000 deliveries", 300 * mebibyte, 15 * time.Second, func(a *attacker) { a.post(widest("wide")) }, []int{202}},
	{"one request", "makes 30,000 deliveries, each with a text of its own", 400 * mebibyte, 20 * time.Second, func(a *attacker) { a.post(widestOwn("own")) }, []int{202}},
	{"one request", "reads 30,000 deliveries", 50 * mebibyte, 5 * time.Second, func(a *attacker) { a.get("/api/v1/notifications/" + a.wide) }, []int{200}},
	{"one request", "saves the template that takes longest", 60 * mebibyte, time.Second, func(a *attacker) { a.save(slowestSources[0]) }, []int{200, 201, 400}},
	{"one request", "renders the template that takes longest", 60 * mebibyte, 1500 * time.Millisecond, func(a *attacker) { a.preview("slowest") }, []int{422}},

	{"one app", "sends 50 of the largest bodies at once", 420 * mebibyte, 60 * time.Second, func(a *attacker) {
		a.atOnce(50, func(i int) { a.post(densest(fmt.Sprint("crowd-", i))) })
	}, []int{202, 503}},
	{"one app", "makes 30,000 deliveries, each with a text of its own, 10 times at once", 420 * mebibyte, 60 * time.Second, func(a *attacker) {
		a.atOnce(10, func(i int) { a.post(widestOwn(fmt.Sprint("own-", i))) })
	}, []int{202, 503}},
	{"one app", "sends 500 of the densest small bodies at once", 250 * mebibyte, 30 * time.Second, func(a *attacker) {
		a.atOnce(500, func(i int) { a.post(small(fmt.Sprint("small-", i))) })
	}, []int{202, 503}},
	{"one app", "renders the slowest template 200 times at once", 100 * mebibyte, 15 * time.Second, func(a *attacker) {
		a.atOnce(200, func(int) { a.preview("slowest") })
	}, []int{422, 503}},
	{"one app", "reads 30,000 deliveries 50 times at once, and does not read the answers", 150 * mebibyte, 15 * time.Second, func(a *attacker) {
		a.hold(50, "GET /api/v1/notifications/"+a.wide+" HTTP/1.1\r\nHost: x\r\nX-App-Id: "+harness.OtherID+"\r\nX-App-Secret: "+harness.OtherSecret+"\r\n\r\n", 3*time.Second)
	}, nil},

	{"one stranger", "has 500 connections that send nothing, or a byte a second", 60 * mebibyte, 5 * time.Second, func(a *attacker) {
		a.trickle(250, 5)
	}, nil},
	{"one stranger", "has 5,000 connections on which forms come slowly, while others ask for /livez", 150 * mebibyte, 10 * time.Second, func(a *attacker) {
		a.holdWhile(5000, slowForm, func() { a.atOnce(20, func(int) { a.count(a.livez()) }) })
	}, []int{200}},
	{"one stranger", "asks for /readyz and for the console with a made-up session, 2,000 times each", 100 * mebibyte, 15 * time.Second, func(a *attacker) {
		a.atOnce(100, func(int) {
			for range 20 {
				a.visit("/readyz")
				a.visit("/console/notifications")
			}
		})
	}, []int{200, 503}},
	{"one stranger", "posts 8 KB to each of 2,000 made-up unsubscribe links", 100 * mebibyte, 15 * time.Second, func(a *attacker) {
		a.atOnce(100, func(i int) {
			for j := range 20 {
				a.unsubscribe(fmt.Sprintf("%d-%d", i, j))
			}
		})
	}, []int{404, 429, 503}},
	{"one stranger", "sends 500 bodies of 4 MB with a wrong secret", 100 * mebibyte, 10 * time.Second, func(a *attacker) {
		a.atOnce(500, func(int) { a.guess(longest("x")) })
	}, []int{0, 401, 429, 503}}, // 0: the connection was closed before the answer was read
}

// The table holds, on the real program with the manifest's memory. Each row begins with a
// new one.
func TestCosts(t *testing.T) { // not parallel: it measures
	w := harness.NewPostgres(t)
	w.UseAllChannels(w.Vendors.Addresses)
	w.Configure(map[string]string{"dispatcher": `{enabled: false}`}) // accepted only
	a := newAttacker(t, encage(t, w))
	var table strings.Builder
	most := int64(0)
	for i, row := range costs {
		require.Zero(t, a.cage.Terminate())
		c := encage(t, w)
		a.cage, a.statuses = c, map[int]int{}
		require.Equal(t, http.StatusOK, a.livez())
		idle, before := c.resident("VmRSS"), c.processor()
		row.do(a)
		taken, memory := c.processor()-before, c.resident("VmHWM")-idle
		fmt.Fprintf(&table, "%s took %s of %s and %s of %s; answers %v\n", docRow(i), size(memory), size(row.memory), taken, row.processor, a.statuses)
		assert.LessOrEqual(t, memory, row.memory, "memory of: %s %s", row.who, row.does)
		assert.LessOrEqual(t, taken, row.processor, "processor time of: %s %s", row.who, row.does)
		for status := range a.statuses {
			assert.Contains(t, row.status, status, "%s %s", row.who, row.does)
		}
		require.Equal(t, http.StatusOK, a.livez(), "after: %s %s", row.who, row.does)
		most = max(most, c.most())
	}
	t.Logf("\n%sat most %s of %s", table.String(), size(most), size(a.cage.limit))
	require.Less(t, most, a.cage.limit)
}

// docRow returns a row's cells in docs/reliability.md.
func docRow(i int) string {
	c := costs[i]
	return fmt.Sprintf("| %s | %s | %s | %.3g s |", c.who, c.does, size(c.memory), c.processor.Seconds())
}

func TestCostsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(harness.Project(), "docs/reliability.md"))
	require.NoError(t, err)
	for i := range costs {
		require.Contains(t, string(page), docRow(i))
	}
}

// attacker makes hostile requests as the other app, and as a stranger.
type attacker struct {
	t    *testing.T
	cage *cage
	wide string // id of a notification with 30,000 deliveries

	mu       sync.Mutex
	statuses map[int]int
}

// newAttacker stores the templates of the attack.
func newAttacker(t *testing.T, c *cage) *attacker {
	t.Helper()
	a := &attacker{t: t, cage: c, statuses: map[int]int{}}
	for _, template := range []map[string]any{
		{"name": "mail", "channel": "email", "msgType": "text", "subject": "s", "body": `{{ len .l }}`},
		{"name": "app", "channel": "feishu_app", "msgType": "text", "body": "b"},
		{"name": "own-mail", "channel": "email", "msgType": "text", "subject": "s", "body": ownBody},
		{"name": "own-app", "channel": "feishu_app", "msgType": "text", "body": ownBody},
		{"name": "own-bot", "channel": "feishu_webhook", "msgType": "text", "body": ownBody},
		{"name": "bot", "channel": "feishu_webhook", "msgType": "text", "body": "b"},
		{"name": "dingtalk", "channel": "dingtalk_group", "msgType": "markdown", "body": "b"},
		{"name": "wecom", "channel": "wecom_group", "msgType": "text", "body": "b"},
		{"name": "webhook", "channel": "webhook", "msgType": "json", "body": "{}"},
		{"name": "plain", "channel": "email", "msgType": "text", "subject": "s", "body": "b"},
		{"name": "sms", "channel": "sms", "templateCode": "SMS_0001"},
		{"name": "voice", "channel": "voice", "templateCode": "TPL_0001"},
		{"name": "saved", "channel": "email", "msgType": "html", "subject": "s", "body": "b"},
		{"name": "slowest", "channel": "email", "msgType": "html", "subject": "s", "body": slowestTemplate},
	} {
		answer := c.Call(harness.OtherID, harness.OtherSecret, http.MethodPost, "/api/v1/templates", template)
		require.Equal(t, http.StatusCreated, answer.Status, answer.Raw)
	}
	answer := c.Call(harness.OtherID, harness.OtherSecret, http.MethodPost, "/api/v1/notifications", nil)
	require.Equal(t, http.StatusBadRequest, answer.Status)
	status, body := a.request(harness.OtherID, harness.OtherSecret, http.MethodPost, "/api/v1/notifications", widest("first"))
	require.Equal(t, http.StatusAccepted, status, string(body))
	a.wide = harness.NewAnswer(t, &http.Response{StatusCode: status}, body).Body["notificationId"].(string)
	return a
}

// client has no limit on its connections, and opens one for each request.
var client = &http.Client{Timeout: limit.Wait, Transport: &http.Transport{DisableKeepAlives: true}}

// request makes a request with the secret. The status is 0 when there is no answer.
func (a *attacker) request(app, secret, method, path string, body []byte) (int, []byte) {
	req, err := http.NewRequest(method, a.cage.Base+path, bytes.NewReader(body))
	if err != nil {
		panic(err) // the paths are ours
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-App-Id", app)
	req.Header.Set("X-App-Secret", secret)
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil
	}
	return resp.StatusCode, answer
}

// try makes a request and counts the status of its answer.
func (a *attacker) try(secret, method, path string, body []byte) {
	status, answer := a.request(harness.OtherID, secret, method, path, body)
	a.count(status)
	if status == http.StatusInternalServerError {
		a.t.Logf("%s %s: %.300s", method, path, answer)
	}
}

func (a *attacker) count(status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.statuses[status]++
}

func (a *attacker) post(body []byte) {
	a.try(harness.OtherSecret, http.MethodPost, "/api/v1/notifications", body)
}

// guess sends a body with a wrong secret, as an app that does not exist.
func (a *attacker) guess(body []byte) {
	status, _ := a.request("nobody", "wrong", http.MethodPost, "/api/v1/notifications", body)
	a.count(status)
}

// visit asks for a page with a session that nobody was given.
func (a *attacker) visit(path string) {
	req, err := http.NewRequest(http.MethodGet, a.cage.Base+path, nil)
	if err != nil {
		panic(err) // the paths are ours
	}
	req.Header.Set("Cookie", "sealos_notify_session=made-up")
	resp, err := client.Do(req)
	if err != nil {
		a.count(0)
		return
	}
	_ = resp.Body.Close()
	a.count(resp.StatusCode)
}

// unsubscribe posts a form to a link that was made up.
func (a *attacker) unsubscribe(token string) {
	resp, err := client.Post(a.cage.Base+"/unsubscribe/"+token, "application/x-www-form-urlencoded", strings.NewReader(strings.Repeat("x", 8<<10)))
	if err != nil {
		a.count(0)
		return
	}
	_ = resp.Body.Close()
	a.count(resp.StatusCode)
}

func (a *attacker) get(path string) { a.try(harness.OtherSecret, http.MethodGet, path, nil) }

func (a *attacker) preview(template string) {
	a.try(harness.OtherSecret, http.MethodPost, "/api/v1/templates/"+template+"/preview", slowestParams)
}

// save saves a template.
func (a *attacker) save(source string) {
	a.try(harness.OtherSecret, http.MethodPut, "/api/v1/templates/saved", templateBody(source))
}

// atOnce makes n requests at once.
func (a *attacker) atOnce(n int, do func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	limit.Group(a.t, &all, "hostile requests")
}

// slowForm begins a form of somebody who is not signed in.
const slowForm = "POST /console/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 8192\r\n\r\na"

// hold opens n connections, says the same on each, and closes them after a time in which it
// does not read.
func (a *attacker) hold(n int, says string, d time.Duration) {
	a.holdWhile(n, says, func() { time.Sleep(d) })
}

// trickle opens n connections that send nothing and n whose request grows by a byte a second, and
// holds all of them for so many seconds.
func (a *attacker) trickle(n, seconds int) {
	slow := a.open(n, "GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")
	conns := append(a.open(n, ""), slow...)
	for range seconds {
		time.Sleep(time.Second)
		for _, conn := range slow {
			_, _ = io.WriteString(conn, "x")
		}
	}
	open := 0
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			open++ // it was neither answered nor closed
		}
		_ = conn.Close()
	}
	require.Equal(a.t, 2*n, open, "connections that were held")
}

// holdWhile opens n connections, says the same on each, and closes them after do.
func (a *attacker) holdWhile(n int, says string, do func()) {
	conns := a.open(n, says)
	do()
	for _, conn := range conns {
		_ = conn.Close()
	}
}

// open opens n connections, as far as the program has them for us, and says the same on each.
func (a *attacker) open(n int, says string) []net.Conn {
	conns := make([]net.Conn, 0, n)
	for range n {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(a.cage.Base, "http://"), limit.Wait)
		if err != nil {
			continue // it has no more connections for us
		}
		conns = append(conns, conn)
		_, _ = io.WriteString(conn, says)
	}
	return conns
}

// livez returns the status of /livez, over a new connection.
func (a *attacker) livez() int {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(a.cage.Base, "http://"), limit.Wait)
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(limit.Wait))
	_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
