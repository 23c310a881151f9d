package feishuapp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// The calls of a message with an urgent call, in order.
const (
	tokenPath   = "/open-apis/auth/v3/tenant_access_token/internal"
	messagePath = "/open-apis/im/v1/messages"
	usersPath   = "/open-apis/contact/v3/users/batch_get_id"
)

// requireNoSecret checks everything of a send that is stored or logged, except for the
// list of users that the urgent call did not reach.
func requireNoSecret(t *testing.T, receipt channels.Receipt, err error, secrets ...string) {
	t.Helper()
	texts := []string{fmt.Sprint(receipt.Details["urgent_error"])}
	if err != nil {
		e := channels.AsError(err)
		texts = append(texts, err.Error(), fmt.Sprintf("%+v", err), e.Code, e.Message)
	}
	secrets = append(secrets, appSecret, openUser, mailUser, strings.ToLower(mailUser), feishu.UserID("open_id", mailUser))
	for _, text := range texts {
		for _, secret := range secrets {
			require.NotContains(t, text, secret)
		}
	}
}

// The platform may repeat all it was sent: the secret, the token, the recipient.
func TestNothingSecretIsRepeated(t *testing.T) {
	t.Parallel()
	for n, honest := range [][]string{
		{},
		{tokenPath},
		{tokenPath, messagePath},
		{tokenPath, messagePath, usersPath},
	} {
		for _, m := range []channels.Message{toOpenID(), toEmail()} {
			t.Run(fmt.Sprintf("call %d to %s", n+1, m.Recipient.Type), func(t *testing.T) {
				t.Parallel()
				platform := feishu.New(appID, appSecret, vendors.NewInbox())
				tokens := make(chan string, 10)
				sender := open(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if slices.Contains(honest, r.URL.Path) {
						platform.ServeHTTP(w, r)
						return
					}
					tokens <- strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
					echo(w, r)
				}), urgent("sms"))

				receipt, err := sender.Send(t.Context(), m)
				require.Contains(t, fmt.Sprint(receipt.Details, err), "feishu_230001")
				if token := <-tokens; token != "" {
					requireNoSecret(t, receipt, err, token)
				} else {
					requireNoSecret(t, receipt, err)
				}
			})
		}
	}
}

// echo refuses a request with a text that repeats the whole request.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	text := fmt.Sprintf("bad %s %v %s %s", r.URL, r.Header, body, strings.ToLower(string(body)))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": 230001, "msg": text})
}

func TestNoFaultPrintsSecrets(t *testing.T) {
	t.Parallel()
	leak := strings.Join([]string{openUser, mailUser, appSecret}, " ")
	for _, where := range []string{feishu.Token, feishu.Messages, feishu.Users, feishu.Urgent} {
		for _, fault := range []feishu.Fault{
			{Reset: true},
			{Hang: true},
			{Body: leak},
			{HTTPStatus: 302, Header: http.Header{"Location": {"http://127.0.0.1:1/" + mailUser}}},
			{HTTPStatus: 400, Body: `{"code":"` + leak + `"}`},
			{HTTPStatus: 404, Body: leak},
			{HTTPStatus: 429, Body: leak},
			{HTTPStatus: 502, Body: leak},
			{HTTPStatus: 504, Body: leak},
		} {
			fault.Where = where
			m := toEmail() // the one recipient who needs all four calls
			t.Run(fmt.Sprintf("%+v", fault), func(t *testing.T) {
				t.Parallel()
				platform, sender := setup(t, urgent("phone"))
				injected := platform.Fail(fault)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if fault.Hang {
					go func() {
						defer cancel()
						_ = injected.Wait(ctx, 1) // ends with the test at the latest
					}()
				}

				receipt, err := sender.Send(ctx, m)
				requireNoSecret(t, receipt, err)
				if where == feishu.Token || where == feishu.Messages {
					require.Error(t, err)
				} else {
					require.NoError(t, err)
					require.NotEmpty(t, receipt.Details["urgent_error"])
				}
			})
		}
	}
}
