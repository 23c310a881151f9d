package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machine describes the machine of a run.
type machine struct {
	CPU        string  `json:"cpu"`
	Cores      int     `json:"cores"`
	MemoryGB   float64 `json:"memoryGB"`
	Go         string  `json:"go"`
	PostgreSQL string  `json:"postgresql"`
	FsyncMs    float64 `json:"fsyncMs"` // median time of an 8 KiB write and fdatasync on the database's disk
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %.0f GB; %s; PostgreSQL %s; 8 KiB and fdatasync: %.2f ms",
		m.CPU, m.Cores, m.MemoryGB, m.Go, m.PostgreSQL, m.FsyncMs)
}

func (b *bench) machine(ctx context.Context) (machine, error) {
	m := machine{
		CPU: procField("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(),
		Go: runtime.Version(),
	}
	var err error
	if m.MemoryGB, err = procMegabytes("/proc/meminfo", "MemTotal"); err != nil {
		return m, err
	}
	m.MemoryGB /= 1000
	if err := b.admin.QueryRow(ctx, `SHOW server_version`).Scan(&m.PostgreSQL); err != nil {
		return m, err
	}
	m.FsyncMs, err = fsyncLatency(b.folder)
	return m, err
}

// fsyncLatency returns the median time, in milliseconds, to write 8 KiB to the folder's
// disk. A commit waits at least that long.
func fsyncLatency(folder string) (float64, error) {
	file, err := os.Create(filepath.Join(folder, "fsync"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	page := make([]byte, 8<<10)
	var took []float64
	for range 200 {
		start := time.Now()
		if _, err := file.WriteAt(page, 0); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return 0, err
		}
		took = append(took, milliseconds(time.Since(start)))
	}
	return median(took), nil
}

// procField returns the value of the first line "name: value", or an empty string.
func procField(path, name string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// procMegabytes returns the value of a procField in kB, as megabytes.
func procMegabytes(path, name string) (float64, error) {
	kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(procField(path, name), " kB"), 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %s: %w", path, name, err)
	}
	return kilobytes / 1000, nil
}

const (
	// maxBusy is the share of all cores that other programs may use before a measure.
	maxBusy = 0.10
	// maxQuietWait bounds the wait for a quiet machine.
	maxQuietWait = 30 * time.Minute
)

// waitQuiet waits until other programs use no more than maxBusy.
func waitQuiet(ctx context.Context, log io.Writer) error {
	logged := false
	for deadline := time.Now().Add(maxQuietWait); time.Now().Before(deadline); {
		busy, err := busyShare(ctx, 500*time.Millisecond)
		if err != nil {
			return err
		}
		if busy <= maxBusy {
			return nil
		}
		if !logged {
			fmt.Fprintf(log, "%.0f %% of the machine is busy: waiting until it is quiet (-busy does not wait)\n", 100*busy)
			logged = true
		}
	}
	return fmt.Errorf("the machine was busy for %s: use -busy", maxQuietWait)
}

// busyShare returns the share of all cores that was used during the span.
func busyShare(ctx context.Context, span time.Duration) (float64, error) {
	idle, total, err := cpuTimes()
	if err != nil {
		return 0, err
	}
	select {
	case <-time.After(span):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	idleNow, totalNow, err := cpuTimes()
	if err != nil {
		return 0, err
	}
	return 1 - (idleNow-idle)/(totalNow-total), nil
}

// cpuTimes returns the idle and the total time of all cores, in ticks.
func cpuTimes() (idle, total float64, err error) {
	content, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	first, _, _ := strings.Cut(string(content), "\n")
	for i, field := range strings.Fields(first)[1:] {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/stat: %w", err)
		}
		if i == 3 || i == 4 { // idle, iowait
			idle += ticks
		}
		total += ticks
	}
	return idle, total, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
