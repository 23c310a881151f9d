package jobs

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

const (
	maxAddress = 320 // bytes: the longest e-mail address (RFC 5321)
	maxUserID  = 128
)

// recipient is one of a request's recipients, with its place there.
type recipient struct {
	store.Recipient
	index int
}

func (r recipient) refuse(why string) *Refusal {
	return &Refusal{Code: CodeInvalidRecipient, Field: fmt.Sprintf("recipients[%d].value", r.index), Message: why}
}

// checkRecipients bounds and checks the recipients, and drops repeated ones.
func checkRecipients(in []store.Recipient, limit int) ([]recipient, error) {
	if len(in) > limit {
		return nil, &Refusal{
			Code: CodeTooManyRecipients, Field: "recipients",
			Message: fmt.Sprintf("%d recipients; at most %d in one request", len(in), limit),
		}
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

// CheckRecipient says what is wrong with an address. Its errors do not repeat
// the address: it is personal data.
func CheckRecipient(r store.Recipient) error {
	if !utf8.ValidString(r.Value) || strings.ContainsFunc(r.Value, func(c rune) bool { return unicode.IsControl(c) || unicode.IsSpace(c) }) {
		return errors.New("must not contain spaces, control characters or invalid UTF-8")
	}
	switch r.Type {
	case channels.RecipientEmail:
		// A bare address only: a display name would be sent to a vendor as an address.
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

// e164 says whether the number has the form of ITU-T E.164: a plus and 7 to 15 digits.
func e164(s string) bool {
	digits, ok := strings.CutPrefix(s, "+")
	return ok && len(digits) >= 7 && len(digits) <= 15 && digits[0] != '0' &&
		strings.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' }) < 0
}
