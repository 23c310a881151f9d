// Package phone is what the channels that reach people by phone share: which
// numbers a provider takes, and the params of the vendors' templates.
package phone

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/labring/sealos-notify/channels"
)

// Rule says which numbers a provider takes.
type Rule struct {
	Countries  []string // ISO 3166 regions, such as CN
	MobileOnly bool     // no numbers that are certainly landlines
}

// Validate checks the countries. Its error is a *channels.KeyError.
func (r Rule) Validate() error {
	if len(r.Countries) == 0 {
		return channels.KeyErrorf("countries", "at least one is needed, such as CN")
	}
	known := phonenumbers.GetSupportedRegions()
	for _, c := range r.Countries {
		if !known[c] {
			return channels.KeyErrorf("countries", "%q is no ISO 3166 region such as CN", c)
		}
	}
	return nil
}

// Parse reads a number in the form of E.164. Its errors do not repeat it.
func (r Rule) Parse(text string) (Number, error) {
	parsed, err := phonenumbers.Parse(text, "")
	if err != nil || !phonenumbers.IsValidNumber(parsed) {
		return Number{}, errors.New("is not a valid phone number")
	}
	region := phonenumbers.GetRegionCodeForNumber(parsed)
	if !slices.Contains(r.Countries, region) {
		return Number{}, fmt.Errorf("is a phone number of region %s; allowed are %s", region, strings.Join(r.Countries, ", "))
	}
	// Where the plan does not tell mobiles from landlines, as in North America,
	// the type is FIXED_LINE_OR_MOBILE, and the number is taken.
	if r.MobileOnly && phonenumbers.GetNumberType(parsed) == phonenumbers.FIXED_LINE {
		return Number{}, errors.New("is a landline; only mobile numbers can be reached")
	}
	return Number{parsed}, nil
}

// Number is a valid phone number.
type Number struct{ parsed *phonenumbers.PhoneNumber }

const mainlandChina = 86

// Digits returns the number as vendors in China take it: as it is dialled at home
// for mainland China (13800000000), elsewhere the country code and the number
// (85261234567).
func (n Number) Digits() string {
	format := phonenumbers.E164
	if n.parsed.GetCountryCode() == mainlandChina {
		format = phonenumbers.NATIONAL
	}
	return phonenumbers.NormalizeDigitsOnly(phonenumbers.Format(n.parsed, format))
}

// Strike cuts the number, with or without its country code, out of a vendor's text.
func (n Number) Strike(text string) string {
	return strings.NewReplacer(
		n.Digits(), "***",
		phonenumbers.GetNationalSignificantNumber(n.parsed), "***",
	).Replace(text)
}
