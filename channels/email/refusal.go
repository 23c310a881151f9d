package email

import (
	"fmt"
	"net/textproto"
	"regexp"
	"strings"
	"sync"
)

// subject is what a refusal is about. It decides the class.
type subject int

const (
	aboutMail    subject = iota // this mail or its recipient, for good
	aboutMoment                 // the server or the mailbox, for now
	aboutPace                   // too many connections, or too many mails in a short time
	aboutQuota                  // all mails that the account may send in a day, say
	aboutUs                     // the client, its login, or its right to send
	aboutNothing                // neither a refusal nor a success
)

// rule says what the replies are about that match. Refusals are rare, and all expressions
// together take half a megabyte, so they are compiled for the first one.
type rule struct {
	from, to stage // where the reply comes, both included
	reply    func() *regexp.Regexp
	about    subject
}

// Where a rule holds. A server may put off until RCPT what it has against the client, as
// Postfix does (smtpd_delay_reject), or until the end of the mail, as Exchange does.
func anywhere(reply string, about subject) rule  { return at(opening, sent, reply, about) }
func untilRCPT(reply string, about subject) rule { return at(opening, recipient, reply, about) }
func fromRCPT(reply string, about subject) rule  { return at(recipient, sent, reply, about) }
func at(from, to stage, reply string, about subject) rule {
	return rule{from, to, sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(reply) }), about}
}

// rules are tried in this order on the reply in lower case, with its code and on one line.
// The comments name the servers whose texts and codes a rule has:
//
//	Exchange  learn.microsoft.com: "Email non-delivery reports in Exchange Online", "Message storage and concurrent connection
//	          throttling for SMTP Authenticated Submission", "Continuous error throttling for SMTP AUTH submissions"
//	Gmail     support.google.com/a/answer/3726730, "Gmail SMTP errors and codes"
//	SES       docs.aws.amazon.com/ses: "SMTP response codes", "Errors related to the sending quotas"
//	Postfix   smtpd.c and smtpd_check.c of 3.7, postconf(5)
//	Exim      smtp_in.c and verify.c of 4.96, Debian's exim4-config
//	Aliyun    Alibaba Mail's list of SMTP errors (document 36612)
//	Tencent   QQ Mail's list of bounces
//	NetEase   163's list of bounces
//	Coremail  Coremail's list of SMTP replies
var rules = []rule{
	// The login. It comes first, because some texts name all that can be wrong.
	anywhere(`^(523|524|526|530|534|535|538) `, aboutUs),          // all; Aliyun's are its own
	anywhere(`^454 .*(cannot|temporary) authentica`, aboutMoment), // Gmail, Exim

	// Greylisting ends by itself.
	anywhere(`^4.*gr[ea]y-?list`, aboutMoment), // postgrey, rspamd

	// This mail is too large, or goes in circles.
	anywhere(`\bsize|too (large|big|long)|\blength\b|octets|too many hops|hop count|5\.3\.4|5\.2\.3\b`, aboutMail), // Gmail, Postfix, Exim

	// Our own mailbox, where Exchange keeps what was sent, is full. A sender who may not send
	// as another, or has no licence.
	anywhere(`mailbox full.*submission|5\.2\.251|send ?as ?denied|5\.2\.25[23]`, aboutUs), // Exchange

	// Our quota.
	anywhere(`submissionquotaexceeded|recipient ?rate ?limit|5\.1\.90|5\.4\.5\b|5\.7\.705`, aboutQuota), // Exchange, Gmail
	anywhere(`(daily|per day|24[- ]?hours?|hourly|per hour|monthly).*(limit|quota|max|allow|exceed|reach|message|mail)`, aboutQuota),
	anywhere(`(limit|quota|max|exceed|only \d+).*(daily|per day|24[- ]?hours?|hourly|per hour|monthly)`, aboutQuota), // Gmail, SES
	anywhere(`(sending|sender|send|outgoing|submission|account) (limit|quota)|\be?mail quota`, aboutQuota),           // Gmail
	anywhere(`number of rcpt attempts|rp:trc|mi:stc|发信量|发送量|额度|配额|上限`, aboutQuota),                                   // Aliyun, NetEase, Tencent

	// The recipient's mailbox is full. After the mail, a quota of which no more is said is ours.
	fromRCPT(`[45]\.2\.2\b|(mailbox|account that you tried|storage allocation|recipient).*(full|quota|exceed)`, aboutMail), // Gmail, Coremail
	at(recipient, recipient, `quota`, aboutMail),
	anywhere(`^5.*quota|^5.*\blimits?\b.*(reach|exceed|hit|over)|^5.*(reach|exceed|hit|over).*\blimits?\b`, aboutQuota),

	// Too many connections, or too fast.
	anywhere(`too (many|much) ([a-z]+ ){0,3}(connection|session|login|fail|auth|message|mail|request|command|recipient|error)`, aboutPace), // Postfix, Exim, SES
	anywhere(`frequen|throttl|\brate\b|too (fast|quickly)|concurrent|simultaneous|thread limit|total of rcpts|频率`, aboutPace),              // Exchange, Gmail, Aliyun, Tencent
	anywhere(`hl:(icc|ifc|rep)|mi:(sfq|dmc|cel|ccl)|rp:(drc|ccl|cel|rcl)|^4.*behaviou?r spam`, aboutPace),                                  // NetEase, Aliyun
	anywhere(`^4.*(\blimit|exceed|overload|too many|server busy)`, aboutPace),                                                              // Exchange, Gmail

	// Us: what we say we are, where we come from, whom we send for.
	anywhere(`\b(helo|ehlo|helohost)\b|mi:nhd`, aboutUs), // Postfix, Exim, Coremail, NetEase
	anywhere(`\b(open)?relay|rp:frl`, aboutUs),           // Postfix, Exim, Gmail, Exchange, NetEase
	anywhere(`client (host|address|was not)|sender (address rejected|verify)|not owned by|send (on behalf|as )`, aboutUs),               // Postfix, Exim, Exchange
	anywhere(`not verified|bad outbound sender|licen[sc]e|\btenant|non-local account|conform with auth`, aboutUs),                       // SES, Exchange, Aliyun
	anywhere(`\b(spf|dkim|dmarc)\b|mi:(dma|imf)|unauthenticated|authentication (is )?(required|failed)|not authenticated`, aboutUs),     // Gmail, NetEase
	anywhere(`\blog ?in\b|(must|need to).*(starttls|authenticate)|(tls|encryption) (is )?required|requires? (tls|encryption)`, aboutUs), // Gmail
	anywhere(`not (allowed|authori[sz]ed|permitted) to send|behaviou?r spam|[45]\.1\.[78]\b|[45]\.7\.26\b|5\.7\.(57|60|64)\b`, aboutUs), // Aliyun, Exchange, Gmail

	// The recipient (RFC 3463: x.1 is an address, x.2 a mailbox).
	fromRCPT(`^5.*(recipient address rejected|mailbox (unavailable|not found)|5\.1\.([0-6]|10)\b|5\.2\.\d+)`, aboutMail), // Postfix, Tencent

	// At RCPT a server has seen no content yet, so a matter of policy is about us.
	untilRCPT(`^5.*(5\.7\.\d+|5\.5\.2\b|access denied|prohibit|polic(y|ies)|not (allowed|permitted|authori[sz]ed))`, aboutUs), // Exim, Exchange
	untilRCPT(`reverse (dns|hostname)|\bptr\b|black ?list|block ?(list|ed)|\brbl\b|dt:rbl|wm:bl[iu]|\bblack ip|your (ip|host)`, aboutUs),
	untilRCPT(`^5.*(spam|suspended|sender is unvalidated|mail from invalid|denies the sender)`, aboutUs), // Tencent, Coremail

	// RFC 3463: x.3.2 takes no mail now, x.4.5 is congested, x.7 is policy. A server without a
	// place for one more connection may say no more than 421.
	anywhere(`^(421|432|450|451|452) .*4\.(3\.2|4\.5|7\.\d+)`, aboutPace),
	at(opening, opening, `^421 `, aboutPace),

	// What the digit says (RFC 5321, 4.2.1).
	anywhere(`^4`, aboutMoment),
	at(opening, opening, `^5`, aboutUs),
	anywhere(`^5`, aboutMail),
	at(sent, sent, ``, aboutNothing),
}

// subjectOf returns what a reply at the stage is about.
func subjectOf(at stage, reply *textproto.Error) subject {
	text := strings.ToLower(strings.Join(strings.Fields(fmt.Sprintf("%d %s", reply.Code, reply.Msg)), " "))
	about := aboutMoment
	for _, rule := range rules {
		if rule.from <= at && at <= rule.to && rule.reply().MatchString(text) {
			about = rule.about
			break
		}
	}
	if about == aboutMail && reply.Code/100 == 4 {
		return aboutMoment // the server says that it may pass
	}
	return about
}
