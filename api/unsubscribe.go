package api

import (
	"bytes"
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/api/console"
	"github.com/labring/sealos-notify/jobs/optout"
	"github.com/labring/sealos-notify/store"
)

//go:embed unsubscribe.html
var unsubscribeTemplate string

// unsubscribePolicy is the Content-Security-Policy of the page: no script runs.
const unsubscribePolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// maxSwitching bounds the links that are used at once. They are a part of the database's connections.
const maxSwitching = 4

var unsubscribePage = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"asset": console.Asset}).Parse(unsubscribeTemplate))
})

// unsubscribed is what the page shows.
type unsubscribed struct {
	State       string // asked, off, on, forged or busy
	Kind        string
	Description string // of the kind; may be empty
	Address     string // masked
}

// serveUnsubscribe registers the door for people who follow the link of a mail, and for mail programs
// that unsubscribe by one POST (RFC 8058). The link is all that it asks for.
func (s *Server) serveUnsubscribe() {
	s.app.Use(optout.Path, func(c *fiber.Ctx) error { return s.take(c, "", maxSignIn) })
	s.app.Get(optout.Path+":token", s.unsubscribe)
	s.app.Post(optout.Path+":token", s.unsubscribe)
}

// unsubscribe shows what the link switches off, and switches it off when it is posted. Programs that
// look where links lead only read.
func (s *Server) unsubscribe(c *fiber.Ctx) error {
	ctx := c.UserContext()
	awaiting(c.Context().Conn())
	defer handling(c.Context().Conn())
	giveBack, err := s.switching.Take(ctx, "", 1)
	if err != nil {
		return s.answerUnsubscribe(c, http.StatusServiceUnavailable, unsubscribed{State: "busy"})
	}
	defer giveBack()
	choice, err := s.optOut.Read(ctx, c.Params("token"))
	if errors.Is(err, optout.ErrForged) {
		if wait := s.forgeries.failed("", s.peer(c)); wait > 0 {
			c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(wait/time.Second)+1))
			return s.answerUnsubscribe(c, http.StatusTooManyRequests, unsubscribed{State: "forged"})
		}
		return s.answerUnsubscribe(c, http.StatusNotFound, unsubscribed{State: "forged"})
	}
	page := unsubscribed{State: "asked", Kind: choice.Kind, Address: masked(choice.Recipient)}
	if err == nil && c.Method() == fiber.MethodPost {
		page.State = "off"
		if asked, _ := url.ParseQuery(string(c.BodyRaw())); asked.Get("do") == "on" {
			page.State = "on"
		}
		err = s.optOut.Switch(ctx, choice, page.State == "off")
	}
	if err == nil {
		page.Description, err = s.optOut.Describe(ctx, choice.Kind)
	}
	if err != nil {
		s.log.Warn("a link of a mail could not be used", zap.Error(err))
		return s.answerUnsubscribe(c, http.StatusServiceUnavailable, unsubscribed{State: "busy"})
	}
	return s.answerUnsubscribe(c, http.StatusOK, page)
}

func (s *Server) answerUnsubscribe(c *fiber.Ctx, status int, page unsubscribed) error {
	var out bytes.Buffer
	if err := unsubscribePage().Execute(&out, page); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentSecurityPolicy, unsubscribePolicy)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	if status == http.StatusServiceUnavailable {
		c.Set(fiber.HeaderRetryAfter, "5")
	}
	return c.Status(status).Send(out.Bytes())
}

// masked returns an address as its owner knows it, and nobody else: its first character, and where
// its mails go.
func masked(r store.Recipient) string {
	first, size := utf8.DecodeRuneInString(r.Value)
	if at := strings.LastIndexByte(r.Value, '@'); size > 0 && at >= size {
		return string(first) + "***" + r.Value[at:]
	}
	return "***"
}

// loggedPath returns a path as the log may have it: without the token of a link, which is as good as
// a secret.
func loggedPath(path string) string {
	if strings.HasPrefix(path, optout.Path) {
		return optout.Path
	}
	return path[:min(len(path), maxLoggedPath)]
}
