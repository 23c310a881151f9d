package console

import (
	"html/template"
	"net/http"
	"strings"
	"sync"

	"github.com/labring/sealos-notify/store"
)

// Picture returns how a message looks, as its delivery's page shows it, in English. It needs the
// stylesheet, Asset("style.css"). The body of a mail is not in it: a frame with MailPolicy shows it.
func Picture(channel, msgType, body string) (template.HTML, error) {
	var out strings.Builder
	err := pictures().ExecuteTemplate(&out, "message", draw(store.Message{Channel: channel, MsgType: msgType, Body: body}))
	return template.HTML(out.String()), err //nolint:gosec // html/template made it
}

var pictures = sync.OnceValue(func() *template.Template { return parseViews(languages[0])["delivery"] })

// Static serves what pages load, at the addresses that Asset returns.
func Static() http.Handler { return static }
