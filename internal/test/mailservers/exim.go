package mailservers

import (
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// EximServer is a running Exim. It takes mail for the domain example.com and
// delivers each to a file. Recipients whose name begins with "full" are refused
// for now (452), those with "nobody" for good (550), and mail whose text has
// "unwanted" in it once it is there (550).
type EximServer struct {
	Port    int    // where TLS begins with STARTTLS
	TLSPort int    // where it begins at once
	CA      string // PEM

	program string
	account *syscall.Credential
	folder  string
}

// eximConfig is filled with the folder and the ports.
//
//go:embed exim.conf
var eximConfig string

// Exim runs an Exim until the test ends.
func Exim(t testing.TB) *EximServer {
	t.Helper()
	program, err := eximProgram()
	require.NoError(t, err)
	cert := newCertificate(t)
	e := &EximServer{Port: freePort(t), TLSPort: freePort(t), CA: cert.ca, program: program, folder: t.TempDir()}
	config := e.file("exim.conf")
	files := map[string]string{config: strings.NewReplacer(
		"FOLDER", e.folder, "TLSPORT", strconv.Itoa(e.TLSPort), "PORT", strconv.Itoa(e.Port),
		"USERNAME", Username, "PASSWORD", Password,
	).Replace(eximConfig)}
	for _, name := range []string{cert.certFile, cert.keyFile} {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		files[e.file(filepath.Base(name))] = string(content)
	}
	paths := []string{e.folder, e.file("mail"), e.file("spool"), e.file("log")}
	for _, folder := range paths[1:] {
		require.NoError(t, os.Mkdir(folder, 0o700))
	}
	for path, content := range files {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		paths = append(paths, path)
	}
	if os.Geteuid() == 0 {
		e.account = giveTo(t, "Debian-exim", paths...)
	}
	start(t, e.account, program, []string{"-C", config, "-bdf"}, e.Port, e.TLSPort)
	return e
}

func (e *EximServer) file(name string) string { return filepath.Join(e.folder, name) }

// giveTo makes the account own the paths. Exim gives up root's rights when it is
// given a configuration of another place.
func giveTo(t testing.TB, account string, paths ...string) *syscall.Credential {
	t.Helper()
	u, err := user.Lookup(account)
	require.NoError(t, err)
	uid, err := strconv.Atoi(u.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(u.Gid)
	require.NoError(t, err)
	for _, path := range paths {
		require.NoError(t, os.Chown(path, uid, gid))
	}
	// The folders above are the test's, which only root may enter.
	for _, folder := range []string{filepath.Dir(paths[0]), filepath.Dir(filepath.Dir(paths[0]))} {
		if folder != os.TempDir() {
			require.NoError(t, os.Chmod(folder, 0o755))
		}
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// Messages delivers what the server has taken and returns the mails, as they
// arrived.
func (e *EximServer) Messages(t testing.TB) [][]byte {
	t.Helper()
	// A queue run in the foreground, which ends when all is delivered.
	run := exec.CommandContext(t.Context(), e.program, "-C", e.file("exim.conf"), "-qff")
	run.SysProcAttr = &syscall.SysProcAttr{Credential: e.account}
	said, err := run.CombinedOutput()
	require.NoError(t, err, string(said))
	names, err := filepath.Glob(e.file("mail/*"))
	require.NoError(t, err)
	var raw [][]byte
	for _, name := range names {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		raw = append(raw, content)
	}
	return raw
}

// Connections returns how many clients have connected.
func (e *EximServer) Connections(t testing.TB) int {
	t.Helper()
	log, err := os.ReadFile(e.file("log/mainlog"))
	require.NoError(t, err)
	return strings.Count(string(log), "(TCP/IP connection count")
}

// eximProgram returns the program's path.
func eximProgram() (string, error) {
	for _, name := range []string{"exim4", "exim", "/usr/sbin/exim4"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no Exim found on PATH or in /usr/sbin: run make deps")
}
