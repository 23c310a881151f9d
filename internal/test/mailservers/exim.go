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

// EximServer is a running Exim. It accepts mail for the domain example.com and writes
// each mail to a file. It refuses recipients that begin with "full" with 452 and those
// that begin with "nobody" with 550. It refuses a text with "unwanted" with 550.
type EximServer struct {
	Port     int    // for STARTTLS
	TLSPort  int    // for TLS from the first byte
	CRAMPort int    // for STARTTLS; it offers AUTH CRAM-MD5 alone
	CA       string // PEM

	program string
	account *syscall.Credential
	folder  string
}

// eximConfig has placeholders for the folder, the ports and the account.
//
//go:embed exim.conf
var eximConfig string

// Exim runs an Exim until the test ends. Changes are lines of the main section of its
// configuration.
func Exim(t testing.TB, changes ...string) *EximServer {
	t.Helper()
	program, err := eximProgram()
	require.NoError(t, err)
	cert := newCertificate(t)
	e := &EximServer{Port: freePort(t), TLSPort: freePort(t), CRAMPort: freePort(t), CA: cert.ca, program: program, folder: t.TempDir()}
	config := e.file("exim.conf")
	files := map[string]string{config: strings.NewReplacer(
		"FOLDER", e.folder, "TLSPORT", strconv.Itoa(e.TLSPort), "CRAMPORT", strconv.Itoa(e.CRAMPort), "PORT", strconv.Itoa(e.Port),
		"USERNAME", Username, "PASSWORD", Password,
	).Replace(strings.Join(changes, "\n") + "\n" + eximConfig)}
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
	start(t, e.account, program, []string{"-C", config, "-bdf"}, e.Port, e.TLSPort, e.CRAMPort)
	return e
}

func (e *EximServer) file(name string) string { return filepath.Join(e.folder, name) }

// giveTo makes the account the owner of the paths. Exim gives up root's rights when
// its configuration is at an unusual path.
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
	// The test's folders above are for root only.
	for _, folder := range []string{filepath.Dir(paths[0]), filepath.Dir(filepath.Dir(paths[0]))} {
		if folder != os.TempDir() {
			require.NoError(t, os.Chmod(folder, 0o755))
		}
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// Messages delivers the accepted mails and returns them as they arrived.
func (e *EximServer) Messages(t testing.TB) [][]byte {
	t.Helper()
	// A queue run in the foreground ends when all is delivered.
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
