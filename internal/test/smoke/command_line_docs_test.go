package smoke

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// The commands of docs/command-line.md work, section by section.
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

	for _, section := range []struct {
		heading string
		prints  []string // by each block, in part
	}{
		{"## Where and who", []string{"NAME", "Roles     send, templates"}},
		{"## Templates", []string{"feishu-alert   ok\n", "would be created\nfeishu-alert   created\n", "【P1】disk full"}},
		{"## Contacts", []string{
			"alice                       would be created\nbob                         would be created\n",
			"europe   created\nNAME   OWNER            ADDRESSES",
		}},
		{"## Sending", []string{"ended as success, 1 delivery: 1 success"}},
		{"## Seeing", []string{"【P0】DB 主节点不可用"}},
		{"## Sending again, and stopping", []string{"Would be sent again: 2 dead deliveries.\nSent again: 2 dead deliveries.", "goes again", "1 cancelled"}},
		{"## Health", []string{""}},
		{"## Shell completion", []string{""}},
	} {
		switch section.heading {
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
		blocks := shellBlocksOf(t, "docs/command-line.md", section.heading)
		require.Len(t, blocks, len(section.prints), section.heading)
		for i, block := range blocks {
			cmd := limit.Command(t, 2*limit.Wait, "bash", "-euo", "pipefail", "-c", strings.ReplaceAll(block, "http://127.0.0.1:8080", r.Base))
			cmd.Dir, cmd.Env = w.Dir, append(os.Environ(), env...)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s\n%s", block, out)
			require.Contains(t, string(out), section.prints[i], block)
		}
	}
}
