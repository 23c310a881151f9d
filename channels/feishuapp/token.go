package feishuapp

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

const (
	// tokenMargin is how long before its expiry a token is replaced.
	tokenMargin = 3 * time.Minute
	// tokenTimeout bounds one token call, so that a hung one does not use up the time
	// of all waiting messages.
	tokenTimeout = 10 * time.Second
)

// tokens caches the app's access token.
//
// The SDK's cache does not serve. It is one for the whole process, a new client swaps
// it without a lock, and a token that the platform refuses stays in it. Here each
// provider has its own token, so a rotated secret takes effect at once.
type tokens struct {
	config *larkcore.Config

	// turn guards the fields below, also during the call, so that a burst of messages
	// asks for one token. It is a channel so that waiting ends with the context.
	turn    chan struct{}
	value   string
	expires time.Time
}

// get returns a valid token other than the refused one.
func (t *tokens) get(ctx context.Context, refused string) (string, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", &channels.Error{
			Class: channels.Transient, Code: vendorhttp.CodeTimeout,
			Message: "no access token within the time allowed", Cause: ctx.Err(),
		}
	}
	if t.value != "" && t.value != refused && time.Now().Before(t.expires) {
		return t.value, nil
	}
	if err := t.fetch(ctx); err != nil {
		e := asError(err)
		if e.Class == channels.Uncertain {
			e.Class = channels.Transient // the message was not sent
		}
		return "", e
	}
	return t.value, nil
}

func (t *tokens) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	raw, err := larkcore.Request(ctx, &larkcore.ApiReq{
		HttpMethod:                http.MethodPost,
		ApiPath:                   larkcore.TenantAccessTokenInternalUrlPath,
		Body:                      larkcore.SelfBuiltTenantAccessTokenReq{AppID: t.config.AppId, AppSecret: t.config.AppSecret},
		SupportedAccessTokenTypes: []larkcore.AccessTokenType{larkcore.AccessTokenTypeNone},
	}, t.config)
	if err != nil {
		return err
	}
	var resp larkcore.TenantAccessTokenResp
	if err := json.Unmarshal(raw.RawBody, &resp); err != nil {
		return err
	}
	if err := refusal(raw, resp.CodeError, t.config.AppSecret); err != nil {
		return err
	}
	if resp.TenantAccessToken == "" {
		return errUnexpected
	}
	t.value = resp.TenantAccessToken
	t.expires = time.Now().Add(time.Duration(resp.Expire)*time.Second - tokenMargin)
	return nil
}
