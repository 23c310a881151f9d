package feishuwebhook_test

import (
	"testing"

	"github.com/labring/sealos-notify/internal/test/channeltest"
)

func FuzzAnswer(f *testing.F) {
	channeltest.Fuzz(f, suite,
		`{"code":0,"msg":"success","data":{}}`,
		`{"StatusCode":0,"StatusMessage":"success"}`,
		`{"code":11232,"msg":"slow"}`,
		`{"code":19021,"msg":"sign"}`,
		`{"code":"19001"}`,
	)
}
