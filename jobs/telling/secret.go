package telling

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/labring/sealos-notify/store"
)

// ErrNoKey means that endpoints cannot be made, because the configuration has no endpoints.key.
var ErrNoKey = errors.New("endpoints.key is not set")

// errUnreadable means that a secret was sealed with another key.
var errUnreadable = errors.New("the secret of the endpoint was sealed with another endpoints.key: rotate it")

// secretSize is the number of bytes of a secret. Standard Webhooks allows 24 to 64.
const secretSize = 32

// KeepSecret is how long the secret before a rotation still signs.
const KeepSecret = 24 * time.Hour

// NewSecret returns a new secret for an endpoint, as its owner is shown it once, and sealed, as it is
// stored. It returns ErrNoKey when the configuration has no key.
func (t *Teller) NewSecret(endpoint uuid.UUID) (secret string, sealed []byte, err error) {
	aead, err := t.aead()
	if err != nil {
		return "", nil, err
	}
	raw := make([]byte, secretSize)
	_, _ = rand.Read(raw)                          // it never fails
	sealed = aead.Seal(nil, nil, raw, endpoint[:]) //nolint:gosec // the cipher makes its own nonce, and takes none
	return "whsec_" + base64.StdEncoding.EncodeToString(raw), sealed, nil
}

// aead returns what seals secrets. A sealed one is of no use at another endpoint.
func (t *Teller) aead() (cipher.AEAD, error) {
	key, err := t.settings.Load().Endpoints.DecodeKey()
	if err != nil {
		return nil, err // the configuration was checked
	}
	if key == nil {
		return nil, ErrNoKey
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("endpoints.key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// signers sign the requests to one endpoint: with its secret, and after a rotation with the one before,
// too.
type signers []*standardwebhooks.Webhook

func (t *Teller) signers(e store.Endpoint) (signers, error) {
	aead, err := t.aead()
	if err != nil {
		return nil, err
	}
	secrets := [][]byte{e.Secret}
	if e.Signs(t.now()) {
		secrets = append(secrets, e.Before)
	}
	var all signers
	for _, sealed := range secrets {
		raw, err := aead.Open(nil, nil, sealed, e.ID[:])
		if err != nil {
			return nil, errUnreadable
		}
		signer, err := standardwebhooks.NewWebhookRaw(raw)
		if err != nil {
			return nil, err
		}
		all = append(all, signer)
	}
	return all, nil
}
