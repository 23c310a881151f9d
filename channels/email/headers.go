package email

import (
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labring/sealos-notify/channels"
)

// Bounds of the key headers. The bounds of a name and a value are in octets.
const (
	maxHeaders     = 20
	maxHeaderName  = 50
	maxHeaderValue = 4000
)

// headerName matches a field's name (RFC 5322 section 3.6.8) of any length.
var headerName = regexp.MustCompile("^[!-9;-~]+$")

// reserved matches, in lower case, the fields that the service or a server writes, and
// those that name recipients.
var reserved = regexp.MustCompile(`^(from|sender|reply-to|to|cc|bcc|apparently-to|subject|date|message-id|auto-submitted|mime-version|content-.*|` +
	`list-unsubscribe-post|received|received-.*|return-path|delivered-to|dkim-.*|domainkey-.*|authentication-results|arc-.*|resent-.*)$`)

const (
	listUnsubscribe = "List-Unsubscribe"
	oneClick        = listUnsubscribe + "-Post: List-Unsubscribe=One-Click\r\n"
)

// replyTo returns the parsed ReplyTo; nil when it is empty.
func (c *Config) replyTo() (*mail.Address, error) {
	if c.ReplyTo == "" {
		return nil, nil
	}
	a, err := parseAddress(c.ReplyTo)
	if err != nil || !ascii(a.Address) {
		return nil, channels.KeyErrorf("replyTo", "not an address such as help@example.com or Help <help@example.com>, in ASCII before the @")
	}
	return a, nil
}

// header returns the fields that all mails have in common, and those about unsubscribing.
func (c *Config) header() (header, unsubscribe string, err error) {
	from, err := c.sender()
	if err != nil {
		return "", "", err
	}
	replyTo, err := c.replyTo()
	if err != nil {
		return "", "", err
	}
	header = addressField("From", from)
	if replyTo != nil {
		header += addressField("Reply-To", replyTo)
	}
	if len(c.Headers) > maxHeaders {
		return "", "", channels.KeyErrorf("headers", "%d of them; at most %d", len(c.Headers), maxHeaders)
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		fields, err := customField(name, c.Headers[name])
		if err == nil && seen[canonical] {
			err = errors.New("is given twice")
		}
		if err != nil {
			return "", "", channels.KeyErrorf("headers", "%q: %w", name, err)
		}
		seen[canonical] = true
		if canonical == listUnsubscribe {
			unsubscribe = fields
		} else {
			header += fields
		}
	}
	return header, unsubscribe, nil
}

// unsubscribeFields returns the fields by which mail programs unsubscribe with one POST to the https
// address (RFC 8058).
func unsubscribeFields(address string) string {
	return field(listUnsubscribe, []string{"<" + address + ">"}) + oneClick
}

// customField returns a field of the key headers. After a List-Unsubscribe with an
// https address comes the field that lets mail programs unsubscribe by one POST (RFC
// 8058). The errors do not repeat the value.
func customField(name, value string) (string, error) {
	switch {
	case len(name) > maxHeaderName || !headerName.MatchString(name):
		return "", fmt.Errorf("no header's name: visible ASCII characters without a colon, at most %d", maxHeaderName)
	case reserved.MatchString(strings.ToLower(name)):
		return "", errors.New("is written by the service or by mail servers")
	case !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }):
		return "", errors.New("its value has a line break, another control character or invalid UTF-8 in it")
	case len(value) > maxHeaderValue:
		return "", fmt.Errorf("its value has more than %d octets", maxHeaderValue)
	}
	words := strings.Fields(value)
	if len(words) == 0 {
		return "", errors.New("has no value")
	}
	for _, word := range words {
		if ascii(word) && len(word) > maxWord {
			return "", fmt.Errorf("its value has a word of more than %d octets, which does not fit into a line", maxWord)
		}
	}
	value = strings.Join(words, " ")
	fields := textField(name, value, maxWord)
	if !strings.EqualFold(name, listUnsubscribe) {
		return fields, nil
	}
	https, err := checkUnsubscribe(value)
	if https {
		fields += oneClick
	}
	return fields, err
}

var (
	uri     = regexp.MustCompile(`<([^<> ]+)>`)
	uriList = regexp.MustCompile(`^` + uri.String() + `(?: ?, ?` + uri.String() + `)*$`)
)

// checkUnsubscribe checks a List-Unsubscribe (RFC 2369). It reports whether it has an
// https address.
func checkUnsubscribe(value string) (https bool, err error) {
	wrong := errors.New("its value is not made of <https://…> and <mailto:…>, with commas between them")
	if !uriList.MatchString(value) || !ascii(value) {
		return false, wrong
	}
	for _, match := range uri.FindAllStringSubmatch(value, -1) {
		u, err := url.Parse(match[1])
		switch {
		case err != nil:
			return false, wrong
		case u.Scheme == "https" && u.Hostname() != "":
			https = true
		case u.Scheme == "http" && u.Hostname() != "":
		case u.Scheme == "mailto" && strings.Contains(u.Opaque, "@"):
		default:
			return false, wrong
		}
	}
	return https, nil
}
