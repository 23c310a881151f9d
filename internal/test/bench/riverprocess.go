package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// Tasks of a process of River alone.
const (
	riverInserts = "insert"
	riverWorks   = "work"
)

// riverInsertOnReplicas measures the sum of jobs that three processes insert, one in
// each transaction, each with as many callers as riverInsert.
func (b *bench) riverInsertOnReplicas(ctx context.Context, record record) error {
	return b.riverOnPostgres(ctx, func(r *riverAlone[pgx.Tx]) error {
		processes, err := startRiver(ctx, riverInserts, databaseURL(r.database))
		defer processes.stop()
		if err != nil {
			return err
		}
		time.Sleep(b.span / 4)
		before := processes.count()
		time.Sleep(b.span)
		record("river-replicas-insert", float64(processes.count()-before)/b.span.Seconds())
		return nil
	})
}

// riverWorkOnReplicas measures how fast three processes of River work a backlog
// together.
func (b *bench) riverWorkOnReplicas(ctx context.Context, record record) error {
	return b.riverOnPostgres(ctx, func(r *riverAlone[pgx.Tx]) error {
		look, err := openForLook(r.database)
		if err != nil {
			return err
		}
		defer look.close()
		client, err := r.client(false)
		if err != nil {
			return err
		}
		if err := fill(ctx, client, b.backlog); err != nil {
			return err
		}
		processes, err := startRiver(ctx, riverWorks, databaseURL(r.database))
		defer processes.stop()
		if err != nil {
			return err
		}
		before, start := processes.count(), time.Now()
		if err := processes.await(ctx, b.backlog); err != nil {
			return err
		}
		if err := look.awaitIdle(ctx); err != nil {
			return err
		}
		record("river-replicas-work", float64(int64(b.backlog)-before)/time.Since(start).Seconds())
		return nil
	})
}

// countInterval is the interval at which a process prints its number of jobs.
const countInterval = 10 * time.Millisecond

// runRiver is one process of riverProcesses. It inserts or works jobs until it is
// killed, and prints their number.
func runRiver(ctx context.Context, what, url string) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	config.MaxConns = riverConns
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	r := &riverAlone[pgx.Tx]{driver: riverpgxv5.New(pool)}
	client, err := r.client(what == riverWorks)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	switch what {
	case riverWorks:
		if err := client.Start(ctx); err != nil {
			return err
		}
	case riverInserts:
		go func() {
			failed <- together(riverCallers, func() error {
				for {
					if _, err := client.Insert(ctx, padded, nil); err != nil {
						return err
					}
					r.worked.Add(1)
				}
			})
		}()
	default:
		return fmt.Errorf("-river: %q is neither %s nor %s", what, riverInserts, riverWorks)
	}
	for {
		select {
		case err := <-failed:
			return err
		case <-time.After(countInterval):
			fmt.Println(r.worked.Load())
		}
	}
}

// riverProcesses are processes of River alone, as many as there are replicas.
type riverProcesses struct {
	counts  [replicas]atomic.Int64
	kill    context.CancelFunc
	running sync.WaitGroup
	ended   chan error
}

// startRiver starts the processes and returns when the first job was inserted or
// worked. The caller stops them, also after an error.
func startRiver(ctx context.Context, what, url string) (*riverProcesses, error) {
	ctx, kill := context.WithCancel(ctx)
	p := &riverProcesses{kill: kill, ended: make(chan error, replicas)}
	for i := range p.counts {
		cmd := exec.CommandContext(ctx, "/proc/self/exe", "-river", what, url)
		cmd.Stderr = os.Stderr
		said, err := cmd.StdoutPipe()
		if err != nil {
			return p, err
		}
		if err := cmd.Start(); err != nil {
			return p, err
		}
		p.running.Go(func() {
			for lines := bufio.NewScanner(said); lines.Scan(); {
				n, err := strconv.ParseInt(lines.Text(), 10, 64)
				if err == nil {
					p.counts[i].Store(n)
				}
			}
			p.ended <- errors.Join(errors.New("a process of River ended"), cmd.Wait())
		})
	}
	return p, p.await(ctx, 1)
}

// stop kills the processes and waits for their end, so that the next measure runs alone.
func (p *riverProcesses) stop() {
	p.kill()
	p.running.Wait()
}

// count returns how many jobs all processes have inserted or worked.
func (p *riverProcesses) count() (sum int64) {
	for i := range p.counts {
		sum += p.counts[i].Load()
	}
	return sum
}

// await waits until the count reaches n.
func (p *riverProcesses) await(ctx context.Context, n int) error {
	for p.count() < int64(n) {
		select {
		case err := <-p.ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(countInterval):
		}
	}
	return nil
}
