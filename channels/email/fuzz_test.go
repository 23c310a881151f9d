package email_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/email"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
)

// wellReplies are a working server's replies to a mail, from its greeting on.
var wellReplies = []string{
	"220 mail.example.com\r\n",
	"250-mail.example.com\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n",
	"235 2.7.0 welcome\r\n",
	"250 2.1.0 sender\r\n",
	"250 2.1.5 recipient\r\n",
	"354 go on\r\n",
	"250 2.0.0 queued as 1\r\n",
	"221 bye\r\n",
}

// FuzzReply replaces one of the server's replies by any text. Send returns in time,
// with a receipt or with a typed error that shows nothing private.
func FuzzReply(f *testing.F) {
	for at := range wellReplies {
		for _, reply := range []string{
			"", "\r\n", "2", "250", "-1 x\r\n", "999 x\r\n", "250-a\r\n251 b\r\n", "250-a\r\n", "4xx\r\n", "\x00\xff\r\n",
			"451 4.7.1 try later\r\n", "550-5.1.1 <" + user + ">\r\n550 5.1.1 unknown\r\n", "535 5.7.8 " + password + "\r\n",
			"421 4.4.2 timeout\r\n", "334 \r\n", "250 AUTH\r\n", "250-SIZE 1\r\n250 STARTTLS\r\n", strings.Repeat("250-x\r\n", 1000) + "250 x\r\n",
		} {
			f.Add(at, reply)
		}
	}
	f.Fuzz(func(t *testing.T, at int, reply string) {
		l := listen(t)
		defer func() { _ = l.Close() }()
		replies := append([]string{}, wellReplies...)
		replies[uint(at)%uint(len(replies))] = reply
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		served := make(chan struct{})
		go func() {
			defer close(served)
			serveReplies(ctx, l, replies)
		}()
		start := time.Now()
		_, err := open(t, l.Addr(), nil).Send(ctx, textTo(user))
		require.Less(t, time.Since(start), 10*time.Second)
		cancel() // a working connection is kept for the next mail
		_ = l.Close()
		<-served
		if err == nil {
			return
		}
		var e *channels.Error
		require.True(t, errors.As(err, &e), "%v", err)
		require.NotEmpty(t, e.Class)
		require.NotEmpty(t, e.Code)
		require.NotEmpty(t, e.Message)
		require.GreaterOrEqual(t, e.RetryAfter, time.Duration(0))
		for _, private := range []string{user, password} {
			require.NotContains(t, strings.ToLower(err.Error()), strings.ToLower(private))
		}
	})
}

// An endless reply does not use up the memory.
func TestEndlessReply(t *testing.T) {
	t.Parallel()
	l := listen(t)
	said := make(chan int64, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		n, _ := io.WriteString(conn, "220 mail.example.com\r\n"+strings.Repeat("250-x\r\n", 10<<20))
		said <- int64(n)
	}()
	t.Cleanup(func() { _ = l.Close() })
	_, err := open(t, l.Addr(), nil).Send(t.Context(), textTo(user))
	channeltest.RequireError(t, err, channels.Transient, "not_smtp")
	require.Less(t, <-said, int64(64<<20), "the whole reply was read")
}

// serveReplies writes all replies to one client without waiting for its commands. It
// listens until ctx ends.
func serveReplies(ctx context.Context, l net.Listener, replies []string) {
	conn, err := l.Accept()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, _ = io.WriteString(conn, strings.Join(replies, ""))
	_ = conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, conn)
}

// FuzzSubject requires that any subject arrives as it is, in lines that servers take.
func FuzzSubject(f *testing.F) {
	for _, subject := range subjects {
		f.Add(subject)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		if strings.ContainsAny(subject, "\r\n\x00") || !utf8.ValidString(subject) {
			t.Skip("it is refused")
		}
		field := email.SubjectField(subject)
		requireLines(t, []byte(field+"\r\n"))
		m, err := mail.ReadMessage(strings.NewReader(field + "\r\n"))
		require.NoError(t, err)
		require.Len(t, m.Header, 1)
		got, err := smtp.Decode(m.Header.Get("Subject"))
		require.NoError(t, err)
		require.Equal(t, subject, got)
	})
}
