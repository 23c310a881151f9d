package browser

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

func TestMain(m *testing.M) {
	m.Run()
	if browser, err := chromium(); err == nil {
		ctx, cancel := context.WithTimeout(browser, limit.Wait)
		_ = chromedp.Cancel(ctx) // the tests are over
		cancel()
	}
}

// script is a text that is harmless only when it is escaped, and looks like another one.
const script = `"><img src=x onerror=alert(1)><script>alert(2)</script>` + "\u202egnp.exe\u2066"

// refusedNumber is what the SMS gateway says of a number that nobody has.
var refusedNumber = aliyun.Fault{Code: "isv.MOBILE_NUMBER_ILLEGAL", Message: "手机号码格式错误"}

// start runs the program with all channels and templates for them.
func start(t *testing.T, w *harness.World) *harness.Replica {
	t.Helper()
	w.UseAllChannels(w.Vendors.Addresses)
	r := w.Start()
	for _, template := range []map[string]any{
		{"name": "code", "channel": "sms", "templateCode": "SMS_0001"},
		{"name": "mail", "channel": "email", "msgType": "html", "subject": "【{{ .severity }}】{{ .incident }}", "body": `<h1 style="color:#b00">{{ .incident }}</h1><p>Severity <b>{{ .severity }}</b></p>`},
		{"name": "card", "channel": "feishu_app", "msgType": "interactive", "body": card},
		{"name": "text", "channel": "feishu_app", "msgType": "text", "body": "【告警】{{ .incident }}\n严重级别:**{{ .severity }}**"},
	} {
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", template)
	}
	return r
}

// card is a card with what most cards have.
const card = `{"header": {"template": "red", "title": {"tag": "plain_text", "content": "{{ .incident }}"}}, "elements": [
	{"tag": "div", "fields": [
		{"is_short": true, "text": {"tag": "lark_md", "content": "**Severity**\n{{ .severity }}"}},
		{"is_short": true, "text": {"tag": "lark_md", "content": "**Cluster**\nhzh-1"}}]},
	{"tag": "markdown", "content": "See the [runbook](https://example.com/runbook) <at id=all></at>\n- check the disk\n- <font color='red'>do not restart</font>"},
	{"tag": "hr"},
	{"tag": "action", "actions": [{"tag": "button", "type": "primary", "url": "https://example.com", "text": {"tag": "plain_text", "content": "Acknowledge"}}]},
	{"tag": "note", "elements": [{"tag": "plain_text", "content": "from sealos-notify"}]}]}`

// send sends a template to one recipient and returns the notification's id.
func send(r *harness.Replica, channel, template, kind, to, incident string) string {
	a := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", map[string]any{
		"idempotencyKey": fmt.Sprintf("%s-%s-%d", template, kind, time.Now().UnixNano()),
		"recipients":     []map[string]string{{"type": kind, "value": to}},
		"channels":       map[string]any{channel: map[string]any{"template": template, "params": map[string]any{"incident": incident, "severity": "P0"}}},
	})
	return a.Body["notificationId"].(string)
}

// An operator has a phone number. Two clicks lead to the exact text and the vendor's answer.
func TestFromANumberToTheVendorsAnswer(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := start(t, w)
		refused := w.Vendors.SMS.Fail(refusedNumber)
		id := send(r, "sms", "code", "phone", "+8613800000000", "disk full")
		r.Until(id, "failed")

		b := open(t, r.Base, settings{})
		b.visit("/")
		require.Contains(t, b.path(), "/console/sign-in")
		b.signIn(harness.AppID, "wrong")
		require.Contains(t, b.text(), "the secret is wrong")
		b.picture(w.DB.Driver + "-signin")
		b.signIn(harness.AppID, harness.AppSecret)
		require.Equal(t, "/console/", b.path())

		b.visit("/console/notifications")
		b.then(chromedp.SendKeys(chromedp.CSS("#recipient"), "138 0000 0000"+kb.Enter))
		require.Contains(t, b.text(), "+8613800000000")
		b.picture("search")
		b.follow("SMS_0001")
		b.picture("notification-dead")
		b.follow("+8613800000000")
		text := b.text()
		for _, want := range []string{"disk full", "SMS_0001", "isv.MOBILE_NUMBER_ILLEGAL", "手机号码格式错误", "Send again", "Refused"} {
			require.Contains(t, text, want)
		}
		b.picture("delivery-sms-dead")

		refused.Lift()
		b.press("form[action$='/retry'] button")
		b.await("Arrived")
		r.Until(id, "success")

		b.press("form[action$='/sign-out'] button")
		b.visit("/console/notifications")
		require.Contains(t, b.path(), "/console/sign-in")
	})
}

// Dead letters of one kind are counted and sent again.
func TestSendDeadLettersAgain(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := start(t, w)
		refused := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 400, Code: "230013"})
		var ids []string
		for i := range 3 {
			ids = append(ids, send(r, "feishu_app", "card", "feishu_user_id", fmt.Sprintf("ou_%d", i), "disk full"))
		}
		for _, id := range ids {
			r.Until(id, "failed")
		}
		refused.Lift()
		b := open(t, r.Base, settings{})
		b.signIn(harness.AppID, harness.AppSecret)
		b.visit("/console/dead")
		b.picture("dead")
		b.follow("feishu_230013")
		b.await("3 deliveries can go again")
		b.picture("dead-group")
		b.do(chromedp.Click(chromedp.CSS("form[action$='/dead/retry'] button")))
		b.await("3 deliveries go again.")
		for _, id := range ids {
			r.Until(id, "success")
		}
		b.visit("/console/dead")
		require.Contains(t, b.text(), "Nothing is dead")
	})
}

// Whatever people and vendors write is shown and does nothing.
func TestHostileTexts(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := start(t, w)
		w.Vendors.SMS.Fail(aliyun.Fault{Code: "isv.MOBILE_NUMBER_ILLEGAL", Message: script})
		huge := strings.Repeat("很长", 5_000)
		ids := []string{
			send(r, "sms", "code", "phone", "+8613800000000", script),
			send(r, "email", "mail", "email", "a@example.com", script),
			send(r, "feishu_app", "card", "feishu_user_id", "ou_<script>alert(1)</script>", "[x](javascript:alert(1))"+script),
			send(r, "feishu_app", "text", "feishu_user_id", "ou_"+strings.Repeat("x", 100), huge+script),
		}
		b := open(t, r.Base, settings{})
		b.signIn(harness.AppID, harness.AppSecret)
		for _, id := range ids {
			r.Until(id, map[bool]string{true: "failed", false: "success"}[id == ids[0]])
			_, tasks := r.Show(id)
			b.visit("/console/notifications/" + id)
			b.isTame()
			b.visit("/console/deliveries/" + tasks[0].ID)
			b.isTame()
			b.picture("hostile-" + tasks[0].Channel + "-" + tasks[0].TemplateName)
		}
		for _, path := range []string{"/console/notifications", "/console/dead", "/console/dead/group?code=" + "%3Cscript%3E", "/console/notifications?recipient=%22%3E%3Cscript%3E"} {
			b.visit(path)
			b.isTame()
		}
		b.visit("/console/notifications")
		require.Contains(t, b.text(), "⟨U+202E⟩", "what turns a text around is shown")
		b.picture("hostile-list")
	})
}

// isTame requires that nothing on the page came to life and nothing is wider than the window.
func (b *tab) isTame() {
	b.t.Helper()
	alive := eval[int](b, `document.querySelectorAll("img[src=x], main script").length`)
	require.Zero(b.t, alive, b.path())
	scripts := eval[int](b, `[...document.querySelectorAll("script")].filter(s => !s.src.startsWith(location.origin + "/console/static/")).length`)
	require.Zero(b.t, scripts, b.path())
	links := eval[[]string](b, `[...document.querySelectorAll("a[href]")].map(a => a.protocol).filter(p => p !== "http:" && p !== "https:")`)
	require.Empty(b.t, links, b.path())
	b.fits()
}

// fits requires that the page is not wider than the window.
func (b *tab) fits() {
	b.t.Helper()
	over := eval[float64](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`)
	require.Zero(b.t, over, "%s is wider than the window", b.path())
}

// Every page in both languages, light and dark, on a desk and on a telephone.
func TestEveryPage(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := startPlaces(t, w)
	w.Vendors.SMS.Fail(aliyun.Fault{Code: "isv.AMOUNT_NOT_ENOUGH", Message: "账户余额不足"})
	mail := send(r, "email", "mail", "email", "alice@example.com", "DB 主节点不可用")
	alert := send(r, "feishu_app", "card", "feishu_user_id", "ou_alice", "DB 主节点不可用")
	text := send(r, "feishu_app", "text", "feishu_user_id", "ou_bob", "DB 主节点不可用")
	sms := send(r, "sms", "code", "phone", "+8613800000000", "DB 主节点不可用")
	kind := r.Call(harness.AdminID, harness.AdminSecret, http.MethodPut, "/api/v1/kinds/billing", map[string]any{
		"description": "欠费提醒", "channels": []string{"sms", "email"}, "optional": true, "caps": map[string]any{"sms": map[string]any{"limit": 5, "per": "day"}},
		"quiet": map[string]any{"from": "22:00", "to": "08:00", "timeZone": "Asia/Shanghai", "channels": []string{"sms"}},
	})
	require.Equal(t, http.StatusOK, kind.Status, kind.Raw)
	delivery := func(id, status string) string { return "/console/deliveries/" + r.Until(id, status)[0].ID }
	pages := map[string]string{
		"overview": "/console/", "notifications": "/console/notifications", "nothing": "/console/notifications?recipient=nobody",
		"notification": "/console/notifications/" + alert, "mail": delivery(mail, "success"), "card": delivery(alert, "success"),
		"text": delivery(text, "success"), "sms": delivery(sms, "failed"), "dead": "/console/dead",
		"deadgroup": "/console/dead/group?channel=sms&code=aliyun_isv.AMOUNT_NOT_ENOUGH", "notfound": "/console/none",
		"receivers": "/console/receivers", "receiver": "/console/receivers/one?name=team-a%20%2F%20%E5%80%BC%E7%8F%AD", "providers": "/console/providers",
		"kinds": "/console/kinds", "kind": "/console/kind?name=billing", "apps": "/console/apps", "audit": "/console/audit", "queues": "/console/queues",
	}
	for name, path := range map[string]string{
		"templates": "/console/templates", "templates-deleted": "/console/templates?deleted=true", "template-new": "/console/template",
		"template-channel": "/console/template?channel=sms", "template": "/console/templates/card", "versions": "/console/templates/card/versions",
	} {
		pages[name] = path
	}
	for name, s := range map[string]settings{
		"wide": {}, "zh-dark": {language: "zh-CN", dark: true}, "narrow": {narrow: true}, "zh-narrow-dark": {language: "zh-CN", dark: true, narrow: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, r.Base, s)
			b.visit("/console/sign-in")
			b.fits()
			b.isAccessible()
			b.picture(name + "-signin")
			b.signIn(harness.AdminID, harness.AdminSecret)
			checked := map[string]bool{}
			for page, path := range pages {
				b.visit(path)
				b.fits()
				b.isAccessible()
				language := eval[string](b, `document.documentElement.lang`)
				require.Equal(t, map[bool]string{true: "zh-CN", false: "en"}[s.language != ""], language)
				b.picture(name + "-" + page)
				checked[b.kindOf(path)] = true
			}
			b.crawl(func(kind string) {
				if checked[kind] {
					return
				}
				b.fits()
				b.isAccessible()
				if kind != "/docs" { // it is 50,000 pixels high
					b.picture(name + "-found-" + strings.ReplaceAll(strings.Trim(kind, "/"), "/", "-"))
				}
			}, "/console/")
			b.visit("/console/notifications")
			zone := eval[string](b, `document.querySelector("main time").textContent`)
			require.NotContains(t, zone, "UTC", "times are in the viewer's zone")
		})
	}
}

// The keyboard alone is enough, and begins with the link that skips the frame.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	r := start(t, harness.NewSQLite(t))
	b := open(t, r.Base, settings{})
	b.visit("/console/sign-in")
	b.then(chromedp.KeyEvent(harness.AppID), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(harness.AppSecret), chromedp.KeyEvent(kb.Enter))
	b.await("Sign out")
	b.visit("/console/dead")
	b.do(chromedp.KeyEvent(kb.Tab))
	focused := eval[string](b, `document.activeElement.className`)
	require.Equal(t, "skip", focused)
	b.do(chromedp.KeyEvent(kb.Enter))
	focused = eval[string](b, `document.activeElement.id`)
	require.Equal(t, "main", focused)
	current := eval[string](b, `document.querySelector("nav [aria-current=page]").textContent`)
	require.Equal(t, "Dead letters", current)

	b.visit("/console/notifications")
	for range 8 { // whatever has the focus shows it
		b.do(chromedp.KeyEvent(kb.Tab))
		require.Eventually(t, func() bool {
			return eval[string](b, `(s => s.outlineStyle + " " + parseFloat(s.outlineWidth))(getComputedStyle(document.activeElement))`) == "solid 3"
		}, limit.Wait, 50*time.Millisecond, "no outline on the element with the focus: "+eval[string](b, `document.activeElement.outerHTML.slice(0, 200)`))
	}
}

// What arrives while a list is open appears by itself, because the server tells of it: here no
// clock refreshes the page. A hidden page does not listen, and catches up when it is seen again.
func TestListIsLive(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := start(t, w)
		b := open(t, r.Base, settings{})
		command(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watchStreams})
		b.signIn(harness.AppID, harness.AppSecret)
		b.visit("/console/notifications")
		require.Contains(t, b.text(), "Nothing was sent yet")
		b.picture("empty")
		eval[bool](b, `(() => { const live = document.getElementById("live"); live.setAttribute("hx-trigger", "changed"); htmx.process(live); return true; })()`)
		send(r, "email", "mail", "email", "a@example.com", "news")
		b.await("【P0】news")
		require.Equal(t, 1, eval[int](b, openStreams))

		hide := func(hidden bool) {
			eval[bool](b, fmt.Sprintf(`(() => { Object.defineProperty(document, "hidden", { value: %t, configurable: true });
				document.dispatchEvent(new Event("visibilitychange")); return true; })()`, hidden))
		}
		hide(true)
		require.Zero(t, eval[int](b, openStreams))
		id := send(r, "email", "mail", "email", "a@example.com", "more news")
		r.Until(id, "success")
		hide(false)
		b.await("【P0】more news")

		b.visit("/console/notifications/" + id)
		b.await("Arrived")
		b.until(openStreams + ` === 0`) // nothing more can change there
	})
}

// watchStreams makes a page keep its streams, and openStreams counts the open ones.
const (
	watchStreams = `window.streams = []; window.EventSource = class extends EventSource { constructor(url) { super(url); window.streams.push(this); } };`
	openStreams  = `streams.filter(s => s.readyState !== EventSource.CLOSED).length`
)

// The navigation is on one line, beside the page or above it, also with a long name of a person.
func TestNavigationFits(t *testing.T) {
	t.Parallel()
	r := start(t, harness.NewSQLite(t))
	for _, s := range []settings{{}, {narrow: true}, {language: "zh-CN", narrow: true}} {
		b := open(t, r.Base, s)
		b.signIn(harness.AdminID, harness.AdminSecret)
		b.visit("/console/queues") // the last one
		eval[bool](b, `(document.querySelector(".who bdi").textContent = "somebody.with.a.long.name@subsidiary.example.com", true)`)
		b.fits()
		if s.narrow {
			tops := eval[int](b, `new Set([...document.querySelectorAll("nav.pages a")].map(a => a.offsetTop)).size`)
			require.Equal(t, 1, tops, "rows of links")
			require.Less(t, eval[float64](b, `document.querySelector(".bar").offsetHeight`), 110.)
		}
		current := eval[bool](b, `(r => r.left >= 0 && r.right <= innerWidth)(document.querySelector("nav [aria-current]").getBoundingClientRect())`)
		require.True(t, current, "the page's own link is seen")
	}
}
