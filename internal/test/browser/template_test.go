package browser

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// fill puts a text into a field as if somebody had typed it.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	done := eval[bool](b, fmt.Sprintf(`(() => {
		const field = document.querySelector(%q);
		field.value = %q;
		field.dispatchEvent(new Event("input", {bubbles: true}));
		return true;
	})()`, selector, text))
	require.True(b.t, done)
}

// value returns what is in a field.
func (b *tab) value(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector(%q).value`, selector))
}

// awaitThat waits until an expression is true on the page.
func (b *tab) awaitThat(expression string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool { return eval[bool](b, expression) }, limit.Wait, 50*time.Millisecond, expression)
}

// Somebody writes a template, sees what it sends while typing, saves it and sends it to
// themselves.
func TestTemplateFromDraftToTest(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		r := w.Start()
		b := open(t, r.Base, settings{})
		b.signIn(harness.AppID, harness.AppSecret)
		b.visit("/console/templates")
		require.Contains(t, b.text(), "There are no templates yet")
		b.picture("templates-empty")
		b.follow("New template")
		b.isAccessible()
		b.press("main a[href$='channel=feishu_app']")
		b.isAccessible()

		b.do(chromedp.SendKeys(chromedp.CSS("#name"), "draft"), chromedp.SendKeys(chromedp.CSS("#body"), "Hello {{ .name }} in {{ .room }}"))
		b.await("Hello ‹name› in ‹room›")
		b.fill("#params", `{"name": "Li", "floor": 12345678901234567890}`)
		b.await("Hello Li in ‹room›")
		b.awaitThat(`document.querySelector("#verdict").innerText.match(/Missing\s+room/) && document.querySelector("#verdict").innerText.match(/Not used\s+floor/) && true`)
		b.picture("template-missing")
		b.do(chromedp.Click(chromedp.CSS("#try button[hx-target='#sample']")))
		b.await("Hello Li in room")
		require.Contains(t, b.value("#params"), "12345678901234567890", "what was typed stays")

		b.fill("#body", "Hello\n  {{ .name }")
		b.await("line 2")
		require.Contains(t, b.text(), "Body")
		require.Contains(t, b.text(), "Hello Li in room", "what rendered last stays beside the fault")
		b.do(chromedp.Click(chromedp.CSS("#verdict button")))
		focused := eval[string](b, `document.activeElement.id`)
		require.Equal(t, "body", focused)
		b.fill("#params", `{"name": }`)
		b.fill("#body", "Hello {{ .name }} in {{ .room }}")
		b.await("line 1, column 10")
		b.fill("#params", `{"name": "Li", "room": "R2"}`)
		b.await("Hello Li in R2")
		b.press("#edit button.primary")
		require.Equal(t, "/console/templates/draft?done=templateSaved.1", b.path())
		require.Contains(t, b.text(), "Saved as version 1.")
		b.await("Hello Li in R2") // the params are remembered

		b.fill("#to", "ou_alice")
		b.do(chromedp.SetValue(chromedp.CSS("#type"), "feishu_user_id"))
		b.do(chromedp.Click(chromedp.CSS("#try button.primary")))
		b.await("A test is on its way to ou_alice")
		b.picture("template-tested")
		require.NoError(t, w.Vendors.Inbox.Wait(limit.Context(t), 1))
		arrival := w.Vendors.Inbox.Arrivals()[0]
		require.Contains(t, arrival.Text, "Hello Li in R2")
		require.Equal(t, "ou_alice", arrival.To)
		b.follow("See what becomes of it")
		b.await("Arrived")

		b.press("form[action$='/sign-out'] button")
		left := eval[int](b, `localStorage.length`)
		require.Zero(t, left, "nothing of who was signed in stays in the browser")
	})
}

// Two people change the same template: the second one is told, loses nothing, and decides. What
// was written before can be compared and restored, and a deleted template brought back.
func TestTemplateVersions(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := start(t, w)
		mine, theirs := open(t, r.Base, settings{}), open(t, r.Base, settings{})
		for _, b := range []*tab{mine, theirs} {
			b.signIn(harness.AppID, harness.AppSecret)
			b.visit("/console/templates/text")
		}
		theirs.fill("#body", "theirs\nshared")
		theirs.press("#edit button.primary")
		require.Contains(t, theirs.text(), "Saved as version 2.")
		mine.fill("#body", "mine\nshared")
		mine.press("#edit button.primary")
		text := mine.text()
		require.Contains(t, text, "Somebody else has saved this template")
		require.Contains(t, text, "−theirs")
		require.Contains(t, text, "+mine")
		require.Equal(t, "mine\nshared", mine.value("#body"))
		mine.isTame()
		mine.isAccessible()
		mine.picture("template-stale")
		stored := r.Do(http.StatusOK, http.MethodGet, "/api/v1/templates/text", nil).Body["body"]
		require.Equal(t, "theirs\nshared", stored, "nothing was overwritten")
		mine.press("#edit button.primary") // "Save over version 2"
		require.Contains(t, mine.text(), "Saved as version 3.")

		b := mine
		b.visit("/console/templates/text/versions")
		b.follow("What changed")
		text = b.text()
		require.Contains(t, text, "From version 2 to version 3")
		require.Contains(t, text, "−theirs")
		require.Contains(t, text, "+mine")
		b.picture("template-versions")
		b.press("form[action$='/restore'] input[value='1'] + button")
		require.Contains(t, b.text(), "Saved as version 4.")
		require.Contains(t, b.value("#body"), "【告警】")

		b.press("form[action$='/delete'] button")
		require.Contains(t, b.text(), "Deleted by "+harness.AppID)
		r.Do(http.StatusNotFound, http.MethodGet, "/api/v1/templates/text", nil)
		b.visit("/console/templates?deleted=true")
		require.Contains(t, b.text(), "text")
		b.follow("text")
		b.press("form[action$='/restore'] input[value='5'] + button")
		require.Contains(t, b.text(), "Saved as version 6.")
		b.visit("/console/templates?deleted=true")
		require.Contains(t, b.text(), "No template is deleted")
	})
}

// A mail is shown as a mail and a card as a card, and what is written into a template does nothing
// on our pages.
func TestTemplatesAreDrawn(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := start(t, w)
		hostile := map[string]any{
			"name": "hostile", "channel": "email", "msgType": "html", "subject": script + "{{ .severity }}", "description": script,
			"body": "<h1>{{ .incident }}</h1><script>alert(1)</script><img src=x onerror=alert(2)><style>body{display:none}</style></textarea><script>alert(3)</script>",
		}
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", hostile)
		hostile["body"] = "</textarea>" + script + "\n" + hostile["body"].(string)
		r.Do(http.StatusOK, http.MethodPut, "/api/v1/templates/hostile", hostile)
		b := open(t, r.Base, settings{})
		b.signIn(harness.AppID, harness.AppSecret)
		b.visit("/console/templates/card")
		b.awaitThat(`document.querySelector("#drawn .card-head p")?.textContent === "incident"`)
		b.picture("template-card")
		for _, page := range []string{"", "/hostile", "/hostile/versions?from=1&to=2"} {
			b.visit("/console/templates" + page)
			if page == "/hostile" {
				b.awaitThat(`document.querySelector("#drawn iframe.mail[sandbox='']") !== null && document.querySelector("form[data-frame]") === null`)
				b.fill("#params", `{"incident": "<script>alert(4)</script>", "severity": "P0"}`)
				b.await("P0")
				b.fill("#body", `{{ .severity | <script>alert(5)</script>`)
				b.await("line 1")
				b.fill("#body", "</textarea>"+script)
				b.await("Not used")
			}
			b.isTame()
			b.isAccessible()
			b.picture("template-hostile" + map[bool]string{true: "-list", false: ""}[page == ""])
			if page == "/hostile" {
				b.press("#edit button.primary") // otherwise the browser would ask before it leaves
			}
		}
		b.visit("/console/templates/mail")
		b.awaitThat(`document.querySelector("#drawn iframe.mail") !== null && document.querySelector("form[data-frame]") === null`)
		b.awaitFrame("/console/template/mail")
		b.picture("template-mail")
	})
}

// A template gets a text in another language, each is rendered while it is typed, and one that is
// emptied goes.
func TestTemplateInTwoLanguages(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		r := w.Start()
		b := open(t, r.Base, settings{})
		b.signIn(harness.AppID, harness.AppSecret)
		b.visit("/console/template?channel=email")
		b.do(chromedp.SendKeys(chromedp.CSS("#name"), "debt"))
		b.fill("#msgType", "html")
		b.fill("#subject", "欠费")
		b.fill("#body", "<p>欠 {{ .amount }}</p>")
		b.do(chromedp.Click(chromedp.CSS("details:has(#locale) summary")))
		b.fill("#locale", "zh")
		b.fill("#addLocale", "en")
		b.press("button[formaction]")
		require.Contains(t, b.text(), "Text in en")
		require.Equal(t, "<p>欠 {{ .amount }}</p>", b.value("#body"), "what was typed stays")
		b.isAccessible()
		b.fill("[id='texts.en.subject']", "Debt")
		b.fill("[id='texts.en.body']", "<p>\n{{ .amount")
		b.await("line 2")
		b.do(chromedp.Click(chromedp.CSS("#verdict button")))
		require.Equal(t, "texts.en.body", eval[string](b, `document.activeElement.id`))
		b.fill("[id='texts.en.body']", "<p>You owe {{ .amount }} by {{ .due }}</p>")
		b.fill("#params", `{"amount": "5"}`)
		b.awaitThat(`document.querySelectorAll("#drawn iframe.mail").length === 2 && document.querySelector("form[data-frame]") === null`)
		b.awaitThat(`document.querySelector("#verdict").innerText.match(/en\s+Missing\s+due/) && true`)
		before := b.mails()
		b.fill("#params", `{"amount": "6"}`)
		require.Eventually(t, func() bool { return b.mails() >= before+2 }, limit.Wait, 50*time.Millisecond, "each text has its frame")
		b.isTame()
		b.isAccessible()
		b.picture("template-languages")
		b.press("#edit button.primary")
		require.Contains(t, b.text(), "Saved as version 1.")
		stored := r.Do(http.StatusOK, http.MethodGet, "/api/v1/templates/debt", nil).Body
		require.Equal(t, "zh", stored["locale"])
		require.Contains(t, stored["texts"], "en")

		b.fill("[id='texts.en.subject']", "")
		b.fill("[id='texts.en.body']", "")
		b.press("#edit button.primary")
		require.Contains(t, b.text(), "Saved as version 2.")
		require.NotContains(t, r.Do(http.StatusOK, http.MethodGet, "/api/v1/templates/debt", nil).Body, "texts")
		b.visit("/console/templates/debt/versions?from=1&to=2")
		require.Contains(t, b.text(), "texts.en.subject")
		require.Contains(t, b.text(), "−<p>You owe")
		b.isAccessible()
	})
}

// mails returns how many mails were shown in frames.
func (b *tab) mails() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, answer := range b.answers {
		if answer == b.base+"/console/template/mail" {
			n++
		}
	}
	return n
}

// awaitFrame waits until the frame of a mail has its document.
func (b *tab) awaitFrame(path string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return slices.Contains(b.answers, b.base+path)
	}, limit.Wait, 50*time.Millisecond, path)
}

// Who sees which part of the pages: by role, and by whose the template is.
func TestTemplateRoles(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Write("apps.yaml", fmt.Sprintf(`apps:
  - {appId: %s, appSecret: %s}
  - {appId: sender, appSecret: sender-secret, roles: [send]}
  - {appId: author, appSecret: author-secret, roles: [templates]}
`, harness.AppID, harness.AppSecret))
		r := start(t, w)
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{"name": "secret", "channel": "email", "private": true, "body": "x"})

		sender := open(t, r.Base, settings{})
		sender.signIn("sender", "sender-secret")
		require.NotContains(t, sender.text(), "Templates")
		sender.visit("/console/templates/text")
		require.Contains(t, sender.text(), "Not for your roles")

		author := open(t, r.Base, settings{language: "zh-CN"})
		author.signIn("author", "author-secret")
		author.visit("/console/templates")
		require.Contains(t, author.text(), "card")
		require.NotContains(t, author.text(), "secret")
		author.visit("/console/templates/secret")
		require.Contains(t, author.text(), "未找到")
		author.visit("/console/templates/text")
		author.await("参数齐全")
		require.Contains(t, author.text(), "仅所属应用和管理员可以修改")
		require.Contains(t, author.text(), "测试发送需要 send 角色")
		buttons := eval[int](author, `document.querySelectorAll("#edit button, form[action$='/delete'], #to").length`)
		require.Zero(t, buttons)
		author.picture("template-foreign")
	})
}
