// Package phone is shared by the channels that reach people by phone. It checks the
// numbers and writes the params of the vendors' templates.
package phone

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/labring/sealos-notify/channels"
)

// Rule is which numbers a provider accepts.
type Rule struct {
	Countries  []string // ISO 3166 regions, such as CN
	MobileOnly bool     // refuses numbers that are certainly landlines
}

// Validate checks the countries. Its error is a *channels.KeyError.
func (r Rule) Validate() error {
	if len(r.Countries) == 0 {
		return channels.KeyErrorf("countries", "at least one is needed, such as CN")
	}
	known := phonenumbers.GetSupportedRegions()
	for i, c := range r.Countries {
		if !known[c] {
			return channels.KeyErrorf(fmt.Sprintf("countries[%d]", i), "must be an ISO 3166 region, such as CN")
		}
	}
	return nil
}

// Parse parses a number in E.164 format. Its errors do not repeat the number.
func (r Rule) Parse(text string) (Number, error) {
	parsed, err := phonenumbers.Parse(text, "")
	if err != nil || !phonenumbers.IsValidNumber(parsed) {
		return Number{}, errors.New("is not a valid phone number")
	}
	region := phonenumbers.GetRegionCodeForNumber(parsed)
	if !slices.Contains(r.Countries, region) {
		return Number{}, fmt.Errorf("is a phone number of region %s; allowed are %s", region, strings.Join(r.Countries, ", "))
	}
	// Some numbering plans, such as North America's, do not tell mobiles from
	// landlines. Their numbers are FIXED_LINE_OR_MOBILE and are accepted.
	if r.MobileOnly && phonenumbers.GetNumberType(parsed) == phonenumbers.FIXED_LINE {
		return Number{}, errors.New("is a landline; only mobile numbers can be reached")
	}
	return Number{parsed}, nil
}

// Number is a valid phone number.
type Number struct{ parsed *phonenumbers.PhoneNumber }

const mainlandChina = 86

// Digits returns the number as vendors in China expect it: the national number for
// mainland China (13800000000), country code and number elsewhere (85261234567).
func (n Number) Digits() string {
	format := phonenumbers.E164
	if n.parsed.GetCountryCode() == mainlandChina {
		format = phonenumbers.NATIONAL
	}
	return phonenumbers.NormalizeDigitsOnly(phonenumbers.Format(n.parsed, format))
}

// Redact replaces the number in a vendor's text, with or without its country code.
func (n Number) Redact(text string) string {
	return channels.Redact(text, n.Digits(), phonenumbers.GetNationalSignificantNumber(n.parsed))
}
