package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/labring/sealos-notify/client"
)

const (
	defaultURL = "http://127.0.0.1:8080"
	urlEnv     = "SEALOS_NOTIFY_URL"
	appEnv     = "SEALOS_NOTIFY_APP_ID"
	secretEnv  = "SEALOS_NOTIFY_APP_SECRET" //nolint:gosec // the name of a variable
	profileEnv = "SEALOS_NOTIFY_PROFILE"
)

// Remote is which service a command calls, as which app, and how it prints. Flags come
// before the chosen profile, the profile before the environment, the environment before
// the settings without a profile. There is no flag for the secret, because the list of
// processes would show it.
type Remote struct {
	Profile    selector `placeholder:"NAME" group:"Service" help:"Service and app of this profile of the settings file; or set SEALOS_NOTIFY_PROFILE."`
	URL        string   `placeholder:"URL" group:"Service" help:"URL of the service (http://127.0.0.1:8080); or set SEALOS_NOTIFY_URL."`
	AppID      string   `name:"app-id" placeholder:"ID" group:"Service" help:"Id of the app that calls; or set SEALOS_NOTIFY_APP_ID."`
	SecretFile string   `placeholder:"FILE" type:"existingfile" group:"Service" help:"File with the app's secret; or set SEALOS_NOTIFY_APP_SECRET."`
	Output     string   `short:"o" enum:"text,json" default:"text" group:"Service" help:"text or json."`
}

// AfterApply makes the session available to the commands' Run methods.
func (r *Remote) AfterApply(k *kong.Context) error {
	return k.BindToProvider(func() (*session, error) {
		s := &session{out: k.Stdout, progress: k.Stderr, json: r.Output == "json"}
		return s, r.connect(s)
	})
}

// connect chooses the service and the app.
func (r *Remote) connect(s *session) error {
	file, path, err := readSettings()
	if err != nil {
		return err
	}
	chosen := account{}
	if s.profile = cmp.Or(string(r.Profile), os.Getenv(profileEnv)); s.profile != "" {
		if chosen, err = file.profile(s.profile, path); err != nil {
			return err
		}
	}
	s.url = cmp.Or(r.URL, chosen.URL, os.Getenv(urlEnv), file.Default.URL, defaultURL)
	s.appID = cmp.Or(r.AppID, chosen.AppID, os.Getenv(appEnv), file.Default.AppID)
	secret := cmp.Or(chosen.AppSecret, os.Getenv(secretEnv), file.Default.AppSecret)
	if r.SecretFile != "" {
		content, err := readFile(r.SecretFile)
		if err != nil {
			return fmt.Errorf("secret file: %w", err)
		}
		secret = strings.TrimSpace(string(content))
	}
	s.api, err = client.New(client.Options{URL: s.url, AppID: s.appID, AppSecret: secret})
	return err
}

type whoamiCommand struct{ Remote }

// identity is the answer of whoami.
type identity struct {
	URL     string `json:"url"`
	Profile string `json:"profile,omitempty"`
	client.Identity
}

// Run asks the service whom it takes the caller for.
func (whoamiCommand) Run(ctx context.Context, s *session) error {
	who, err := s.api.WhoAmI(ctx)
	if err != nil {
		return fmt.Errorf("%s as app %s: %w", s.url, cmp.Or(s.appID, "(none)"), err)
	}
	return s.print(identity{s.url, s.profile, who}, func(w io.Writer) {
		row(w, "Service", s.url)
		row(w, "Profile", s.profile)
		row(w, "App", who.AppID)
		row(w, "Roles", strings.Join(who.Roles, ", "))
		if who.Test {
			row(w, "Test", "yes: what is sent reaches nobody")
		}
		if !who.HighPriority {
			row(w, "Priority high", "no")
		}
		for _, l := range who.Limits {
			row(w, "Limit", limitText(l), "until", l.ResetsAt)
		}
	})
}
