package optout

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/labring/sealos-notify/store"
)

// Path is where the links lead, at the service's public address.
const Path = "/unsubscribe/"

const (
	// keysAge is how long the keys are known. A new one is used by all replicas after it.
	keysAge = time.Minute
	// forgedAge is how long after the keys were read a token that none of them opens has them read
	// again: another replica may have made it with a new one.
	forgedAge = time.Second
	keySize   = 32 // AES-256
	// maxToken bounds a token: the longest address with the longest name of a kind has 600.
	maxToken = 1024
)

// ErrForged means that a token was not made by this service, or that its key was given up.
var ErrForged = errors.New("this link was not made by this service")

// Choice is what a link switches off.
type Choice struct {
	Kind, Channel string
	Recipient     store.Recipient
}

// preference returns the choice as it is stored.
func (c Choice) preference() store.Preference {
	return store.Preference{Recipient: c.Recipient, Kind: c.Kind, Channel: c.Channel, Source: store.SourceLink, CreatedAt: store.Now()}
}

// keys open tokens. The first one makes them.
type keys struct {
	ciphers []cipher.AEAD
	at      time.Time // when they were read
}

// Token returns what stands for a choice in a link. Only this service can make and read it. It
// works as long as its key is kept, and so longer than the delivery.
func (o *OptOut) Token(ctx context.Context, c Choice) (string, error) {
	k, err := o.keysOf(ctx, keysAge)
	if err != nil {
		return "", err
	}
	text := bytes.Join([][]byte{[]byte(c.Kind), []byte(c.Channel), []byte(c.Recipient.Type), []byte(c.Recipient.Value)}, []byte{0})
	sealed := k.ciphers[0].Seal(nil, nil, text, []byte(Path)) //nolint:gosec // the cipher makes its own nonce, and takes none
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Read returns the choice of a token, or ErrForged.
func (o *OptOut) Read(ctx context.Context, token string) (Choice, error) {
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") { // which the decoder would ignore
		return Choice{}, ErrForged
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return Choice{}, ErrForged
	}
	for _, age := range []time.Duration{keysAge, forgedAge} {
		k, err := o.keysOf(ctx, age)
		if err != nil {
			return Choice{}, err
		}
		for _, c := range k.ciphers {
			if text, err := c.Open(nil, nil, sealed, []byte(Path)); err == nil {
				return choiceOf(text)
			}
		}
	}
	return Choice{}, ErrForged
}

func choiceOf(text []byte) (Choice, error) {
	parts := bytes.Split(text, []byte{0})
	if len(parts) != 4 {
		return Choice{}, ErrForged
	}
	return Choice{
		Kind: string(parts[0]), Channel: string(parts[1]),
		Recipient: store.Recipient{Type: string(parts[2]), Value: string(parts[3])},
	}, nil
}

// keysOf returns the keys as they were at most so long ago; older ones while the database does not
// answer.
func (o *OptOut) keysOf(ctx context.Context, age time.Duration) (*keys, error) {
	if k := o.keys.Load(); k != nil && time.Since(k.at) < age {
		return k, nil
	}
	o.reading.Lock()
	defer o.reading.Unlock()
	known := o.keys.Load()
	if known != nil && time.Since(known.at) < age {
		return known, nil
	}
	stored, err := o.store.LinkKeys(ctx, newKey())
	if err != nil {
		if known != nil {
			return known, nil
		}
		return nil, err
	}
	k := &keys{at: time.Now()}
	for _, key := range stored {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		c, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		k.ciphers = append(k.ciphers, c)
	}
	o.keys.Store(k)
	return k, nil
}

func newKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // it never fails
	return key
}

// NewKey makes a new key of links. With forget the links that were made before are dead.
func (o *OptOut) NewKey(ctx context.Context, forget bool, by store.Actor) error {
	entry := by.Did(store.AuditLinkKeyCreate, "")
	if forget {
		entry.Detail = "the others were deleted"
	}
	if err := o.store.AddLinkKey(ctx, newKey(), forget, entry); err != nil {
		return err
	}
	o.keys.Store(nil)
	return nil
}

// Describe returns what a kind is about, for the person; empty when that is not known.
func (o *OptOut) Describe(ctx context.Context, kind string) (string, error) {
	k, err := o.kind(ctx, kind)
	return k.Description, err
}

// Switch switches the choice of a link off, or on again.
func (o *OptOut) Switch(ctx context.Context, c Choice, off bool) error {
	if off {
		return o.store.SwitchOff(ctx, c.preference())
	}
	return o.store.SwitchOn(ctx, c.preference())
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
