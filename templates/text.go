package templates

// textOutput prints values as they are.
type textOutput struct{ buffer }

func (o *textOutput) value(v any) (string, error) { return text(v) }

func (o *textOutput) result() (string, error) { return string(o.bytes), nil }
