package feishucard_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishucard"
)

func TestCard(t *testing.T) {
	t.Parallel()
	for body, wrong := range map[string]string{
		`{}`: "",
		`{"type": "template", "data": {"template_id": "AAq", "template_variable": {}}}`:        "",
		`{"schema": "1.0", "elements": [{"tag": "a-new-one"}], "unknown": 1, "body": 7}`:       "",
		`{"config": {"wide_screen_mode": true}, "i18n_elements": {"zh_cn": [{"tag": "hr"}]}}`:  "",
		`{"header": {"template": "red", "title": {"tag": "lark_md", "content": "x"}}}`:         "",
		`{"elements": [{"tag": "note", "elements": [{"tag": "plain_text", "content": "x"}]}]}`: "",
		`{"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": "x"}]}}`:       "",
		`{"schema": "2.0", "header": {"title": {"tag": "plain_text", "content": "x"}}}`:        "",
		`"‹›"`: "",
		`{"schema": "‹›", "config": "‹›", "header": "‹›", "elements": "‹›"}`:                        "",
		`{"elements": ["‹›", {"tag": "‹›", "content": 1}, {"tag": "markdown", "content": "a ‹›"}]}`: "",
		`{"schema": "2.0", "body": {"elements": [{"tag": "markdown", "content": "‹›"}, "‹›"]}}`:     "",

		`[]`:                      "the body: is not an object",
		`null`:                    "the body: is not an object",
		`"a card"`:                "the body: is not an object",
		`{"schema": "3.0"}`:       "schema:",
		`{"schema": 2.0}`:         "schema:",
		`{"config": true}`:        "config:",
		`{"card_link": "https:"}`: "card_link:",
		`{"header": "alert"}`:     "header:",
		`{"elements": {}}`:        "elements:",
		`{"elements": ["x"]}`:     "elements[0]:",
		`{"elements": [null]}`:    "elements[0].tag:",
		`{"elements": [{"tag":"hr"}, {"content": "x"}]}`:                                           "elements[1].tag:",
		`{"elements": [{"tag": ""}]}`:                                                              "elements[0].tag:",
		`{"elements": [{"tag": 1}]}`:                                                               "elements[0].tag:",
		`{"elements": [{"tag": "markdown", "content": {"a": 1}}]}`:                                 "elements[0].content:",
		`{"i18n_elements": []}`:                                                                    "i18n_elements:",
		`{"i18n_elements": {"en_us": [{}]}}`:                                                       "i18n_elements.en_us[0].tag:",
		`{"header": {"title": "alert"}}`:                                                           "header.title:",
		`{"header": {"title": {"tag": "markdown", "content": "x"}}}`:                               "header.title.tag:",
		`{"schema": "2.0", "elements": []}`:                                                        "elements:",
		`{"schema": "2.0", "i18n_elements": {}}`:                                                   "i18n_elements:",
		`{"schema": "2.0", "fallback": {}}`:                                                        "fallback:",
		`{"schema": "2.0", "body": []}`:                                                            "body:",
		`{"schema": "2.0", "body": {"elements": [{"tag": "note"}]}}`:                               "body.elements[0].tag:",
		`{"schema": "2.0", "body": {"elements": [{"tag": "x", "elements": [{"tag": "action"}]}]}}`: "body.elements[0].elements[0].tag:",
		`{"schema": "2.0", "body": {"elements": [` + strings.Repeat(`{"tag": "hr"},`, 200) + `{"tag": "hr"}]}}`: "201 elements",
		`{"elements": [{"tag": "markdown", "content": "` + strings.Repeat("x", 30<<10) + `"}]}`:                 "bytes long",
	} {
		requireWrong(t, feishucard.Card, body, wrong)
	}
}

func TestPost(t *testing.T) {
	t.Parallel()
	for body, wrong := range map[string]string{
		`{"zh_cn": {"title": "x", "content": [[{"tag": "text", "text": "x"}, {"tag": "at", "user_id": "all"}], []]}}`: "",
		`{"zh_cn": {"content": [[{"tag": "md", "text": "x"}]]}, "en_us": {"content": []}}`:                            "",
		`{"zh_cn": "‹›"}`: "",
		`{"‹›": {"content": ["‹›", ["‹›", {"tag": "‹›"}]]}}`: "",

		`{}`:                                     "needs a language",
		`[]`:                                     "the body:",
		`{"title": "x", "content": [[]]}`:        "content:",
		`{"zh_cn": {"title": "x"}}`:              "zh_cn.content: is missing",
		`{"post": {"zh_cn": {"content": [[]]}}}`: "post.content: is missing",
		`{"zh_cn": {"content": "x"}}`:            "zh_cn.content:",
		`{"zh_cn": {"content": [{"tag": "text"}]}}`:                                                  "zh_cn.content[0]:",
		`{"zh_cn": {"content": [[{"text": "x"}]]}}`:                                                  "zh_cn.content[0][0].tag:",
		`{"zh_cn": {"content": [[{"tag": "text"}], [{"tag": "bold"}]]}}`:                             "zh_cn.content[1][0].tag:",
		`{"zh_cn": {"content": [[{"tag": "text", "text": "` + strings.Repeat("x", 30<<10) + `"}]]}}`: "bytes long",
	} {
		requireWrong(t, feishucard.Post, body, wrong)
	}
}

func requireWrong(t *testing.T, check func(string) error, body, wrong string) {
	t.Helper()
	body = strings.ReplaceAll(body, "‹›", channels.Placeholder)
	err := check(body)
	if wrong == "" {
		require.NoError(t, err, body)
	} else {
		require.ErrorContains(t, err, wrong, body)
	}
}
