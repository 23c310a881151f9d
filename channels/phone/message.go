package phone

import "github.com/labring/sealos-notify/channels"

// CheckRecipient implements channels.RecipientChecker for a sender that embeds the
// rule.
func (r Rule) CheckRecipient(recipient channels.Recipient) error {
	_, err := r.Parse(recipient.Value)
	return err
}

// Check implements channels.Checker for a sender that embeds the rule.
func (r Rule) Check(m channels.Message) error {
	_, _, err := r.Prepare(m)
	return err
}

// Prepare returns the number and the params (see Params) of a message that the
// vendor renders. Its errors are permanent *channels.Error values.
func (r Rule) Prepare(m channels.Message) (Number, string, error) {
	if m.Recipient.Type != channels.RecipientPhone {
		return Number{}, "", channels.PermanentError("recipient_type", "no phone: "+m.Recipient.Type)
	}
	number, err := r.Parse(m.Recipient.Value)
	if err != nil {
		return Number{}, "", channels.PermanentError("recipient", "the recipient "+err.Error())
	}
	if m.TemplateCode == "" {
		return Number{}, "", channels.PermanentError("template_code", "the template has no templateCode")
	}
	params, err := Params(m.Params)
	if err != nil {
		return Number{}, "", channels.PermanentError("params", err.Error())
	}
	return number, params, nil
}
