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
	// tokenMargin is how long before its end a token is no longer used.
	tokenMargin = 3 * time.Minute
	// tokenTimeout bounds one token call, so that a hung one does not take the
	// time of everybody who waits for it.
	tokenTimeout = 10 * time.Second
)

// tokens keeps the app's access token.
//
// The SDK would keep it too, but in one place for the whole process, which a new
// provider swaps under the running ones without a lock, and where a token that
// the platform refuses stays. A provider that is made anew has its own tokens,
// so a rotated secret counts at once.
type tokens struct {
	config *larkcore.Config

	// turn is held while the fields below are used, also during the call: a burst
	// of messages asks for one token. It is a channel because waiting ends with
	// the context.
	turn    chan struct{}
	value   string
	expires time.Time
}

// get returns a token that is valid and is not the refused one.
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
			e.Class = channels.Transient // the message had not left
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
