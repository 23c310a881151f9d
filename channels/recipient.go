package channels

import (
	"errors"
	"net/mail"
	"regexp"
	"slices"
	"strings"
)

// Names of recipient types that several channels accept, or whose name the API promises.
const (
	RecipientEmail        = "email"
	RecipientPhone        = "phone"
	RecipientUserID       = "user_id"
	RecipientFeishuUserID = "feishu_user_id"
	RecipientFeishuChatID = "feishu_chat_id"
	RecipientFeishuGroup  = "feishu_group"
)

// Recipient is one address a message goes to.
type Recipient struct {
	Type  string // the name of a RecipientType
	Value string
}

// RecipientType is a kind of address. A channel's Type lists those that it accepts; what
// no channel lists does not exist for the service.
type RecipientType struct {
	Name    string // in requests
	Example string // an address that Check accepts
	// Check returns what is wrong with an address, which has no white space or control
	// characters. The error does not repeat the address, which is personal data.
	Check func(value string) error
	// NamesProvider is true when an address is the name of a provider, such as the bot of a
	// group. The delivery goes through that one, never through the channel's.
	NamesProvider bool
}

// Recipient types that channels share.
var (
	Email        = &RecipientType{Name: RecipientEmail, Example: "alice@example.com", Check: checkEmail}
	Phone        = &RecipientType{Name: RecipientPhone, Example: "+8613800000000", Check: checkPhone}
	UserID       = &RecipientType{Name: RecipientUserID, Example: "alice", Check: CheckID}
	FeishuUserID = &RecipientType{Name: RecipientFeishuUserID, Example: "ou_7d8a6e6df7621556ce0d21922b676706ccs", Check: CheckID}
	FeishuChatID = &RecipientType{Name: RecipientFeishuChatID, Example: "oc_84983ff6516d731e5b5f68d4ea2e1da5", Check: checkChatID}
	FeishuGroup  = &RecipientType{Name: RecipientFeishuGroup, Example: "team-a", Check: checkProviderName, NamesProvider: true}
)

// RecipientTypesOf returns the recipient types that provider types accept, each once.
func RecipientTypesOf(types ...Type) []*RecipientType {
	var all []*RecipientType
	for _, t := range types {
		for _, r := range t.RecipientTypes {
			if !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
	}
	return all
}

// RecipientTypeNames returns the names of the recipient types that provider types accept.
func RecipientTypeNames(types ...Type) []string {
	var names []string
	for _, r := range RecipientTypesOf(types...) {
		names = append(names, r.Name)
	}
	return names
}

const (
	maxAddress = 320 // bytes: the longest e-mail address (RFC 5321)
	maxID      = 128
)

// checkEmail accepts an address without a display name, which a vendor would take for a part
// of the address.
func checkEmail(value string) error {
	a, err := mail.ParseAddress(value)
	if err != nil || a.Address != value || len(value) > maxAddress {
		return errors.New("is not a plain e-mail address such as alice@example.com")
	}
	return nil
}

// checkPhone accepts a number in the form of ITU-T E.164: a plus and 7 to 15 digits.
func checkPhone(value string) error {
	digits, ok := strings.CutPrefix(value, "+")
	if !ok || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return errors.New("is not a phone number in international form such as +8613800000000")
	}
	return nil
}

var chatID = regexp.MustCompile(`^oc_[A-Za-z0-9_-]+$`)

func checkChatID(value string) error {
	if !chatID.MatchString(value) || len(value) > maxID {
		return errors.New("is not the id of a Feishu chat, such as oc_84983ff6516d731e5b5f68d4ea2e1da5")
	}
	return nil
}

// ProviderName matches the names that providers may have.
var ProviderName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func checkProviderName(value string) error {
	if !ProviderName.MatchString(value) {
		return errors.New("is not the name of a group: letters, digits, '.', '_' and '-', at most 64")
	}
	return nil
}

// CheckID is the RecipientType.Check of ids that somebody else gives out.
func CheckID(value string) error {
	if value == "" || len(value) > maxID {
		return errors.New("must have 1 to 128 characters")
	}
	return nil
}
