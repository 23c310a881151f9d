// Package sms sends text messages through Aliyun SMS. The vendor renders each text
// from its own approved template.
package sms

import (
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/phone"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// Type describes the provider type.
var Type = channels.Type{
	Name:           "aliyun_sms",
	Channel:        "sms",
	RecipientTypes: []*channels.RecipientType{channels.Phone},
	MsgTypes:       []channels.MsgType{{Name: "text", Format: channels.FormatText}},
	TemplateCode:   true,
	// The vendor sends a second text for a repeated OutId.
	Dedupes:     false,
	OnUncertain: channels.Hold,
	// The vendor takes 5,000 a second of an account: https://help.aliyun.com/document_detail/419277.html
	AskInterval: time.Second / 50,
	NewConfig: func() channels.Config {
		return &Config{
			CommonConfig: channels.CommonConfig{RateLimit: channels.RateLimit{PerSecond: 5000}}, // SendSms, for an account
			Endpoint:     "dysmsapi.aliyuncs.com",
			Countries:    []string{"CN"},
		}
	},
}

// Config configures an Aliyun account and its signature.
type Config struct {
	channels.CommonConfig `yaml:",inline"`

	Endpoint        string   `yaml:"endpoint" required:"true" doc:"the API's host, or its http or https URL"`
	AccessKeyID     string   `yaml:"accessKeyId" required:"true" doc:"access key of a RAM user that may call SendSms and QuerySendDetails"`
	AccessKeySecret string   `yaml:"accessKeySecret" required:"true" secret:"true" doc:"the access key's secret"`
	SignName        string   `yaml:"signName" required:"true" doc:"the approved signature before the text"`
	Countries       []string `yaml:"countries" doc:"regions (ISO 3166) whose mobile numbers are accepted"`
}

func (c *Config) numbers() phone.Rule {
	return phone.Rule{Countries: c.Countries, MobileOnly: true}
}

// Validate implements channels.Config.
func (c *Config) Validate() error {
	if _, _, err := vendorhttp.Endpoint(c.Endpoint); err != nil {
		return channels.KeyErrorf("endpoint", "%w", err)
	}
	return c.numbers().Validate()
}

// Open implements channels.Config.
func (c *Config) Open() (channels.Sender, error) { return newSender(c) }
