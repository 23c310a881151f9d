package inapp_test

import (
	"testing"

	"github.com/labring/sealos-notify/internal/test/channeltest"
)

func FuzzAnswer(f *testing.F) {
	channeltest.Fuzz(f, suite,
		`{"apiVersion":"notification.sealos.io/v1","kind":"Notification","metadata":{"name":"n","uid":"u"}}`,
		`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"AlreadyExists","code":409}`,
		`{"kind":"Status","status":"Failure","message":"no","reason":"Forbidden","details":{"causes":[null],"retryAfterSeconds":-1},"code":403}`,
		`{"kind":"Status","code":429,"details":{"retryAfterSeconds":2147483648}}`,
	)
}
