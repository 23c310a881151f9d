package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// consoleRate is the number of pages a second: of many operators, whose pages refresh
	// themselves.
	consoleRate = 20
	// consoleRounds is how often each page is asked for.
	consoleRounds = 20
)

// consoleWithHistory measures the time from the moment a page of the console is due to its answer,
// for a browser that is signed in.
func (b *bench) consoleWithHistory(ctx context.Context, record record) error {
	config, err := b.history(ctx)
	if err != nil {
		return err
	}
	few, err := b.paths(ctx, config, `SELECT n.id, d.id FROM notifications n JOIN deliveries d ON d.notification_id = n.id
		WHERE n.total = $1 ORDER BY n.id DESC LIMIT $2`, fewPeople, "/console/notifications/%s|/console/deliveries/%s")
	if err != nil {
		return err
	}
	crowds, err := b.paths(ctx, config, `SELECT id, id FROM notifications WHERE total = $1 ORDER BY id LIMIT $2`, crowd, "/console/notifications/%[1]s")
	if err != nil {
		return err
	}
	r, err := b.start(ctx, setup{database: config})
	if err != nil {
		return err
	}
	cookie, err := r.signIn()
	if err != nil {
		return err
	}
	pages := consolePages(few, crowds)
	took := make([]float64, len(pages)*consoleRounds)
	err = openLoop(consoleRate, len(took), func(i int, due time.Time) error {
		err := r.page(pages[i%len(pages)], cookie)
		took[i] = milliseconds(time.Since(due))
		return err
	})
	if err != nil {
		return err
	}
	slowest := 0.
	for p := range pages {
		var one []float64
		for i := len(pages) + p; i < len(took); i += len(pages) { // the first of each warms up
			one = append(one, took[i])
		}
		slowest = max(slowest, percentile(one, 95))
		fmt.Fprintf(os.Stderr, "%40.0f ms  %s\n", percentile(one, 95), pages[p])
	}
	record("history-console-p95", percentile(took[len(pages):], 95))
	record("history-console-slowest-p95", slowest)
	return r.stop()
}

// consolePages returns the pages that operators open, and the searches they make.
func consolePages(few, crowds []string) []string {
	pages := []string{
		"/console/", "/console/notifications", "/console/dead", "/console/receivers", "/console/providers", "/console/apps",
		"/console/audit", "/console/queues", "/console/templates", "/console/templates/alert", "/console/templates/alert/versions",
		"/console/dead/group?channel=feishu_app&provider=feishu&code=feishu_230003",
		"/console/dead/count?channel=feishu_app&provider=feishu&code=feishu_230003",
		"/console/notifications?recipient=ou_past_4711_1", "/console/notifications?recipient=nobody",
		"/console/notifications?key=past-4711", "/console/notifications?status=failed", "/console/notifications?status=cancelled",
		"/console/notifications?status=pending", "/console/notifications?status=processing",
		"/console/notifications?channel=feishu_app&template=alert",
		"/console/notifications?since=" + time.Now().AddDate(0, 0, -5).UTC().Format("2006-01-02T15:04:05Z"),
		"/console/notifications?status=failed&until=" + time.Now().AddDate(0, 0, -5).UTC().Format("2006-01-02T15:04:05Z"),
		crowds[0], crowds[len(crowds)/2],
	}
	for i := range 3 {
		notification, delivery, _ := strings.Cut(few[i*len(few)/3], "|")
		pages = append(pages, notification, delivery)
	}
	return pages
}

// signIn signs in to the console and returns the cookie.
func (r *service) signIn() ([]byte, error) {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.Header.SetMethod(fasthttp.MethodPost)
	req.SetRequestURI("http://" + r.client.Addr + "/console/sign-in")
	req.Header.SetContentType("application/x-www-form-urlencoded")
	req.SetBodyString("app=" + operatorID + "&secret=" + appSecret)
	if err := r.client.Do(req, resp); err != nil {
		return nil, err
	}
	var cookie []byte
	for name, value := range resp.Header.Cookies() {
		var c fasthttp.Cookie
		if c.ParseBytes(value) == nil {
			cookie = fmt.Appendf(nil, "%s=%s", name, c.Value())
		}
	}
	if resp.StatusCode() != fasthttp.StatusSeeOther || cookie == nil {
		return nil, fmt.Errorf("sign in: HTTP %d", resp.StatusCode())
	}
	return cookie, nil
}

// page reads a page of the console.
func (r *service) page(path string, cookie []byte) error {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI("http://" + r.client.Addr + path)
	req.Header.SetBytesV("Cookie", cookie)
	if err := r.client.Do(req, resp); err != nil {
		return err
	}
	if resp.StatusCode() != fasthttp.StatusOK {
		return fmt.Errorf("%s: HTTP %d: %.300s", path, resp.StatusCode(), resp.Body())
	}
	return nil
}
