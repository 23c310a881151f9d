// Command sealos-notify accepts notifications over HTTP and delivers them to their
// recipients over several channels.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/internal/app"
	"github.com/labring/sealos-notify/internal/cli"
	"github.com/labring/sealos-notify/internal/dev"
	"github.com/labring/sealos-notify/migrate"
)

// version is set by the build.
var version = "dev"

// commandLine is the commands of the program. Each has its own flags only.
type commandLine struct {
	Serve     serveCommand    `cmd:"" help:"Serve the API and work the queues (the default)."`
	Migrate   migrateCommands `cmd:"" help:"Change the database schema, or show its version."`
	ConfigCmd configCommands  `cmd:"" name:"config" help:"Check the configuration."`
	Dev       devCommand      `cmd:"" help:"Try the service: embedded database, simulated vendors, one sample notification."`
	cli.Commands
	Version versionCommand `cmd:"" help:"Print the version."`
}

// configFlag names the configuration.
type configFlag struct {
	Config string `short:"c" default:"config.yaml" placeholder:"FILE" help:"Configuration file (${default})."`
}

// overrideFlags replace values of the configuration.
type overrideFlags struct {
	Address  string `placeholder:"HOST:PORT" help:"Listen here instead of server.address."`
	LogLevel string `placeholder:"LEVEL" enum:",debug,info,warn,error" default:"" help:"Log at this level (debug, info, warn, error) instead of logging.level."`
}

// options returns the options of a command that reads the configuration.
func (f configFlag) options(o overrideFlags) app.Options {
	return app.Options{
		Version:    version,
		ConfigPath: f.Config,
		LogOutput:  os.Stderr,
		Override: func(cfg *config.Config) {
			if o.Address != "" {
				cfg.Server.Address = o.Address
			}
			if o.LogLevel != "" {
				cfg.Logging.Level = o.LogLevel
			}
		},
	}
}

func main() { os.Exit(run()) }

// run runs the command of the arguments and returns the exit code.
func run() int {
	stdout, stderr := cli.Clean(os.Stdout), cli.Clean(os.Stderr)
	fail := func(err error) int {
		fmt.Fprintln(stderr, "sealos-notify: "+strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return cli.ExitCode(err)
	}
	parser := kong.Must(&commandLine{}, kong.Name("sealos-notify"), kong.Writers(stdout, stderr), vars(),
		kong.Description("A notification service: one API, many channels, nothing lost."))
	parsed, err := parser.Parse(cli.Args(parser.Model.Node, os.Args[1:]))
	if err != nil {
		return fail(cli.UsageError(err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(); err != nil {
		return fail(err)
	}
	return 0
}

// vars returns what the help texts name.
func vars() kong.Vars {
	var served []string
	for _, t := range builtin.Types() {
		served = append(served, t.Channel)
	}
	return kong.Vars{
		"channels":        strings.Join(served, ", "),
		"recipient_types": strings.Join(channels.RecipientTypeNames(builtin.Types()...), ", "),
	}
}

type serveCommand struct {
	configFlag
	overrideFlags
	Probe bool `help:"Reach every provider first, and do not start with one that would refuse every message."`
}

func (c serveCommand) Run(ctx context.Context) error {
	options := c.options(c.overrideFlags)
	options.Probe = c.Probe
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	options.Reload = hangups
	collects := os.Getenv("GOGC") == "" // unless the operator has decided
	if collects {
		// What a start leaves lies in pieces between what it needed only then, which is 1.5 MB less
		// when it collects often.
		debug.SetGCPercent(20)
	}
	options.Serving = func(net.Addr) {
		if collects {
			// Little of the heap lives long. A third of the collections save a tenth of the processor
			// time of delivering and of accepting, for 20 MB under load.
			debug.SetGCPercent(300)
		}
		debug.FreeOSMemory() // of what only the start needed
	}
	err := unlessStopped(app.Run(ctx, options))
	if _, missing := os.Stat(c.Config); err != nil && errors.Is(missing, fs.ErrNotExist) {
		return fmt.Errorf("%w\n-c FILE names another configuration; without one, try: sealos-notify dev", err)
	}
	return err
}

// unlessStopped drops the error of a start that was interrupted, because the user
// asked for that.
func unlessStopped(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

type migrateCommands struct {
	configFlag
	Up     migrateUp     `cmd:"" help:"Bring the schema up to date. serve does this by itself."`
	Down   migrateDown   `cmd:"" help:"Undo the newest migration. What it stored is lost."`
	Status migrateStatus `cmd:"" help:"List the migrations and when they were applied."`
}

type (
	migrateUp   struct{}
	migrateDown struct {
		Yes bool `short:"y" help:"Do it without asking. Needed where there is no terminal."`
	}
	migrateStatus struct{}
)

func (migrateUp) Run(ctx context.Context, c *migrateCommands, k *kong.Context) error {
	return c.migrate(ctx, k, (*migrate.Migrator).Up)
}

func (d migrateDown) Run(ctx context.Context, c *migrateCommands, k *kong.Context) error {
	return c.migrate(ctx, k, func(m *migrate.Migrator, ctx context.Context) error {
		versions, err := m.Status(ctx)
		if err != nil {
			return err
		}
		if what := undone(versions); what != "" {
			if err := cli.Confirm(ctx, d.Yes, what); err != nil {
				return err
			}
		}
		return m.Down(ctx)
	})
}

// undone returns a sentence that says what migrate down undoes; empty when that is nothing.
func undone(versions []migrate.Migration) string {
	var ours, rivers []migrate.Migration // applied
	for _, v := range versions {
		switch {
		case !v.Applied:
		case v.Line == migrate.LineOurs:
			ours = append(ours, v)
		default:
			rivers = append(rivers, v)
		}
	}
	switch {
	case len(ours) > 1:
		newest := ours[len(ours)-1]
		return fmt.Sprintf("1 migration of %d will be undone (%d, %s), and what it stored is lost.", len(ours), newest.Version, newest.Name)
	case len(ours)+len(rivers) > 0:
		return fmt.Sprintf("All %d migrations will be undone: every notification, template and job is lost.", len(ours)+len(rivers))
	}
	return ""
}

func (migrateStatus) Run(ctx context.Context, c *migrateCommands, k *kong.Context) error {
	return c.migrate(ctx, k, func(*migrate.Migrator, context.Context) error { return nil })
}

// migrate changes the schema and prints the state of its migrations.
func (c *migrateCommands) migrate(ctx context.Context, k *kong.Context, change func(*migrate.Migrator, context.Context) error) error {
	cfg, err := c.options(overrideFlags{}).Loader().Load()
	if err != nil {
		return err
	}
	db, err := app.OpenDatabase(ctx, cfg.Database, func(err error) {
		fmt.Fprintln(k.Stderr, "waiting for the database:", err)
	})
	if err != nil {
		return err
	}
	defer db.Close()
	db.Migrator.Waiting = func(err error) { fmt.Fprintln(k.Stderr, "waiting for a lock, then trying again:", err) }
	if err := change(db.Migrator, ctx); err != nil {
		return err
	}
	versions, err := db.Migrator.Status(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(k.Stdout, 0, 0, 3, ' ', 0)
	for _, v := range versions {
		applied := "not applied"
		switch {
		case v.AppliedAt != nil:
			applied = v.AppliedAt.Format(time.RFC3339)
		case v.Applied:
			applied = "applied"
		}
		_, _ = fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", v.Line, v.Version, v.Name, applied)
	}
	return table.Flush()
}

type configCommands struct {
	configFlag
	overrideFlags
	Check configCheck `cmd:"" help:"Check the configuration and show it, secrets as ***."`
}

type configCheck struct {
	Probe bool `help:"Also reach every provider, without sending anything."`
}

func (c configCheck) Run(ctx context.Context, of *configCommands, k *kong.Context) error {
	checked, err := of.options(of.overrideFlags).Loader().Check(nil)
	if err != nil {
		return err
	}
	fmt.Fprint(k.Stdout, checked.Redacted())
	fmt.Fprintf(k.Stderr, "%s is valid\n\n", of.Config)
	table := tabwriter.NewWriter(k.Stderr, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "CHANNEL\tPROVIDER\tTYPE\tRECIPIENTS\tANSWER LOST\tCAN")
	for _, p := range checked.Registry.InUse() {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Type.Channel, p.Name, p.Type.Name,
			strings.Join(channels.RecipientTypeNames(p.Type), ", "), p.OnUncertain, strings.Join(p.Type.Abilities(), ", "))
	}
	if err := table.Flush(); err != nil || !c.Probe {
		return err
	}
	return app.Probe(ctx, checked.Registry, func(p app.Probed) { fmt.Fprintln(k.Stderr, p) })
}

type versionCommand struct{}

func (versionCommand) Run(k *kong.Context) error {
	_, err := fmt.Fprintln(k.Stdout, "sealos-notify "+version)
	return err
}

type devCommand struct{ dev.Options }

func (c devCommand) Run(ctx context.Context, k *kong.Context) error {
	return unlessStopped(dev.Run(ctx, c.Options, k.Stdout))
}
