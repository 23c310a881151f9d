package email

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"github.com/labring/sealos-notify/channels"
)

// maxAddress bounds an address, in octets: 64 before the @ and 255 behind it (RFC 5321
// section 4.5.3.1).
const maxAddress = 320

// domains converts the domains of addresses as a client does that looks them up, and
// checks their length, too.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

// parseAddress parses an address, with or without a display name. Its domain becomes
// A-labels (RFC 5891), which every server understands.
func parseAddress(text string) (*mail.Address, error) {
	a, err := mail.ParseAddress(text)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(a.Name+a.Address, unicode.IsControl) {
		return nil, errors.New("it has a control character in it")
	}
	at := strings.LastIndexByte(a.Address, '@')
	if domain := a.Address[at+1:]; !ascii(domain) {
		if domain, err = domains.ToASCII(domain); err != nil {
			return nil, err
		}
		a.Address = a.Address[:at+1] + domain
	}
	if len(a.Address) > maxAddress {
		return nil, errors.New("it is too long")
	}
	return a, nil
}

// parseRecipient parses an address without a display name.
func parseRecipient(text string) (*mail.Address, error) {
	if plain, err := mail.ParseAddress(text); err != nil || plain.Address != text {
		return nil, errors.New("the recipient is not a plain e-mail address")
	}
	a, err := parseAddress(text)
	if err != nil {
		return nil, errors.New("the recipient's domain cannot be written in ASCII, or the address is too long")
	}
	return a, nil
}

// CheckRecipient implements channels.RecipientChecker.
func (s *sender) CheckRecipient(r channels.Recipient) error {
	_, err := parseRecipient(r.Value)
	return err
}
