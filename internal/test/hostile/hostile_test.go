package hostile

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/world"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// hurry is the time of a call that only its time ends.
	hurry = 400 * time.Millisecond
	// patience is the time of a call that ends by itself.
	patience = 30 * time.Second
	// late is how long after its time a call may end, on a busy machine.
	late = 10 * time.Second
	// memory is what one call may allocate in all, in bytes, on average over the channels:
	// twice the largest answer for reading it, and as much for the SDK's copies.
	memory = 4 << 20
)

// target is a provider and the vendor that it calls.
type target struct {
	name   string
	vendor *vendor
	sender channels.Sender
	typ    channels.Type
	class  channels.Class // of the failed call
}

// Every channel survives every misbehaviour: the call ends in time, allocates no more
// than its bound, and has the right class. The next message arrives.
func TestEveryChannelAgainstEveryMisbehaviour(t *testing.T) { // not parallel: it measures memory
	w, err := world.Start(t.Context(), "id", "secret")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	for _, m := range Misbehaviours {
		t.Run(m.Name, func(t *testing.T) {
			var targets []target
			for _, typ := range builtin.Types() {
				if typ.Channel == "email" {
					for _, stage := range mailReplies {
						class := channels.Transient
						if stage.verb == "dot" {
							class = channels.Uncertain // the server has the whole mail
						}
						targets = append(targets, aim(t, w, typ, "email at "+stage.verb, mailServer(t, stage.verb, m.Speak), class, plain))
					}
					continue
				}
				handler := w.Handler(typ.Channel)
				require.NotNil(t, handler, "channel %s has no vendor in package world", typ.Channel)
				targets = append(targets, aim(t, w, typ, typ.Channel, front(t, handler, m.Speak), m.Class, plain))
			}
			attack(t, m, targets)
			for _, target := range targets {
				target.vendor.healed.Store(true)
				assert.NoError(t, call(t, target, patience), "%s: after it", target.name)
			}
		})
	}
}

// A vendor that takes the connection and says nothing, in the clear or before TLS, costs
// the call's time and nothing else.
func TestEveryChannelAgainstSilence(t *testing.T) { // not parallel: it measures memory
	w, err := world.Start(t.Context(), "id", "secret")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	cases := append([]Misbehaviour{}, silent...)
	for _, m := range Misbehaviours {
		m.Hangs = true // some of it, as TLS
		cases = append(cases, m)
	}
	for i, m := range cases {
		for scheme, secure := range map[string]func(string) string{"plain": plain, "TLS": overTLS} {
			if i >= len(silent) && scheme == "plain" {
				continue // above
			}
			t.Run(m.Name+", "+scheme, func(t *testing.T) {
				var targets []target
				for _, typ := range builtin.Types() {
					v := &vendor{address: serve(t, m.Speak)}
					targets = append(targets, aim(t, w, typ, typ.Channel, v, "", secure))
				}
				attack(t, m, targets)
			})
		}
	}
}

// attack makes one call for each target at once.
func attack(t *testing.T, m Misbehaviour, targets []target) {
	t.Helper()
	timeout := patience
	if m.Hangs {
		timeout = hurry
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for _, target := range targets {
		all.Go(func() {
			started := time.Now()
			err := call(t, target, timeout)
			took := time.Since(started)
			assert.Less(t, took, timeout+late, "%s: the call did not end", target.name)
			if !m.Hangs {
				assert.Less(t, took, patience/2, "%s: only its time ended the call", target.name)
			}
			if !assert.Error(t, err, target.name) {
				return
			}
			e := channels.AsError(err)
			assert.NotEqual(t, "internal", e.Code, "%s: %v", target.name, e.Cause)
			if target.class != "" {
				assert.Equal(t, target.class, e.Class, "%s: %v", target.name, e)
			} else {
				assert.Contains(t, []channels.Class{channels.Transient, channels.Uncertain, channels.Misconfigured}, e.Class, "%s: %v", target.name, e)
			}
		})
	}
	limit.Group(t, &all, "the calls")
	runtime.ReadMemStats(&after)
	allocated := (after.TotalAlloc - before.TotalAlloc) / uint64(len(targets))
	t.Logf("%d KiB for each call", allocated>>10)
	assert.Less(t, allocated, uint64(memory), "bytes for each call")
}

// call sends one message.
func call(t *testing.T, to target, timeout time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	m := channels.Message{
		DeliveryID: uuid.Must(uuid.NewV7()), Attempt: 1,
		Recipient: channels.Recipient{Type: to.typ.RecipientTypes[0].Name, Value: to.typ.RecipientTypes[0].Example},
		MsgType:   to.typ.MsgTypes[0].Name, Subject: "subject", Body: "body",
	}
	if to.typ.TemplateCode {
		m.TemplateCode, m.Params = "T1", json.RawMessage(`{"a":"b"}`)
	}
	_, err := to.sender.Send(ctx, m)
	return err
}

func plain(file string) string { return file }

// overTLS makes a configuration whose vendors speak TLS.
func overTLS(file string) string {
	return strings.NewReplacer("http://", "https://", `startTLS: "off"`, "useTLS: true").Replace(file)
}

// aim opens the type's provider of package world with the vendor's address.
func aim(t *testing.T, w *world.World, typ channels.Type, name string, v *vendor, class channels.Class, secure func(string) string) target {
	t.Helper()
	at := world.Addresses{}
	for channel := range w.Addresses {
		at[channel] = v.address
	}
	to := open(t, w, typ, at, secure)
	to.name, to.vendor, to.class = name, v, class
	return to
}

// open opens the type's provider of package world, whose vendor is at its address.
func open(t *testing.T, w *world.World, typ channels.Type, at world.Addresses, secure func(string) string) target {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(secure(content)), 0o600))
		return path
	}
	kubeconfig := write("kubeconfig.yaml", string(world.Kubeconfig(at)))
	apps := write("apps.yaml", "apps: [{appId: a, appSecret: 0123456789abcdef0123456789abcdef}]")
	file := write("config.yaml", fmt.Sprintf("database: {driver: sqlite, path: x.db}\nauth: {credentialsFilePath: %q}\nchannels:%sproviders:%s",
		apps, world.Channels, w.Providers(at, kubeconfig)))
	checked, err := config.Loader{Path: file, Types: builtin.Types(), Env: map[string]string{}}.Check(nil)
	require.NoError(t, err)
	provider, on := checked.Registry.Provider(typ.Channel)
	require.True(t, on, "channel %s is not in package world", typ.Channel)
	return target{sender: provider.Sender, typ: typ}
}
