package accepting

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

const (
	maxAddress = 320 // bytes: the longest e-mail address (RFC 5321)
	maxUserID  = 128
)

// recipient is one of a request's recipients, with its index there.
type recipient struct {
	store.Recipient
	index int
}

func (r recipient) refuse(why string) error {
	return refusal.New(refusal.InvalidRecipient, fmt.Sprintf("recipients[%d].value", r.index), "%s", why)
}

// checkRecipients checks the recipients and their number, and drops repeated ones.
func checkRecipients(in []store.Recipient, limit int) ([]recipient, error) {
	if len(in) > limit {
		return nil, refusal.New(refusal.TooManyRecipients, "recipients", "%d recipients; at most %d in one request", len(in), limit)
	}
	seen := make(map[store.Recipient]struct{}, len(in))
	out := make([]recipient, 0, len(in))
	for i := range in {
		r := recipient{in[i], i}
		if err := CheckRecipient(r.Recipient); err != nil {
			return nil, r.refuse(err.Error())
		}
		if _, repeated := seen[r.Recipient]; repeated {
			continue
		}
		seen[r.Recipient] = struct{}{}
		out = append(out, r)
	}
	return out, nil
}

// CheckRecipient returns an error when the address cannot be one of its type. The error does
// not repeat the address, which is personal data.
func CheckRecipient(r store.Recipient) error {
	if !utf8.ValidString(r.Value) || strings.ContainsFunc(r.Value, func(c rune) bool { return unicode.IsControl(c) || unicode.IsSpace(c) }) {
		return errors.New("must not contain spaces, control characters or invalid UTF-8")
	}
	switch r.Type {
	case channels.RecipientEmail:
		// Without a display name, which a vendor would take for a part of the address.
		a, err := mail.ParseAddress(r.Value)
		if err != nil || a.Address != r.Value || len(r.Value) > maxAddress {
			return errors.New("is not a plain e-mail address such as alice@example.com")
		}
	case channels.RecipientPhone:
		if !e164(r.Value) {
			return errors.New("is not a phone number in international form such as +8613800000000")
		}
	case channels.RecipientUserID, channels.RecipientFeishuUserID:
		if r.Value == "" || len(r.Value) > maxUserID {
			return errors.New("must have 1 to 128 characters")
		}
	default:
		return errors.New("has an unknown type; known are email, phone, user_id, feishu_user_id")
	}
	return nil
}

// e164 reports whether the number has the form of ITU-T E.164: a plus and 7 to 15 digits.
func e164(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && len(digits) >= 7 && len(digits) <= 15 && digits[0] != '0' &&
		strings.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' }) < 0
}
