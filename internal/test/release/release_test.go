package release

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/freeport"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/mailservers"
)

const version = "v0.1.0"

// TestRelease makes the files of a release for this platform, as `make release` does for all, and looks at each. Then
// it follows docs/getting-started.md with the archive.
func TestRelease(t *testing.T) {
	t.Parallel()
	dist := filepath.Join(t.TempDir(), "dist")
	name := fmt.Sprintf("sealos-notify_%s_%s_%s", version, runtime.GOOS, runtime.GOARCH)
	making := limit.Command(t, limit.Run, "deploy/release.sh", version, runtime.GOOS+"/"+runtime.GOARCH)
	making.Dir, making.Env = harness.Project(), append(os.Environ(), "DIST="+dist)
	output, err := making.CombinedOutput()
	require.NoError(t, err, "%s", output)
	entries, err := os.ReadDir(dist)
	require.NoError(t, err)
	var files []string
	for _, entry := range entries {
		files = append(files, entry.Name())
	}
	require.Equal(t, []string{"checksums.txt", "sealos-notify-0.1.0.tgz", "sealos-notify_" + version + ".cdx.json", name + ".tar.gz"}, files)

	t.Run("checksums", func(t *testing.T) {
		t.Parallel()
		sums := strings.Split(strings.TrimSpace(string(read(t, filepath.Join(dist, files[0])))), "\n")
		require.Len(t, sums, 3)
		for i, line := range sums {
			sum := sha256.Sum256(read(t, filepath.Join(dist, files[i+1])))
			require.Equal(t, hex.EncodeToString(sum[:])+"  "+files[i+1], line)
		}
	})
	t.Run("chart", func(t *testing.T) { // deploy has its tests
		t.Parallel()
		require.Contains(t, unpack(t, filepath.Join(dist, files[1])), "sealos-notify/values.schema.json")
	})
	t.Run("archive", func(t *testing.T) {
		t.Parallel()
		content := unpack(t, filepath.Join(dist, name+".tar.gz"))
		for _, file := range []string{
			"sealos-notify", "LICENSE", "README.md", "CHANGELOG.md", "config.example.yaml",
			"licenses/list.txt", "licenses/go/LICENSE", "licenses/console/htmx.LICENSE", "licenses/github.com/riverqueue/river/LICENSE",
		} {
			require.Contains(t, content, name+"/"+file)
		}
		require.EqualValues(t, 0o755, content[name+"/sealos-notify"].Mode&0o777)
	})
	t.Run("bill of materials", func(t *testing.T) {
		t.Parallel()
		var bill struct {
			BOMFormat  string
			Components []struct{ Name, Version, Purl string }
		}
		require.NoError(t, json.Unmarshal(read(t, filepath.Join(dist, files[2])), &bill))
		require.Equal(t, "CycloneDX", bill.BOMFormat)
		found := map[string]bool{}
		for _, component := range bill.Components {
			require.NotEmpty(t, component.Version, component.Name)
			found[component.Name] = true
		}
		require.Subset(t, found, map[string]bool{"github.com/riverqueue/river": true, "github.com/jackc/pgx/v5": true})
	})
	t.Run("a first mail", func(t *testing.T) {
		t.Parallel()
		firstMail(t, filepath.Join(dist, name+".tar.gz"), name)
	})
}

// firstMail runs the page's four commands in an empty folder with nothing but the system's programs. It replaces only
// the addresses: of the archive, of the mail server, and the ports, because this machine runs other tests.
func firstMail(t *testing.T, archive, name string) {
	t.Helper()
	blocks := harness.ShellBlocks(t, "docs/getting-started.md", "## A first mail")
	require.Len(t, blocks, 4)
	server := mailservers.Mailpit(t, mailservers.StartTLS)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.pem"), []byte(server.CA), 0o600))
	port, err := freeport.Take(t.Context())
	require.NoError(t, err)
	from := (&url.URL{Scheme: "file", Path: archive}).String()
	script := strings.NewReplacer(
		"https://github.com/labring/sealos-notify/releases/download/"+version+"/sealos-notify_"+version+"_linux_amd64.tar.gz", from,
		"sealos-notify_"+version+"_linux_amd64", name,
		"host: smtp.example.com", fmt.Sprintf("host: %s\n    port: %d\n    caFile: %s", mailservers.Host, server.Port, filepath.Join(dir, "ca.pem")),
		"the-accounts-password", mailservers.Password,
		"healthcheck 2>", "healthcheck --url http://"+freeport.Address(port)+"/readyz 2>",
	).Replace(strings.Join(blocks, "\n"))
	require.Contains(t, script, mailservers.Username, "the page's account is the server's")
	run := limit.Command(t, limit.Run, "bash", "-euo", "pipefail", "-c", script+"\nkill $! && wait $!")
	run.Dir = dir
	run.Env = []string{
		"PATH=/usr/bin:/bin", "HOME=" + dir, "SERVER_ADDRESS=" + freeport.Address(port), "METRICS_ADDRESS=127.0.0.1:0",
		"SEALOS_NOTIFY_URL=http://" + freeport.Address(port),
	}
	output, err := run.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "hello   created")
	require.Contains(t, string(output), "ended as success, 1 delivery: 1 success")
	mails := server.Messages(t)
	require.Len(t, mails, 1)
	t.Logf("%s", output)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

// unpack returns the files of an archive by name.
func unpack(t *testing.T, path string) map[string]*tar.Header {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	unzipped, err := gzip.NewReader(file)
	require.NoError(t, err)
	found := map[string]*tar.Header{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		found[header.Name] = header
	}
}
