package voice

import (
	"encoding/json"
	"net/http"

	"github.com/volcengine/volcengine-go-sdk/service/vms"
	"github.com/volcengine/volcengine-go-sdk/volcengine"
	"github.com/volcengine/volcengine-go-sdk/volcengine/client"
	"github.com/volcengine/volcengine-go-sdk/volcengine/client/metadata"
	"github.com/volcengine/volcengine-go-sdk/volcengine/corehandlers"
	"github.com/volcengine/volcengine-go-sdk/volcengine/credentials"
	"github.com/volcengine/volcengine-go-sdk/volcengine/request"
	"github.com/volcengine/volcengine-go-sdk/volcengine/signer/volc"
	"github.com/volcengine/volcengine-go-sdk/volcengine/volcenginequery"

	"github.com/labring/sealos-notify/channels/vendorhttp"
)

const apiVersion = "2022-01-01"

// newClient returns an SDK client with only the handlers that build and sign requests.
//
// The SDK's other handlers are left out. They repeat failed requests, which would
// call a person twice. When a context ends, they drop the error that tells whether
// the request was sent. They print to standard output and panic on an error without
// a code. A session of the SDK would also read the environment and the home folder.
func newClient(c *Config) (*vms.VMS, error) {
	scheme, host, err := vendorhttp.Endpoint(c.Endpoint)
	if err != nil {
		return nil, err
	}
	var handlers request.Handlers
	handlers.Build.PushBackNamed(volcenginequery.BuildHandler)
	handlers.Sign.PushBackNamed(corehandlers.BuildContentLengthHandler)
	handlers.Sign.PushBackNamed(volc.SignRequestHandler)
	handlers.Send.PushBack(exchange(vendorhttp.NewClient()))

	config := volcengine.NewConfig().
		WithCredentials(credentials.NewStaticCredentials(c.AccessKeyID, c.AccessKeySecret, "")).
		WithRegion(c.Region).
		WithMaxRetries(0)
	return &vms.VMS{Client: client.New(*config, metadata.ClientInfo{
		ServiceName:   vms.ServiceName,
		ServiceID:     vms.ServiceID,
		APIVersion:    apiVersion,
		Endpoint:      scheme + "://" + host,
		SigningName:   vms.ServiceName,
		SigningRegion: c.Region,
	}, handlers)}, nil
}

// exchange returns the handler that sends a request and reads its answer. The errors
// that it sets on the request are or wrap a *channels.Error.
func exchange(client *http.Client) func(*request.Request) {
	return func(r *request.Request) {
		resp, err := client.Do(r.HTTPRequest)
		if err != nil {
			r.Error = err
			return
		}
		defer func() { _ = resp.Body.Close() }() // vendorhttp has read it

		var answer struct {
			ResponseMetadata struct {
				RequestID string `json:"RequestId"`
				Error     struct{ Code, Message string }
			}
			Result json.RawMessage
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		metadata := answer.ResponseMetadata
		r.RequestID = metadata.RequestID
		switch {
		case err == nil && metadata.Error.Code != "":
			r.Error = refusal(metadata.Error.Code, metadata.Error.Message, metadata.RequestID)
		case resp.StatusCode >= http.StatusBadRequest:
			r.Error = vendorhttp.StatusError(resp.StatusCode)
		case err != nil || len(answer.Result) > 0 && json.Unmarshal(answer.Result, r.Data) != nil:
			r.Error = vendorhttp.UnexpectedAnswer()
		}
	}
}
