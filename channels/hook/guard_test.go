package hook_test

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
	"github.com/labring/sealos-notify/internal/test/channeltest"
)

// trap listens on all addresses of this machine and counts the connections.
func trap(t *testing.T) (port string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	connections = new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), connections
}

// tricks are addresses that lead to this machine or to another internal one, directly
// or by the names below. PORT is the trap's port.
var tricks = []string{
	// Internal addresses as they are.
	"https://127.0.0.1:PORT/hook/x",
	"https://127.8.4.2:PORT/hook/x",
	"https://0.0.0.0:PORT/hook/x",
	"https://10.1.2.3:PORT/hook/x",
	"https://172.16.0.1:PORT/hook/x",
	"https://192.168.1.1:PORT/hook/x",
	"https://100.64.0.1:PORT/hook/x",
	"https://224.0.0.1:PORT/hook/x",
	"https://255.255.255.255:PORT/hook/x",
	"https://169.254.169.254/latest/meta-data",
	"https://100.100.100.200/latest/meta-data",
	"https://192.0.0.192/opc/v2/x",
	"https://168.63.129.16/machine/x",
	"https://localhost:PORT/hook/x",
	"http://127.0.0.1:PORT/hook/x",
	// The same in IPv6.
	"https://[::1]:PORT/hook/x",
	"https://[0:0:0:0:0:0:0:1]:PORT/hook/x",
	"https://[::]:PORT/hook/x",
	"https://[::ffff:127.0.0.1]:PORT/hook/x",
	"https://[::ffff:7f00:1]:PORT/hook/x",
	"https://[::127.0.0.1]:PORT/hook/x",
	"https://[64:ff9b::7f00:1]:PORT/hook/x",
	"https://[64:ff9b:1::a00:1]:PORT/hook/x",
	"https://[2002:7f00:1::]:PORT/hook/x",
	"https://[2001:0:7f00:1::1]:PORT/hook/x",
	"https://[fe80::1]:PORT/hook/x",
	"https://[fe80::1%25lo]:PORT/hook/x",
	"https://[fd00:ec2::254]/latest/meta-data",
	"https://[ff02::1]:PORT/hook/x",
	// Other spellings of 127.0.0.1.
	"https://2130706433:PORT/hook/x",
	"https://0x7f000001:PORT/hook/x",
	"https://0x7f.0.0.1:PORT/hook/x",
	"https://0177.0.0.1:PORT/hook/x",
	"https://017700000001:PORT/hook/x",
	"https://127.1:PORT/hook/x",
	"https://127.0.0.1.:PORT/hook/x",
	"https://①②⑦.⓪.⓪.①:PORT/hook/x",
	// Names.
	"https://metadata.google.internal:PORT/hook/x",
	"https://kubernetes.default.svc:PORT/hook/x",
	"https://127.0.0.1.nip.io:PORT/hook/x",
	"https://two.example:PORT/hook/x",
	"https://mixed.example:PORT/hook/x",
	"https://mapped.example:PORT/hook/x",
	"https://nat64.example:PORT/hook/x",
	"https://6to4.example:PORT/hook/x",
	"https://zero.example:PORT/hook/x",
	"https://link.example:PORT/hook/x",
	// Almost a host that is allowed.
	"https://open.feishu.cn.evil.example:PORT/hook/x",
	"https://evilopen.feishu.cn:PORT/hook/x",
	"https://feishu.cn:PORT/hook/x",
	"https://x.open.feishu.cn:PORT/hook/x",
	"https://open.feishu.cn:PORT/hook/x",
	"https://open.feishu.cn.:PORT/hook/x",
	"https://OPEN.feishu.cn:PORT/hook/x",
	"https://open。feishu。cn:PORT/hook/x",
	"https://оpen.feishu.cn:PORT/hook/x", // a Cyrillic о
	"https://xn--pen-emc.feishu.cn:PORT/hook/x",
	"https://open%2efeishu.cn:PORT/hook/x",
	"https://open.feishu.cn%00.evil.example:PORT/hook/x",
	"https://open_feishu.cn:PORT/hook/x",
	"http://open.feishu.cn/hook/x",
	"https://open.feishu.cn:80/hook/x",
	"https://open.feishu.cn:443/hook/x",
	"https://open.feishu.cn:/hook/x",
	// Addresses that are read in more than one way.
	"https://open.feishu.cn@127.0.0.1:PORT/hook/x",
	"https://open.feishu.cn:443@127.0.0.1:PORT/hook/x",
	"https://user:password@open.feishu.cn/hook/x",
	"https://@open.feishu.cn/hook/x",
	`https://open.feishu.cn\@127.0.0.1:PORT/hook/x`,
	`https://127.0.0.1:PORT\@open.feishu.cn/hook/x`,
	"https://127.0.0.1:PORT#@open.feishu.cn/hook/x",
	"https://127.0.0.1:PORT?@open.feishu.cn/hook/x",
	"https://127.0.0.1:PORT;@open.feishu.cn/hook/x",
	"https://127.0.0.1:PORT open.feishu.cn/hook/x",
	"https://open.feishu.cn/hook/x#",
	" https://127.0.0.1:PORT/hook/x",
	"https://127.0.0.1:PORT\t/hook/x",
	"https:127.0.0.1:PORT/hook/x",
	"https:///127.0.0.1:PORT/hook/x",
	"//127.0.0.1:PORT/hook/x",
	"127.0.0.1:PORT/hook/x",
	"ftp://127.0.0.1:PORT/hook/x",
	"file:///etc/passwd",
	"unix:///var/run/docker.sock",
	"",
}

func trickyNames() *names {
	return &names{answers: map[string][][]string{
		"two.example":    {{"127.0.0.1", "::1"}},
		"mixed.example":  {{"203.0.113.1", "127.0.0.1"}},
		"mapped.example": {{"::ffff:127.0.0.1"}},
		"nat64.example":  {{"64:ff9b::7f00:1"}},
		"6to4.example":   {{"2002:7f00:1::"}},
		"zero.example":   {{"0.0.0.0", "::"}},
		"link.example":   {{"169.254.169.254", "fe80::1"}},
	}}
}

// open returns a client for the address, which may lead to the hosts.
func open(t *testing.T, address string, dns *names, private bool, hosts ...string) *hook.Client {
	t.Helper()
	c, err := hook.NewClient("webhookUrl", address, hook.Options{AllowedHosts: hosts, AllowPrivateNetworks: private})
	require.NoError(t, err)
	c.Resolve(dns.resolver())
	return c
}

func post(t *testing.T, c *hook.Client) error {
	t.Helper()
	_, err := c.Post(t.Context(), channels.Message{}, nil, []byte("{}"))
	return err
}

// No trick passes the configuration's check. When an operator allows a trick's host by
// mistake, no connection is made.
func TestNoTrickReachesAnInternalAddress(t *testing.T) {
	t.Parallel()
	port, connections := trap(t)
	all := slices.Clone(tricks)
	// This machine's addresses on its networks.
	own, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, a := range own {
		ip, _, err := net.ParseCIDR(a.String())
		require.NoError(t, err)
		if ip.IsPrivate() || ip.IsLoopback() {
			all = append(all, "https://"+net.JoinHostPort(ip.String(), "PORT")+"/hook/x")
		}
	}
	refusedOnConnect := 0
	for _, trick := range all {
		address := strings.ReplaceAll(trick, "PORT", port)
		options := hook.Options{AllowedHosts: []string{"open.feishu.cn", "open.larksuite.com"}}
		require.Error(t, options.Check("webhookUrl", address), trick)

		u, err := url.Parse(address)
		if err != nil {
			continue
		}
		client := open(t, address, trickyNames(), false, u.Host) // whatever Check says
		err = post(t, client)
		require.Error(t, err, trick)
		require.Error(t, client.Probe(t.Context()), trick)
		if channels.AsError(err).Code == "internal_address" {
			refusedOnConnect++
			require.Equal(t, channels.Misconfigured, channels.AsError(err).Class)
		}
	}
	require.Zero(t, connections.Load())
	require.Greater(t, refusedOnConnect, 60, "most tricks get as far as the connection")
}

// The trap works: with private networks allowed it is reached.
func TestTrapIsReached(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "0x7f.0.0.1", "two.example", "open.feishu.cn"} {
		port, connections := trap(t)
		options := hook.Options{AllowedHosts: []string{host + ":" + port}, AllowPrivateNetworks: true}
		address := "https://" + host + ":" + port + "/hook/x"
		require.NoError(t, options.Check("webhookUrl", address))
		require.Error(t, post(t, open(t, address, trickyNames(), true)))
		require.NotZero(t, connections.Load(), host)
	}
}

// A second look-up of a name, for the connection, can give another address.
func TestRebinding(t *testing.T) {
	t.Parallel()
	port, connections := trap(t)
	dns := &names{answers: map[string][][]string{"rebind.example": {{"93.184.216.34"}, {"127.0.0.1"}}}}
	first, err := dns.resolver().LookupHost(t.Context(), "rebind.example")
	require.NoError(t, err)
	require.True(t, hook.Public(netip.MustParseAddr(first[0])), "a check of the name alone finds nothing")

	address := "https://rebind.example:" + port + "/hook/x"
	options := hook.Options{AllowedHosts: []string{"rebind.example:" + port}}
	require.NoError(t, options.Check("webhookUrl", address))
	channeltest.RequireError(t, post(t, open(t, address, dns, false)), channels.Misconfigured, "internal_address")
	require.Zero(t, connections.Load())
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	port, connections := trap(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:"+port+"/")
			w.WriteHeader(status)
		}))
		t.Cleanup(server.Close)
		channeltest.RequireError(t, post(t, open(t, server.URL, &names{}, true)), channels.Misconfigured, "unexpected_redirect")
	}
	require.Zero(t, connections.Load())
}

// TestMain sets a proxy that does not listen. Requests to any host but this machine
// would go to it.
func TestNoProxy(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"code":0}`))
	}))
	t.Cleanup(server.Close)
	require.NoError(t, post(t, open(t, "http://bot.example:"+server.URL[strings.LastIndexByte(server.URL, ':')+1:]+"/hook/x", &names{}, true)))
}

func TestProbe(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	plain, secure := httptest.NewServer(count), httptest.NewUnstartedServer(count)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // about the client that hangs up
	secure.StartTLS()
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	gone := httptest.NewServer(count)
	gone.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(secure.URL, "https://"), ":")

	probe := func(base string) error {
		c, err := hook.NewClient("webhookUrl", base+"/hook/x", hook.Options{AllowPrivateNetworks: true})
		require.NoError(t, err)
		return c.Probe(t.Context())
	}
	require.NoError(t, probe(plain.URL))
	require.NoError(t, probe(secure.URL))
	for base, text := range map[string]string{
		gone.URL:                     "cannot connect",
		"https://localhost:" + port:  "certificate is not trusted", // it is one for 127.0.0.1
		"https://no..such..host:443": "cannot be looked up",
	} {
		err := probe(base)
		channeltest.RequireError(t, err, channels.Transient, "connect_failed")
		require.ErrorContains(t, err, text)
	}
	require.Zero(t, requests.Load())
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		address string
		options hook.Options
		key     string // the error names it; valid when empty
	}{
		{"https://hooks.example.com/x?key=canary", hook.Options{AllowedHosts: []string{"hooks.example.com"}}, ""},
		{"https://hooks.example.com/canary", hook.Options{}, "webhookUrl"},
		{"https://hooks.example.com/canary", hook.Options{AllowedHosts: []string{"hooks.example.com:443"}}, "webhookUrl"},
		{"http://hooks.example.com/canary", hook.Options{AllowedHosts: []string{"hooks.example.com"}}, "webhookUrl"},
		{"http://hooks.example.com/canary", hook.Options{AllowedHosts: []string{"hooks.example.com"}, AllowPrivateNetworks: true}, ""},
		{"https://hooks.example.com/canary", hook.Options{AllowedHosts: []string{"hooks.example.com", ""}}, "allowedHosts[1]"},
		{"https://hooks.example.com/canary", hook.Options{AllowedHosts: []string{"https://hooks.example.com"}}, "allowedHosts[0]"},
		{"https://hooks.example.com/canary", hook.Options{AllowedHosts: []string{"hooks.example.com/"}}, "allowedHosts[0]"},
		{"https://hooks.example.com/canary", hook.Options{AllowedHosts: []string{"me@hooks.example.com"}}, "allowedHosts[0]"},
		{"https://hooks.example.com/canary", hook.Options{AllowedHosts: []string{":443"}}, "allowedHosts[0]"},
		{"https://hooks.example.com/canary", hook.Options{AllowedHosts: []string{"hooks.example.com"}, Apps: []string{}}, "apps"},
		{"https://10.0.0.1:8443/canary", hook.Options{AllowedHosts: []string{"10.0.0.1:8443"}}, "webhookUrl"},
		{"http://10.0.0.1:8443/canary", hook.Options{AllowedHosts: []string{"10.0.0.1:8443"}, AllowPrivateNetworks: true}, ""},
		{"http://10.0.0.1/canary", hook.Options{AllowedHosts: []string{"10.0.0.1:8443"}, AllowPrivateNetworks: true}, "webhookUrl"},
	} {
		err := tc.options.Check("webhookUrl", tc.address)
		if tc.key == "" {
			require.NoError(t, err, tc.address)
			continue
		}
		require.ErrorContains(t, err, tc.key+":")
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a-1", hook.Token("https://x.example/send?key=a-1", "key"))
	for _, address := range []string{"https://x.example/send", "https://x.example/send?key=", "https://x.example/send?key=a&b=c", "https://x.example/send?key=%41", "https://x.example/send?a=b&key=c", ":"} {
		require.Empty(t, hook.Token(address, "key"), address)
	}
}

func TestPublic(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"1.1.1.1", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
		"168.63.129.15", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255",
		"::ffff:1.1.1.1", "64:ff9b::101:101", "2400:3200::1", "2606:4700::1111", "2001:4860::8888", "2001:200::1",
	} {
		require.True(t, hook.Public(netip.MustParseAddr(address)), address)
	}
	for _, address := range []string{
		"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.255",
		"168.63.129.16", "169.254.0.0", "169.254.169.254", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1",
		"192.168.0.0", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
		"255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1",
		"2001::1", "2001:10::1", "2001:db8::1", "2002:a00:1::", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fdff::1", "fe80::1", "fe80::1%lo",
		"fec0::1", "ff02::1", "2606:4700::1111%eth0",
	} {
		require.False(t, hook.Public(netip.MustParseAddr(address)), address)
	}
}
