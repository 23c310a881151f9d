// Command bench measures the service and River alone in the same run, on the same
// private PostgreSQL with durable settings. It compares ratios, which depend little on
// the machine. docs/performance.md explains its table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// options are the command line.
type options struct {
	short   bool
	repeat  int
	only    *regexp.Regexp
	busy    bool
	out     string
	against string
	profile string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		stop()
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&o.short, "short", false, "small amounts and one round: to see that it works")
	flags.IntVar(&o.repeat, "repeat", 0, "rounds; the table shows medians (3, with -short 1)")
	only := flags.String("only", "", "measure only what matches the `regexp`")
	flags.BoolVar(&o.busy, "busy", false, "do not wait for a quiet machine")
	flags.StringVar(&o.out, "out", "", "write the results to the JSON `file`")
	flags.StringVar(&o.against, "against", "", "compare with the results in the JSON `file`")
	flags.StringVar(&o.profile, "profile", "", "keep profiles in the `folder`; the figures are no results then")
	serve := flags.String("serve", "", "used by -profile: serve with the configuration `file`")
	riverOnly := flags.String("river", "", "used by the bench: be a process of River alone that will `insert` or work")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *serve != "" {
		return serveProfiled(ctx, *serve, o.profile)
	}
	if *riverOnly != "" {
		return runRiver(ctx, *riverOnly, flags.Arg(0))
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if o.repeat == 0 {
		o.repeat = 3
		if o.short {
			o.repeat = 1
		}
	}
	// Read it first: an error after the measures would waste them.
	var committed results
	if o.against != "" {
		if committed, err = readResults(o.against); err != nil {
			return err
		}
	}

	taken, err := measureAll(ctx, o)
	if err != nil {
		return err
	}
	taken.print(os.Stdout)
	if o.out != "" {
		if err := taken.write(o.out); err != nil {
			return err
		}
	}
	if o.against != "" {
		return taken.compare(os.Stdout, committed)
	}
	return nil
}

// measureAll runs every measure in each round.
func measureAll(ctx context.Context, o options) (results, error) {
	started := time.Now()
	b, err := newBench(ctx, o)
	if err != nil {
		return results{}, err
	}
	defer b.close()
	taken := results{Taken: started.UTC().Truncate(time.Second), Short: o.short, Rounds: o.repeat, Metrics: map[string][]float64{}}
	if taken.Machine, err = b.machine(ctx); err != nil {
		return results{}, err
	}
	for round := range o.repeat {
		for _, m := range measures {
			if !o.only.MatchString(m.name) {
				continue
			}
			if !o.busy {
				if err := waitQuiet(ctx, os.Stderr); err != nil {
					return results{}, err
				}
			}
			fmt.Fprintf(os.Stderr, "%5.0fs  round %d of %d  %s\n", time.Since(started).Seconds(), round+1, o.repeat, m.name)
			err := b.take(ctx, m, func(metric string, value float64) {
				taken.Metrics[metric] = append(taken.Metrics[metric], value)
				fmt.Fprintf(os.Stderr, "%40s  %.4g\n", metric, value)
			})
			if err != nil {
				return results{}, fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	taken.makeRows()
	return taken, nil
}

// record keeps one figure of a round. The metric is one of goals.
type record func(metric string, value float64)

// measure is one measurement, on databases of its own.
type measure struct {
	name string
	run  func(b *bench, ctx context.Context, record record) error
}

// measures are run in this order. A measure runs close to its base, because the
// machine's speed changes over time. Short measures, which vary most, run twice in a
// round.
var measures = slices.Concat([]measure{
	{"vendor", (*bench).vendorAlone},
	{"start", (*bench).startToReady},
	{"river-idle", (*bench).riverIdle},
	{"idle", (*bench).idle},
	{"accept-10000", (*bench).acceptTenThousand},
}, slices.Repeat([]measure{
	{"river-insert", (*bench).riverInsert},
	{"river-replicas-insert", (*bench).riverInsertOnReplicas},
	{"accept", (*bench).acceptOnly},
	{"accept-delivering", (*bench).acceptWhileDelivering},
	{"accept-1000", (*bench).acceptThousands},
	{"accept-info", (*bench).acceptAtInfo},
	{"replicas-accept", (*bench).acceptOnReplicas},
	{"history-accept", (*bench).acceptWithHistory},
}, 2), []measure{
	{"history-read", (*bench).readWithHistory},
	{"history-console", (*bench).consoleWithHistory},
	{"river-work", (*bench).riverWork},
	{"river-rate", (*bench).riverAtRate},
	{"latency", (*bench).postToVendor},
	{"river-rate-low", (*bench).riverSeldom},
	{"latency-low", (*bench).postSeldom},
	{"fanout", (*bench).fanOut},
	{"history-latency", (*bench).latencyWithHistory},
	{"retention", (*bench).latencyInRetention},
	{"drain", (*bench).drainBacklog},
	{"drain-own", (*bench).drainOwn},
	{"drain-info", (*bench).drainAtInfo},
	{"group-million", (*bench).expandGroup},
	{"river-replicas-work", (*bench).riverWorkOnReplicas},
	{"replicas-drain", (*bench).drainOnReplicas},
	{"history-drain", (*bench).drainWithHistory},
	{"river-insert-sqlite", (*bench).riverInsertSQLite},
	{"river-work-sqlite", (*bench).riverWorkSQLite},
	{"sqlite", (*bench).onSQLite},
})

// buildTimeout bounds the build of the program.
const buildTimeout = 10 * time.Minute

// build builds the program like `make build` and returns its path.
func build(ctx context.Context, folder string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, buildTimeout)
	defer cancel()
	path := filepath.Join(folder, "sealos-notify")
	return path, command(ctx, []string{"CGO_ENABLED=0"}, "go", "build", "-tags", "grpcnotrace", "-trimpath", "-ldflags", "-s -w",
		"-o", path, "github.com/labring/sealos-notify")
}
