package vendors

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 3 << 20

// API is a vendor that speaks HTTP. It serves the routes that it is given and, at
// /inbox.json, the inbox.
type API struct {
	*Vendor
	mux *http.ServeMux
}

// NewAPI returns an API that delivers to the inbox.
func NewAPI(inbox *Inbox) *API {
	a := &API{Vendor: NewVendor(inbox), mux: http.NewServeMux()}
	a.mux.Handle("GET /inbox.json", inbox)
	return a
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// HandleFunc adds a route, as http.ServeMux does.
func (a *API) HandleFunc(pattern string, handler http.HandlerFunc) {
	a.mux.HandleFunc(pattern, handler)
}

// Answer is an answer in the vendor's own form.
type Answer struct {
	Status int
	Header http.Header
	Body   any // written as JSON
}

// write writes the answer; the extra header fields replace its own.
func (a Answer) write(w http.ResponseWriter, extra http.Header) {
	maps.Copy(w.Header(), a.Header)
	addHeader(w, extra)
	w.WriteHeader(a.Status)
	_ = json.NewEncoder(w).Encode(a.Body) // fails when the client has gone
}

func addHeader(w http.ResponseWriter, header http.Header) {
	for name, values := range header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
}

// Answer answers a request for the operation, by the fault that it meets if there
// is one. effect does what the request asks for. refuse returns the answer of a
// fault that has a code.
func (a *API) Answer(
	w http.ResponseWriter, r *http.Request, operation string, effect func(body []byte) Answer, refuse func(Fault) Answer,
) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the client has gone, or sends too much
	}
	fault := a.Meet(operation)
	if fault == nil {
		effect(body).write(w, nil)
		return
	}
	var answer Answer
	if fault.After {
		answer = effect(body)
	}
	switch {
	case !fault.Hold(r.Context()):
	case fault.Reset:
		cut(w)
	case fault.Code != "":
		refuse(fault.Fault).write(w, fault.Header)
	case fault.Answers():
		addHeader(w, fault.Header)
		w.WriteHeader(max(fault.HTTPStatus, http.StatusOK))
		_, _ = io.WriteString(w, fault.Body)
	case fault.After:
		answer.write(w, nil)
	default:
		effect(body).write(w, nil)
	}
}

// cut resets the connection of a request.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 has no hijack; this resets the stream
	}
	Reset(conn)
}

// Reset closes the connection with RST instead of FIN.
func Reset(conn net.Conn) {
	if tcp, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// CanonicalHeader returns the named header fields as vendors sign them: a line for
// each.
func CanonicalHeader(r *http.Request, names []string) string {
	var lines strings.Builder
	for _, name := range names {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		lines.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	return lines.String()
}

// CanonicalQuery returns the query as vendors sign it: sorted, with all but the
// unreserved characters of RFC 3986 percent-encoded.
func CanonicalQuery(query url.Values) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	var pairs []string
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}
