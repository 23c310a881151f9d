package smoke

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// What docs/command-line.md tells people to type works, section after section.
func TestCommandLinePage(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	backup := strings.Replace(w.FeishuProvider(""), "{feishu:", "feishu-backup:", 1)
	w.Configure(map[string]string{"providers": strings.TrimSuffix(w.FeishuProvider(""), "}") + ", " + backup})
	r := w.Start()
	bin := filepath.Join(w.Dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	require.NoError(t, os.Symlink(w.Program().Path, filepath.Join(bin, "sealos-notify")))
	env := []string{"HOME=" + w.Dir, "XDG_CONFIG_HOME=", "PATH=" + bin + ":" + os.Getenv("PATH")}

	type section = []string // what the commands of each block print, in part
	for _, page := range []struct {
		heading string
		prints  section
	}{
		{"## Where and who", section{"NAME"}},
		{"## Templates", section{"would be created\nfeishu-alert   created\n", "【P1】disk full"}},
		{"## Sending", section{"ended as success: 1 deliveries: 1 success"}},
		{"## Seeing", section{"【P0】DB 主节点不可用"}},
		{"## Sending again, and stopping", section{"2 dead deliveries would go again.\n2 of 2 dead deliveries go again.", "goes again", "1 cancelled"}},
		{"## Health", section{""}},
		{"## Shell completion", section{""}},
	} {
		switch page.heading {
		case "## Seeing":
			id := r.Send("seen", 1)
			env = append(env, "NOTIFICATION="+id, "DELIVERY="+r.Until(id, "success")[0].ID)
		case "## Sending again, and stopping":
			fault := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 400, Code: "230001"})
			r.Until(r.Send("dead", 2), "failed")
			body := harness.Notification("scheduled", 1)
			body["sendAt"] = time.Now().Add(time.Hour)
			env = append(env, "SCHEDULED="+r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body).Body["notificationId"].(string))
			fault.Lift()
			fault = w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, HTTPStatus: 400, Code: "230002"})
			env = append(env, "DEAD="+r.Until(r.Send("one", 1), "failed")[0].ID)
			fault.Lift()
		}
		blocks := shellBlocksOf(t, "docs/command-line.md", page.heading)
		require.Len(t, blocks, len(page.prints), page.heading)
		for i, block := range blocks {
			cmd := exec.Command("bash", "-euo", "pipefail", "-c", strings.ReplaceAll(block, "http://127.0.0.1:8080", r.Base))
			cmd.Dir, cmd.Env = w.Dir, append(os.Environ(), env...)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s\n%s", block, out)
			require.Contains(t, string(out), page.prints[i], block)
		}
	}
}
