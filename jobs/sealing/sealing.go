// Package sealing makes tokens that only this service can make and read: those in the links of mails
// and in the buttons of cards.
package sealing

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

const (
	// keysAge is how long the keys are known. A new one is used by all replicas after it.
	keysAge = time.Minute
	// forgedAge is how long after the keys were read a token that none of them opens has them read
	// again: another replica may have made it with a new one.
	forgedAge = time.Second
	keySize   = 32 // AES-256
	// maxToken bounds a token: that of the longest address with the longest name of a kind has 600.
	maxToken = 1024
)

// ErrForged means that a token was not made by this service, or that its key was given up.
var ErrForged = errors.New("this was not made by this service")

// Sealer makes and opens tokens with the keys that all replicas share.
type Sealer struct {
	store   store.LinkKeys
	reading sync.Mutex
	keys    atomic.Pointer[keys] // nil until they were read
}

// New returns a Sealer.
func New(st store.LinkKeys) *Sealer { return &Sealer{store: st} }

// keys open tokens. The first one makes them.
type keys struct {
	ciphers []cipher.AEAD
	at      time.Time // when they were read
}

// Seal returns a token of the text. Only Open with the same purpose opens it, as long as its key is
// kept.
func (s *Sealer) Seal(ctx context.Context, purpose string, text []byte) (string, error) {
	k, err := s.keysOf(ctx, keysAge)
	if err != nil {
		return "", err
	}
	sealed := k.ciphers[0].Seal(nil, nil, text, []byte(purpose)) //nolint:gosec // the cipher makes its own nonce, and takes none
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Open returns the text of a token, or ErrForged.
func (s *Sealer) Open(ctx context.Context, purpose, token string) ([]byte, error) {
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") { // which the decoder would ignore
		return nil, ErrForged
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil {
		return nil, ErrForged
	}
	for _, age := range []time.Duration{keysAge, forgedAge} {
		k, err := s.keysOf(ctx, age)
		if err != nil {
			return nil, err
		}
		for _, c := range k.ciphers {
			if text, err := c.Open(nil, nil, sealed, []byte(purpose)); err == nil {
				return text, nil
			}
		}
	}
	return nil, ErrForged
}

// buttons is the purpose of the tokens in buttons.
const buttons = "button"

// Button returns the value of the button of a delivery's message.
func (s *Sealer) Button(ctx context.Context, delivery uuid.UUID) (string, error) {
	return s.Seal(ctx, buttons, delivery[:])
}

// Delivery returns the delivery of a button's value, or ErrForged.
func (s *Sealer) Delivery(ctx context.Context, button string) (uuid.UUID, error) {
	text, err := s.Open(ctx, buttons, button)
	if err != nil {
		return uuid.Nil, err
	}
	return uuid.FromBytes(text)
}

// keysOf returns the keys as they were at most so long ago; older ones while the database does not
// answer.
func (s *Sealer) keysOf(ctx context.Context, age time.Duration) (*keys, error) {
	if k := s.keys.Load(); k != nil && time.Since(k.at) < age {
		return k, nil
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	known := s.keys.Load()
	if known != nil && time.Since(known.at) < age {
		return known, nil
	}
	stored, err := s.store.LinkKeys(ctx, newKey())
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
	s.keys.Store(k)
	return k, nil
}

func newKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // it never fails
	return key
}

// NewKey makes a new key. With alone the tokens that were made before are dead.
func (s *Sealer) NewKey(ctx context.Context, alone bool, audit store.AuditEntry) error {
	if err := s.store.AddLinkKey(ctx, newKey(), alone, audit); err != nil {
		return err
	}
	s.keys.Store(nil)
	return nil
}
