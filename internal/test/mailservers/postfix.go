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
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/skip"
)

// PostfixServer is a running Postfix. It accepts mail for the domain example.com, from
// three connections at most, offers STARTTLS, and has no accounts.
type PostfixServer struct {
	Port int
	CA   string // PEM

	folder string
}

// Both have placeholders.
//
//go:embed postfix.conf
var postfixConfig string

//go:embed postfix-master.conf
var postfixMaster string

// Accounts of any Debian that nothing else of Postfix uses: of its daemons, of its queue's
// group, and of the mailbox.
const (
	postfixOwner, postfixGroup = "uucp", "news"
	postfixMailbox             = "mail"
)

// Postfix runs a Postfix until the test ends. Postfix runs as root only: as another user the
// test is skipped, of which `make deps` warns, but in CI it fails. Each change is of a line of
// the configuration.
func Postfix(t testing.TB, changes ...string) *PostfixServer {
	t.Helper()
	if os.Geteuid() != 0 {
		skip.Lacking(t, "root, as whom alone Postfix runs")
	}
	root, err := postfixRoot()
	require.NoError(t, err)
	cert := newCertificate(t)
	p := &PostfixServer{Port: freePort(t), CA: cert.ca, folder: t.TempDir()}
	p.makeFolders(t)
	fill := strings.NewReplacer("FOLDER", p.folder, "ROOT", root, "PORT", strconv.Itoa(p.Port),
		"OWNER", postfixOwner, "GROUP", postfixGroup, "MAILUID", uid(t, postfixMailbox))
	for name, content := range map[string]string{
		"conf/main.cf":   fill.Replace(postfixConfig) + strings.Join(changes, "\n") + "\n",
		"conf/master.cf": fill.Replace(postfixMaster),
		"cert.pem":       read(t, cert.certFile), "key.pem": read(t, cert.keyFile),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(p.folder, name), []byte(content), 0o600))
	}
	t.Cleanup(func() {
		if t.Failed() {
			said, _ := os.ReadFile(p.log())
			t.Logf("the log of Postfix:\n%s", said)
		}
	})
	start(t, nil, filepath.Join(root, "usr/lib/postfix/sbin/master"), []string{"-c", filepath.Join(p.folder, "conf"), "-d"}, p.Port)
	return p
}

// makeFolders makes what the command `postfix start` makes.
func (p *PostfixServer) makeFolders(t testing.TB) {
	t.Helper()
	make := func(mode os.FileMode, owner, group string, names ...string) {
		for _, name := range names {
			path := filepath.Join(p.folder, name)
			require.NoError(t, os.Mkdir(path, mode))
			require.NoError(t, os.Chmod(path, mode))
			require.NoError(t, exec.CommandContext(t.Context(), "chown", owner+":"+group, path).Run())
		}
	}
	make(0o755, "root", "root", "conf", "queue", "queue/pid")
	for name := range strings.FieldsSeq("active bounce corrupt defer deferred flush hold incoming private saved trace") {
		make(0o700, postfixOwner, "root", "queue/"+name)
	}
	make(0o730, postfixOwner, postfixGroup, "queue/maildrop")
	make(0o710, postfixOwner, postfixGroup, "queue/public")
	make(0o700, postfixOwner, "root", "data")
	make(0o700, postfixMailbox, postfixMailbox, "mail")
	// The test's folders above are for root only.
	for folder := p.folder; folder != os.TempDir() && folder != "/"; folder = filepath.Dir(folder) {
		require.NoError(t, os.Chmod(folder, 0o755))
	}
}

// Messages returns the mails that were delivered. Delivery takes a moment.
func (p *PostfixServer) Messages(t testing.TB) [][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.folder, "mail/all/new/*"))
	require.NoError(t, err)
	var raw [][]byte
	for _, name := range names {
		raw = append(raw, []byte(read(t, name)))
	}
	return raw
}

// Log returns what the server has logged.
func (p *PostfixServer) Log(t testing.TB) string {
	t.Helper()
	return read(t, p.log())
}

func (p *PostfixServer) log() string { return filepath.Join(p.folder, "log") }

func read(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}

func uid(t testing.TB, account string) string {
	t.Helper()
	u, err := user.Lookup(account)
	require.NoError(t, err)
	return u.Uid
}

// postfixRoot returns the folder that holds Postfix's usr: / where it is installed.
func postfixRoot() (string, error) {
	roots := []string{"/"}
	if cache, err := os.UserCacheDir(); err == nil {
		roots = append(roots, filepath.Join(cache, "sealos-notify/postfix"))
	}
	for _, root := range roots {
		if _, err := os.Stat(filepath.Join(root, "usr/lib/postfix/sbin/master")); err == nil {
			return root, nil
		}
	}
	return "", errors.New("no Postfix found in / or in the user's cache: run make deps")
}

// libraryPath returns the variable by which an unpacked Postfix finds its libraries.
func libraryPath(program string) []string {
	root, found := strings.CutSuffix(program, "sbin/master")
	if !found {
		return nil
	}
	return []string{"LD_LIBRARY_PATH=" + root}
}
