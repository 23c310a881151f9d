package torture

import (
	"fmt"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/freeport"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store/postgres"
)

// The disk of the database's tables fills up under load and gets room again.
func TestDatabaseDiskFull(t *testing.T) {
	t.Parallel()
	disk := mount(t, 64<<20)
	cluster := newCluster(t)
	config := cluster.Config()
	admin := harness.NewWorld(t, config).Pool()
	config.DBName = "small"
	for _, sql := range []string{
		fmt.Sprintf(`CREATE TABLESPACE small LOCATION '%s'`, disk), `CREATE DATABASE small TABLESPACE small`,
	} {
		_, err := admin.Exec(limit.Context(t), sql)
		require.NoError(t, err)
	}
	st, err := postgres.Open(limit.Context(t), config)
	require.NoError(t, err)
	require.NoError(t, migrate.Postgres(st.Pool()).Up(limit.Context(t)))
	st.Close()

	s := newStage(t, harness.NewWorld(t, config))
	s.open(2)
	load := s.load(4, 20*time.Millisecond)
	rounds := length(1, 5)
	for range rounds {
		s.untilAccepted()
		ballast := fill(t, disk)
		s.untilRefused()
		s.run(length(2*time.Second, 5*time.Second))
		require.NoError(t, os.Remove(ballast))
		s.untilAccepted()
	}
	load.stop()
	b := s.close()
	results.add(15, fmt.Sprintf("tables, %d times", rounds), b, "%d refused", s.ledger.refused)
	requireNoDup(t, b, once...)
	requireNoDup(t, b, held...)
}

// mount mounts a file system in memory and returns its folder. It belongs to the user
// that runs PostgreSQL. The size is in bytes.
func mount(t *testing.T, size int) string {
	t.Helper()
	owner, err := user.Current()
	require.NoError(t, err)
	var sudo []string
	if owner.Uid == "0" {
		owner, err = user.Lookup("postgres")
		require.NoError(t, err)
	} else {
		sudo = []string{"sudo", "-n"}
	}
	folder, err := os.MkdirTemp("", "sealos-notify-disk-")
	require.NoError(t, err)
	asRoot := func(args ...string) {
		args = append(sudo, args...)
		out, err := limit.Command(t, limit.Wait, args[0], args[1:]...).CombinedOutput()
		require.NoError(t, err, "%v: %s", args, out)
	}
	asRoot("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d,uid=%s,gid=%s,mode=700", size, owner.Uid, owner.Gid), "tmpfs", folder)
	t.Cleanup(func() {
		asRoot("umount", "--lazy", folder)
		require.NoError(t, os.Remove(folder))
	})
	return folder
}

// fill fills the disk with a file and returns its path.
func fill(t *testing.T, disk string) (file string) {
	t.Helper()
	f, err := os.Create(filepath.Join(disk, "ballast"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	for page := make([]byte, 4096); err == nil; _, err = f.Write(page) {
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	return f.Name()
}

// The disk of the log is full.
func TestLogDiskFull(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = full.Close() })
	port, err := freeport.Take(t.Context())
	require.NoError(t, err)
	r := s.StartBlind(full, freeport.Address(port))
	require.Eventually(t, func() bool {
		a, err := r.Try("", "", http.MethodGet, "/readyz", nil)
		return err == nil && a.Status == http.StatusOK
	}, harness.Patience, harness.Tick)
	s.fleet.add(r)
	s.open(0)
	sends := length(20, 1000)
	for i := range sends {
		s.send(fmt.Sprint(i))
	}
	b := s.close()
	results.add(15, "log, once", b, "")
	requireNoDup(t, b, all...)
	require.Zero(t, r.Terminate())
}
