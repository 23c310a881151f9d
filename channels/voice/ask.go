package voice

import (
	"context"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// States of a call: https://www.volcengine.com/docs/6358/1722080. In the others it is still made, or made again.
const (
	stateOver    = "3"
	stateDeleted = "5"
)

// resultConnected is the result of a call that was taken: https://www.volcengine.com/docs/6358/173383
const resultConnected = 1

// illegalArgument is how the vendor refuses an argument: https://volcengine.com/docs/6358/173334
const illegalArgument = codePrefix + "IllegalArgument"

// Ask implements channels.Asker. QuerySingleInfo tells whether the call is over, and the call's record how it
// ended. There may be no record yet: then a call that lasted was taken.
//
// What QuerySingleInfo answers for a call that was never made is on none of the vendor's pages. Taken for that are
// a result without the id and the refusal of the only argument, which is the id. Other refusals tell nothing.
func (s *sender) Ask(ctx context.Context, q channels.Question) (channels.Answer, error) {
	info, e := s.singleInfo(ctx, q.DeliveryID.String())
	switch {
	case e != nil && e.Code == illegalArgument:
		return channels.Answer{}, nil
	case e != nil:
		return channels.Answer{}, s.redacted(e, q)
	case info == nil:
		return channels.Answer{}, nil
	}
	answer := channels.Answer{Found: true, At: time.Now()}
	if at, err := time.ParseInLocation(time.DateTime, info.ReleaseTime, beijing); err == nil {
		answer.At = at
	}
	switch info.State {
	case stateDeleted:
		answer.Fate, answer.Code = channels.FateFailed, codePrefix+"state_"+stateDeleted
		return answer, nil
	case stateOver:
	default:
		return answer, nil
	}
	result, e := s.callResult(ctx, info.CallUUID)
	switch {
	case e != nil:
		return channels.Answer{}, s.redacted(e, q)
	case result == resultConnected, result == 0 && info.Duration > 0:
		answer.Fate = channels.FateAnswered
	case result != 0:
		answer.Fate = channels.FateFailed
	}
	if result != 0 {
		answer.Code = fmt.Sprintf("%scall_result_%d", codePrefix, result)
	}
	return answer, nil
}

var beijing = time.FixedZone("CST", 8*60*60)

// redacted returns the error of a question without the number that it is about.
func (s *sender) redacted(e *channels.Error, q channels.Question) error {
	if number, err := s.Parse(q.Recipient.Value); err == nil {
		e.Code, e.Message = number.Redact(e.Code), number.Redact(e.Message)
	}
	return e
}

const querySingleInfo = "QuerySingleInfo"

// singleInfo is what the vendor knows of a call: https://www.volcengine.com/docs/6358/1722080
type singleInfo struct {
	SingleOpenID string `json:"SingleOpenId"`
	CallUUID     string `json:"CallUuid"`
	State        string
	Duration     int32
	ReleaseTime  string
}

// singleInfo asks about a call. It returns nil for a result that has none.
func (s *sender) singleInfo(ctx context.Context, id string) (*singleInfo, *channels.Error) {
	var info singleInfo
	requestID, e := s.api.post(ctx, querySingleInfo, map[string]any{"SingleOpenId": id}, &info)
	if e != nil {
		return nil, e
	}
	switch info.SingleOpenID {
	case id:
		return &info, nil
	case "":
		if requestID != "" {
			return nil, nil
		}
	}
	return nil, vendorhttp.UnexpectedAnswer()
}

// callResult returns the result in a call's record, 0 when there is no record.
func (s *sender) callResult(ctx context.Context, callID string) (int32, *channels.Error) {
	if callID == "" {
		return 0, nil
	}
	var answer struct {
		Records []struct {
			CallID     string `json:"CallId"`
			CallResult int32
		}
	}
	if e := s.api.get(ctx, "QueryCallRecordMsgV2", "CallIdList", callID, &answer); e != nil {
		return 0, e
	}
	for _, r := range answer.Records {
		if r.CallID == callID {
			return r.CallResult, nil
		}
	}
	return 0, nil
}
