package feishuapp_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishuapp"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// heard takes events, and answers as it is told.
type heard struct {
	listening chan struct{}
	reads     chan channels.ReadMark
	presses   chan channels.Press
	read      func(context.Context) error
	press     func(context.Context, channels.Press) (channels.Response, error)
}

func newHeard() *heard {
	return &heard{
		listening: make(chan struct{}), reads: make(chan channels.ReadMark, 100), presses: make(chan channels.Press, 100),
		read: func(context.Context) error { return nil },
		press: func(context.Context, channels.Press) (channels.Response, error) {
			return channels.Response{Text: "ok"}, nil
		},
	}
}

func (h *heard) Listening() { close(h.listening) }

func (h *heard) Read(ctx context.Context, mark channels.ReadMark) error {
	h.reads <- mark
	return h.read(ctx)
}

func (h *heard) Pressed(ctx context.Context, press channels.Press) (channels.Response, error) {
	h.presses <- press
	return h.press(ctx, press)
}

func withEvents(c *feishuapp.Config) { c.Events = true }

// listen listens until the test ends or stop is called, which returns what Listen did.
func listen(t *testing.T, sender channels.Sender, events channels.Events) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sender.(channels.Listener).Listen(ctx, events) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

// listening starts a platform and listens to it.
func listening(t *testing.T, h *heard) (*feishu.Platform, channels.Sender, func() error) {
	t.Helper()
	platform, sender := setup(t, withEvents)
	stop := listen(t, sender, h)
	<-h.listening
	require.NoError(t, platform.WaitConnections(t.Context(), 1))
	return platform, sender, stop
}

func TestOnlyThoseWithEventsListen(t *testing.T) {
	t.Parallel()
	_, sender := setup(t, nil)
	require.NotImplements(t, (*channels.Listener)(nil), sender)
	_, sender = setup(t, withEvents)
	require.Implements(t, (*channels.Listener)(nil), sender)
	require.Implements(t, (*channels.Prober)(nil), sender)
}

func TestReadMarks(t *testing.T) {
	t.Parallel()
	h := newHeard()
	platform, sender, stop := listening(t, h)
	receipt, err := sender.Send(t.Context(), toOpenID())
	require.NoError(t, err)
	id := receipt.Details["message_id"].(string)

	before := time.Now().Add(-time.Millisecond)
	require.NoError(t, platform.Read(t.Context(), openUser, id, "om_2"))
	mark := <-h.reads
	require.Equal(t, []string{id, "om_2"}, mark.MessageIDs)
	require.Equal(t, channels.Person{ID: openUser}, mark.Reader)
	require.WithinRange(t, mark.At, before, time.Now())

	h.read = func(context.Context) error { return errors.New("no database") }
	require.ErrorIs(t, platform.Read(t.Context(), openUser, id), feishu.ErrFailed, "it will be told again")
	require.NoError(t, stop())
	require.NoError(t, platform.WaitConnections(t.Context(), 0))
	require.ErrorIs(t, platform.Read(t.Context(), openUser, id), feishu.ErrNobodyListens)
}

func card(body string) channels.Message {
	m := toOpenID()
	m.MsgType, m.Body = "interactive", body
	m.Button = &channels.Button{Label: "Acknowledge", Value: "signed"}
	return m
}

// A button is pressed on cards of both schemas: the person sees a toast, and all see the note in
// the place of the button.
func TestPressedButtons(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"elements":[{"tag":"markdown","content":"disk full"}]}`,
		`{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"disk full"}]}}`,
		`{"i18n_elements":{"zh_cn":[{"tag":"markdown","content":"磁盘满"}],"en_us":[{"tag":"markdown","content":"disk full"}]}}`,
	} {
		h := newHeard()
		m := card(body)
		h.press = func(_ context.Context, p channels.Press) (channels.Response, error) {
			after := m
			after.Note = "Acknowledged by " + p.By.Name
			return channels.Response{Text: "done", Message: &after}, nil
		}
		platform, sender, _ := listening(t, h)
		receipt, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		require.NotContains(t, receipt.Details, "button_left_out")
		id := receipt.Details["message_id"].(string)
		shown := platform.Inbox().Arrivals()[0].Text
		buttons := feishu.Buttons(shown)
		require.Len(t, buttons, strings.Count(body, "disk full")+strings.Count(body, "磁盘满"))
		require.Equal(t, "Acknowledge", buttons[0].Label)

		before := time.Now().Add(-time.Millisecond)
		toast, err := platform.Press(t.Context(), openUser, id, buttons[0].Value)
		require.NoError(t, err)
		require.Equal(t, feishu.Toast{Type: "success", Content: "done"}, toast)
		press := <-h.presses
		require.WithinRange(t, press.At, before, time.Now())
		press.At = time.Time{}
		name := feishu.UserName(openUser)
		require.Equal(t, channels.Press{Value: "signed", By: channels.Person{ID: openUser, Name: name}, MessageID: id}, press)
		shown = platform.Inbox().Arrivals()[0].Text
		require.Contains(t, shown, "Acknowledged by "+name)
		require.Empty(t, feishu.Buttons(shown))
		require.Equal(t, 1, platform.Inbox().Total())
	}
}

func TestPressesThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHeard()
	h.press = func(context.Context, channels.Press) (channels.Response, error) {
		return channels.Response{Text: "not yours", Refused: true}, nil
	}
	platform, sender, _ := listening(t, h)
	receipt, err := sender.Send(t.Context(), card(`{}`))
	require.NoError(t, err)
	id := receipt.Details["message_id"].(string)
	shown := platform.Inbox().Arrivals()[0].Text

	for _, foreign := range []map[string]any{nil, {"action": "approve"}, {"sealos_notify": 7}} {
		toast, err := platform.Press(t.Context(), openUser, id, foreign)
		require.NoError(t, err)
		require.Equal(t, feishu.Toast{Type: "error", Content: "not yours"}, toast)
		require.Empty(t, (<-h.presses).Value)
	}
	require.Zero(t, platform.Requests(feishu.User), "nobody is looked up for them")
	require.Equal(t, shown, platform.Inbox().Arrivals()[0].Text)

	h.press = func(context.Context, channels.Press) (channels.Response, error) {
		return channels.Response{}, errors.New("no database")
	}
	_, err = platform.Press(t.Context(), openUser, id, map[string]any{"sealos_notify": "x"})
	require.ErrorIs(t, err, feishu.ErrFailed)

	tooLong := card(`{"elements":"not a list"}`)
	h.press = func(context.Context, channels.Press) (channels.Response, error) {
		return channels.Response{Text: "done", Message: &tooLong}, nil
	}
	_, err = platform.Press(t.Context(), openUser, id, map[string]any{"sealos_notify": "x"})
	require.NoError(t, err, "a card in which there is no place goes as it is")
}

// A name that the app may not know, or that does not come in time, keeps nobody from pressing.
func TestNamesAreOptional(t *testing.T) {
	t.Parallel()
	for _, fault := range []feishu.Fault{{Where: feishu.User, Code: "99991672", HTTPStatus: 400}, {Where: feishu.User, Hang: true}} {
		h := newHeard()
		platform, sender, _ := listening(t, h)
		receipt, err := sender.Send(t.Context(), card(`{}`))
		require.NoError(t, err)
		platform.Fail(fault)
		_, err = platform.Press(t.Context(), openUser, receipt.Details["message_id"].(string), map[string]any{"sealos_notify": "x"})
		require.NoError(t, err)
		require.Equal(t, channels.Person{ID: openUser}, (<-h.presses).By)
	}
}

// An event has its time, and its answer is an error after it.
func TestEventsThatTakeTooLong(t *testing.T) {
	t.Parallel()
	h := newHeard()
	h.read = func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	platform, _, _ := listening(t, h)
	require.ErrorIs(t, platform.Read(t.Context(), openUser, "om_1"), feishu.ErrFailed)
}

// What was begun when the listener is told to end is answered.
func TestAnEventInFlightIsAnswered(t *testing.T) {
	t.Parallel()
	h := newHeard()
	begun, goOn := make(chan struct{}), make(chan struct{})
	h.read = func(ctx context.Context) error {
		close(begun)
		<-goOn
		return ctx.Err()
	}
	platform, _, stop := listening(t, h)
	answered, ended := make(chan error, 1), make(chan error, 1)
	go func() { answered <- platform.Read(t.Context(), openUser, "om_1") }()
	<-begun
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		require.FailNow(t, "the event was cut", "%v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(goOn)
	require.NoError(t, <-answered)
	require.NoError(t, <-ended)
}

func TestManyEventsInParts(t *testing.T) {
	t.Parallel()
	h := newHeard()
	platform, _, _ := listening(t, h)
	platform.Split(7)
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			for platform.Read(t.Context(), openUser, "om_"+strconv.Itoa(i)) != nil { // some have to wait for others
			}
		})
	}
	all.Wait()
	require.GreaterOrEqual(t, len(h.reads), 100)
}

func TestEventsOfOthers(t *testing.T) {
	t.Parallel()
	platform, _, _ := listening(t, newHeard())
	_, err := platform.Send(t.Context(), "im.message.receive_v1", "1", map[string]any{})
	require.ErrorIs(t, err, feishu.ErrFailed, "the platform may tell another client")
	for _, strange := range []map[string]any{{"action": "x"}, {"context": 1}} {
		_, err = platform.Send(t.Context(), "card.action.trigger", "x", strange)
		require.ErrorIs(t, err, feishu.ErrFailed)
	}
	for kind, empty := range map[string]any{"card.action.trigger": map[string]any{}, "im.message.message_read_v1": map[string]any{}} {
		_, err = platform.Send(t.Context(), kind, "", empty.(map[string]any))
		require.NoError(t, err)
	}
}

func TestListenIsRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		fault feishu.Fault
		class channels.Class
		code  string
	}{
		{feishu.Fault{Where: feishu.Endpoint, Code: "1000040345"}, channels.Misconfigured, "feishu_1000040345"},
		{feishu.Fault{Where: feishu.Endpoint, Code: "1000040346", HTTPStatus: 400}, channels.Misconfigured, "feishu_1000040346"},
		{feishu.Fault{Where: feishu.Endpoint, Code: "1000040350"}, channels.Misconfigured, "feishu_1000040350"},
		{feishu.Fault{Where: feishu.Endpoint, Code: "1000040999", Raw: true}, channels.Misconfigured, "feishu_1000040999"},
		{feishu.Fault{Where: feishu.Endpoint, Code: "1"}, channels.Transient, "feishu_1"},
		{feishu.Fault{Where: feishu.Endpoint, Code: "1000040343"}, channels.Transient, "feishu_1000040343"},
		{feishu.Fault{Where: feishu.Endpoint, HTTPStatus: 503}, channels.Transient, "http_503"},
		{feishu.Fault{Where: feishu.Endpoint, Body: `[]`}, channels.Transient, "unexpected_answer"},
		{feishu.Fault{Where: feishu.Endpoint, Body: `{"code":0}`}, channels.Transient, "unexpected_answer"},
		{feishu.Fault{Where: feishu.Endpoint, Body: `{"code":0,"data":{"URL":"file:///etc/passwd"}}`}, channels.Transient, "unexpected_answer"},
		{feishu.Fault{Where: feishu.Endpoint, Body: `{"code":0,"data":{"URL":"ws://127.0.0.1:1/"}}`}, channels.Transient, "connect_failed"},
		{feishu.Fault{Where: feishu.Endpoint, Reset: true}, channels.Transient, "no_answer"},
		{feishu.Fault{Where: feishu.Connect, Code: "403"}, channels.Misconfigured, "feishu_403"},
		{feishu.Fault{Where: feishu.Connect, Code: "514"}, channels.Misconfigured, "feishu_514"},
		{feishu.Fault{Where: feishu.Connect, Code: "1000040350"}, channels.Misconfigured, "feishu_1000040350"},
		{feishu.Fault{Where: feishu.Connect, HTTPStatus: 502}, channels.Transient, "http_502"},
	} {
		t.Run(tc.fault.Where+" "+tc.code, func(t *testing.T) {
			t.Parallel()
			platform, sender := setup(t, withEvents)
			platform.Fail(tc.fault)
			err := sender.(channels.Listener).Listen(t.Context(), newHeard())
			e := channels.AsError(err)
			require.Equal(t, tc.class, e.Class, e)
			require.Equal(t, tc.code, e.Code)
			require.NotContains(t, e.Error(), appSecret)
			require.NotContains(t, e.Error(), "ticket")
		})
	}
}

// The real platform's refusals of wrong credentials.
func TestListenWithWrongCredentials(t *testing.T) {
	t.Parallel()
	for code, change := range map[string]func(*feishuapp.Config){
		"feishu_1000040346": func(c *feishuapp.Config) { c.AppID = "cli_other" },
		"feishu_1000040345": func(c *feishuapp.Config) { c.AppSecret = "other" },
	} {
		_, sender := setup(t, func(c *feishuapp.Config) { withEvents(c); change(c) })
		channeltest.RequireError(t, sender.(channels.Listener).Listen(t.Context(), newHeard()), channels.Misconfigured, code)
	}
}

func TestABrokenConnectionEndsListen(t *testing.T) {
	t.Parallel()
	h := newHeard()
	platform, sender := setup(t, withEvents)
	ended := make(chan error, 1)
	go func() { ended <- sender.(channels.Listener).Listen(t.Context(), h) }()
	<-h.listening
	require.NoError(t, platform.WaitConnections(t.Context(), 1))
	platform.Disconnect()
	channeltest.RequireError(t, <-ended, channels.Transient, "disconnected")
	require.NoError(t, platform.WaitConnections(t.Context(), 0))
}

// A platform that answers no ping is gone, although the connection is open.
func TestASilentPlatformEndsListen(t *testing.T) {
	t.Parallel()
	platform, sender := setup(t, withEvents)
	platform.SetPing(1)
	silent := platform.Fail(feishu.Fault{Where: feishu.Ping})
	err := sender.(channels.Listener).Listen(t.Context(), newHeard())
	channeltest.RequireError(t, err, channels.Transient, "disconnected")
	require.NoError(t, silent.Wait(t.Context(), 2), "it was asked more than once")
}

// Listen ends when it is told to, whatever it waits for.
func TestListenEndsWhileItConnects(t *testing.T) {
	t.Parallel()
	for _, where := range []string{feishu.Endpoint, feishu.Connect} {
		platform, sender := setup(t, withEvents)
		fault := platform.Fail(feishu.Fault{Where: where, Hang: true})
		stop := listen(t, sender, newHeard())
		require.NoError(t, fault.Wait(t.Context(), 1))
		require.NoError(t, stop())
		fault.Lift()
	}
}
