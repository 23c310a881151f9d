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

// machine says where the figures come from.
type machine struct {
	CPU        string  `json:"cpu"`
	Cores      int     `json:"cores"`
	MemoryGB   float64 `json:"memoryGB"`
	Go         string  `json:"go"`
	PostgreSQL string  `json:"postgresql"`
	FsyncMs    float64 `json:"fsyncMs"` // median of an 8 KiB write and fdatasync where the database is
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

// fsyncLatency is the median time, in milliseconds, in which 8 KiB reach the disk
// below the folder: what a commit waits for at the least.
func fsyncLatency(folder string) (float64, error) {
	file, err := os.Create(filepath.Join(folder, "fsync")) //nolint:gosec // a folder of our own
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

// procField returns the value of the first line "name: value"; empty when there
// is none.
func procField(path, name string) string {
	content, err := os.ReadFile(path) //nolint:gosec // names of the kernel's files
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

// procMegabytes is procField for what is given in kB.
func procMegabytes(path, name string) (float64, error) {
	kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(procField(path, name), " kB"), 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %s: %w", path, name, err)
	}
	return kilobytes / 1000, nil
}

// maxBusy is the share of all cores that others may use when a measure starts.
const maxBusy = 0.10

// waitQuiet returns once others leave the machine alone.
func waitQuiet(ctx context.Context, say io.Writer) error {
	said := false
	for {
		busy, err := busyShare(ctx, 500*time.Millisecond)
		if err != nil {
			return err
		}
		if busy <= maxBusy {
			return nil
		}
		if !said {
			fmt.Fprintf(say, "%.0f %% of the machine is busy: waiting until it is quiet (-busy does not wait)\n", 100*busy)
			said = true
		}
	}
}

// busyShare returns how much of all cores was used during the span.
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

// cpuTimes returns the time that all cores were idle, and in all, in ticks.
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
