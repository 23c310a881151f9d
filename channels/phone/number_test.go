package phone_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels/phone"
)

func TestParse(t *testing.T) {
	t.Parallel()
	mobiles := phone.Rule{Countries: []string{"CN", "HK", "US"}, MobileOnly: true}
	all := phone.Rule{Countries: mobiles.Countries}
	for _, tc := range []struct {
		number, digits string
		mobile         bool
	}{
		{"+8613800138000", "13800138000", true},
		{"+8619912345678", "19912345678", true},
		{"+861012345678", "01012345678", false},
		{"+864008102731", "4008102731", true}, // not a landline: the vendor decides
		{"+85261234567", "85261234567", true},
		{"+85221234567", "85221234567", false},
		{"+12015550123", "12015550123", true}, // landline or mobile: the numbering plan does not tell
	} {
		n, err := all.Parse(tc.number)
		require.NoError(t, err, tc.number)
		require.Equal(t, tc.digits, n.Digits())
		_, err = mobiles.Parse(tc.number)
		require.Equal(t, tc.mobile, err == nil, "%s: %v", tc.number, err)
	}
}

func TestRefusedNumbers(t *testing.T) {
	t.Parallel()
	rule := phone.Rule{Countries: []string{"CN"}}
	for number, why := range map[string]string{
		"":                              "not a valid",
		"13800138000":                   "not a valid", // no country code
		"+86138001380":                  "not a valid", // too short
		"+86138001380001":               "not a valid", // too long
		"+8610800138000":                "not a valid", // no such prefix
		"+8613800138000,+8613800138001": "not a valid",
		"+9991234567":                   "not a valid", // no such country
		"+85261234567":                  "region HK; allowed are CN",
		"+886912345678":                 "region TW; allowed are CN",
	} {
		_, err := rule.Parse(number)
		require.ErrorContains(t, err, why, "%q", number)
		if number != "" {
			require.NotContains(t, err.Error(), number[1:])
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	rule := phone.Rule{Countries: []string{"CN", "HK"}}
	for _, tc := range []struct{ number, text, want string }{
		{"+8613800138000", "to 13800138000, +8613800138000 and 86-13800138000", "to ***, +86*** and 86-***"},
		{"+861012345678", "to 01012345678 and 861012345678", "to *** and 86***"},
		{"+85261234567", "to 85261234567, 61234567 and +852 61234567", "to ***, *** and +852 ***"},
	} {
		n, err := rule.Parse(tc.number)
		require.NoError(t, err)
		require.Equal(t, tc.want, n.Redact(tc.text))
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, phone.Rule{Countries: []string{"CN", "HK", "MO", "TW", "SG"}}.Validate())
	require.ErrorContains(t, phone.Rule{}.Validate(), "countries:")
	for _, countries := range [][]string{{""}, {"cn"}, {"China"}, {"86"}, {"XX"}} {
		require.ErrorContains(t, phone.Rule{Countries: append([]string{"CN"}, countries...)}.Validate(), "countries[1]:", "%q", countries)
	}
}
