package feishucard

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// errBuilder means that nothing can be added to a card.
var errBuilder = errors.New("the elements of a card of Feishu's builder are with Feishu")

// userID matches the id of a user. Nothing else may stand in the tag that mentions the user.
var userID = regexp.MustCompile(`^[A-Za-z0-9._@-]+$`)

// CheckUser returns an error when the id is not one that a message can mention.
func CheckUser(id string) error {
	switch {
	case strings.EqualFold(id, "all"): // would mention everybody
		return errors.New("is not the id of one user")
	case !userID.MatchString(id):
		return errors.New("is not an id of a Feishu user")
	}
	return nil
}

// MentionInText returns the text after the tags that mention the users.
func MentionInText(text string, users []string) string {
	var tags strings.Builder
	for _, user := range users {
		tags.WriteString(`<at user_id="` + user + `"></at> `)
	}
	return tags.String() + text
}

// MentionInPost returns the JSON of a post whose first paragraph, in each language, mentions
// the users.
func MentionInPost(body string, users []string) (string, error) {
	if len(users) == 0 {
		return body, nil
	}
	paragraph := make([]map[string]string, len(users))
	for i, user := range users {
		paragraph[i] = map[string]string{"tag": "at", "user_id": user}
	}
	post, err := members([]byte(body))
	if err != nil {
		return "", err
	}
	for language := range post {
		if err := within(post, language, func(content map[string]json.RawMessage) error {
			return prepend(content, "content", paragraph)
		}); err != nil {
			return "", err
		}
	}
	return encode(post)
}

// MentionInCard returns the JSON of a card whose first element, in each language, mentions the
// users. A card of Feishu's builder, whose elements are with Feishu, is an error.
func MentionInCard(body string, users []string) (string, error) {
	if len(users) == 0 {
		return body, nil
	}
	tags := make([]string, len(users))
	for i, user := range users {
		tags[i] = "<at id=" + user + "></at>"
	}
	element := map[string]string{"tag": "markdown", "content": strings.Join(tags, " ")}
	card, err := members([]byte(body))
	if err != nil {
		return "", err
	}
	if card["type"] != nil {
		return "", fmt.Errorf("%w: it mentions whom its template does, leave mention out", errBuilder)
	}
	if err := insert(card, element, prepend); err != nil {
		return "", err
	}
	mentioning, err := encode(card)
	if err == nil {
		err = Card(mentioning) // there is one element more
	}
	return mentioning, err
}

// insert puts an element to the others of a card, in each language: before them by prepend, after
// them by appendTo.
func insert(card map[string]json.RawMessage, element any, add func(map[string]json.RawMessage, string, any) error) error {
	if isSchema2(card) {
		return within(card, "body", func(body map[string]json.RawMessage) error { return add(body, "elements", element) })
	}
	languages := 0
	if card["i18n_elements"] != nil {
		err := within(card, "i18n_elements", func(byLanguage map[string]json.RawMessage) error {
			languages = len(byLanguage)
			for language := range byLanguage {
				if err := add(byLanguage, language, element); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if languages > 0 && card["elements"] == nil {
		return nil
	}
	return add(card, "elements", element)
}

func isSchema2(card map[string]json.RawMessage) bool { return string(card["schema"]) == `"2.0"` }

// Shared returns the JSON of a card that can be edited: config.update_multi is true. Of a card of
// Feishu's builder the template decides.
func Shared(body string) (string, error) {
	card, err := members([]byte(body))
	if err != nil || card["type"] != nil {
		return body, err
	}
	if err := within(card, "config", func(config map[string]json.RawMessage) error {
		return set(config, "update_multi", true)
	}); err != nil {
		return "", err
	}
	return encode(card)
}

// members returns the members of a JSON object as they are written.
func members(object []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(object, &m); err != nil {
		return nil, errors.New("there is nothing to add an element to: an object is missing")
	}
	if m == nil {
		m = map[string]json.RawMessage{} // null
	}
	return m, nil
}

// within changes the object that is a member of another; an absent one becomes an empty one.
func within(object map[string]json.RawMessage, key string, change func(map[string]json.RawMessage) error) error {
	inner := map[string]json.RawMessage{}
	if object[key] != nil {
		var err error
		if inner, err = members(object[key]); err != nil {
			return err
		}
	}
	if err := change(inner); err != nil {
		return err
	}
	return set(object, key, inner)
}

// prepend puts an item before the others of a list that is a member of an object.
func prepend(object map[string]json.RawMessage, key string, item any) error {
	return join(object, key, item, func(list []json.RawMessage, item json.RawMessage) []json.RawMessage {
		return append([]json.RawMessage{item}, list...)
	})
}

// appendTo puts an item after the others of a list that is a member of an object.
func appendTo(object map[string]json.RawMessage, key string, item any) error {
	return join(object, key, item, func(list []json.RawMessage, item json.RawMessage) []json.RawMessage {
		return append(list, item)
	})
}

// join puts an item to the others of a list that is a member of an object.
func join(
	object map[string]json.RawMessage, key string, item any, put func([]json.RawMessage, json.RawMessage) []json.RawMessage,
) error {
	var list []json.RawMessage
	if object[key] != nil {
		if err := json.Unmarshal(object[key], &list); err != nil {
			return errors.New("there is nothing to add an element to: a list is missing")
		}
	}
	encoded, err := vendorhttp.EncodeJSON(item)
	if err != nil {
		return err
	}
	return set(object, key, put(list, encoded))
}

func set(object map[string]json.RawMessage, key string, value any) error {
	encoded, err := vendorhttp.EncodeJSON(value)
	object[key] = encoded
	return err
}

func encode(object map[string]json.RawMessage) (string, error) {
	encoded, err := vendorhttp.EncodeJSON(object)
	return string(encoded), err
}
