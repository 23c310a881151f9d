package sms_test

import (
	"testing"

	"github.com/labring/sealos-notify/internal/test/channeltest"
)

func FuzzAnswer(f *testing.F) {
	channeltest.Fuzz(f, suite,
		`{"Code":"OK","Message":"OK","BizId":"1^0","RequestId":"r"}`,
		`{"Code":"isv.BUSINESS_LIMIT_CONTROL","Message":"触发分钟级流控Permits:1"}`,
		`{"Code":"SignatureDoesNotMatch","Message":"m","Recommend":"https://x"}`,
		`{"Code":1,"Message":{}}`,
	)
}
