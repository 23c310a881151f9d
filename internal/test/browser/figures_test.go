package browser

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// The overview draws what happened by the hour, says the same in a table, and follows what goes on.
func TestFiguresOverTime(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := start(t, w)
		r.Until(send(r, "email", "mail", "email", "a@example.com", "disk full"), "success")
		refused := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 400, Code: "230013"})
		r.Until(send(r, "feishu_app", "card", "feishu_user_id", "ou_1", "disk full"), "failed")
		refused.Lift()

		b := open(t, r.Base, settings{})
		b.signIn(harness.AppID, harness.AppSecret)
		b.await("Half arrive within")
		b.until(`document.querySelectorAll(".chart canvas").length === 2`)
		b.until(`document.querySelectorAll(".line canvas").length === 1`)
		b.until(painted + ` > 0`)
		require.Equal(t, []int{2, 1, 1}, b.sums())
		require.Contains(t, b.text(), "feishu_230013")
		require.Contains(t, b.text(), "100.00 %", "of the mails")
		b.picture(w.DB.Driver + "-overview-figures")

		r.Until(send(r, "email", "mail", "email", "b@example.com", "disk full"), "success")
		require.Eventually(t, func() bool { return b.sums()[1] == 2 }, limit.Wait, 100*time.Millisecond, "the page refreshes itself")
		b.until(`document.querySelectorAll(".chart canvas").length === 2`)

		b.visit("/console/dead")
		b.until(`document.querySelectorAll(".line canvas").length === 1`)
		require.Contains(t, b.text(), "1 in the last day")
		b.visit("/console/dead/group?code=feishu_230013")
		require.Contains(t, b.text(), "1 in the last day")
	})
}

// painted counts the points of the first chart that are not transparent.
const painted = `(c => [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data].filter((v, i) => i % 4 === 3 && v > 0).length)(document.querySelector(".chart canvas"))`

// sums returns the sums of the columns of all tables of hours: accepted, arrived, given up.
func (b *tab) sums() []int {
	b.t.Helper()
	return eval[[]int](b, `[0, 1, 2].map(i => [...document.querySelectorAll(".chart details tbody tr")].reduce((sum, row) => sum + Number(row.querySelectorAll("td")[i].textContent), 0))`)
}

// until waits until the expression is true on the page.
func (b *tab) until(expression string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return eval[bool](b, expression) }, limit.Wait, 50*time.Millisecond, expression)
}

// Many dead letters go again in steps, and the page shows how far it is. Those that die again
// meanwhile are not taken twice.
func TestProgressOfALongRetry(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		const many = 1200
		r := start(t, w)
		w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 400, Code: "230013"})
		recipients := make([]map[string]string, many)
		for i := range recipients {
			recipients[i] = map[string]string{"type": "feishu_user_id", "value": fmt.Sprintf("ou_%d", i)}
		}
		r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", map[string]any{
			"idempotencyKey": "many", "recipients": recipients,
			"channels": map[string]any{"feishu_app": map[string]any{"template": "text", "params": map[string]string{"incident": "disk full", "severity": "P0"}}},
		})
		untilDied(t, r, many)

		b := open(t, r.Base, settings{})
		b.signIn(harness.AppID, harness.AppSecret)
		b.visit("/console/dead/group?channel=feishu_app&code=feishu_230013")
		b.await("1200 deliveries can go again")
		eval[bool](b, `(() => {
			window.seen = [];
			new MutationObserver(() => { const p = document.querySelector("progress"); if (p) seen.push(p.value); }).observe(document.body, { childList: true, subtree: true });
			return true;
		})()`)
		b.do(chromedp.Click(chromedp.CSS("form[action$='/dead/retry'] button")))
		b.await("1200 deliveries go again.")
		steps := eval[[]int](b, `[...new Set(seen)]`)
		require.Equal(t, []int{500, 1000}, steps)
		untilDied(t, r, 2*many)
	})
}

// untilDied waits until so many deaths were counted.
func untilDied(t *testing.T, r *harness.Replica, want int) {
	t.Helper()
	died := 0
	require.Eventually(t, func() bool {
		died = 0
		for _, c := range r.Do(http.StatusOK, http.MethodGet, "/api/v1/overview", nil).Body["recent"].([]any) {
			died += int(c.(map[string]any)["day"].(map[string]any)["dead"].(float64))
		}
		return died >= want
	}, limit.Run, 200*time.Millisecond)
	require.Equal(t, want, died)
}
