package voice_test

import (
	"testing"

	"github.com/labring/sealos-notify/internal/test/channeltest"
)

func FuzzAnswer(f *testing.F) {
	channeltest.Fuzz(f, suite,
		`{"ResponseMetadata":{"RequestId":"r"},"Result":{"SuccessList":[{"SingleOpenId":"1"}],"FailList":[]}}`,
		`{"ResponseMetadata":{"RequestId":"r","Error":{"Code":"SystemError","CodeN":1,"Message":"m"}}}`,
		`{"Result":{"FailList":[{"SingleOpenId":"x","ErrMsg":"phone","ErrCode":1}]}}`,
		`{"ResponseMetadata":{"Error":null},"Result":null}`,
	)
}
