package voice

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/volcengine/volcengine-go-sdk/service/vms"
	"github.com/volcengine/volcengine-go-sdk/volcengine"
	sdkclient "github.com/volcengine/volcengine-go-sdk/volcengine/client"
	"github.com/volcengine/volcengine-go-sdk/volcengine/client/metadata"
	"github.com/volcengine/volcengine-go-sdk/volcengine/corehandlers"
	"github.com/volcengine/volcengine-go-sdk/volcengine/credentials"
	"github.com/volcengine/volcengine-go-sdk/volcengine/request"
	"github.com/volcengine/volcengine-go-sdk/volcengine/signer/volc"
	"github.com/volcengine/volcengine-go-sdk/volcengine/volcenginequery"

	"github.com/labring/sealos-notify/channels"
)

// sent is a request as it arrived.
type sent struct {
	method, url string
	header      http.Header
	body        []byte
}

// capture keeps the requests that arrive, and answers with the result.
func capture(t *testing.T, result string) (endpoint string, requests chan sent) {
	t.Helper()
	requests = make(chan sent, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // the test sees what is missing
		requests <- sent{r.Method, r.URL.String(), r.Header, body}
		_, _ = io.WriteString(w, `{"ResponseMetadata": {"RequestId": "1"}, "Result": `+result+`}`)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

// newSDK returns a client of the vendor's own SDK.
func newSDK(endpoint string, c *Config) *vms.VMS {
	var handlers request.Handlers
	handlers.Build.PushBackNamed(volcenginequery.BuildHandler)
	handlers.Sign.PushBackNamed(corehandlers.BuildContentLengthHandler)
	handlers.Sign.PushBackNamed(volc.SignRequestHandler)
	handlers.Send.PushBack(func(r *request.Request) {
		resp, err := http.DefaultClient.Do(r.HTTPRequest)
		if r.Error = err; err == nil {
			r.Error = resp.Body.Close()
		}
	})
	config := volcengine.NewConfig().WithCredentials(credentials.NewStaticCredentials(c.AccessKeyID, c.AccessKeySecret, "")).WithRegion(c.Region)
	return &vms.VMS{Client: sdkclient.New(*config, metadata.ClientInfo{
		ServiceName: vms.ServiceName, ServiceID: vms.ServiceID, APIVersion: apiVersion, Endpoint: endpoint,
		SigningName: vms.ServiceName, SigningRegion: c.Region,
	}, handlers)}
}

// Each request is the one that the vendor's SDK makes, with the same signature at the same time.
func TestRequestsAreThoseOfTheSDK(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	for name, c := range map[string]struct {
		ours func(*testing.T, *sender) error
		sdk  func(*vms.VMS) *request.Request
	}{
		"SingleBatchAppend": {
			func(t *testing.T, s *sender) error {
				_, err := s.Send(t.Context(), channels.Message{
					DeliveryID: id, Recipient: channels.Recipient{Type: "phone", Value: "+8613800138000"},
					TemplateCode: "T <1> 中文", Params: json.RawMessage(`{"host":"db 0"}`),
				})
				return err
			},
			func(sdk *vms.VMS) *request.Request {
				r, _ := sdk.SingleBatchAppendRequest(&vms.SingleBatchAppendInput{List: []*vms.ListForSingleBatchAppendInput{
					(&vms.ListForSingleBatchAppendInput{}).SetPhone("13800138000").SetType(resourceTTS).SetResource("T <1> 中文").
						SetNumberPoolNo("NP1").SetSingleOpenId(id.String()).SetPhoneParam(`{"host":"db 0"}`),
				}})
				return r
			},
		},
		"QuerySingleInfo": {
			func(t *testing.T, s *sender) error {
				_, e := s.singleInfo(t.Context(), id.String())
				return asError(e)
			},
			func(sdk *vms.VMS) *request.Request {
				r, _ := sdk.QuerySingleInfoRequest((&vms.QuerySingleInfoInput{}).SetSingleOpenId(id.String()))
				return r
			},
		},
		"QueryCallRecordMsgV2": {
			func(t *testing.T, s *sender) error {
				_, e := s.callResult(t.Context(), "a call+with/others 中文~")
				return asError(e)
			},
			func(sdk *vms.VMS) *request.Request {
				r, _ := sdk.QueryCallRecordMsgV2Request((&vms.QueryCallRecordMsgV2Input{}).SetCallIdList("a call+with/others 中文~"))
				return r
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpoint, requests := capture(t, `{"SuccessList": [{}]}`)
			config := Type.NewConfig().(*Config)
			config.Endpoint, config.AccessKeyID, config.AccessKeySecret, config.NumberPool = endpoint, "AKLT-test", "secret", "NP1"
			s, err := newSender(config)
			require.NoError(t, err)

			require.NoError(t, c.ours(t, s))
			ours := <-requests
			require.NoError(t, c.sdk(newSDK(endpoint, config)).Send())
			theirs := <-requests
			require.Equal(t, []string{theirs.method, theirs.url}, []string{ours.method, ours.url})
			require.Equal(t, theirs.header.Get("Content-Type"), contentTypeOf(ours, theirs))
			if len(theirs.body) > 0 {
				require.JSONEq(t, string(theirs.body), string(ours.body))
			} else {
				require.Empty(t, ours.body)
			}

			at, err := time.Parse(signatureTime, theirs.header.Get(headerDate))
			require.NoError(t, err)
			again, err := http.NewRequest(theirs.method, endpoint+theirs.url, nil)
			require.NoError(t, err)
			again.Header.Set("Content-Type", theirs.header.Get("Content-Type"))
			s.api.sign(again, theirs.body, at)
			require.Equal(t, theirs.header.Get("Authorization"), again.Header.Get("Authorization"))
		})
	}
}

// contentTypeOf returns the type of our body. The SDK names the type of a form where there is no body.
func contentTypeOf(ours, theirs sent) string {
	if len(ours.body) == 0 {
		return theirs.header.Get("Content-Type")
	}
	return ours.header.Get("Content-Type")
}

// asError keeps a nil *channels.Error a nil error.
func asError(e *channels.Error) error {
	if e != nil {
		return e
	}
	return nil
}
