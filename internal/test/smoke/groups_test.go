package smoke

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/internal/vendors/feishubot"
)

// Tokens of the bots of two groups, beside the channel's own.
const tokenA, tokenB = "canary-token-a", "canary-token-b"

// bot returns a provider that posts as the bot with the token. More is appended to its keys.
func bot(w *harness.World, token, more string) string {
	address := w.Vendors.Addresses["feishu_webhook"]
	return fmt.Sprintf(`{type: feishu_webhook, webhookUrl: "http://%s%s", secret: %q, allowedHosts: [%q], allowPrivateNetworks: true%s}`,
		address, feishubot.Path(token), harness.VendorSecret, address, more)
}

const unlimited = ", rateLimit: {perSecond: 0, perMinute: 0}"

// configureGroups turns on the bots of three groups: the channel's own, team-a, and team-b, which
// is for the other app. Keys are appended to those of team-a.
func configureGroups(w *harness.World, keysOfA string) {
	w.Vendors.Bot.AddGroup("a", tokenA)
	w.Vendors.Bot.AddGroup("b", tokenB)
	w.Configure(map[string]string{
		"channels": `{feishu_webhook: {enabled: true, provider: main}}`,
		"providers": fmt.Sprintf("{main: %s, team-a: %s, team-b: %s}", bot(w, harness.VendorID, unlimited),
			bot(w, tokenA, keysOfA), bot(w, tokenB, unlimited+", apps: [other-app]")),
	})
}

// groupTemplate creates the template of groupMessage.
func groupTemplate(r *harness.Replica) {
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates",
		map[string]any{"name": "group", "channel": "feishu_webhook", "msgType": "text", "body": "{{ .text }}"})
}

// groupMessage returns a request to groups over feishu_webhook. Members are added to the channel.
func groupMessage(key string, members map[string]any, groups ...string) map[string]any {
	channel := map[string]any{"template": "group", "params": map[string]any{"text": key}}
	for name, member := range members {
		channel[name] = member
	}
	body := map[string]any{"idempotencyKey": key, "channels": map[string]any{"feishu_webhook": channel}}
	if len(groups) > 0 {
		var to []any
		for _, group := range groups {
			to = append(to, address("feishu_group", group))
		}
		channel["recipients"] = to
	}
	return body
}

func address(kind, value string) map[string]any { return map[string]any{"type": kind, "value": value} }

// groupsOf returns in which groups the texts have arrived.
func groupsOf(arrivals []vendors.Arrival) map[string]string {
	groups := map[string]string{}
	for _, a := range arrivals {
		groups[a.Text] += a.Group
	}
	return groups
}

func sent(a harness.Answer) string { return a.Body["notificationId"].(string) }

// refusedField requires that a request was refused with the code for the field.
func refusedField(t *testing.T, a harness.Answer, status int, code, field string) {
	t.Helper()
	require.Equal(t, status, a.Status, a.Raw)
	require.Equal(t, code, a.Body["code"], a.Raw)
	require.Equal(t, field, a.Body["errors"].([]any)[0].(map[string]any)["field"], a.Raw)
}

// One installation posts into many groups. A group is for the apps that it names.
func TestGroups(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		configureGroups(w, unlimited)
		r := w.Start()
		groupTemplate(r)
		const path = "/api/v1/notifications"
		post := func(id, secret string, body any) harness.Answer {
			return r.Call(id, secret, http.MethodPost, path, body)
		}

		first := r.Do(http.StatusAccepted, http.MethodPost, path, groupMessage("both", nil, "team-a", "main"))
		tasks := r.Until(sent(first), "success")
		require.Len(t, tasks, 2)
		require.Equal(t, []string{"team-a", "feishu_group", "team-a"}, []string{tasks[0].Provider, tasks[0].Recipient.Type, tasks[0].Recipient.Value})
		plain := groupMessage("plain", nil)
		plain["recipients"] = []any{address("feishu_user_id", "ou_alice")}
		r.Until(sent(r.Do(http.StatusAccepted, http.MethodPost, path, plain)), "success")
		for _, app := range [][3]string{{harness.OtherID, harness.OtherSecret, "of the app"}, {harness.AdminID, harness.AdminSecret, "of an administrator"}} {
			a := post(app[0], app[1], groupMessage(app[2], nil, "team-b"))
			require.Equal(t, http.StatusAccepted, a.Status, a.Raw)
		}
		groups := groupsOf(awaitArrivals(t, w, 5))
		require.ElementsMatch(t, []string{"a", "group"}, splitGroups(groups["both"]))
		require.Equal(t, "group", groups[`<at user_id="ou_alice"></at> plain`])
		require.Equal(t, []string{"b", "b"}, []string{groups["of the app"], groups["of an administrator"]})

		refusedField(t, post(harness.AppID, harness.AppSecret, groupMessage("x", nil, "team-a", "team-b")),
			http.StatusForbidden, "group_forbidden", "channels.feishu_webhook.recipients[1].value")
		refusedField(t, post(harness.AppID, harness.AppSecret, groupMessage("x", nil, "team-c")),
			http.StatusUnprocessableEntity, "unknown_group", "channels.feishu_webhook.recipients[0].value")
		common := groupMessage("x", nil)
		common["recipients"] = []any{address("feishu_group", "team-a"), address("feishu_group", "team-b")}
		refusedField(t, post(harness.AppID, harness.AppSecret, common), http.StatusForbidden, "group_forbidden", "recipients[1].value")

		// Nor does a retry take a message into another group.
		w.Vendors.Bot.Fail(vendors.Fault{Where: feishubot.Hook, Times: 1, Code: "19002"})
		dead := r.Until(sent(r.Do(http.StatusAccepted, http.MethodPost, path, groupMessage("dead", nil, "team-a"))), "failed")[0]
		retry := func(provider string) harness.Answer {
			return r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/deliveries/"+dead.ID+"/retry", map[string]any{"provider": provider})
		}
		refusedField(t, retry("team-b"), http.StatusForbidden, "group_forbidden", "provider")
		refusedField(t, retry("main"), http.StatusUnprocessableEntity, "unknown_provider", "provider")
		require.Equal(t, http.StatusAccepted, retry("team-a").Status)
		require.Equal(t, "a", groupsOf(awaitArrivals(t, w, 6))["dead"])
	})
}

func splitGroups(names string) []string {
	if names == "groupa" || names == "agroup" {
		return []string{"a", "group"}
	}
	return []string{names}
}

// A group that a reload has removed: what waits is never posted elsewhere. It fails by the retry
// table, is dead with a code of its own, and can be sent when the group is back.
func TestGroupIsRemovedWhileDeliveriesWait(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		configureGroups(w, unlimited)
		r := w.Start()
		groupTemplate(r)
		body := groupMessage("waits", nil, "team-a")
		body["sendAt"] = time.Now().Add(2 * time.Second).Format(time.RFC3339Nano)
		id := sent(r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body))
		w.Configure(map[string]string{"providers": fmt.Sprintf("{main: %s}", bot(w, harness.VendorID, unlimited))})
		r.Await("configuration reloaded")
		task := r.Until(id, "failed")[0]
		require.Equal(t, []any{"dead", "group_gone", 3}, []any{task.Status, task.LastCode, task.RetryCount})
		retry := func() harness.Answer {
			return r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/deliveries/"+task.ID+"/retry", map[string]any{})
		}
		require.Equal(t, "unknown_group", retry().Body["code"])
		require.Zero(t, w.Vendors.Inbox.Total())

		configureGroups(w, unlimited)
		r.Await("configuration reloaded")
		require.Equal(t, http.StatusAccepted, retry().Status)
		require.Equal(t, map[string]string{"waits": "a"}, groupsOf(awaitArrivals(t, w, 1)))
	})
}

// A group whose bot is beyond the vendor's limit, or beyond our own, holds up no other group, and
// the health of each is counted apart.
func TestOneThrottledGroupHoldsUpNoOther(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		configureGroups(w, ", rateLimit: {perSecond: 2, perMinute: 0}")
		w.Vendors.Bot.LimitGroup(tokenA, 1, time.Hour)
		r := w.Start()
		groupTemplate(r)
		post := func(key, group string) string {
			a := r.Call(harness.AdminID, harness.AdminSecret, http.MethodPost, "/api/v1/notifications", groupMessage(key, nil, group))
			require.Equal(t, http.StatusAccepted, a.Status, a.Raw)
			return sent(a)
		}
		for i := range 40 { // 20 s of the limit of team-a
			post(fmt.Sprintf("a%d", i), "team-a")
		}
		started := time.Now()
		for i := range 20 {
			post(fmt.Sprintf("b%d", i), "team-b")
		}
		arrivals := awaitArrivals(t, w, 21)
		require.Less(t, time.Since(started), 10*time.Second)
		of := map[string]int{}
		for _, a := range arrivals {
			of[a.Group]++
		}
		require.Equal(t, map[string]int{"a": 1, "b": 20}, of)
		require.Eventually(t, func() bool {
			return attempts(t, r, "team-b", "none") == 20 && attempts(t, r, "team-a", "throttled") > 0
		}, harness.Patience, harness.Tick)
		require.Zero(t, attempts(t, r, "team-b", "throttled"))
	})
}

// attempts returns how many attempts of a class a provider has made.
func attempts(t *testing.T, r *harness.Replica, provider, class string) (n float64) {
	t.Helper()
	for _, metric := range scrape(t, r)["sealos_notify_attempts_total"].GetMetric() {
		labels := map[string]string{}
		for _, label := range metric.GetLabel() {
			labels[label.GetName()] = label.GetValue()
		}
		if labels["provider"] == provider && labels["class"] == class {
			n += metric.GetCounter().GetValue()
		}
	}
	return n
}

// Two receivers of one installation post into two groups and mention their people there.
func TestReceiversReachTheirGroups(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		configureGroups(w, unlimited)
		receivers := `{receivers: {
			team-a: {channels: {feishu_webhook: {template: alert, recipients: [{type: feishu_group, value: team-a}], mention: [{type: feishu_user_id, value: ou_a1}, {type: feishu_user_id, value: ou_a2}]}}},
			team-b: {channels: {feishu_webhook: {template: alert}}, recipients: [{type: feishu_group, value: %s}]}}}`
		w.Configure(map[string]string{"integrations": fmt.Sprintf(receivers, "team-b")})
		r := w.Start()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates",
			map[string]any{"name": "alert", "channel": "feishu_webhook", "msgType": "text", "body": "{{ .receiver }}"})
		var body map[string]any
		require.NoError(t, json.Unmarshal([]byte(readFile(t, "api/testdata/alerts/alertmanager-firing.json")), &body))
		var last string
		for _, receiver := range []string{"team-a", "team-b"} {
			body["receiver"] = receiver
			last = sent(r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/integrations/alertmanager", body))
			r.Until(last, "success")
		}
		arrivals := awaitArrivals(t, w, 2)
		require.Equal(t, []string{"a", "b"}, []string{arrivals[0].Group, arrivals[1].Group})
		require.Equal(t, []string{"ou_a1", "ou_a2"}, arrivals[0].Mentions)
		require.Empty(t, arrivals[1].Mentions)
		_, tasks := r.Show(last)
		require.Equal(t, "***", tasks[0].Recipient.Value, "who is configured is for administrators to see")

		w.Configure(map[string]string{"integrations": fmt.Sprintf(receivers, "team-c")})
		problems, err := json.Marshal(r.Await("configuration not reloaded: the running one stays")["problems"])
		require.NoError(t, err)
		require.Contains(t, string(problems), "integrations.receivers.team-b.recipients[0].value: there is no provider of that name")
	})
}

// One message mentions several people. Who was mentioned is shown, is part of the request, and can
// be erased without the message.
func TestOneGroupMessageMentionsSeveralPeople(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		configureGroups(w, unlimited)
		r := w.Start()
		groupTemplate(r)
		alice, bob := address("feishu_user_id", "ou_alice"), address("feishu_user_id", "ou_bob")
		request := groupMessage("hello", map[string]any{"mention": []any{alice, bob, alice}}, "team-a")
		post := func(status int, body map[string]any) harness.Answer {
			return r.Do(status, http.MethodPost, "/api/v1/notifications", body)
		}
		id := sent(post(http.StatusAccepted, request))
		task := r.Until(id, "success")[0]
		arrivals := awaitArrivals(t, w, 1)
		require.Equal(t, `<at user_id="ou_alice"></at> <at user_id="ou_bob"></at> hello`, arrivals[0].Text)
		require.Equal(t, []string{"ou_alice", "ou_bob"}, arrivals[0].Mentions)
		mention := func() any {
			return r.Do(http.StatusOK, http.MethodGet, "/api/v1/deliveries/"+task.ID, nil).Body["message"].(map[string]any)["mention"]
		}
		require.Equal(t, []any{alice, bob}, mention())

		require.Equal(t, id, sent(post(http.StatusOK, groupMessage("hello", map[string]any{"mention": []any{bob, alice}}, "team-a"))))
		for _, other := range []map[string]any{
			groupMessage("hello", map[string]any{"mention": []any{bob}}, "team-a"), groupMessage("hello", nil, "team-a"),
			groupMessage("hello", map[string]any{"mention": []any{alice, bob}}, "main"),
		} {
			require.Equal(t, "idempotency_conflict", post(http.StatusConflict, other).Body["code"])
		}
		for field, wrong := range map[string]any{
			"[0].value": []any{address("feishu_user_id", "all")}, "[1].value": []any{alice, address("feishu_user_id", "on_union")},
		} {
			refusedField(t, post(http.StatusUnprocessableEntity, groupMessage("x", map[string]any{"mention": wrong}, "team-a")),
				http.StatusUnprocessableEntity, "invalid_mention", "channels.feishu_webhook.mention"+field)
		}

		later := groupMessage("later", map[string]any{"mention": []any{alice, bob}}, "team-a")
		later["sendAt"] = time.Now().Add(2 * time.Second).Format(time.RFC3339Nano)
		post(http.StatusAccepted, later)
		erased := r.Call(harness.AdminID, harness.AdminSecret, http.MethodPost, "/api/v1/erase", map[string]any{"recipient": alice})
		require.EqualValues(t, 2, erased.Body["mentions"], erased.Raw)
		require.NotContains(t, all(w), "ou_alice")
		require.Equal(t, []any{address("feishu_user_id", "(erased)"), bob}, mention())
		require.Equal(t, `<at user_id="ou_bob"></at> later`, awaitArrivals(t, w, 2)[1].Text)
	})
}

// Each channel may have its own recipients: an address for mail gets no card.
func TestChannelsHaveTheirOwnRecipients(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		r := w.Start()
		r.Template()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates",
			map[string]any{"name": "mail", "channel": "email", "subject": "s", "body": "mail"})
		mail, user := address("email", "alice@example.com"), address("feishu_user_id", "ou_alice")
		request := func(key string, card, email []any, common ...any) map[string]any {
			body := harness.Notification(key, 1)
			delete(body, "recipients")
			all := body["channels"].(map[string]any)
			all["email"] = map[string]any{"template": "mail"}
			for name, own := range map[string][]any{"feishu_app": card, "email": email} {
				if own != nil {
					all[name].(map[string]any)["recipients"] = own
				}
			}
			if common != nil {
				body["recipients"] = common
			}
			return body
		}
		for i, c := range []struct {
			card, email []any
			common      []any
			deliveries  int
			unmatched   []any
		}{
			{[]any{user}, []any{mail}, nil, 2, []any{}},
			{[]any{user}, nil, []any{mail}, 2, []any{}},
			{nil, nil, []any{mail, user}, 3, []any{}}, // as without channels of one's own
			{[]any{user}, []any{mail}, []any{mail, address("phone", "+8613800000000")}, 2, []any{address("phone", "+8613800000000")}},
		} {
			a := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", request(fmt.Sprint(i), c.card, c.email, c.common...))
			require.EqualValues(t, c.deliveries, a.Body["deliveries"], i)
			require.Equal(t, c.unmatched, a.Body["unmatched"], i)
			r.Until(sent(a), "success")
		}
		of := map[string]int{}
		for _, a := range awaitArrivals(t, w, 9) {
			of[a.Channel+" "+a.To]++
		}
		require.Equal(t, map[string]int{"feishu_app ou_alice": 4, "feishu_app alice@example.com": 1, "email alice@example.com": 4}, of)

		post := func(body map[string]any) harness.Answer {
			return r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", body)
		}
		refusedField(t, post(request("x", []any{user}, nil)), http.StatusBadRequest, "invalid_request", "recipients")
		refusedField(t, post(request("x", []any{user}, []any{})), http.StatusBadRequest, "invalid_request", "channels.email.recipients")
		refusedField(t, post(request("x", []any{user}, []any{mail, user})), http.StatusUnprocessableEntity, "invalid_recipient", "channels.email.recipients[1].type")
		refusedField(t, post(request("0", []any{mail}, []any{mail})), http.StatusConflict, "idempotency_conflict", "idempotencyKey")
	})
}

// A message to a chat arrives once, whatever is lost, mentions people, and is not urged. An app
// that is not in the chat is told so.
func TestFeishuChat(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{"providers": w.FeishuProvider(", urgentType: app")})
		r := w.Start()
		r.Template()
		request := func(key, chat string) map[string]any {
			body := harness.Notification(key, 1)
			body["recipients"] = []any{address("feishu_chat_id", chat)}
			body["channels"].(map[string]any)["feishu_app"].(map[string]any)["mention"] = []any{address("feishu_user_id", "ou_alice")}
			return body
		}
		w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, After: true, Reset: true})
		task := r.Until(sent(r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", request("chat", "oc_team"))), "success")[0]
		arrivals := awaitArrivals(t, w, 1)
		require.Equal(t, []string{"chat_id", "oc_team"}, []string{arrivals[0].ToType, arrivals[0].To})
		require.Equal(t, []string{"ou_alice"}, arrivals[0].Mentions)
		require.Empty(t, arrivals[0].Notes, "nobody is urged")
		require.NotEmpty(t, task.Details["urgent_skipped"])
		require.Equal(t, 2, w.Vendors.Inbox.Mark(task.ID).Requests)
		harness.RequireOnceEach(t, w, []string{task.ID})

		w.Vendors.Feishu.RemoveBot("oc_left")
		task = r.Until(sent(r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", request("left", "oc_left"))), "failed")[0]
		require.Equal(t, []any{"dead", "feishu_230002", 0}, []any{task.Status, task.LastCode, task.RetryCount})
		require.Contains(t, task.LastError, "the app's bot is not in the chat; add it there")

		wrong := request("x", "oc_team")
		wrong["recipients"] = []any{address("feishu_chat_id", "ou_user")}
		post := func() harness.Answer {
			return r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", wrong)
		}
		refusedField(t, post(), http.StatusUnprocessableEntity, "invalid_recipient", "recipients[0].value")
		wrong["recipients"] = []any{address("feishu_user_id", "ou_user")}
		refusedField(t, post(), http.StatusUnprocessableEntity, "invalid_mention", "channels.feishu_app.mention[0].value")
	})
}

// `config check --probe` reaches every group, and lists it.
func TestProbeReachesEveryGroup(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	configureGroups(w, unlimited)
	out, err := w.Program("config", "check", "--probe").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, name := range []string{"main", "team-a", "team-b"} {
		require.Contains(t, string(out), "provider "+name+": ok")
		require.Regexp(t, `(?m)^feishu_webhook +`+name+` +feishu_webhook`, string(out))
	}
}
