package console

import "time"

// App is an app of the credentials file.
type App struct {
	ID, Name     string
	Enabled      bool
	Roles        []string
	HighPriority bool
	TestSecrets  int
	Limits       []AppLimit
}

// AppLimit is the most that an app may send, and what it has sent.
type AppLimit struct {
	Limit      string // requestsPerMinute, deliveriesPerMinute or deliveriesPerDay
	Channel    string // empty for requestsPerMinute
	Most, Used int
	ResetsAt   time.Time
}

// Spent reports whether nothing is left.
func (l AppLimit) Spent() bool { return l.Used >= l.Most }

type appsData struct{ Apps []App }

func listApps(v *visit) error {
	apps, err := v.console.api.Apps(v.ctx)
	if err != nil {
		return err
	}
	return v.page(appsData{apps})
}
