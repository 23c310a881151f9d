package vendors

import (
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

// pageArrivals is how many arrivals the page shows. The JSON has all that are kept.
const pageArrivals = 200

// ServeHTTP serves the inbox, the newest message first, as a page, or as JSON when the
// path ends in ".json".
func (i *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	list := i.Arrivals()
	slices.Reverse(list)
	view := struct {
		Total    int       `json:"total"` // includes those that are no longer kept
		Arrivals []Arrival `json:"arrivals"`
	}{i.Total(), list}

	// Writing fails only when the client has gone.
	if strings.HasSuffix(r.URL.Path, ".json") {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(view)
		return
	}
	view.Arrivals = list[:min(len(list), pageArrivals)]
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, view)
}

var page = template.Must(template.New("inbox").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Inbox</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1f2329; background: #f5f6f7 }
  h1 { font-size: 1.4rem; margin: 0 }
  header { display: flex; justify-content: space-between; align-items: baseline; margin-bottom: 1rem }
  article { background: #fff; border: 1px solid #dee0e3; border-radius: 8px; padding: .8rem 1rem; margin-bottom: .8rem }
  .line { display: flex; flex-wrap: wrap; gap: .2rem .8rem; color: #646a73; font-size: .85rem }
  .to { color: #1f2329; font-weight: 600 }
  .tag { background: #e1eaff; color: #245bdb; border-radius: 4px; padding: 0 .4rem }
  .note { background: #fde2e2; color: #b32424; border-radius: 4px; padding: 0 .4rem }
  h2 { font-size: 1rem; margin: .4rem 0 0 }
  pre { font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; margin: .4rem 0 }
  code { font-size: .8rem }
</style>
<header><h1>Inbox of the simulated vendors</h1><span>{{ .Total }} arrived · <a href="inbox.json">JSON</a></span></header>
{{ range .Arrivals }}<article>
  <div class="line"><span class="tag">{{ .Channel }}</span><span class="to">{{ .To }}</span><span>{{ .ToType }}</span><span>{{ .Kind }}</span>{{ with .Group }}<span>in {{ . }}</span>{{ end }}<time>{{ .At.Format "2006-01-02 15:04:05.000" }}</time>{{ range .Notes }}<span class="note">{{ . }}</span>{{ end }}</div>
  {{ with .Subject }}<h2>{{ . }}</h2>{{ end }}
  <pre>{{ .Text }}</pre>
  <div class="line"><code>{{ .ID }}</code>{{ if .Mark }}<code>mark {{ .Mark }}</code><span>requests {{ .Requests }}</span>{{ end }}</div>
</article>
{{ else }}<p>Nothing has arrived yet.</p>
{{ end }}</html>
`))
