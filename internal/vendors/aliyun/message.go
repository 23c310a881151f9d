package aliyun

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
)

// maxNumbers bounds the numbers of one request.
const maxNumbers = 1000

// sms is a text that arrived.
type sms struct {
	number, code, text, outID, bizID string
	at                               time.Time
}

var (
	mainland = regexp.MustCompile(`^(\+86|0086|86)?1[3-9][0-9]{9}$`)
	abroad   = regexp.MustCompile(`^[1-9][0-9]{6,14}$`)
	variable = regexp.MustCompile(`\$\{([^}]+)\}`)
)

// sendSms runs with s.mu held.
func (s *SMS) sendSms(q url.Values) answer {
	sign, code, outID := q.Get("SignName"), q.Get("TemplateCode"), q.Get("OutId")
	s.Inbox().Request(outID)
	for _, name := range []string{"PhoneNumbers", "SignName", "TemplateCode"} {
		if q.Get(name) == "" {
			return rejected(http.StatusBadRequest, "Missing"+name, name+" is mandatory for this action.")
		}
	}
	numbers := strings.Split(q.Get("PhoneNumbers"), ",")
	if len(numbers) > maxNumbers {
		return refused("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制")
	}
	for _, number := range numbers {
		if !mainland.MatchString(number) && !abroad.MatchString(number) {
			return refused("isv.MOBILE_NUMBER_ILLEGAL", number+"invalid mobile number")
		}
	}
	if len(s.signs) > 0 && !s.signs[sign] {
		return refused("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
	}
	text, refusal := s.render(code, q.Get("TemplateParam"))
	if refusal != nil {
		return *refusal
	}

	bizID := fmt.Sprintf("%d^0", time.Now().UnixNano())
	for _, number := range numbers {
		text := "【" + sign + "】" + text
		s.sent = append(s.sent, sms{number, code, text, outID, bizID, time.Now()})
		s.Inbox().Add(vendors.Arrival{
			ID: fmt.Sprintf("%s-%d", bizID, len(s.sent)), Channel: "sms", ToType: "phone", To: number,
			Kind: code, Text: text, Mark: outID,
		})
	}
	return success(map[string]any{"BizId": bizID})
}

// render returns a template's text with its params, or a refusal.
func (s *SMS) render(code, param string) (string, *answer) {
	refuse := func(code, message string) (string, *answer) {
		a := refused(code, message)
		return "", &a
	}
	// The values must be strings: the vendor refuses {"code": 1234}.
	params := map[string]string{}
	if param != "" && json.Unmarshal([]byte(param), &params) != nil {
		return refuse("isv.INVALID_JSON_PARAM", "JSON参数不合法")
	}
	text, known := s.templates[code]
	switch {
	case len(s.templates) == 0:
		return param, nil
	case !known:
		return refuse("isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板")
	}
	for _, v := range variable.FindAllStringSubmatch(text, -1) {
		value, given := params[v[1]]
		if !given {
			return refuse("isv.TEMPLATE_MISSING_PARAMETERS", "模板变量缺少对应参数值:"+v[1])
		}
		text = strings.Replace(text, v[0], value, 1)
	}
	return text, nil
}

var beijing = time.FixedZone("CST", 8*60*60)

// querySendDetails lists what arrived at a number on a day. It runs with s.mu held.
func (s *SMS) querySendDetails(q url.Values) answer {
	number, day := q.Get("PhoneNumber"), q.Get("SendDate")
	for _, name := range []string{"PhoneNumber", "SendDate", "PageSize", "CurrentPage"} {
		if q.Get(name) == "" {
			return rejected(http.StatusBadRequest, "Missing"+name, name+" is mandatory for this action.")
		}
	}
	if _, err := time.ParseInLocation("20060102", day, beijing); err != nil {
		return refused("isv.INVALID_PARAMETERS", "参数异常")
	}
	list := []map[string]any{}
	for _, m := range s.sent {
		if m.number == number && m.at.In(beijing).Format("20060102") == day {
			list = append(list, map[string]any{
				"PhoneNum": m.number, "TemplateCode": m.code, "Content": m.text, "OutId": m.outID, "SendStatus": 3,
				"ErrCode": "DELIVERED", "SendDate": m.at.In(beijing).Format(time.DateTime),
			})
		}
	}
	return success(map[string]any{
		"TotalCount":        strconv.Itoa(len(list)),
		"SmsSendDetailDTOs": map[string]any{"SmsSendDetailDTO": list},
	})
}
