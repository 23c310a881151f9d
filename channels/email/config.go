// Package email sends mail through an SMTP server.
package email

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/mail"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/labring/sealos-notify/channels"
)

// Type describes the provider type.
var Type = channels.Type{
	Name:           "smtp",
	Channel:        "email",
	RecipientTypes: []*channels.RecipientType{channels.Email},
	Subject:        true,
	MsgTypes: []channels.MsgType{
		{Name: msgText, Format: channels.FormatText},
		{Name: msgHTML, Format: channels.FormatHTML},
	},
	// A second copy of a mail does no harm. Many clients show it once, because its
	// Message-ID is the same.
	OnUncertain: channels.Resend,
	NewConfig:   func() channels.Config { return &Config{StartTLS: startTLSRequired, MaxConnections: maxConnections} },
}

// Message types.
const (
	msgText = "text"
	msgHTML = "html"
)

// maxConnections is the default. Servers commonly accept about ten from one address.
const maxConnections = 10

// Values of startTLS.
const (
	startTLSRequired = "required"
	startTLSOptional = "optional"
	startTLSOff      = "off"
)

// The well-known ports.
const (
	portRelay      = 25
	portTLS        = 465
	portSubmission = 587
)

// Config configures an SMTP server.
type Config struct {
	channels.CommonConfig `yaml:",inline"`

	Host     string `yaml:"host" required:"true" doc:"the mail server's name or IP address"`
	Port     int    `yaml:"port" doc:"0: 465 with useTLS, 587 without"`
	Username string `yaml:"username" doc:"account to log in with; empty: no login"`
	Password string `yaml:"password" secret:"true" doc:"the account's password"`
	OAuth    OAuth  `yaml:"oauth" doc:"login by access tokens (AUTH XOAUTH2) instead of a password"`
	From     string `yaml:"from" required:"true" doc:"sender: Name <address> or an address"`
	ReplyTo  string `yaml:"replyTo" doc:"where answers go, in the same form; empty: to from"`
	UseTLS   bool   `yaml:"useTLS" doc:"TLS from the first byte, as on port 465"`
	StartTLS string `yaml:"startTLS" doc:"STARTTLS without useTLS: required, optional or off"`
	Helo     string `yaml:"helo" doc:"the name that we give the server (EHLO), with a domain; empty: the domain of from"`
	CA       string `yaml:"ca" doc:"certificates (PEM) of a private CA, trusted instead of the system's; usually by caFile"`

	MaxConnections int               `yaml:"maxConnections" doc:"most connections by all replicas together; fewer while the server refuses some"`
	Headers        map[string]string `yaml:"headers" doc:"further headers of each mail, such as List-Unsubscribe"`
}

// Validate implements channels.Config.
func (c *Config) Validate() error {
	if strings.ContainsAny(c.Host, "/@[] \t\r\n\x00") || strings.Contains(c.Host, ":") && net.ParseIP(c.Host) == nil {
		return channels.KeyErrorf("host", "not a name or an IP address; the port is a key of its own")
	}
	if c.Port < 0 || c.Port > 65535 {
		return channels.KeyErrorf("port", "%d is not between 1 and 65535", c.Port)
	}
	if err := c.validateAccount(); err != nil {
		return err
	}
	if c.MaxConnections < 1 || c.MaxConnections > 1000 {
		return channels.KeyErrorf("maxConnections", "%d is not between 1 and 1000", c.MaxConnections)
	}
	from, err := c.sender()
	if err != nil {
		return err
	}
	if _, err := c.helo(from); err != nil {
		return err
	}
	if _, _, err := c.header(); err != nil {
		return err
	}
	if _, err := c.roots(); err != nil {
		return err
	}
	return c.validateTLS()
}

func (c *Config) validateAccount() error {
	byToken := c.OAuth != OAuth{}
	switch {
	case byToken && c.Password != "":
		return channels.KeyErrorf("oauth", "it replaces the password; leave one of them out")
	case (c.Username == "") != (c.Password == "" && !byToken):
		return channels.KeyErrorf("username", "it goes with a password or oauth, and they with it; leave all out to send without an account")
	}
	_, err := c.OAuth.grant(c.Username)
	return err
}

func (c *Config) validateTLS() error {
	if err := channels.CheckOneOf("startTLS", c.StartTLS, startTLSRequired, startTLSOptional, startTLSOff); err != nil {
		return err
	}
	switch {
	case c.UseTLS && (c.Port == portRelay || c.Port == portSubmission):
		return channels.KeyErrorf("useTLS", "port %d does not begin with TLS; use port %d, or leave useTLS out and have startTLS", c.Port, portTLS)
	case !c.UseTLS && c.Port == portTLS:
		return channels.KeyErrorf("useTLS", "port %d begins with TLS; set it to true", portTLS)
	case !c.UseTLS && c.StartTLS != startTLSRequired && c.Username != "" && !slices.Contains(inTheClear, c.Host):
		return channels.KeyErrorf("startTLS", "must be required, because the password or the access token would travel in the clear")
	}
	return nil
}

// inTheClear are the hosts that go-mail sends a password to without TLS: of all that are this
// machine it knows these.
var inTheClear = []string{"localhost", "127.0.0.1", "::1"}

// sender returns the parsed From, its domain as A-labels.
func (c *Config) sender() (*mail.Address, error) {
	from, err := parseAddress(c.From)
	if err != nil || hasBreak(c.From) {
		return nil, channels.KeyErrorf("from", "not an address such as notify@example.com or Notify <notify@example.com>")
	}
	return from, nil
}

// helo returns the name for EHLO: a domain in its ASCII form, or an address in brackets.
func (c *Config) helo(from *mail.Address) (string, error) {
	name, key := c.Helo, "helo"
	if name == "" {
		name, key = from.Address[strings.LastIndexByte(from.Address, '@')+1:], "from"
	}
	if literal, ok := strings.CutPrefix(name, "["); ok {
		if _, err := netip.ParseAddr(strings.TrimPrefix(strings.TrimSuffix(literal, "]"), "IPv6:")); err == nil && strings.HasSuffix(name, "]") {
			return name, nil
		}
	}
	name, err := idna.Lookup.ToASCII(name)
	if err != nil || name == "" {
		return "", channels.KeyErrorf(key, "the domain is none")
	}
	return name, nil
}

// roots returns the CAs to trust; nil for the system's.
func (c *Config) roots() (*x509.CertPool, error) {
	if c.CA == "" {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(c.CA)) {
		return nil, channels.KeyErrorf("ca", "no PEM certificate in it")
	}
	return roots, nil
}

// address returns host:port.
func (c *Config) address() string {
	port := c.Port
	switch {
	case port != 0:
	case c.UseTLS:
		port = portTLS
	default:
		port = portSubmission
	}
	return net.JoinHostPort(c.Host, strconv.Itoa(port))
}

// Open implements channels.Config.
func (c *Config) Open() (channels.Sender, error) {
	from, err := c.sender()
	if err != nil {
		return nil, err
	}
	header, unsubscribe, err := c.header()
	if err != nil {
		return nil, err
	}
	roots, err := c.roots()
	if err != nil {
		return nil, err
	}
	helo, err := c.helo(from)
	if err != nil {
		return nil, err
	}
	tokens, err := c.newTokens()
	if err != nil {
		return nil, err
	}
	return &sender{
		config: *c,
		from:   from,
		helo:   helo,
		header: header, unsubscribe: unsubscribe,
		tokens: tokens,
		tls:    &tls.Config{ServerName: c.Host, RootCAs: roots, MinVersion: tls.VersionTLS12},
		pool:   newPool(c.MaxConnections),
		hide:   secrets(c.Username, c.Password),
	}, nil
}
