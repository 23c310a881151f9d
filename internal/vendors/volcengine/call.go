package volcengine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Types of resource that a call plays.
const (
	typeRecording = 0
	typeTTS       = 1
)

// Types of failure of a single item: https://www.volcengine.com/docs/6358/172950
const (
	PhoneFormat = "INVALID_PHONE_FORMAT"
	Duplicate   = "REDUPLICATED_ITEM"
)

// Form is how a request writes the params of the text template.
type Form string

// Forms of PhoneParam.
const (
	EitherForm Form = ""
	StringForm Form = "string" // a string that holds JSON: https://www.volcengine.com/docs/6358/1722090
	ObjectForm Form = "object" // https://volcengine.com/docs/6358/172952
)

var phone = regexp.MustCompile(`^[0-9]{7,15}$`)

// call is one call that was made.
type call struct {
	item
	uuid string
	at   time.Time
}

// item is one requested call.
type item struct {
	Phone, Resource, NumberPoolNo, SingleOpenId string
	Type                                        *int
	PhoneParam                                  json.RawMessage
}

// params returns the params as JSON, and whether they are an object in the form.
func (i item) params(form Form) (string, bool) {
	if len(i.PhoneParam) == 0 {
		return "", true
	}
	object, written := string(i.PhoneParam), ObjectForm
	if json.Unmarshal(i.PhoneParam, &object) == nil {
		written = StringForm
	}
	var params map[string]any
	valid := json.Unmarshal([]byte(object), &params) == nil
	return object, valid && (form == EitherForm || form == written)
}

// singleBatchAppend makes calls. It runs with v.mu held. The vendor does not promise to
// drop a repeated SingleOpenId, so a repetition makes a second call here.
func (v *VMS) singleBatchAppend(body []byte) answer {
	var request struct{ List []item }
	if err := json.Unmarshal(body, &request); err != nil {
		return refused(http.StatusBadRequest, "InvalidParameter", "The specified parameter List is invalid.")
	}
	for _, i := range request.List {
		v.Inbox().Request(i.SingleOpenId)
	}
	if len(request.List) == 0 {
		return refused(http.StatusBadRequest, "MissingParameter", "The required parameter List is missing.")
	}
	for _, i := range request.List {
		for _, p := range []struct{ name, value string }{
			{"Phone", i.Phone}, {"Resource", i.Resource}, {"NumberPoolNo", i.NumberPoolNo}, {"SingleOpenId", i.SingleOpenId},
		} {
			if p.value == "" {
				return refused(http.StatusBadRequest, "MissingParameter", "The required parameter "+p.name+" is missing.")
			}
		}
		if i.Type == nil || *i.Type != typeRecording && *i.Type != typeTTS {
			return refused(http.StatusBadRequest, "InvalidParameter", "The specified parameter Type is invalid.")
		}
		if _, valid := i.params(v.form); !valid {
			return refused(http.StatusBadRequest, "InvalidParameter", "The specified parameter PhoneParam is invalid.")
		}
	}

	succeeded, failed := []map[string]any{}, []map[string]any{}
	for _, i := range request.List {
		failure := v.refused[i.Phone]
		if failure == "" && !phone.MatchString(i.Phone) {
			failure = PhoneFormat
		}
		result := map[string]any{"Phone": i.Phone, "SingleOpenId": i.SingleOpenId}
		if failure != "" {
			result["Type"] = failure
			failed = append(failed, result)
			continue
		}
		v.make(i)
		succeeded = append(succeeded, result)
	}
	return success(map[string]any{"SuccessList": succeeded, "FailList": failed})
}

func (v *VMS) make(i item) {
	params, _ := i.params(v.form)
	c := call{item: i, uuid: fmt.Sprintf("V%d", time.Now().UnixNano()), at: time.Now()}
	v.calls[i.SingleOpenId] = c
	v.Inbox().Add(vendors.Arrival{
		ID: c.uuid, Channel: "voice", ToType: "phone", To: i.Phone, Kind: i.Resource,
		Text: strings.TrimSpace(i.Resource + " " + params), Mark: i.SingleOpenId,
	})
}

// querySingleInfo describes a call. It runs with v.mu held.
func (v *VMS) querySingleInfo(body []byte) answer {
	var request struct {
		SingleOpenId string
	}
	if err := json.Unmarshal(body, &request); err != nil || request.SingleOpenId == "" {
		return refused(http.StatusBadRequest, "MissingParameter", "The required parameter SingleOpenId is missing.")
	}
	c, ok := v.calls[request.SingleOpenId]
	if !ok {
		return refused(http.StatusBadRequest, "IllegalArgument", "非法的参数")
	}
	return success(map[string]any{
		"SingleOpenId": c.SingleOpenId, "ResourceKey": c.Resource, "Phone": c.Phone, "State": "3",
		"CallUuid": c.uuid, "CreateTime": c.at.Format(time.DateTime), "Duration": 4,
	})
}
