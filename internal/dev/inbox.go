package dev

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/api/console"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

//go:embed inbox.html
var inboxTemplate string

// inboxPolicy is the Content-Security-Policy of the inbox. It is the console's; htmx asks for news.
const inboxPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'"

// maxShown is how many arrivals the page shows. The JSON has all that are kept.
const maxShown = 50

// inbox is the page of what has arrived at the simulated vendors.
type inbox struct {
	*vendors.Inbox
	feishu *feishu.Platform
	page   *template.Template
	api    atomic.Pointer[string] // URL of the API; nil until it serves
}

func newInbox(of *vendors.Inbox, platform *feishu.Platform) *inbox {
	return &inbox{Inbox: of, feishu: platform, page: template.Must(template.New("inbox").Funcs(template.FuncMap{"asset": console.Asset}).Parse(inboxTemplate))}
}

// handler serves the page, the mails in it, and the JSON.
func (i *inbox) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /inbox", i.show)
	mux.HandleFunc("GET /inbox/mail/{id}", i.mail)
	mux.HandleFunc("POST /inbox/read", i.read)
	mux.HandleFunc("POST /inbox/press", i.press)
	mux.Handle("GET /inbox.json", i.Inbox)
	mux.Handle("GET "+console.Prefix+"/static/", console.Static())
	mux.Handle("GET /{$}", http.RedirectHandler("/inbox", http.StatusFound))
	return mux
}

// shown is an arrival as the page shows it.
type shown struct {
	vendors.Arrival
	Picture  template.HTML
	Delivery string // URL of its page in the console, or empty
	Readable bool   // its reader may say so
	Buttons  []feishu.Button
}

// show answers with the page, or with no content when all that there is was seen.
func (i *inbox) show(w http.ResponseWriter, r *http.Request) {
	changes := i.Changes()
	if r.URL.Query().Get("seen") == strconv.Itoa(changes) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	list := i.Arrivals()
	slices.Reverse(list)
	view := struct {
		Total    int
		Changes  int
		API      string
		Arrivals []shown
	}{Total: i.Total(), Changes: changes}
	if api := i.api.Load(); api != nil {
		view.API = *api
	}
	for _, a := range list[:min(len(list), maxShown)] {
		view.Arrivals = append(view.Arrivals, i.draw(a, view.API))
	}
	w.Header().Set("Content-Security-Policy", inboxPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = i.page.Execute(w, view) // the browser may have gone
}

// draw draws an arrival as the console draws its message.
func (i *inbox) draw(a vendors.Arrival, api string) shown {
	s := shown{Arrival: a}
	if uuid.Validate(a.Mark) == nil && api != "" {
		s.Delivery = api + console.Prefix + "/deliveries/" + a.Mark
	}
	if a.Channel == "feishu_app" {
		s.Readable, s.Buttons = a.ToType != "chat_id", feishu.Buttons(a.Text)
	}
	if a.HTML == "" {
		s.Picture, _ = console.Picture(a.Channel, a.Kind, a.Text) // a text at least
	}
	return s
}

// mail answers with the HTML of a mail, as a document that can do nothing.
func (i *inbox) mail(w http.ResponseWriter, r *http.Request) {
	a, known := i.Get(r.PathValue("id"))
	if !known {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", console.MailPolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(a.HTML)) // the browser may have gone
}

// reader is the user who reads and presses in the inbox.
const reader = "ou_developer"

// read tells the service that a message was read.
func (i *inbox) read(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("id")
	i.noteAndShow(w, r, id, "read", i.feishu.Read(r.Context(), reader, id))
}

// press presses a button of a card.
func (i *inbox) press(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("id")
	a, _ := i.Get(id)
	n, err := strconv.Atoi(r.FormValue("button"))
	buttons := feishu.Buttons(a.Text)
	if err != nil || n < 0 || n >= len(buttons) {
		http.NotFound(w, r)
		return
	}
	toast, err := i.feishu.Press(r.Context(), reader, id, buttons[n].Value)
	i.noteAndShow(w, r, id, buttons[n].Label+": "+toast.Content, err)
}

// noteAndShow notes what happened to an arrival, and goes back to the page.
func (i *inbox) noteAndShow(w http.ResponseWriter, r *http.Request, id, note string, err error) {
	if err != nil {
		note += " " + err.Error()
	}
	i.Note(id, note)
	http.Redirect(w, r, "/inbox", http.StatusSeeOther)
}
