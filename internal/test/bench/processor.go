package main

import (
	"context"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// meter measures the processor time of some processes and of PostgreSQL. Unlike wall time it hardly
// depends on the disk, nor on what else the machine does.
type meter struct {
	postmaster int
	processes  func() (time.Duration, error) // what they have spent
	before     [2]time.Duration              // by them, and by PostgreSQL
}

// ofServices starts a meter of replicas.
func (b *bench) ofServices(services ...*service) (*meter, error) {
	return b.startMeter(func() (sum time.Duration, err error) {
		for _, s := range services {
			spent, err := processTime(s.cmd.Process.Pid)
			if err != nil {
				return 0, err
			}
			sum += spent
		}
		return sum, nil
	})
}

// ofBench starts a meter of this process, in which River alone runs.
func (b *bench) ofBench() (*meter, error) {
	return b.startMeter(func() (time.Duration, error) {
		var u syscall.Rusage
		err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
	})
}

func (b *bench) startMeter(processes func() (time.Duration, error)) (*meter, error) {
	pid, err := b.cluster.PID()
	if err != nil {
		return nil, err
	}
	m := &meter{postmaster: pid, processes: processes}
	m.before, err = m.read()
	return m, err
}

// read returns what the processes and PostgreSQL have spent.
func (m *meter) read() (spent [2]time.Duration, err error) {
	if spent[0], err = m.processes(); err != nil {
		return spent, err
	}
	spent[1], err = familyTime(m.postmaster)
	return spent, err
}

// cost is what one thing has cost, in microseconds.
type cost struct{ processes, postgres float64 }

func (c cost) sum() float64 { return c.processes + c.postgres }

// each returns what each of n things has cost since the meter's start.
func (m *meter) each(n int) (cost, error) {
	now, err := m.read()
	if err != nil {
		return cost{}, err
	}
	micros := func(i int) float64 {
		return float64(now[i]-m.before[i]) / float64(time.Microsecond) / float64(n)
	}
	return cost{micros(0), micros(1)}, nil
}

// record records what each of n things has cost: the sum under the name, and its two parts.
func (m *meter) record(name string, n int, record record) error {
	c, err := m.each(n)
	if err != nil {
		return err
	}
	record(name, c.sum())
	record(name+"-process", c.processes)
	record(name+"-postgres", c.postgres)
	return nil
}

// processTime returns what a process has spent.
func processTime(pid int) (time.Duration, error) {
	s, err := statOf(pid)
	return seconds(s.CPUTime()), err
}

// familyTime returns what a process and its children have spent, those that ended included.
func familyTime(pid int) (time.Duration, error) {
	parent, err := statOf(pid)
	if err != nil {
		return 0, err
	}
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, err
	}
	const perSecond = 100 // USER_HZ, the unit of times in /proc
	sum := seconds(parent.CPUTime() + float64(parent.CUTime+parent.CSTime)/perSecond)
	for _, p := range all {
		if child, err := p.Stat(); err == nil && child.PPID == pid { // otherwise it has ended meanwhile
			sum += seconds(child.CPUTime())
		}
	}
	return sum, nil
}

func statOf(pid int) (procfs.ProcStat, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return procfs.ProcStat{}, err
	}
	return p.Stat()
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// idleSpan is how long one is watched that has nothing to do, after settling, in which what a start brings is over.
const (
	idleSpan = time.Minute
	settling = 5 * time.Second
)

// recordIdle waits, and records what the processes and PostgreSQL cost meanwhile, in percent of a core.
func recordIdle(start func() (*meter, error), name string, record record) error {
	time.Sleep(settling)
	m, err := start()
	if err != nil {
		return err
	}
	time.Sleep(idleSpan)
	second, err := m.each(int(idleSpan / time.Second))
	if err != nil {
		return err
	}
	record(name, 100*second.sum()/1e6)
	return nil
}

// idle measures what a replica that has nothing to do costs, and its memory.
func (b *bench) idle(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	r, err := b.startWithVendor(ctx, setup{database: config})
	if err != nil {
		return err
	}
	defer r.close()
	if err := recordIdle(func() (*meter, error) { return b.ofServices(r.service) }, "idle-cpu", record); err != nil {
		return err
	}
	memory, err := r.memory("VmRSS")
	if err != nil {
		return err
	}
	record("idle-memory", memory)
	return r.stop()
}
