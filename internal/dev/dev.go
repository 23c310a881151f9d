// Package dev runs the whole service to try it: with the embedded database,
// simulated vendors in the same process, and one sample notification that is sent
// through the real API.
package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/app"
	"github.com/labring/sealos-notify/internal/vendors/world"
)

// Options of the dev command.
type Options struct {
	Once    bool     `help:"Stop after the sample; exit code 0 only when it arrived."`
	Fresh   bool     `help:"Delete what earlier runs kept, and start over."`
	State   string   `placeholder:"DIR" default:".sealos-notify-dev" help:"Folder for the database and the configuration (${default})."`
	Address string   `placeholder:"HOST:PORT" default:"127.0.0.1:8080" help:"Where the API listens (${default})."`
	Fault   []string `sep:"none" placeholder:"CHANNEL=FAULT" help:"The first message of the channel meets a fault; may be repeated. Channels: ${channels}. Faults: throttle (asks to wait), down (not available), refuse (never takes it), misconfigured (does not know us), lost (takes it, and the answer is lost)."`
	Vendors string   `placeholder:"HOST:PORT" default:"127.0.0.1:8081" help:"Where the simulated vendors show their inbox (${default})."`

	LogLevel string `placeholder:"LEVEL" enum:"debug,info,warn,error" default:"info" help:"Level of service.log in the folder: debug, info, warn or error (${default})."`
}

// arriveTime bounds the delivery of the sample.
const arriveTime = 20 * time.Second

// Run starts everything, sends the sample, prints its deliveries, and serves until
// ctx ends. With o.Once it stops after the sample.
func Run(ctx context.Context, o Options, out io.Writer) error {
	for _, fault := range o.Fault {
		if err := world.CheckFault(fault); err != nil {
			return fmt.Errorf("--fault %w", err)
		}
	}
	state, err := openState(o.State)
	if err != nil {
		return err
	}
	defer state.close()
	for _, address := range []struct{ what, flag, at string }{{"API", "--address", o.Address}, {"inbox of the simulated vendors", "--vendors", o.Vendors}} {
		if err := checkFree(ctx, address.at); err != nil {
			return fmt.Errorf("the %s cannot listen on %s: %w; choose another with %s", address.what, address.at, err, address.flag)
		}
	}
	if err := state.prepare(o.Fresh); err != nil {
		return err
	}

	vendors, err := startVendors(ctx, o.Vendors)
	if err != nil {
		return err
	}
	defer func() { _ = vendors.close() }()
	for _, fault := range o.Fault {
		if _, err := vendors.Fail(fault); err != nil {
			return err
		}
	}
	if err := state.configure(o, vendors); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	serving, metrics := make(chan net.Addr, 1), make(chan net.Addr, 1)
	stopped := make(chan error, 1)
	go func() {
		stopped <- app.Run(ctx, app.Options{
			ConfigPath: state.path(configFile), LogOutput: state.log,
			Serving: func(address net.Addr) { serving <- address }, Metrics: func(address net.Addr) { metrics <- address },
		})
	}()

	var address net.Addr
	select {
	case err := <-stopped:
		return err
	case address = <-serving:
	}
	at := addresses{API: "http://" + address.String(), Metrics: "http://" + (<-metrics).String(), Inbox: vendors.inboxURL}
	vendors.inbox.api.Store(&at.API)
	api, err := client.New(client.Options{URL: at.API, AppID: appID, AppSecret: appSecret})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "State is kept in %s (start over with --fresh).\n\n", state.dir)
	sampled := sample(ctx, api, vendors.Inbox, out)
	if o.Once || ctx.Err() != nil {
		cancel()
		return errors.Join(sampled, <-stopped)
	}
	if sampled != nil {
		_, _ = fmt.Fprintf(out, "The sample failed: %v\n", sampled)
	}
	if err := enliven(ctx, api, vendors.World, at.API); err != nil {
		_, _ = fmt.Fprintf(out, "There is less to look at: %v\n", err)
	}
	at.print(out)
	return <-stopped
}

// checkFree returns an error that says why nothing can listen on the address.
func checkFree(ctx context.Context, address string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return errors.New("another program is using it")
	case err != nil:
		return err
	}
	return l.Close()
}

// addresses are where dev serves.
type addresses struct{ API, Metrics, Inbox string }

func (a addresses) print(out io.Writer) {
	_, _ = fmt.Fprintf(out, `
Serving. Ctrl-C stops.

  Console             %[1]s/console/   (app id %[4]s, secret %[5]s)
  Inbox               %[3]s/inbox      (what has arrived at the simulated vendors)

  API                 %[1]s            (page: %[1]s/docs, OpenAPI: %[1]s/openapi.yaml)
  River UI            %[1]s/riverui/   (user %[4]s, password %[5]s)
  Metrics             %[2]s/metrics

The console has dead letters to send again, and what was throttled and retried. Send one yourself:

  curl -X POST %[1]s/api/v1/notifications \
    -H 'Content-Type: application/json' -H 'X-App-Id: %[4]s' -H 'X-App-Secret: %[5]s' \
    -d '{"idempotencyKey": "hello-1", "recipients": [{"type": "feishu_user_id", "value": "ou_you"}],
         "channels": {"feishu_app": {"template": "feishu-alert", "params": {"incident": "disk full", "severity": "P1"}}}}'

Or an alert, as Alertmanager posts them:

  curl -X POST %[1]s/api/v1/integrations/alertmanager -u %[4]s:%[5]s -H 'Content-Type: application/json' \
    -d '%[6]s'

`, a.API, a.Metrics, a.Inbox, appID, appSecret, alertBody("hello", "the disk is full"))
}
