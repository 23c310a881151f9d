// Package inapp delivers to the notification centre of the Sealos desktop by creating
// a Notification in the user's namespace.
package inapp

import (
	"errors"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/labring/sealos-notify/channels"
)

// Type describes the provider type.
var Type = channels.Type{
	Name:           "inapp_crd",
	Channel:        "inapp",
	RecipientTypes: []*channels.RecipientType{channels.UserID},
	Subject:        true,
	MsgTypes: []channels.MsgType{
		{Name: msgText, Format: channels.FormatText},
		{Name: msgJSON, Format: channels.FormatJSON},
	},
	Combine:     combine,
	Dedupes:     true, // by the object's name
	Edits:       true,
	OnUncertain: channels.Resend,
	NewConfig: func() channels.Config {
		return &Config{Namespace: "ns-" + userPlace, From: "Sealos", Importance: medium, DesktopPopup: true}
	},
}

// Message types.
const (
	msgText = "text"
	msgJSON = "json"
)

// Values of importance.
const (
	high   = "High"
	medium = "Medium"
	low    = "Low"
)

var importances = []string{high, medium, low}

// userPlace stands for the user_id in the pattern of namespaces.
const userPlace = "{{user}}"

// probeUser is the user of probes and checks.
const probeUser = "notify-probe"

// Config configures a cluster.
type Config struct {
	channels.CommonConfig `yaml:",inline"`

	Kubeconfig   string `yaml:"kubeconfig" file:"true" doc:"kubeconfig file of the cluster; empty: the cluster it runs in"`
	Namespace    string `yaml:"namespace" doc:"namespace of the notifications; {{user}} is the user_id"`
	From         string `yaml:"from" doc:"sender, unless the template has one"`
	Importance   string `yaml:"importance" doc:"High, Medium or Low, unless the template has one"`
	DesktopPopup bool   `yaml:"desktopPopup" doc:"pop up on the desktop, unless the template decides"`
}

// Validate implements channels.Config.
func (c *Config) Validate() error {
	if _, err := c.namespace(probeUser); err != nil {
		return channels.KeyErrorf("namespace", "must be a namespace, or a short pattern of one such as \"ns-%s\"", userPlace)
	}
	return channels.CheckOneOf("importance", c.Importance, importances...)
}

// namespace returns the user's namespace. The user is checked alone, too, so that it
// cannot be more than a part of the name. The error does not repeat it.
func (c *Config) namespace(user string) (string, error) {
	namespace := strings.ReplaceAll(c.Namespace, userPlace, user)
	if !isLabel(namespace) || namespace != c.Namespace && !isLabel(user) {
		return "", errors.New("must be part of a namespace's name: lower-case letters, digits and '-', not too long")
	}
	return namespace, nil
}

func isLabel(s string) bool { return len(validation.IsDNS1123Label(s)) == 0 }

// Open implements channels.Config. A configuration without a kubeconfig opens outside
// a cluster as well, so that it can be checked anywhere. Sending fails there.
func (c *Config) Open() (channels.Sender, error) {
	cluster, err := connect(c.Kubeconfig)
	if err != nil {
		return nil, err
	}
	return &sender{config: *c, cluster: cluster}, nil
}
