package phone

import (
	"encoding/json"
	"errors"
)

// Params writes a message's params as the vendors' templates take them: a JSON
// object whose values are all texts. Without params it is empty. Null becomes the
// empty text; lists and objects become their JSON.
func Params(raw json.RawMessage) (string, error) {
	if len(raw) == 0 {
		return "", nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		// The JSON error is not passed on: it can quote the values.
		return "", errors.New("the params are not a JSON object")
	}
	if len(values) == 0 {
		return "", nil
	}
	texts := make(map[string]string, len(values))
	for name, value := range values {
		var text string
		if json.Unmarshal(value, &text) != nil { // no text, and not null
			text = string(value)
		}
		texts[name] = text
	}
	encoded, err := json.Marshal(texts)
	return string(encoded), err
}
