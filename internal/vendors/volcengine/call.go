package volcengine

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
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
	end := v.endOf(c)
	info := map[string]any{
		"SingleOpenId": c.SingleOpenId, "ResourceKey": c.Resource, "Phone": c.Phone, "State": end.State,
		"CreateTime": c.at.In(beijing).Format(time.DateTime), "Duration": end.Duration,
	}
	if end.State == Over {
		info["CallUuid"], info["ReleaseTime"] = c.uuid, c.at.In(beijing).Format(time.DateTime)
	}
	return success(info)
}

var beijing = time.FixedZone("CST", 8*60*60)

// States of a call: https://www.volcengine.com/docs/6358/1722080
const (
	Ready   = "1" // to be made
	Ringing = "2" // until somebody hangs up
	Over    = "3"
	Again   = "4" // to be made again
	Deleted = "5"
)

// Results of a call: https://www.volcengine.com/docs/6358/173383
const (
	Connected = 1
	NoAnswer  = 7
)

// End is how a call goes.
type End struct {
	State    string
	Result   int // in its record; 0: there is no record yet
	Duration int // seconds
}

// EndCalls sets how the calls to a phone go, those that were made and those to come. Until then all calls are
// over at once, and were taken.
func (v *VMS) EndCalls(phone string, end End) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ends[phone] = end
}

// endOf runs with v.mu held.
func (v *VMS) endOf(c call) End {
	if end, told := v.ends[c.Phone]; told {
		return end
	}
	return End{State: Over, Result: Connected, Duration: 4}
}

// maxRecords bounds the records of one request.
const maxRecords = 100

// queryCallRecords returns the records of calls: https://volcengine.com/docs/6358/173364, in the form of the
// vendor's SDK, whose QueryCallRecordMsgV2 has the ids in the query. It runs with v.mu held.
func (v *VMS) queryCallRecords(q url.Values) answer {
	ids := strings.Split(q.Get("CallIdList"), ",")
	if ids[0] == "" {
		return refused(http.StatusBadRequest, "MissingParameter", "The required parameter CallIdList is missing.")
	}
	if len(ids) > maxRecords {
		return refused(http.StatusBadRequest, "InvalidParameter", "The specified parameter CallIdList is invalid.")
	}
	records := []map[string]any{}
	for _, c := range v.calls {
		if end := v.endOf(c); end.State == Over && end.Result != 0 && slices.Contains(ids, c.uuid) {
			records = append(records, map[string]any{
				"CallId": c.uuid, "SingleOpenId": c.SingleOpenId, "Callee": c.Phone, "CallResult": end.Result,
				"BeginCallTime": c.at.UnixMilli(), "EndTime": c.at.UnixMilli(),
			})
		}
	}
	return success(map[string]any{"Records": records})
}
