package api

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// handler returns the server's handler. It refuses what HTTP forbids and fasthttp lets
// through, and decodes the path.
func (s *Server) handler(route fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(r *fasthttp.RequestCtx) {
		if r.Request.BodyStream() == nil {
			handling(r.Conn())
		}
		problem := checkRequest(&r.Request.Header)
		if problem == nil {
			problem = decodePath(r.Request.URI())
		}
		if problem == nil {
			route(r)
			return
		}
		linger(r.Conn())
		r.SetConnectionClose() // where the next request begins is uncertain
		c := s.app.AcquireCtx(r)
		defer s.app.ReleaseCtx(c)
		setHeaders(c)
		_ = s.writeError(c, problem) // a problem document can always be written
	}
}

// host is what RFC 9112, section 3.2, allows in Host: a name or an IPv4 address as RFC
// 3986, section 3.2.2, has it, or an IPv6 address, which fasthttp has parsed; and a port.
var host = regexp.MustCompile(`^(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+|\[[^\]]+\])(?::[0-9]*)?$`)

// identity is a Transfer-Encoding that HTTP had once, and that fasthttp drops.
var identity = regexp.MustCompile(`(?:^|\n)transfer-encoding:[ \t]*identity`)

// checkRequest returns what is wrong with a request's first line and headers, or nil.
func checkRequest(h *fasthttp.RequestHeader) *Problem {
	target, version := string(h.RequestURI()), string(h.Protocol())
	names := h.PeekAll(fiber.HeaderHost)
	switch {
	case !strings.HasPrefix(version, "HTTP/1."):
		return statusProblem(http.StatusHTTPVersionNotSupported, "the version must be HTTP/1.1 or HTTP/1.0")
	case !slices.Contains(fiber.DefaultMethods, string(h.Method())) || string(h.Method()) == fiber.MethodConnect:
		return statusProblem(http.StatusNotImplemented, "this method is not known here")
	case slices.ContainsFunc(names, func(name []byte) bool { return len(name) > 0 && !host.Match(name) }):
		return statusProblem(http.StatusBadRequest, "the header Host must be a name or an address, and may have a port")
	case !isTarget(target) && (target != "*" || string(h.Method()) != fiber.MethodOptions):
		return statusProblem(http.StatusBadRequest, "the request's target must be a path or an http URL")
	case !areLines(h.RawHeaders()):
		return statusProblem(http.StatusBadRequest, "a header must be one line that ends with CR LF")
	case isIdentity(h.RawHeaders()):
		return statusProblem(http.StatusBadRequest, "the only known Transfer-Encoding is chunked")
	}
	return nil
}

// areLines reports whether each header is one line. Others may read a folded header, or one
// that ends with LF alone, in another way.
func areLines(headers []byte) bool {
	return bytes.Count(headers, []byte("\n")) == bytes.Count(headers, []byte("\r\n")) &&
		!bytes.Contains(headers, []byte("\n ")) && !bytes.Contains(headers, []byte("\n\t"))
}

// isIdentity reports whether the Transfer-Encoding is identity. The expression alone takes a
// twentieth of the processor time of accepting a notification.
func isIdentity(headers []byte) bool {
	headers = bytes.ToLower(headers)
	return bytes.Contains(headers, []byte("identity")) && identity.Match(headers)
}

// isTarget reports whether a request's target is a path, or a URL of this protocol.
func isTarget(target string) bool {
	if strings.Contains(target, "#") {
		return false
	}
	if strings.HasPrefix(target, "/") {
		return true
	}
	u, err := url.Parse(target)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}

// decodePath decodes the path's percent-encoding, which RFC 3986, section 2.3, makes equal
// to the characters themselves. An encoded slash stays encoded: it separates nothing.
func decodePath(u *fasthttp.URI) *Problem {
	path := string(u.PathOriginal())
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		decoded, err := url.PathUnescape(segment)
		switch {
		case err != nil:
			return statusProblem(http.StatusBadRequest, "the path has a % that begins no escape")
		case !utf8.ValidString(decoded) || strings.ContainsRune(decoded, 0):
			return statusProblem(http.StatusBadRequest, "the path must be valid UTF-8 without NUL characters")
		case !strings.Contains(decoded, "/"):
			segments[i] = decoded
		}
	}
	if decoded := strings.Join(segments, "/"); decoded != path {
		u.SetPath(decoded)
	}
	return nil
}
