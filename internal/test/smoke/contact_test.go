package smoke

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
)

// People are pushed from a table, sent to by a group's name, and erased.
func TestContactsFromTheTableToTheInbox(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		c := openTerminal(t, w, r)
		table := strings.Builder{}
		table.WriteString("name,feishu_user_id,phone,label.region\n")
		for i := range 2500 {
			fmt.Fprintf(&table, "user-%d,,,us\n", i)
		}
		table.WriteString("alice,ou_alice,+8613800000000,cn\nbob,ou_bob,,cn\ncarol,,+8613800000001,cn\n")
		require.NoError(t, os.WriteFile(w.Path("people.csv"), []byte(table.String()), 0o600))

		out, said := c.run(0, "contact", "push", "--dry-run", w.Path("people.csv"))
		require.Contains(t, out, "alice                       would be created\n")
		require.Contains(t, out, "Contacts would be created   2503\n")
		require.Contains(t, said, "Contacts so far: 2000\n")
		require.Empty(t, runJSON[client.ContactList](c, 0, "contact", "list").Contacts)
		out, _ = c.run(0, "contact", "push", w.Path("people.csv"))
		require.Contains(t, out, "Contacts created     2503\n")
		again := runJSON[client.ContactsWritten](c, 0, "contact", "push", w.Path("people.csv"))
		require.Equal(t, client.ContactsWritten{Created: []string{}, Changed: []string{}, Unchanged: 2503}, again)
		require.Len(t, runJSON[client.ContactList](c, 0, "contact", "list", "--label", "region=cn").Contacts, 3)

		require.NoError(t, os.WriteFile(w.Path("bad.csv"), []byte("name,email\nx,x@example.com\ny,not an address\n"), 0o600))
		_, said = c.run(1, "contact", "push", "--dry-run", w.Path("bad.csv"))
		require.Contains(t, said, "bad.csv:3: contact y: ")
		require.Contains(t, said, "contacts[1].addresses[0].value")

		require.NoError(t, os.WriteFile(w.Path("groups.yaml"), []byte("name: china\nlabels: {region: cn}\n---\nname: all\ncontacts: [alice, nobody]\nlabels: {region: cn}\n"), 0o600))
		out, _ = c.run(0, "group", "push", "--dry-run", w.Path("groups.yaml"))
		require.Equal(t, "china   would be created\nall     would be created\n", out)
		out, _ = c.run(0, "group", "push", w.Path("groups.yaml"))
		require.Equal(t, "china   created\nall     created\n", out)
		out, _ = c.run(0, "group", "show", "all")
		require.Equal(t, "name: all\ncontacts:\n- alice\n- nobody\nlabels:\n  region: cn\n", out)

		send := []string{"send", "-t", "feishu_app=feishu-alert", "-p", "incident=disk full", "-p", "severity=P0", "--to", "group:all", "--key", "k"}
		out, _ = c.run(0, send...)
		for _, want := range []string{"with 2 deliveries", "Reached: 2 of 3 contacts.", "carol has no address for feishu_app.", "No contact is called nobody."} {
			require.Contains(t, out, want)
		}
		c.run(0, "contact", "rm", "bob", "--yes")
		out, _ = c.run(0, send...)
		require.Contains(t, out, "Accepted before:")
		list := runJSON[client.NotificationList](c, 0, "notifications", "list").Notifications
		tasks := r.Until(list[0].ID, "success")
		require.Len(t, tasks, 2)
		delivery := runJSON[client.Delivery](c, 0, "deliveries", "show", tasks[0].ID)
		require.Contains(t, []string{"alice", "bob"}, delivery.Contact)

		erased := r.Call(harness.AdminID, harness.AdminSecret, http.MethodPost, "/api/v1/erase",
			map[string]any{"recipient": map[string]any{"type": "feishu_user_id", "value": "ou_alice"}})
		require.Equal(t, []any{1.0, 1.0, false}, []any{erased.Body["deliveries"], erased.Body["contacts"], erased.Body["more"]}, erased.Raw)
		require.NotContains(t, all(w), "ou_alice")
		out, _ = c.run(0, "contact", "show", "alice")
		require.Equal(t, "name: alice\naddresses:\n- type: phone\n  value: \"+8613800000000\"\nlabels:\n  region: cn\n", out)
	})
}
