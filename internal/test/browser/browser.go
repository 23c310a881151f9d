// Package browser tests the console in a real Chromium, against the real program on both
// engines. Every tab fails its test when a page writes an error to the console, breaks its
// Content-Security-Policy or misses a file.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// chromium is the one browser of the package. Each tab has a context of its own in it, with its
// own cookies.
var chromium = sync.OnceValues(func() (context.Context, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WSURLReadTimeout(limit.Wait))
		if os.Geteuid() == 0 {
			options = append(options, chromedp.NoSandbox) // Chromium does not start as root with one
		}
		allocator, _ := chromedp.NewExecAllocator(context.Background(), options...) // TestMain ends it
		browser, _ := chromedp.NewContext(allocator)
		return browser, chromedp.Do(browser)
	}
	return nil, fmt.Errorf("no Chromium: run make deps")
})

// tab is a tab of the browser.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex
	problems []string
	answers  []string // addresses that were answered, of frames too
}

// settings are what a browser brings. The zero value is English, light and wide.
type settings struct {
	language string // Accept-Language
	dark     bool
	narrow   bool
}

// open opens a tab that shows the program at the base URL.
func open(t *testing.T, base string, s settings) *tab {
	t.Helper()
	browser, err := chromium()
	require.NoError(t, err)
	b := &tab{t: t, base: base}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.listen))
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, limit.Run)
	t.Cleanup(stop)
	b.ctx = ctx
	scheme, width := "light", int64(1280)
	if s.dark {
		scheme = "dark"
	}
	if s.narrow {
		width = 390
	}
	language := s.language
	if language == "" {
		language = "en"
	}
	command(b, audits.Enable, cdp.Empty{})
	command(b, network.Enable, network.EnableParams{})
	command(b, log.Enable, cdp.Empty{})
	command(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": language}})
	command(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Shanghai"})
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	// Tabs of tests that run beside this one would take the focus.
	command(b, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	b.do(chromedp.EmulateViewport(width, 900))
	t.Cleanup(func() { b.noProblems() })
	return b
}

// listen notes what no page may cause.
func (b *tab) listen(event any) {
	problem := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		// The status of an answer is the test's business.
		if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
			problem = e.Entry.Text
		}
	case *runtime.EventExceptionThrown:
		problem = e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			problem = fmt.Sprintf("console.%s", e.Type)
			for _, argument := range e.Args {
				problem += " " + string(argument.Value)
			}
		}
	case *audits.EventIssueAdded:
		if csp := e.Issue.Details.ContentSecurityPolicyIssueDetails; csp != nil {
			problem = "Content-Security-Policy: " + csp.ViolatedDirective + " " + csp.BlockedURL
		}
	case *page.EventJavascriptDialogOpening:
		if e.Type != page.DialogTypeConfirm {
			problem = "a dialog: " + e.Message
		}
		go func() {
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		}()
	case *network.EventResponseReceived:
		b.mu.Lock()
		b.answers = append(b.answers, e.Response.URL)
		b.mu.Unlock()
		if e.Type != network.ResourceTypeDocument && e.Response.Status >= 400 && !strings.HasSuffix(e.Response.URL, "/favicon.ico") {
			problem = fmt.Sprintf("%d %s", e.Response.Status, e.Response.URL)
		}
	}
	if problem != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.problems = append(b.problems, problem)
	}
}

func (b *tab) noProblems() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.problems) > 0 {
		b.t.Errorf("the pages cause: %s", strings.Join(b.problems, "\n"))
	}
}

func command[P, R any](b *tab, c cdp.Command[P, R], params P) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, c, params)
	require.NoError(b.t, err)
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit.Wait)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, steps...))
}

// then does the steps, and waits until the page that they lead to is there.
func (b *tab) then(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit.Wait)
	defer cancel()
	_, err := chromedp.RunResponse(ctx, steps...)
	require.NoError(b.t, err)
}

// visit shows a page of the console.
func (b *tab) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

// signIn signs an app in on the form that the tab shows, or goes there.
func (b *tab) signIn(app, secret string) {
	b.t.Helper()
	if !strings.Contains(b.path(), "/console/sign-in") {
		b.visit("/console/sign-in")
	}
	b.do(chromedp.SetValue(chromedp.CSS("#app"), app), chromedp.SetValue(chromedp.CSS("#secret"), secret))
	b.press("form[action$='/sign-in'] button")
}

// press clicks an element and waits until the next page is there.
func (b *tab) press(selector string) {
	b.t.Helper()
	b.then(chromedp.Click(chromedp.CSS(selector)))
}

// follow clicks the first link that has the text, and waits until the next page is there.
func (b *tab) follow(text string) {
	b.t.Helper()
	b.then(chromedp.Click(fmt.Sprintf(`//main//a[contains(., %q)]`, text)))
}

// text returns what the page shows.
func (b *tab) text() string {
	b.t.Helper()
	return eval[string](b, `document.body.innerText`)
}

// path returns the path and the query of the page.
func (b *tab) path() string {
	b.t.Helper()
	return eval[string](b, `location.pathname + location.search`)
}

// eval evaluates an expression on the page.
func eval[T any](b *tab, expression string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit.Wait)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
	require.NoError(b.t, err, expression)
	return value
}

// await waits until the page shows the text. Meanwhile the page may become another. A form that
// htmx has added is htmx's a moment later: before, its button leads to another page.
func (b *tab) await(text string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		ctx, cancel := context.WithTimeout(b.ctx, limit.Wait)
		defer cancel()
		shown, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector(".htmx-added") ? "" : document.body.innerText`))
		return err == nil && strings.Contains(shown, text)
	}, limit.Wait, 50*time.Millisecond, text)
}

// screenshots is where the pictures of the pages are written. Git ignores it.
const screenshots = "screenshots"

// picture writes what the page looks like, from its top to its end.
func (b *tab) picture(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.MkdirAll(screenshots, 0o755))
	require.NoError(b.t, os.WriteFile(filepath.Join(screenshots, name+".png"), png, 0o600))
}
