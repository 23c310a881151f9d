// Package voice makes phone calls through Volcengine VMS. The vendor speaks a text
// from its own approved template.
package voice

import (
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/phone"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// Type describes the provider type.
var Type = channels.Type{
	Name:           "volcengine_vms",
	Channel:        "voice",
	RecipientTypes: []*channels.RecipientType{channels.Phone},
	MsgTypes:       []channels.MsgType{{Name: "text", Format: channels.FormatText}},
	TemplateCode:   true,
	// The vendor has an error for a repeated SingleOpenId, but does not promise to
	// find every repetition.
	Dedupes:     false,
	OnUncertain: channels.Hold,
	AskInterval: time.Second / 5, // how many questions the vendor takes is on none of its pages
	NewConfig: func() channels.Config {
		return &Config{
			Endpoint:   "cloud-vms.volcengineapi.com",
			Region:     "cn-north-1",
			PhoneParam: formString,
			Countries:  []string{"CN"},
		}
	},
}

// Forms of the template's params in a request. The vendor's newest page and generated
// SDKs have a string that holds JSON (https://www.volcengine.com/docs/6358/1722090), its
// older page an object (https://volcengine.com/docs/6358/172952).
const (
	formString = "string"
	formObject = "object"
)

var forms = []string{formString, formObject}

// Config configures a Volcengine account and its pool of numbers.
type Config struct {
	channels.CommonConfig `yaml:",inline"`

	Endpoint        string   `yaml:"endpoint" required:"true" doc:"the API's host, or its http or https URL"`
	Region          string   `yaml:"region" required:"true" doc:"region that requests are signed for"`
	AccessKeyID     string   `yaml:"accessKeyId" required:"true" doc:"access key of a user that may call SingleBatchAppend, QuerySingleInfo and QueryCallRecordMsgV2"`
	AccessKeySecret string   `yaml:"accessKeySecret" required:"true" secret:"true" doc:"the access key's secret"`
	NumberPool      string   `yaml:"numberPool" required:"true" doc:"pool (NP…) of the numbers that calls come from"`
	PhoneParam      string   `yaml:"phoneParam" doc:"form of the params that the vendor takes: string or object; the other one is tried when it refuses the form"`
	Countries       []string `yaml:"countries" doc:"regions (ISO 3166) whose numbers are called"`
}

func (c *Config) numbers() phone.Rule { return phone.Rule{Countries: c.Countries} }

// Validate implements channels.Config.
func (c *Config) Validate() error {
	if _, _, err := vendorhttp.Endpoint(c.Endpoint); err != nil {
		return channels.KeyErrorf("endpoint", "%w", err)
	}
	if err := channels.CheckOneOf("phoneParam", c.PhoneParam, forms...); err != nil {
		return err
	}
	return c.numbers().Validate()
}

// Open implements channels.Config.
func (c *Config) Open() (channels.Sender, error) { return newSender(c) }
