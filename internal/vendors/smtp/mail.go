package smtp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
)

// Message is a mail as its reader sees it.
type Message struct {
	Header  mail.Header // not decoded
	Subject string      // decoded
	Text    string      // with \n line ends
	HTML    string      // with \n line ends; empty when there is none
}

// Parse parses a mail with one text or with alternatives of it.
func Parse(raw []byte) (Message, error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{}, err
	}
	parsed := Message{Header: m.Header}
	if parsed.Subject, err = Decode(m.Header.Get("Subject")); err != nil {
		return Message{}, err
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return Message{}, err
	}
	if kind != "multipart/alternative" {
		return parsed, parsed.part(textproto.MIMEHeader(m.Header), m.Body)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return parsed, nil
		}
		if err != nil {
			return Message{}, err
		}
		if err := parsed.part(part.Header, part); err != nil {
			return Message{}, err
		}
	}
}

// Decode returns a header field's text as its reader sees it.
func Decode(value string) (string, error) { return new(mime.WordDecoder).DecodeHeader(value) }

func (m *Message) part(header textproto.MIMEHeader, body io.Reader) error {
	switch encoding := strings.ToLower(header.Get("Content-Transfer-Encoding")); encoding {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "", "7bit", "8bit":
	default:
		return fmt.Errorf("unknown encoding %q", encoding)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(content), "\r\n", "\n")
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || !strings.EqualFold(params["charset"], "utf-8") {
		return errors.New("a part is not text in UTF-8")
	}
	switch kind {
	case "text/plain":
		m.Text = text
	case "text/html":
		m.HTML = text
	default:
		return fmt.Errorf("unknown part %q", kind)
	}
	return nil
}

// mark returns the sender's id of the mail: the part of its Message-ID before the @.
func (m Message) mark() string {
	mark, _, _ := strings.Cut(strings.Trim(m.Header.Get("Message-Id"), "<>"), "@")
	return mark
}

// Raw returns the mails as they arrived.
func (s *Server) Raw() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.raw)
}
