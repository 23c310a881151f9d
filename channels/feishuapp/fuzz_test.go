package feishuapp_test

import (
	"testing"

	"github.com/labring/sealos-notify/internal/test/channeltest"
)

func FuzzAnswer(f *testing.F) {
	channeltest.Fuzz(f, suite,
		`{"code":0,"msg":"success","data":{"message_id":"om_1"}}`,
		`{"code":0,"data":null}`,
		`{"code":230001,"msg":"bad","error":{"log_id":"1","troubleshooter":"x"}}`,
		`{"code":99991663,"msg":"token"}`,
		`{"code":"0","data":[]}`,
	)
}
