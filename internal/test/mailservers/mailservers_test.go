package mailservers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServersStart(t *testing.T) {
	t.Parallel()
	require.Empty(t, Exim(t).Messages(t))
	require.Empty(t, Postfix(t).Messages(t))
	for _, mode := range []TLSMode{ImplicitTLS, StartTLS} {
		m := Mailpit(t, mode)
		m.Fail(t, Chaos{Sender: 451, Authentication: 535})
		require.Empty(t, m.Messages(t))
	}
}
