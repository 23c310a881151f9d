package dev

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/labring/sealos-notify/internal/app"
	"github.com/labring/sealos-notify/internal/vendors/world"
)

// Files in the state folder.
const (
	configFile     = "config.yaml"
	appsFile       = "apps.yaml"
	kubeconfigFile = "kubeconfig.yaml"
	dbFile         = "notify.db"
	logFile        = "service.log"
)

// state is the folder that dev keeps from one run to the next.
type state struct {
	dir    string
	log    *os.File
	unlock func()
}

// openState makes the folder, if need be, and locks it.
func openState(dir string) (*state, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	s := &state{dir: dir}
	// The database's own lock would come too late: the other files are written before.
	if s.unlock, err = app.Lock(s.path("dev")); err != nil {
		return nil, fmt.Errorf("state folder: %w; choose another with --state", err)
	}
	return s, nil
}

// prepare deletes what earlier runs kept, if asked to, and opens the log.
func (s *state) prepare(fresh bool) (err error) {
	if fresh {
		err = s.deleteFiles()
	}
	if err == nil {
		s.log, err = os.OpenFile(s.path(logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	}
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	return nil
}

func (s *state) path(name string) string { return filepath.Join(s.dir, name) }

func (s *state) close() {
	_ = s.log.Close() // nil closes nothing
	s.unlock()
}

// deleteFiles deletes the files that dev writes. It deletes nothing else, because
// the folder may be a mistake.
func (s *state) deleteFiles() error {
	for _, name := range []string{configFile, appsFile, kubeconfigFile, logFile, dbFile, dbFile + "-wal", dbFile + "-shm"} {
		if err := os.Remove(s.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// configure writes the files that the service reads: a usual configuration, which
// people can read, and which reloads when they edit it.
func (s *state) configure(o Options, v *simulatedVendors) error {
	config := fmt.Sprintf(`# Written anew by every "sealos-notify dev".
server:
  address: %q
database:
  driver: sqlite
  path: %q
logging:
  level: %s
dispatcher:
  interval: 1s
metrics:
  address: "127.0.0.1:0" # a port that is free
auth:
  credentialsFilePath: %q
defaults:
  retryBackoffSeconds: [1, 5, 30]
integrations:
  receivers:
    %s: # who gets the alerts that are posted
      channels: {feishu_app: {template: alert-card}}
      recipients: [{type: feishu_user_id, value: ou_oncall}]
channels:%sproviders:%s`,
		o.Address, s.path(dbFile), o.LogLevel, s.path(appsFile),
		receiver, world.Channels, strings.Replace(v.Providers(v.Addresses, s.path(kubeconfigFile)),
			"type: feishu_app\n", "type: feishu_app\n    events: true # the inbox has buttons\n", 1))
	apps := fmt.Sprintf(`apps:
  - appId: %q
    appSecret: %q
    name: "Notify Console"
    roles: [send, templates, admin]
`, appID, appSecret)
	return errors.Join(
		os.WriteFile(s.path(kubeconfigFile), world.Kubeconfig(v.Addresses), 0o600),
		os.WriteFile(s.path(appsFile), []byte(apps), 0o600),
		os.WriteFile(s.path(configFile), []byte(config), 0o600))
}
