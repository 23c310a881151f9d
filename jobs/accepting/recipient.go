package accepting

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// recipient is one of a list of a request, with its place there.
type recipient struct {
	store.Recipient
	params  map[string]any // nil when it has none of its own
	locale  string         // empty when it has none of its own
	zone    string         // empty: the kind's
	list    string         // such as "recipients" or "channels.email.recipients"
	index   int
	origin  origin
	contact *store.Contact   // whose address it is; nil: nobody's, as far as the request says
	twins   []*store.Contact // others that have the same address
}

// origin is how a request names a recipient.
type origin int

const (
	byAddress origin = iota
	byName
	byGroup
)

func (r recipient) refuse(code, why string) error { return r.refuseField(code, "value", why) }

func (r recipient) refuseField(code, field, why string) error {
	return refusal.New(code, r.path()+"."+field, "%s", why)
}

// contactKey returns whose address it is, as a delivery has it.
func (r recipient) contactKey() string {
	if r.contact == nil {
		return ""
	}
	return r.contact.String()
}

// path returns where it is in the request.
func (r recipient) path() string { return fmt.Sprintf("%s[%d]", r.list, r.index) }

// lists are the recipients of a request.
type lists struct {
	channels []string // of the request, sorted
	common   []recipient
	own      map[string][]recipient // by channel, of those that have their own
	mention  map[string][]recipient // by channel
}

// checkLists checks all addresses of a request, and the number of its recipients.
func (a *Accepter) checkLists(req Request, most int) (l lists, err error) {
	if err := checkNumber(req, most); err != nil {
		return l, err
	}
	if l.common, err = a.checkList("recipients", req.Recipients); err != nil {
		return l, err
	}
	l.channels = slices.Sorted(maps.Keys(req.Channels))
	for _, channel := range l.channels {
		c, key := req.Channels[channel], "channels."+channel
		if c.Recipients != nil {
			if err := a.addList(&l.own, channel, key+".recipients", c.Recipients); err != nil {
				return l, err
			}
		}
		if len(c.Mention) > 0 {
			if err := a.addList(&l.mention, channel, key+".mention", To(c.Mention...)); err != nil {
				return l, err
			}
		}
	}
	return l, nil
}

// checkNumber returns a *refusal.Error when a request has more recipients than it may, in all
// its lists together.
func checkNumber(req Request, most int) error {
	if req.recipients() <= most {
		return nil
	}
	total, list := len(req.Recipients), "recipients"
	for _, channel := range slices.Sorted(maps.Keys(req.Channels)) {
		if n := len(req.Channels[channel].Recipients); n > 0 && total <= most {
			total, list = total+n, "channels."+channel+".recipients"
		}
	}
	return refusal.New(refusal.TooManyRecipients, list, "%d recipients; at most %d in one request", total, most)
}

// addList checks a list of a channel and adds it to the others.
func (a *Accepter) addList(to *map[string][]recipient, channel, list string, in []Recipient) (err error) {
	if *to == nil {
		*to = map[string][]recipient{}
	}
	(*to)[channel], err = a.checkList(list, in)
	return err
}

// checkList checks the addresses of a list, and drops repeated ones. The same address cannot get
// two messages: whether the second one was meant to replace the first is not known.
func (a *Accepter) checkList(list string, in []Recipient) ([]recipient, error) {
	seen := make(map[store.Recipient]int, len(in)) // positions in out
	out := make([]recipient, 0, len(in))
	for i := range in {
		r := recipient{Recipient: in[i].Recipient, params: in[i].Params, locale: in[i].Locale, zone: in[i].TimeZone, list: list, index: i}
		if err := a.check(r.Recipient); err != nil {
			return nil, r.refuse(refusal.InvalidRecipient, err.Error())
		}
		if r.locale != "" {
			if _, err := rendering.ParseLocale(r.locale); err != nil {
				return nil, r.refuseField(refusal.InvalidLocale, "locale", err.Error())
			}
		}
		if r.zone != "" {
			if _, err := store.LoadZone(r.zone); err != nil {
				return nil, r.refuseField(refusal.InvalidRecipient, "timeZone", err.Error())
			}
		}
		if first, repeated := seen[r.Recipient]; repeated {
			before := out[first]
			switch {
			case !reflect.DeepEqual(before.params, r.params):
				return nil, r.refuseField(refusal.InvalidRecipient, "params", "differ from those that this recipient has further up")
			case before.locale != r.locale:
				return nil, r.refuseField(refusal.InvalidRecipient, "locale", "differs from the one that this recipient has further up")
			case before.zone != r.zone:
				return nil, r.refuseField(refusal.InvalidRecipient, "timeZone", "differs from the one that this recipient has further up")
			}
			continue
		}
		seen[r.Recipient] = len(out)
		out = append(out, r)
	}
	return out, nil
}

// CheckAddress returns an error when the address is of no known type, or cannot be one of its type. The
// error does not repeat the address.
func (a *Accepter) CheckAddress(r store.Recipient) error { return CheckRecipient(a.recipientTypes, r) }

// check returns an error when the recipient is no address, nor the name of a contact or a group.
func (a *Accepter) check(r store.Recipient) error {
	if !isNamed(r) {
		return a.CheckAddress(r)
	}
	if !IsContactName(r.Value) {
		return errors.New("is not the name of a contact or a group: " + contactNameRule)
	}
	return nil
}

// taken returns the recipients that a channel takes: among its own, or else among the common ones,
// and of each contact the first address. It returns a *refusal.Error for an address of its own that
// it does not take; with alerts that is left out.
func (p *preparation) taken(t channels.Type) ([]recipient, error) {
	all, own := p.lists.own[t.Channel]
	if !own {
		all = p.lists.common
	}
	taken := make([]recipient, 0, len(all))
	for _, r := range all {
		switch {
		case r.origin != byAddress:
			address, has := addressOf(r.contact, t)
			if !has {
				p.note(r.contact, t.Channel, false)
				continue
			}
			r.Recipient = address
		case t.Accepts(r.Type):
		case own && p.alerts == nil:
			return nil, r.refuseField(refusal.InvalidRecipient, "type",
				t.Channel+" does not take this type; it takes "+strings.Join(channels.RecipientTypeNames(t), ", "))
		default:
			continue
		}
		taken = append(taken, r)
	}
	if p.reach != nil {
		taken = once(taken)
	}
	return taken, nil
}

// unmatched returns the addresses that are not among those that were reached, each once, and
// adds them there. Contacts have a list of their own.
func (l lists) unmatched(reached map[store.Recipient]struct{}) []store.Recipient {
	left := []store.Recipient{}
	note := func(list []recipient) {
		for _, r := range list {
			if _, is := reached[r.Recipient]; !is && r.origin == byAddress {
				reached[r.Recipient] = struct{}{}
				left = append(left, r.Recipient)
			}
		}
	}
	note(l.common)
	for _, channel := range l.channels {
		note(l.own[channel])
	}
	return left
}

// stored returns the addresses.
func stored(list []recipient) []store.Recipient {
	var out []store.Recipient
	for _, r := range list {
		out = append(out, r.Recipient)
	}
	return out
}

// CheckRecipient returns an error when the address is of none of the types, or cannot be one
// of its type. The error does not repeat the address, which is personal data.
func CheckRecipient(types []*channels.RecipientType, r store.Recipient) error {
	if !utf8.ValidString(r.Value) || strings.ContainsFunc(r.Value, func(c rune) bool { return unicode.IsControl(c) || unicode.IsSpace(c) }) {
		return errors.New("must not contain spaces, control characters or invalid UTF-8")
	}
	var names []string
	for _, t := range types {
		if t.Name == r.Type {
			return t.Check(r.Value)
		}
	}
	for _, t := range types {
		names = append(names, t.Name)
	}
	return errors.New("has an unknown type; known are " + strings.Join(names, ", "))
}
