package vendors

import (
	"strings"
	"sync"
	"time"
)

// Groups are the groups of a vendor, each with one bot, by the bot's token. They are safe for
// concurrent use.
type Groups struct {
	own string // the token of the bot that is there from the start

	mu      sync.Mutex
	keyword string
	byToken map[string]*group
}

// group is a group with its bot.
type group struct {
	name   string
	limit  int
	window time.Duration
	taken  []time.Time // times of the messages within the window
}

// NewGroups returns one group, called "group", whose bot has the token.
func NewGroups(token string) *Groups {
	return &Groups{own: token, byToken: map[string]*group{token: {name: "group"}}}
}

// RequireKeyword makes the bots refuse messages without the word.
func (g *Groups) RequireKeyword(word string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keyword = word
}

// AddGroup adds the bot of another group.
func (g *Groups) AddGroup(name, token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.byToken[token] = &group{name: name}
}

// Remove removes the bot with the token from its group: the token is not valid any more.
func (g *Groups) Remove(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.byToken, token)
}

// Limit makes the first bot refuse more than n messages in any window of time.
func (g *Groups) Limit(n int, window time.Duration) { g.LimitGroup(g.own, n, window) }

// LimitGroup is Limit for the bot with a token.
func (g *Groups) LimitGroup(token string, n int, window time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.byToken[token].limit, g.byToken[token].window = n, window
}

// Group returns the name of the group of the bot with a token; false when there is none.
func (g *Groups) Group(token string) (string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	known, is := g.byToken[token]
	if !is {
		return "", false
	}
	return known.name, true
}

// HasKeyword reports whether a text has the word that the bots require.
func (g *Groups) HasKeyword(text string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Contains(text, g.keyword)
}

// Take counts a message of the bot with a token against its limit and reports whether it is
// within.
func (g *Groups) Take(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	bot, now := g.byToken[token], time.Now()
	if bot == nil || bot.limit == 0 {
		return true
	}
	for len(bot.taken) > 0 && now.Sub(bot.taken[0]) >= bot.window {
		bot.taken = bot.taken[1:]
	}
	if len(bot.taken) >= bot.limit {
		return false
	}
	bot.taken = append(bot.taken, now)
	return true
}
