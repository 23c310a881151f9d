// Command sealos-notify accepts notifications over HTTP and delivers them to their
// recipients over several channels.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/internal/app"
	"github.com/labring/sealos-notify/internal/cli"
	"github.com/labring/sealos-notify/internal/dev"
	"github.com/labring/sealos-notify/migrate"
)

// version is set by the build.
var version = "dev"

// commandLine is the commands and flags of the program.
type commandLine struct {
	Config   string `short:"c" default:"config.yaml" placeholder:"FILE" help:"Configuration file (${default})."`
	Address  string `placeholder:"HOST:PORT" help:"Listen here instead of server.address."`
	LogLevel string `placeholder:"LEVEL" enum:",debug,info,warn,error" default:"" help:"Log at this level instead of logging.level."`

	Serve   serveCommand `cmd:"" default:"withargs" help:"Serve the API and work the queues (the default)."`
	Migrate struct {
		Up     migrateUp     `cmd:"" help:"Bring the schema up to date. serve does this by itself."`
		Down   migrateDown   `cmd:"" help:"Undo the newest migration. What it stored is lost."`
		Status migrateStatus `cmd:"" help:"List the migrations and when they were applied."`
	} `cmd:"" help:"Change the database schema, or show its version."`
	ConfigCmd struct {
		Check configCheck `cmd:"" help:"Check the configuration and show it, secrets as ***."`
	} `cmd:"" name:"config" help:"Check the configuration."`
	Dev devCommand `cmd:"" help:"Try the service: embedded database, simulated vendors, one sample notification."`
	cli.Commands
	Version versionCommand `cmd:"" help:"Print the version."`
}

// options returns the options of a command that reads the configuration.
func (c *commandLine) options() app.Options {
	return app.Options{
		Version:    version,
		ConfigPath: c.Config,
		LogOutput:  os.Stderr,
		Override: func(cfg *config.Config) {
			if c.Address != "" {
				cfg.Server.Address = c.Address
			}
			if c.LogLevel != "" {
				cfg.Logging.Level = c.LogLevel
			}
		},
	}
}

func main() {
	var line commandLine
	parsed := kong.Parse(&line, kong.Name("sealos-notify"), kong.UsageOnError(),
		kong.Description("A notification service: one API, many channels, nothing lost."),
		kong.Exit(func(code int) { os.Exit(min(code, 1)) })) // kong exits with 80 on wrong usage

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	if err := parsed.Run(&line); err != nil {
		fmt.Fprintln(os.Stderr, "sealos-notify: "+strings.ReplaceAll(err.Error(), "\n", "\n  "))
		os.Exit(cli.ExitCode(err))
	}
}

type serveCommand struct {
	Probe bool `help:"Reach every provider first, and do not start with one that would refuse every message."`
}

func (c serveCommand) Run(ctx context.Context, line *commandLine) error {
	options := line.options()
	options.Probe = c.Probe
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	options.Reload = hangups
	if os.Getenv("GOGC") == "" {
		// Little of the heap lives long. Half of the collections are 8 % of the processor time
		// of delivering, for 15 MB under load.
		debug.SetGCPercent(200)
	}
	// What only the start needed is 1 MB.
	options.Serving = func(net.Addr) { debug.FreeOSMemory() }
	return unlessStopped(app.Run(ctx, options))
}

// unlessStopped drops the error of a start that was interrupted, because the user
// asked for that.
func unlessStopped(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

type (
	migrateUp     struct{}
	migrateDown   struct{}
	migrateStatus struct{}
)

func (migrateUp) Run(ctx context.Context, line *commandLine) error {
	return line.migrate(ctx, (*migrate.Migrator).Up)
}

func (migrateDown) Run(ctx context.Context, line *commandLine) error {
	return line.migrate(ctx, (*migrate.Migrator).Down)
}

func (migrateStatus) Run(ctx context.Context, line *commandLine) error {
	return line.migrate(ctx, func(*migrate.Migrator, context.Context) error { return nil })
}

// migrate changes the schema and prints the state of its migrations.
func (c *commandLine) migrate(ctx context.Context, change func(*migrate.Migrator, context.Context) error) error {
	cfg, err := c.options().Loader().Load()
	if err != nil {
		return err
	}
	db, err := app.OpenDatabase(ctx, cfg.Database, func(err error) {
		fmt.Fprintln(os.Stderr, "waiting for the database:", err)
	})
	if err != nil {
		return err
	}
	defer db.Close()
	db.Migrator.Waiting = func(err error) { fmt.Fprintln(os.Stderr, "waiting for a lock, then trying again:", err) }
	if err := change(db.Migrator, ctx); err != nil {
		return err
	}
	versions, err := db.Migrator.Status(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
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

type configCheck struct {
	Probe bool `help:"Also reach every provider, without sending anything."`
}

func (c configCheck) Run(ctx context.Context, line *commandLine) error {
	checked, err := line.options().Loader().Check(nil)
	if err != nil {
		return err
	}
	fmt.Print(checked.Redacted())
	fmt.Fprintf(os.Stderr, "%s is valid\n\n", line.Config)
	table := tabwriter.NewWriter(os.Stderr, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "CHANNEL\tPROVIDER\tTYPE\tRECIPIENTS\tANSWER LOST\tCAN")
	for _, channel := range checked.Registry.Channels() {
		p, _ := checked.Registry.Provider(channel)
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", channel, p.Name, p.Type.Name,
			strings.Join(p.Type.RecipientTypes, ", "), p.OnUncertain, strings.Join(p.Type.Abilities(), ", "))
	}
	if err := table.Flush(); err != nil || !c.Probe {
		return err
	}
	return app.Probe(ctx, checked.Registry, func(p app.Probed) { fmt.Fprintln(os.Stderr, p) })
}

type versionCommand struct{}

func (versionCommand) Run() error {
	_, err := fmt.Println("sealos-notify " + version)
	return err
}

type devCommand struct {
	dev.Options
}

func (c devCommand) Run(ctx context.Context, line *commandLine) error {
	c.LogLevel = line.LogLevel
	if line.Address != "" {
		c.Address = line.Address
	}
	return unlessStopped(dev.Run(ctx, c.Options, os.Stdout))
}
