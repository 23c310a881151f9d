package browser

import (
	"bufio"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// startDev runs the dev command until the test ends, and returns what it printed.
func startDev(t *testing.T, w *harness.World) string {
	t.Helper()
	cmd := w.Program("dev", "--address", "127.0.0.1:0", "--vendors", "127.0.0.1:0", "--state", w.Path("state"))
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	printed := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var text strings.Builder
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			text.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), `"fingerprint": "hello"`) { // the last line
				printed <- text.String()
			}
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		limit.Receive(t, ended, "the end of dev")
		require.NoError(t, cmd.Wait())
	})
	return limit.Receive(t, printed, "what dev prints")
}

// A newcomer has what dev printed and a browser, and sees a notification accepted, delivered,
// failed, retried and sent again, and a card drawn.
func TestDev(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	printed := startDev(t, w)
	matched := regexp.MustCompile(`Console +(http://[^/]+)/console/ +\(app id ([^,]+), secret ([^)]+)\)`).FindStringSubmatch(printed)
	require.Len(t, matched, 4, printed)
	require.NotContains(t, printed, "There is less to look at")
	base, id, secret := matched[1], matched[2], matched[3]
	inboxAt := regexp.MustCompile(`Inbox +(http://[^/]+)/inbox`).FindStringSubmatch(printed)[1]
	metrics := regexp.MustCompile(`Metrics +(\S+)`).FindStringSubmatch(printed)[1]
	resp, err := limit.Client.Get(metrics)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)

	b := open(t, base, settings{})
	b.visit("/")
	b.signIn(id, secret)
	b.isAccessible()
	b.picture("dev-overview")

	inbox := open(t, inboxAt, settings{})
	inbox.visit("/inbox")
	inbox.await("billing v2.4.0 is live")
	inbox.await("[FIRING:1] DiskFull") // the alert that was posted
	inbox.await("Maintenance of hzh-1")
	inbox.isAccessible()
	require.Equal(t, 1, eval[int](inbox, `document.querySelectorAll(".card-turquoise").length`), "the card is drawn")
	require.NotZero(t, eval[int](inbox, `document.querySelectorAll("iframe[sandbox='']").length`), "mails are shown as mails")
	inbox.picture("dev-inbox")
	require.NotContains(t, inbox.text(), "13700000000", "its SMS was refused")

	b.visit("/console/notifications")
	b.picture("dev-notifications")
	b.follow("billing v2.4.0 is live")
	b.follow("ou_alice")
	b.picture("dev-card")

	b.visit("/console/dead")
	require.Contains(t, b.text(), "SMS")
	b.picture("dev-dead")
	b.then(chromedp.Click(`//main//table//tr[contains(., "SMS")]//a`))
	b.await("1 delivery can go again")
	b.do(chromedp.Click(chromedp.CSS("form[action$='/dead/retry'] button")))
	inbox.await("13700000000") // it refreshes by itself

	inbox.then(chromedp.Click(`//article[contains(., "13900000000")]//a[contains(., "Its delivery")]`))
	require.Contains(t, inbox.path(), "/console/sign-in", "another tab is another browser")
	inbox.base = base
	inbox.signIn(id, secret)
	for _, text := range []string{"Arrived", "Attempt 2", "TPL_0001"} {
		require.Contains(t, inbox.text(), text)
	}
}
