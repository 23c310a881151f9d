package config_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Two provider types that together have every kind of key.
var types = []channels.Type{
	{
		Name: "feishu_app", Channel: "feishu_app",
		RecipientTypes: []*channels.RecipientType{channels.FeishuUserID, channels.Email},
		MsgTypes:       []channels.MsgType{{Name: "text", Format: channels.FormatText}},
		Urgent:         []string{"app", "sms", "phone"},
		OnUncertain:    channels.Resend,
		NewConfig:      func() channels.Config { return &appConfig{ReceiveIDType: "open_id", BaseURL: "https://open.feishu.cn"} },
	},
	{
		Name: "test_sms", Channel: "sms",
		RecipientTypes: []*channels.RecipientType{channels.Phone},
		MsgTypes:       []channels.MsgType{{Name: "text", Format: channels.FormatText}},
		OnUncertain:    channels.Hold,
		NewConfig:      func() channels.Config { return &smsConfig{} },
	},
}

type appConfig struct {
	channels.CommonConfig `yaml:",inline"`
	AppID                 string   `yaml:"appId" required:"true" doc:"app id"`
	AppSecret             string   `yaml:"appSecret" required:"true" secret:"true" doc:"app secret"`
	ReceiveIDType         string   `yaml:"receiveIdType" doc:"id type"`
	BaseURL               string   `yaml:"baseUrl" doc:"API address"`
	Tokens                []string `yaml:"tokens" secret:"true" doc:"tokens"`
	Nested                struct {
		PerSecond float64 `yaml:"perSecond" doc:"limit"`
		Token     string  `yaml:"token" secret:"true" doc:"token"`
		Enabled   bool    `yaml:"enabled" doc:"whether"`
	} `yaml:"nested"`
}

func (c *appConfig) Validate() error {
	if c.ReceiveIDType != "open_id" {
		return channels.KeyErrorf("receiveIdType", "must be open_id")
	}
	return nil
}

func (c *appConfig) Open() (channels.Sender, error) { return sender{}, nil }

type smsConfig struct {
	channels.CommonConfig `yaml:",inline"`
	Key                   string            `yaml:"key" secret:"true" doc:"access key"`
	Port                  uint16            `yaml:"port" doc:"port"`
	CAFile                string            `yaml:"caFile" doc:"a key whose own name ends in File"`
	Labels                map[string]string `yaml:"labels" doc:"labels"`
}

func (c *smsConfig) Validate() error { return nil }

// Open refuses a key that only opening finds out about.
func (c *smsConfig) Open() (channels.Sender, error) {
	if c.Key == "unusable" {
		return nil, errors.New("key cannot be used")
	}
	return nationalSender{}, nil
}

// nationalSender takes numbers of one country only.
type nationalSender struct{ sender }

func (nationalSender) CheckRecipient(r channels.Recipient) error {
	if !strings.HasPrefix(r.Value, "+86") {
		return errors.New("is in another country")
	}
	return nil
}

type sender struct{}

func (sender) Send(context.Context, channels.Message) (channels.Receipt, error) {
	return channels.Receipt{}, nil
}
