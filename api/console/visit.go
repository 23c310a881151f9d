package console

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	pathpkg "path"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

// visit is one request of a page. Templates see it as the root value.
type visit struct {
	Language lang
	Theme    string // light, dark, or empty: as the browser has it
	User     User   // nil when nobody is signed in
	Title    string // of the page, when it is more than its name
	Mark     string // of what a live page shows
	Data     any    // what the handler gave

	console *Console
	w       http.ResponseWriter
	r       *http.Request
	ctx     context.Context // of the user
	route   route
}

// Name returns the page's name, the prefix of its texts.
func (v *visit) Name() string { return v.route.view }

// Here returns the path and the query of the page.
func (v *visit) Here() string { return v.r.URL.RequestURI() }

// Notice is what the page before did: a key of texts, and a number in it.
func (v *visit) Notice() []any {
	name, number, _ := strings.Cut(v.r.URL.Query().Get("done"), ".")
	if !notices[name] {
		return nil
	}
	n, _ := strconv.Atoi(number)
	return []any{"notice." + name, n}
}

// notices are the texts that a link may ask for.
var notices = map[string]bool{
	"cancelled": true, "retried": true, "retriedMany": true, "retriedSome": true, "tested": true,
	"templateSaved": true, "templateDeleted": true, "kindSaved": true, "kindDeleted": true,
	"switched": true, "unsuppressed": true, "endpointSwitched": true, "endpointDeleted": true, "replayed": true, "acknowledged": true, "stopped": true,
}

// page writes the answer of a view.
func (v *visit) page(data any) error {
	v.Data = data
	return v.show(v.route.view, http.StatusOK, data)
}

// show writes a view with the status.
func (v *visit) show(view string, status int, data any) error {
	v.Data = data
	return v.write(view, "layout", status)
}

// fragment writes one template of the page's view, for htmx.
func (v *visit) fragment(name string, data any) error {
	v.Data = data
	return v.write(v.route.view, name, http.StatusOK)
}

func (v *visit) write(view, template string, status int) error {
	var out bytes.Buffer
	if err := v.console.views[v.Language]()[view].ExecuteTemplate(&out, template, v); err != nil {
		v.console.log.Error("a page could not be made", zap.String("view", view), zap.Error(err))
		http.Error(v.w, "internal error; it was logged", http.StatusInternalServerError)
		return nil
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(out.Bytes()) // the browser may have gone
	return nil
}

// redirect sends the browser to a path of the console, which it then reads.
func (v *visit) redirect(path string, query url.Values) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	http.Redirect(v.w, v.r, path, http.StatusSeeOther)
	return nil
}

// local returns a path of the console, or its start when the given one leads elsewhere.
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(pathpkg.Clean(u.Path)+"/", Prefix+"/") || strings.ContainsAny(path, "\\\r\n") {
		return Prefix + "/"
	}
	return u.RequestURI()
}
