package accepting

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
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
func (a *Accepter) checkRecipients(in []store.Recipient, limit int) ([]recipient, error) {
	if len(in) > limit {
		return nil, refusal.New(refusal.TooManyRecipients, "recipients", "%d recipients; at most %d in one request", len(in), limit)
	}
	seen := make(map[store.Recipient]struct{}, len(in))
	out := make([]recipient, 0, len(in))
	for i := range in {
		r := recipient{in[i], i}
		if err := CheckRecipient(a.recipientTypes, r.Recipient); err != nil {
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

// CheckRecipient returns an error when the address is of none of the types, or cannot be one
// of its type. The error does not repeat the address, which is personal data.
func CheckRecipient(types []*channels.RecipientType, r store.Recipient) error {
	if !utf8.ValidString(r.Value) || strings.ContainsFunc(r.Value, func(c rune) bool { return unicode.IsControl(c) || unicode.IsSpace(c) }) {
		return errors.New("must not contain spaces, control characters or invalid UTF-8")
	}
	names := make([]string, len(types))
	for i, t := range types {
		if t.Name == r.Type {
			return t.Check(r.Value)
		}
		names[i] = t.Name
	}
	return errors.New("has an unknown type; known are " + strings.Join(names, ", "))
}
