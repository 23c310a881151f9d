package sms

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

const (
	// detailsPage is the most texts that the vendor lists at once, and mostPages is how many pages of a day
	// are read.
	detailsPage = 50
	mostPages   = 10
	// mostDays is how many days are looked through for one text. The vendor keeps 30.
	mostDays = 8
	// clockSkew is how far the vendor's clock may be from ours.
	clockSkew = time.Minute
)

// What the vendor says of a text: https://help.aliyun.com/document_detail/419277.html
const (
	statusFailed    = "2"
	statusDelivered = "3"
)

// Ask implements channels.Asker. It looks for the delivery's id among the texts that the number was sent on the
// days in question, the last day first: the vendor has no other way to ask by an OutId.
func (s *sender) Ask(ctx context.Context, q channels.Question) (channels.Answer, error) {
	number, err := s.Parse(q.Recipient.Value)
	if err != nil {
		return channels.Answer{}, channels.PermanentError("recipient", "the recipient "+err.Error())
	}
	since, day := dayOf(q.Since.Add(-clockSkew)), dayOf(q.Until.Add(clockSkew))
	for range mostDays {
		if day.Before(since) {
			return channels.Answer{}, nil
		}
		answer, e := s.askDay(ctx, number.Digits(), day, q.DeliveryID.String())
		if e != nil {
			e.Code, e.Message = number.Redact(e.Code), number.Redact(e.Message)
			return channels.Answer{}, e
		}
		if answer.Found {
			return answer, nil
		}
		day = day.AddDate(0, 0, -1)
	}
	return channels.Answer{}, channels.PermanentError("too_long_ago", "the text may have been sent longer ago than is looked for")
}

// dayOf returns the begin of the vendor's day.
func dayOf(t time.Time) time.Time {
	year, month, day := t.In(beijing).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, beijing)
}

// askDay looks for a text among those of a number and a day. Of several that were sent under the id, one that was
// delivered counts before one whose fate is open, and that before one that failed.
func (s *sender) askDay(ctx context.Context, number string, day time.Time, id string) (channels.Answer, *channels.Error) {
	var found channels.Answer
	for page := 1; page <= mostPages; page++ {
		body, e := s.api.call(ctx, "QuerySendDetails", map[string]string{
			"PhoneNumber": number, "SendDate": day.Format("20060102"),
			"PageSize": strconv.Itoa(detailsPage), "CurrentPage": strconv.Itoa(page),
		})
		if e != nil {
			return channels.Answer{}, e
		}
		total, err := strconv.Atoi(field(body.fields, "TotalCount"))
		if err != nil { // without it an empty list would mean nothing
			return channels.Answer{}, vendorhttp.UnexpectedAnswer()
		}
		for _, text := range body.details() {
			if field(text, "OutId") != id {
				continue
			}
			if answer := answerOf(text); !found.Found || weight(answer.Fate) > weight(found.Fate) {
				found = answer
			}
		}
		if found.Fate == channels.FateDelivered || total <= page*detailsPage {
			return found, nil
		}
	}
	if !found.Found {
		return found, &channels.Error{
			Class: channels.Permanent, Code: "too_many", Message: "the number got more texts on that day than are looked through",
		}
	}
	return found, nil
}

func weight(f channels.Fate) int {
	switch f {
	case channels.FateDelivered:
		return 2
	case channels.FateFailed:
		return 0
	default:
		return 1
	}
}

// details returns the texts of an answer.
func (a answer) details() []map[string]any {
	list, _ := a.fields["SmsSendDetailDTOs"].(map[string]any)
	texts, _ := list["SmsSendDetailDTO"].([]any)
	details := make([]map[string]any, len(texts))
	for i, text := range texts {
		details[i], _ = text.(map[string]any)
	}
	return details
}

// field returns a field of a text; the vendor's pages disagree on which are numbers.
func field(text map[string]any, name string) string {
	if text[name] == nil {
		return ""
	}
	return fmt.Sprint(text[name])
}

// answerOf returns what the vendor says of a text.
func answerOf(text map[string]any) channels.Answer {
	answer := channels.Answer{Found: true}
	switch field(text, "SendStatus") {
	case statusFailed:
		answer.Fate = channels.FateFailed
	case statusDelivered:
		answer.Fate = channels.FateDelivered
	default: // it waits for the carrier, for up to 72 hours
		return answer
	}
	if code := field(text, "ErrCode"); code != "" {
		answer.Code = channels.CleanText("aliyun_" + code)
	}
	answer.At = time.Now()
	if at, err := time.ParseInLocation(time.DateTime, field(text, "ReceiveDate"), beijing); err == nil {
		answer.At = at
	}
	return answer
}
