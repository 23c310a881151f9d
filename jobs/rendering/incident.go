package rendering

import (
	"fmt"
	"strings"
	"time"

	"github.com/labring/sealos-notify/store"
)

// AcknowledgeLabel returns what the button of an incident's cards says.
func AcknowledgeLabel(locale string) string {
	if isChinese(locale) {
		return "确认"
	}
	return "Acknowledge"
}

// IncidentNote returns what stands below the cards of an incident that was acknowledged; empty for others.
func IncidentNote(i store.Incident, locale string) string {
	if i.AcknowledgedAt == nil {
		return ""
	}
	at := i.AcknowledgedAt.UTC().Format(time.DateTime) + " UTC"
	if isChinese(locale) {
		return fmt.Sprintf("%s 已确认，%s", i.AcknowledgedBy, at)
	}
	return fmt.Sprintf("Acknowledged by %s, %s", i.AcknowledgedBy, at)
}

// IncidentGone returns what somebody reads who acknowledges what is over.
func IncidentGone(locale string) string {
	if isChinese(locale) {
		return "该故障已关闭"
	}
	return "This is over: nobody has to acknowledge it"
}

func isChinese(locale string) bool { return strings.HasPrefix(locale, "zh") }
