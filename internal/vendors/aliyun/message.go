package aliyun

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
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
	report                           report
}

// report is what the carrier says of a text.
type report struct {
	status int
	code   string
	at     time.Time // zero: it has said nothing yet
}

// What a carrier says of texts.
const (
	Waiting   = 1
	Failed    = 2
	Delivered = 3
)

// Report sets what the carrier says of the texts to a number, those that were sent and those to come. Until then it
// says of all numbers that the texts were delivered.
func (s *SMS) Report(number string, status int, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reports[number] = report{status: status, code: code}
	for i := range s.sent {
		if s.sent[i].number == number {
			s.sent[i].report = s.reportOf(number)
		}
	}
}

// reportOf returns what the carrier says now of a text to the number. It runs with s.mu held.
func (s *SMS) reportOf(number string) report {
	r, told := s.reports[number]
	if !told {
		r = report{status: Delivered, code: "DELIVERED"}
	}
	if r.status != Waiting {
		r.at = time.Now()
	}
	return r
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
		s.sent = append(s.sent, sms{number, code, text, outID, bizID, time.Now(), s.reportOf(number)})
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

// maxPage bounds the texts of a page.
const maxPage = 50

// querySendDetails lists a page of the texts to a number on a day, the newest first. It runs with s.mu held.
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
	size, sizeErr := strconv.Atoi(q.Get("PageSize"))
	page, pageErr := strconv.Atoi(q.Get("CurrentPage"))
	if sizeErr != nil || pageErr != nil || size < 1 || size > maxPage || page < 1 {
		return refused("isv.INVALID_PARAMETERS", "参数异常")
	}
	list := []map[string]any{}
	for _, m := range slices.Backward(s.sent) {
		if m.number != number || m.at.In(beijing).Format("20060102") != day || q.Get("BizId") != "" && m.bizID != q.Get("BizId") {
			continue
		}
		text := map[string]any{
			"PhoneNum": m.number, "TemplateCode": m.code, "Content": m.text, "OutId": m.outID, "SendStatus": m.report.status,
			"ErrCode": m.report.code, "SendDate": m.at.In(beijing).Format(time.DateTime),
		}
		if !m.report.at.IsZero() {
			text["ReceiveDate"] = m.report.at.In(beijing).Format(time.DateTime)
		}
		list = append(list, text)
	}
	from := min(len(list), (page-1)*size)
	return success(map[string]any{
		"TotalCount":        strconv.Itoa(len(list)),
		"SmsSendDetailDTOs": map[string]any{"SmsSendDetailDTO": list[from:min(len(list), from+size)]},
	})
}
