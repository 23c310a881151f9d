package feishu

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// batchGetID finds users by e-mail address. It runs with p.mu held.
func (p *Platform) batchGetID(r request) answer {
	var body struct {
		Emails []string `json:"emails"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		return refused(40001)
	}
	idType := r.URL.Query().Get("user_id_type")
	users := make([]map[string]any, 0, len(body.Emails))
	for _, address := range body.Emails {
		user := map[string]any{"email": address}
		if !p.unknownMails[address] {
			user["user_id"] = UserID(idType, address)
		}
		users = append(users, user)
	}
	return success(map[string]any{"user_list": users})
}

// UserID returns the id of the user with the e-mail address. idType is open_id,
// union_id or user_id.
func UserID(idType, address string) string {
	sum := sha256.Sum256([]byte(address))
	id := hex.EncodeToString(sum[:16])
	switch idType {
	case "open_id":
		return "ou_" + id
	case "union_id":
		return "on_" + id
	default:
		return id[:8]
	}
}

// getUser returns a user. It runs with p.mu held.
func (p *Platform) getUser(r request) answer {
	id, idType := r.PathValue("id"), r.URL.Query().Get("user_id_type")
	switch {
	case !fits(idType, id):
		return refused(41012)
	case p.invalidUsers[id]:
		return refused(41050)
	}
	return success(map[string]any{"user": map[string]any{idType: id, "name": UserName(id)}})
}

// UserName returns the name of the user with the id.
func UserName(id string) string { return "User " + id[max(0, len(id)-4):] }
