package dev

import (
	"fmt"
	"os"
	"path/filepath"
)

// Files in the state folder.
const (
	configFile = "config.yaml"
	appsFile   = "apps.yaml"
	dbFile     = "notify.db"
	logFile    = "service.log"
)

// state is the folder where dev keeps things from one run to the next.
type state struct {
	dir string
	log *os.File
}

func openState(dir string, fresh bool) (*state, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	s := &state{dir: dir}
	if fresh {
		err := removeAll(s.path(configFile), s.path(appsFile), s.path(logFile),
			s.path(dbFile), s.path(dbFile+"-wal"), s.path(dbFile+"-shm"))
		if err != nil {
			return nil, fmt.Errorf("state folder: %w", err)
		}
	}
	if s.log, err = os.OpenFile(s.path(logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	return s, nil
}

func (s *state) path(name string) string { return filepath.Join(s.dir, name) }

func (s *state) close() { _ = s.log.Close() }

// configure writes the files that the service reads. It is a configuration like
// any other: people are welcome to look at it, and it reloads when they edit it.
func (s *state) configure(o Options, vendors string) error {
	level := o.LogLevel
	if level == "" {
		level = "info"
	}
	cfg := fmt.Sprintf(`# Written anew by every "sealos-notify dev".
server:
  address: %q
database:
  driver: sqlite
  path: %q
logging:
  level: %s
dispatcher:
  interval: 1s
auth:
  credentialsFilePath: %q
defaults:
  retryBackoffSeconds: [1, 5, 30]
channels:
  feishu_app: {enabled: true, provider: feishu-app-urgent}
providers:
  feishu-app-urgent:
    type: feishu_app
    appId: %q
    appSecret: %q
    baseUrl: %q
    urgentType: app
`, o.Address, s.path(dbFile), level, s.path(appsFile), feishuAppID, feishuAppSecret, vendors)
	apps := fmt.Sprintf(`apps:
  - appId: %q
    appSecret: %q
    name: "Notify Console"
    roles: [send, templates, admin]
`, appID, appSecret)
	if err := os.WriteFile(s.path(appsFile), []byte(apps), 0o600); err != nil {
		return err
	}
	return os.WriteFile(s.path(configFile), []byte(cfg), 0o600)
}
