package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/skip"
)

// plans makes the content of each file that a configuration is made of.
type plans struct{ config, apps, secret string }

// goodPlans names the two other files in the first.
func goodPlans(dir string) plans {
	return plans{
		config: fmt.Sprintf("auth: {credentialsFilePath: %q}\ndatabase:\n  passwordFile: %q\n", filepath.Join(dir, "apps.yaml"), filepath.Join(dir, "secret")),
		apps:   "apps:\n- appId: console\n  appSecret: a-secret-of-the-console\n",
		secret: "the-password\n",
	}
}

func (p plans) write(t *testing.T, dir string) {
	put(t, p.config, dir, "config.yaml")
	put(t, p.apps, dir, "apps.yaml")
	put(t, p.secret, dir, "secret")
}

func check(dir string) (*config.Checked, error) {
	return config.Loader{Path: filepath.Join(dir, "config.yaml"), Types: types, Env: map[string]string{}}.Check(nil)
}

// Every file may have what Windows' editors write: a byte order mark and CRLF.
func TestEveryFileMayHaveAByteOrderMarkAndCRLF(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := goodPlans(dir)
	for _, text := range []*string{&p.config, &p.apps, &p.secret} {
		*text = "\xef\xbb\xbf" + strings.ReplaceAll(*text, "\n", "\r\n")
	}
	p.write(t, dir)
	checked, err := check(dir)
	require.NoError(t, err)
	require.Equal(t, "the-password", checked.Database.Password)
	require.Equal(t, "credentials of 1 apps", checked.Credentials.String())
}

// A file that cannot be read is refused with the key that names it, whatever the reason
// and whichever file it is.
func TestEveryFileThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  string
	}{
		"missing":   {func(*testing.T, string) {}, "cannot be read: no such file or directory"},
		"directory": {func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) }, "cannot be read: is a directory"},
		"pipe": {func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o600)) },
			"is a pipe; it must be a file, because it is read again later"},
		"UTF-16 of Windows": {func(t *testing.T, path string) { put(t, "\xff\xfea\x00", path) }, "is UTF-16; it must be saved as UTF-8"},
		"UTF-16":            {func(t *testing.T, path string) { put(t, "\xfe\xff\x00a", path) }, "is UTF-16; it must be saved as UTF-8"},
		"too large":         {func(t *testing.T, path string) { put(t, strings.Repeat("#", 1<<20+1), path) }, "is larger than 1048576 bytes"},
		"symlinks in a circle": {func(t *testing.T, path string) { require.NoError(t, os.Symlink(path, path)) },
			"cannot be read: too many levels of symbolic links"},
		"below a file": {func(t *testing.T, path string) {
			require.NoError(t, os.RemoveAll(filepath.Dir(path)))
			put(t, "", filepath.Dir(path))
		}, "cannot be read: not a directory"},
	} {
		for file, key := range map[string]string{
			"secret": ":3: database.passwordFile: ", "apps.yaml": ":1: auth.credentialsFilePath: ", "config.yaml": ": ",
		} {
			t.Run(name+" as "+file, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				elsewhere := filepath.Join(dir, "elsewhere", file)
				require.NoError(t, os.Mkdir(filepath.Dir(elsewhere), 0o700))
				c.spoil(t, elsewhere)
				p := goodPlans(dir)
				p.config = strings.ReplaceAll(p.config, filepath.Join(dir, file), elsewhere)
				p.write(t, dir)
				path := filepath.Join(dir, "config.yaml")
				if file == "config.yaml" {
					path = elsewhere
				}
				_, err := config.Loader{Path: path, Types: types, Env: map[string]string{}}.Check(nil)
				require.EqualError(t, err, path+key+c.want)
			})
		}
	}
}

// A file system that does not answer (NFS) holds up neither the start nor a reload for
// longer than the patience, and no more than one goroutine however often it is tried.
// Not parallel: it counts goroutines.
func TestAFileThatDoesNotAnswerIsRefused(t *testing.T) {
	const patience = 500 * time.Millisecond
	defer config.SetPatience(patience)()
	dir := t.TempDir()
	goodPlans(dir).write(t, dir)
	release := holdOpens(t, filepath.Join(dir, "apps.yaml"))
	for range 2 {
		started := time.Now()
		_, err := check(dir)
		require.EqualError(t, err, filepath.Join(dir, "config.yaml")+
			":1: auth.credentialsFilePath: cannot be read: no answer; does its file system hang?")
		require.Less(t, time.Since(started), 10*patience)
	}
	require.Equal(t, 1, config.Hanging())

	release()
	require.Eventually(t, func() bool { _, err := check(dir); return err == nil }, limit.Wait, 10*time.Millisecond, "it is read when it answers again")
	require.Zero(t, config.Hanging())
}

// A path that hung is read again when it leads elsewhere, though what hung never returns.
// Not parallel: it changes the patience.
func TestAFileThatNeverAnswersIsReplaced(t *testing.T) {
	const patience = 100 * time.Millisecond
	defer config.SetPatience(patience)()
	dir := t.TempDir()
	p := goodPlans(dir)
	p.write(t, dir)
	apps := filepath.Join(dir, "apps.yaml")
	release := holdOpens(t, apps)
	defer release()
	_, err := check(dir)
	require.ErrorContains(t, err, "no answer")
	require.NoError(t, os.Rename(apps, apps+".old"))
	put(t, p.apps, apps)
	require.Eventually(t, func() bool { _, err := check(dir); return err == nil }, limit.Wait, 10*time.Millisecond)
}

// holdOpens makes every open of the file wait, as a file system does that hangs: the
// test holds the file's lease (fcntl(2), F_SETLEASE).
func holdOpens(t *testing.T, path string) (release func()) {
	t.Helper()
	const setLease = 1024
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	lease := func(kind uintptr) error {
		_, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), setLease, kind)
		if errno != 0 {
			return errno
		}
		return nil
	}
	if err := lease(syscall.F_WRLCK); err != nil {
		skip.Lacking(t, "leases on files: "+err.Error())
	}
	release = func() {
		_ = lease(syscall.F_UNLCK)
		_ = f.Close()
	}
	t.Cleanup(release)
	return release
}

func TestPlaceholdersAndWeakSecretsOfApps(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string]string{
		"CHANGE_ME_TO_A_LONG_RANDOM_SECRET": "is a placeholder: put a random secret in its place", // docs/kubernetes.md
		"CHANGE_ME":                         "is a placeholder: put a random secret in its place",
		"change-me-please-change-me":        "is a placeholder: put a random secret in its place",
		"ChangeMe":                          "is a placeholder: put a random secret in its place",
		"changeit":                          "is a placeholder: put a random secret in its place",
		"REPLACE_THIS_SECRET":               "is a placeholder: put a random secret in its place",
		"<your-secret>":                     "is a placeholder: put a random secret in its place",
		"your-app-secret-goes-here":         "is a placeholder: put a random secret in its place",
		"xxxxxxxxxxxxxxxx":                  "is a placeholder: put a random secret in its place",
		"****":                              "is a placeholder: put a random secret in its place",
	} {
		for _, form := range []string{"appSecret: %q", "appSecrets: [a-good-and-long-secret, %q]"} {
			_, problems := checkApps(t, "apps:\n- appId: a\n  "+fmt.Sprintf(form, secret)+"\n")
			require.Contains(t, problems, want, secret)
			require.NotContains(t, problems, secret)
		}
	}
	for _, secret := range []string{"x", "dev-secret", "fifteen-letters"} { // dev-secret is the README's
		checked, problems := checkApps(t, "apps:\n- appId: a\n  appSecret: "+secret+"\n")
		require.Empty(t, problems)
		require.Len(t, checked.Warnings, 1)
		require.Contains(t, checked.Warnings[0], ":3: apps[0].appSecret: has fewer than 16 characters")
		require.NotContains(t, checked.Warnings[0], secret)
	}
	checked, problems := checkApps(t, "apps:\n- appId: a\n  appSecret: sixteen-letters-\n")
	require.Empty(t, problems)
	require.Empty(t, checked.Warnings)
}

// Secrets that we present to others: what says that it must be changed is refused, the
// fillers of the example configuration are warned of, and both only where they are used.
func TestPlaceholdersOfProvidersAndTheDatabase(t *testing.T) {
	t.Parallel()
	const provider = "channels: {feishu_app: {enabled: %t, provider: p}}\nproviders: {p: {type: feishu_app, appId: a, appSecret: %q}}\n"
	for name, c := range map[string]struct{ file, problem, warning string }{
		"provider": {fmt.Sprintf(provider, true, "CHANGE_ME"), "providers.p.appSecret: is a placeholder: put the secret in its place", ""},
		"its filler": {fmt.Sprintf(provider, true, "xxxxxxxxxxxxxxxx"), "",
			"providers.p.appSecret: is a placeholder, and will be refused by the other side"},
		"unused provider":   {fmt.Sprintf(provider, false, "CHANGE_ME"), "", ""},
		"nested":            {"channels: {feishu_app: {enabled: true, provider: p}}\nproviders: {p: {type: feishu_app, appId: a, appSecret: b, nested: {token: CHANGE_ME}}}\n", "providers.p.nested.token: is a placeholder: put the secret in its place", ""},
		"database":          {"database: {password: CHANGE_ME}\n", "database.password: is a placeholder: put the secret in its place", ""},
		"database, as good": {"database: {password: postgres}\n", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checked, err := config.Loader{Path: write(t, c.file), Types: types, Env: map[string]string{}}.Check(nil)
			if c.problem != "" {
				require.ErrorContains(t, err, c.problem)
				return
			}
			require.NoError(t, err)
			if c.warning == "" {
				require.Empty(t, checked.Warnings)
				return
			}
			require.Len(t, checked.Warnings, 1)
			require.Contains(t, checked.Warnings[0], c.warning)
		})
	}
}
