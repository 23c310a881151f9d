// Package cli is the part of the command line that calls a running service.
package cli

import (
	"context"
	"errors"
	"net/http"

	"github.com/labring/sealos-notify/client"
)

// Commands is the commands of this package.
type Commands struct {
	Send          sendCommand          `cmd:"" help:"Send a notification." group:"Use a running service"`
	Notifications notificationCommands `cmd:"" help:"See and cancel notifications." group:"Use a running service"`
	Ack           ackCommand           `cmd:"" help:"Acknowledge a notification: what it escalates to is not sent." group:"Use a running service"`
	Incidents     incidentCommands     `cmd:"" help:"See what waits for an acknowledgement." group:"Use a running service"`
	Deliveries    deliveryCommands     `cmd:"" help:"See deliveries, and send them again." group:"Use a running service"`
	Status        statusCommand        `cmd:"" help:"See how the channels stand, and what is dead." group:"Use a running service"`
	Breaker       breakerCommands      `cmd:"" help:"Let the deliveries of a provider wait, or go on; administrators only." group:"Use a running service"`
	Receivers     receiverCommands     `cmd:"" help:"See who gets alerts, and test it." group:"Use a running service"`
	Providers     providerCommands     `cmd:"" help:"See the providers as they are configured, and probe them; administrators only." group:"Use a running service"`
	Template      templateCommands     `cmd:"" help:"See and change templates, one by one or as a folder of files." group:"Use a running service"`
	Kind          kindCommands         `cmd:"" help:"See and change the kinds of notifications: their channels, quiet hours and caps." group:"Use a running service"`
	Contact       contactCommands      `cmd:"" help:"See and change contacts: people and teams by name, with their addresses." group:"Use a running service"`
	Group         groupCommands        `cmd:"" help:"See and change groups of contacts." group:"Use a running service"`
	Erase         eraseCommand         `cmd:"" help:"Make a person's addresses and texts unreadable, or a notification's. Administrators only." group:"Use a running service"`
	Preference    preferenceCommands   `cmd:"" help:"See and set what a recipient has switched off." group:"Use a running service"`
	Suppression   suppressionCommands  `cmd:"" help:"See the addresses that a vendor refused for good, and let them be sent to again; administrators only." group:"Use a running service"`
	Endpoint      endpointCommands     `cmd:"" help:"Have apps told of events: what became of their notifications." group:"Use a running service"`
	Audit         auditCommand         `cmd:"" help:"See who changed what; administrators only." group:"Use a running service"`
	Apps          appsCommand          `cmd:"" help:"See the apps, with their limits and what they have used; administrators only." group:"Use a running service"`
	Whoami        whoamiCommand        `cmd:"" help:"Show which service and app the commands use, and what it may do." group:"Use a running service"`
	Healthcheck   healthcheckCommand   `cmd:"" help:"Ask a service on this machine whether it takes requests; exit code 0 or 1."`
	Completion    completionCommand    `cmd:"" help:"Print the script for a shell's completion."`
	Complete      completeCommand      `cmd:"" hidden:"" help:"Print the words that can come next; the scripts call this."`
}

// Exit codes. They are documented in docs/command-line.md.
const (
	exitRefused     = 1   // wrong usage, or the service refuses
	exitIncomplete  = 2   // something did not arrive, or is not as it should be
	exitUnreachable = 3   // no answer in time
	exitInterrupted = 130 // Ctrl-C, as in shells
)

// failure is an error with an exit code.
type failure struct {
	error
	code int
}

func (f *failure) Unwrap() error { return f.error }

// ExitCode returns the exit code for the error of a command.
func ExitCode(err error) int {
	var (
		own     *failure
		problem *client.Problem
	)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &problem):
		if problem.Status >= http.StatusInternalServerError || problem.Status == http.StatusTooManyRequests {
			return exitUnreachable
		}
		return exitRefused
	case errors.Is(err, client.ErrUnreachable), errors.Is(err, context.DeadlineExceeded):
		return exitUnreachable
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitRefused
}
