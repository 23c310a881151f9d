package api

import (
	"net"
	"net/netip"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
)

func TestPeerBehindProxies(t *testing.T) {
	t.Parallel()
	trusted := []string{"10.0.0.0/8", "192.0.2.7", "2001:db8::/32"}
	for name, c := range map[string]struct {
		proxies   []string
		remote    string
		forwarded []string
		want      string
	}{
		"nobody is trusted":      {nil, "10.0.0.1", []string{"203.0.113.1"}, "10.0.0.1"},
		"a stranger writes it":   {trusted, "198.51.100.1", []string{"203.0.113.1"}, "198.51.100.1"},
		"no header":              {trusted, "10.0.0.1", nil, "10.0.0.1"},
		"an empty one":           {trusted, "10.0.0.1", []string{""}, "10.0.0.1"},
		"one proxy":              {trusted, "10.0.0.1", []string{"203.0.113.1"}, "203.0.113.1"},
		"one address is trusted": {trusted, "192.0.2.7", []string{"203.0.113.1"}, "203.0.113.1"},
		"its neighbour is not":   {trusted, "192.0.2.8", []string{"203.0.113.1"}, "192.0.2.8"},
		"the client wrote more":  {trusted, "10.0.0.1", []string{"10.0.0.9, 192.0.2.7, 203.0.113.1"}, "203.0.113.1"},
		"two proxies":            {trusted, "10.0.0.1", []string{"198.51.100.1, 203.0.113.1,10.0.0.2"}, "203.0.113.1"},
		"two headers":            {trusted, "10.0.0.1", []string{"198.51.100.1, 203.0.113.1", "10.0.0.2"}, "203.0.113.1"},
		"proxies only":           {trusted, "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"a word":                 {trusted, "10.0.0.1", []string{"203.0.113.1, unknown"}, "10.0.0.1"},
		"a word beyond a proxy":  {trusted, "10.0.0.1", []string{"_hidden, 10.0.0.2"}, "10.0.0.2"},
		"with a port":            {trusted, "10.0.0.1", []string{"203.0.113.1:4711"}, "203.0.113.1"},
		"IPv6":                   {trusted, "2001:db8::1", []string{"2001:470::1"}, "2001:470::1"},
		"IPv6 in brackets":       {trusted, "2001:db8::1", []string{"[2001:470::1]"}, "2001:470::1"},
		"IPv6 with a port":       {trusted, "2001:db8::1", []string{"[2001:470::1]:4711"}, "2001:470::1"},
		"IPv4 as IPv6":           {trusted, "::ffff:10.0.0.1", []string{"::ffff:203.0.113.1"}, "203.0.113.1"},
		"IPv4 proxies as IPv6":   {trusted, "::ffff:10.0.0.1", []string{"203.0.113.1, ::ffff:10.0.0.2"}, "203.0.113.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &Server{app: fiber.New()}
			for _, text := range c.proxies {
				network, err := ParseNetwork(text)
				require.NoError(t, err)
				s.proxies = append(s.proxies, network)
			}
			var r fasthttp.RequestCtx
			r.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.ParseIP(c.remote), Port: 1}, nil)
			for _, header := range c.forwarded {
				r.Request.Header.Add("X-Forwarded-For", header)
			}
			ctx := s.app.AcquireCtx(&r)
			defer s.app.ReleaseCtx(ctx)
			require.Equal(t, netip.MustParseAddr(c.want), s.peer(ctx))
		})
	}
}

func TestParseNetwork(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "10.1.2.3/8": "10.0.0.0/8", "192.0.2.7": "192.0.2.7/32", "::1": "::1/128", "2001:db8::/32": "2001:db8::/32",
		"": "", "ingress": "", "10.0.0.0/33": "", "10.0.0/8": "", "0.0.0.0/0": "", "::/0": "", "::ffff:10.0.0.0/104": "", "fe80::1%eth0": "",
	} {
		network, err := ParseNetwork(text)
		if want == "" {
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, network.String())
	}
}
