package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/labring/sealos-notify/internal/test/freeport"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// Credentials of the app that calls, and of the service at the vendor.
const (
	appID, appSecret       = "bench", "bench-secret"
	operatorID             = "operator" // an administrator, with the same secret
	feishuID, feishuSecret = "cli_bench", "feishu-secret"
	channel                = "feishu_app"         // and the name of its queue
	nowhere                = "http://127.0.0.1:9" // the vendor of an API-only replica
)

// setup is the configuration of a replica.
type setup struct {
	database store.Config
	vendor   string // URL; empty for an API-only replica
	level    string // of the log; empty for warn, which logs nothing here
	own      bool   // recipients of a backlog have params of their own
	days     int    // of the retention; 0: the default
}

// service is one running replica: the real binary.
type service struct {
	cmd    *exec.Cmd
	client *fasthttp.HostClient
	ready  time.Duration // from the start of the process until it was ready
	run    int           // makes its idempotency keys unique
	exited chan struct{} // closed when the process has ended, with err
	err    error
}

// delivering is a replica that delivers to a vendor. Close it.
type delivering struct {
	*service
	inbox  *vendors.Inbox
	vendor *vendor
	look   look
}

// startWithVendor starts a replica and a vendor that it delivers through.
func (b *bench) startWithVendor(ctx context.Context, s setup) (*delivering, error) {
	d := &delivering{inbox: vendors.NewInbox()}
	var err error
	if d.look, err = openForLook(s.database); err != nil {
		return nil, err
	}
	if d.vendor, err = newVendor(ctx, d.inbox); err != nil {
		d.look.close()
		return nil, err
	}
	s.vendor = d.vendor.url
	if d.service, err = b.start(ctx, s); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *delivering) close() {
	d.vendor.close()
	d.look.close()
}

// awaitRecorded waits until n messages have arrived and all outcomes are recorded.
func (d *delivering) awaitRecorded(ctx context.Context, n int) error {
	if err := d.inbox.Wait(ctx, n); err != nil {
		return err
	}
	return d.look.awaitIdle(ctx)
}

// start starts a replica and returns when it is ready and has the template.
func (b *bench) start(ctx context.Context, s setup) (*service, error) {
	b.count++
	folder := filepath.Join(b.folder, fmt.Sprintf("service_%d", b.count))
	if err := os.Mkdir(folder, 0o750); err != nil {
		return nil, err
	}
	port, err := freeport.Take(ctx)
	if err != nil {
		return nil, err
	}
	address := freeport.Address(port)
	config, err := s.write(folder, address)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()

	program, args := b.binary, []string{"-c", config}
	if b.profile != "" {
		program, args = "/proc/self/exe", []string{"-serve", config, "-profile", filepath.Join(b.profile, fmt.Sprintf("%s-%d", b.measuring, b.count))}
	}
	r := &service{
		cmd: exec.CommandContext(ctx, program, args...),
		client: &fasthttp.HostClient{
			Addr: address, MaxConns: 1024, MaxIdleConnDuration: time.Minute, MaxResponseBodySize: 64 << 20,
			ReadTimeout: time.Minute, WriteTimeout: time.Minute,
		},
		run: b.count, exited: make(chan struct{}),
	}
	r.cmd.Stderr = log
	started := time.Now()
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	b.services = append(b.services, r)
	go func() {
		defer close(r.exited)
		r.err = r.cmd.Wait()
	}()
	if err := r.await(); err != nil {
		said, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("%w\n%s", err, said)
	}
	r.ready = time.Since(started)
	return r, r.template()
}

// workers is the number of the channel's workers; the default is 100. More workers make
// larger batches. River alone has 2,000.
const workers = 200

// write writes the configuration and returns its path. It sets only what differs from
// the defaults.
func (s setup) write(folder, address string) (string, error) {
	database := fmt.Sprintf(`{host: %q, port: %d, user: %q, password: %q, dbname: %q}`,
		s.database.Host, s.database.Port, s.database.User, s.database.Password, s.database.DBName)
	if s.database.Driver == store.DriverSQLite {
		database = fmt.Sprintf(`{driver: sqlite, path: %q}`, s.database.Path)
	}
	level := cmp.Or(s.level, "warn")
	days := cmp.Or(s.days, settings.NewRetention().Days)
	apps, config := filepath.Join(folder, "apps.yaml"), filepath.Join(folder, "config.yaml")
	return config, errors.Join(
		os.WriteFile(apps, fmt.Appendf(nil, "apps: [{appId: %[1]s, appSecret: %[2]s}, {appId: %[3]s, appSecret: %[2]s, roles: [admin]}]\n", appID, appSecret, operatorID), 0o600),
		os.WriteFile(config, fmt.Appendf(nil, `server: {address: %q}
database: %s
logging: {level: %s}
dispatcher: {enabled: %t, batchSize: %d}
auth: {credentialsFilePath: %q}
metrics: {address: ""}
retention: {days: %d}
channels: {%s: {enabled: true, provider: feishu}}
providers: {feishu: {type: feishu_app, appId: %s, appSecret: %s, baseUrl: %q, rateLimit: {perSecond: 0, perMinute: 0}}}
`, address, database, level, s.vendor != "", workers, apps, days, channel, feishuID, feishuSecret, cmp.Or(s.vendor, nowhere)), 0o600))
}

// await waits until the service is ready or has stopped.
func (r *service) await() error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		select {
		case <-r.exited:
			return fmt.Errorf("the service stopped: %w", r.err)
		default:
		}
		if status, _, err := r.client.Get(nil, "http://"+r.client.Addr+"/readyz"); err == nil && status == fasthttp.StatusOK {
			return nil
		}
	}
	return errors.New("the service was not ready in time")
}

// stop stops the service with SIGTERM. The context of its measure kills it when it does
// not stop.
func (r *service) stop() error {
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	<-r.exited
	return r.err
}

// kill kills the service if it runs.
func (r *service) kill() {
	_ = r.cmd.Process.Kill()
	<-r.exited
}

// memory returns a field of the process's status ("VmRSS", "VmHWM") in megabytes.
func (r *service) memory(line string) (float64, error) {
	return procMegabytes(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid), line)
}

// call makes a request and checks the answer's status.
func (r *service) call(method, path string, body []byte, status int) error {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.Header.SetMethod(method)
	req.SetRequestURI("http://" + r.client.Addr + path)
	req.Header.SetContentType("application/json")
	req.Header.Set("X-App-Id", appID)
	req.Header.Set("X-App-Secret", appSecret)
	req.SetBodyRaw(body)
	if err := r.client.Do(req, resp); err != nil {
		return err
	}
	if resp.StatusCode() != status {
		return fmt.Errorf("%s %s: HTTP %d: %.300s", method, path, resp.StatusCode(), resp.Body())
	}
	return nil
}

// template creates or replaces the template of the notifications.
func (r *service) template() error {
	const body = `"channel": "feishu_app", "msgType": "text", "body": "[alert] {{ .incident }} (severity {{ .severity }})"`
	err := r.call("PUT", "/api/v1/templates/alert", []byte("{"+body+"}"), fasthttp.StatusOK)
	if err != nil {
		err = r.call("POST", "/api/v1/templates", []byte(`{"name": "alert", `+body+"}"), fasthttp.StatusCreated)
	}
	return err
}

// post sends a notification to n people. The first is recipient(i).
func (r *service) post(i, n int) error {
	return r.call("POST", "/api/v1/notifications", notification(r.run, i, n, false), fasthttp.StatusAccepted)
}

// postOwn is post with params of its own for each recipient but the first.
func (r *service) postOwn(i, n int) error {
	return r.call("POST", "/api/v1/notifications", notification(r.run, i, n, true), fasthttp.StatusAccepted)
}

// notification returns the body of a request. Its key consists of run and i. With own, each recipient
// but the first has params of its own.
func notification(run, i, n int, own bool) []byte {
	var body bytes.Buffer
	fmt.Fprintf(&body, `{"idempotencyKey":"k-%d-%d","channels":{"feishu_app":{"template":"alert","params":{"incident":"the primary database is down","severity":"P0"}}},"recipients":[{"type":"feishu_user_id","value":%q}`, run, i, recipient(i))
	for j := range n - 1 {
		fmt.Fprintf(&body, `,{"type":"feishu_user_id","value":"ou_of_%d_%d"`, i, j)
		if own {
			fmt.Fprintf(&body, `,"params":{"severity":"P%d"}`, j)
		}
		body.WriteString("}")
	}
	body.WriteString("]}")
	return body.Bytes()
}

// recipientPrefix is the prefix of Feishu's open ids.
const recipientPrefix = "ou_"

func recipient(i int) string { return recipientPrefix + strconv.Itoa(i) }
