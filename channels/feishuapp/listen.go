package feishuapp

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

const (
	endpointPath = "/callback/ws/endpoint"
	// connectTime bounds each of the two steps of connecting.
	connectTime = 10 * time.Second
	// maxFrame bounds a frame, in bytes. An event has a few KiB.
	maxFrame = 1 << 20
	// codeDisconnected is the code of a connection that was open and broke.
	codeDisconnected = "disconnected"
)

// listener is a sender that also listens to the platform's long connection.
//
// It speaks the protocol itself. The SDK's client, package ws, cannot be ended: its Start never
// returns, its goroutines start each other again, and its connection is private. Importing it
// would also bring all services of the SDK into the program.
type listener struct{ *sender }

var _ channels.Listener = listener{}

// Listen implements channels.Listener.
func (l listener) Listen(ctx context.Context, events channels.Events) error {
	address, config, err := l.endpoint(ctx)
	if err == nil {
		var conn *websocket.Conn
		if conn, err = l.dial(ctx, address); err == nil {
			err = newConnection(l.sender, conn, address, config, events).serve(ctx)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// clientConfig is what the platform tells its clients to do. It names more than what is read here:
// how to connect again is the caller's.
type clientConfig struct {
	PingInterval int // seconds
}

// endpoint asks the platform where to connect. The address has a ticket in it, and is no less
// secret than the app's secret.
func (l listener) endpoint(ctx context.Context) (*url.URL, clientConfig, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	raw, err := larkcore.Request(ctx, &larkcore.ApiReq{
		HttpMethod:                http.MethodPost,
		ApiPath:                   endpointPath,
		Body:                      map[string]string{"AppID": l.config.AppID, "AppSecret": l.config.AppSecret},
		SupportedAccessTokenTypes: []larkcore.AccessTokenType{larkcore.AccessTokenTypeNone},
	}, l.tokens.config)
	if err != nil {
		return nil, clientConfig{}, notHeard(asError(err))
	}
	var answer struct {
		larkcore.CodeError
		Data struct {
			URL          string
			ClientConfig clientConfig
		} `json:"data"`
	}
	if err := json.Unmarshal(raw.RawBody, &answer); err != nil {
		return nil, clientConfig{}, notHeard(asError(err))
	}
	if err := refusal(raw, answer.CodeError, l.config.AppSecret); err != nil {
		return nil, clientConfig{}, l.refused(err)
	}
	address, err := url.Parse(answer.Data.URL)
	secure := err == nil && (address.Scheme == "wss" || address.Scheme == "ws" && strings.HasPrefix(l.tokens.config.BaseUrl, "http:"))
	if !secure || address.Host == "" {
		return nil, clientConfig{}, notHeard(asError(errUnexpected))
	}
	return address, answer.Data.ClientConfig, nil
}

// dial connects to an address that endpoint returned.
func (l listener) dial(ctx context.Context, address *url.URL) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	dialer := websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, NetDialContext: vendorhttp.NewDialer().DialContext, HandshakeTimeout: connectTime,
	}
	conn, resp, err := dialer.DialContext(ctx, address.String(), nil)
	if resp != nil {
		defer func() { _ = resp.Body.Close() }() // of a refusal; it is empty otherwise
	}
	switch {
	case err == nil:
		conn.SetReadLimit(maxFrame)
		return conn, nil
	case resp == nil || resp.StatusCode == http.StatusSwitchingProtocols:
		return nil, &channels.Error{
			Class: channels.Transient, Code: vendorhttp.CodeConnectFailed, Message: "cannot connect to the platform's long connection", Cause: err,
		}
	}
	code, err := strconv.Atoi(resp.Header.Get("Handshake-Status"))
	if err != nil {
		return nil, vendorhttp.StatusError(resp.StatusCode)
	}
	if reason, _ := strconv.Atoi(resp.Header.Get("Handshake-Autherrcode")); reason == codeConnections {
		code = reason
	}
	answer := larkcore.CodeError{Code: code, Msg: resp.Header.Get("Handshake-Msg")}
	return nil, l.refused(refusal(&larkcore.ApiResp{StatusCode: resp.StatusCode, Header: resp.Header}, answer, l.config.AppSecret, address.RawQuery))
}

// refused returns the error of a refusal to connect. As the SDK has it, a code that is not known
// does not pass by itself.
func (l listener) refused(err error) error {
	var e *channels.Error
	if errors.As(err, &e) && e.Unlisted {
		e.Class = channels.Misconfigured
	}
	return err
}

// notHeard returns the error of a call that changes nothing, and may be repeated.
func notHeard(e *channels.Error) error {
	if e.Class == channels.Uncertain {
		e.Class = channels.Transient
	}
	return e
}
