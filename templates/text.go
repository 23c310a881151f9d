package templates

import (
	"bytes"
	"unicode"
)

// textOutput prints values as they are.
type textOutput struct{ buffer }

func (o *textOutput) value(v any) (string, error) { return text(v) }

func (o *textOutput) result() (string, error) { return string(o.bytes), nil }

// lineOutput is a textOutput whose result must be one line.
type lineOutput struct{ textOutput }

func (o *lineOutput) result() (string, error) {
	if bytes.IndexFunc(o.bytes, unicode.IsControl) >= 0 {
		return "", ErrLineBreak
	}
	return o.textOutput.result()
}
