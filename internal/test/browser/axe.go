package browser

import (
	"context"
	_ "embed"
	"fmt"
	"net/url"
	"path"
	"regexp"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
)

//go:embed axe/axe.min.js
var axe string

// isAccessible requires that axe-core finds no serious fault on the page, and that it has a title
// and one heading of the first level. A frame of a mail runs no script, so axe-core stays out of it.
func (b *tab) isAccessible() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit.Wait)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Evaluate[int](axe+";0"))
	require.NoError(b.t, err)
	faults, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`axe.run(document, {iframes: false, resultTypes: ["violations"]}).then(result => {
		const faults = result.violations.filter(v => v.impact === "serious" || v.impact === "critical")
			.flatMap(v => v.nodes.map(n => v.id + ": " + n.html + " " + n.failureSummary));
		if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
		if (!document.title.includes("sealos-notify")) faults.push("title");
		return faults;
	})`, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err)
	require.Empty(b.t, faults, b.path())
}

var idInPath = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}`)

// alike is how many pages of one folder are visited: the next ones differ in their names only.
const alike = 3

// crawl shows every kind of page that the start pages lead to, and calls check on each. So a new
// page is checked as soon as something links to it.
func (b *tab) crawl(check func(kind string), start ...string) {
	b.t.Helper()
	queue, seen, folders := start, map[string]bool{}, map[string]int{}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		kind := b.kindOf(next)
		folder := path.Dir(kind)
		if seen[kind] || folders[folder] == alike && folder != "/console" {
			continue
		}
		seen[kind] = true
		folders[folder]++
		b.visit(next)
		check(kind)
		queue = append(queue, eval[[]string](b, `[...document.querySelectorAll("a[href]")].filter(a => a.origin === location.origin &&
			(a.pathname.startsWith("/console/") || a.pathname === "/docs")).map(a => a.pathname + a.search)`)...)
	}
	require.True(b.t, seen["/docs"], fmt.Sprint(seen))
}

// kindOf returns the path of an address, in which each id is "id".
func (b *tab) kindOf(address string) string {
	b.t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(b.t, err)
	return idInPath.ReplaceAllString(parsed.Path, "id")
}
