package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/labring/sealos-notify/channels"
)

// Loader says where the configuration comes from.
type Loader struct {
	Path     string            // the YAML file; empty for none
	Types    []channels.Type   // the known provider types
	Override func(*Config)     // applies the command line; nil for none
	Env      map[string]string // instead of the process's environment; nil for that
}

// Load reads and checks the configuration. Its error joins everything that is
// wrong, one line each: "config.yaml:12: providers.feishu.appSecret: is required".
func (l Loader) Load() (*Config, error) {
	r := l.read()
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	return r.cfg, nil
}

// Reload reads the configuration again. What takes effect at the next start only
// is kept as it runs, and its changed keys are returned for the log.
func (l Loader) Reload(running *Config) (*Config, []string, error) {
	r := l.read()
	if len(r.problems) > 0 {
		return nil, nil, errors.Join(r.problems...)
	}
	restart := RestartNeeded(running, r.cfg)
	r.cfg.Server, r.cfg.Database, r.cfg.Dispatcher = running.Server, running.Database, running.Dispatcher
	r.cfg.Metrics, r.cfg.Tracing = running.Metrics, running.Tracing
	if !leaseCovers(r.cfg) {
		r.problem("defaults.timeoutSeconds", "is too long for the running dispatcher.leaseTimeout: restart")
		return nil, nil, errors.Join(r.problems...)
	}
	return r.cfg, restart, nil
}

// reader is the state of reading the configuration once.
type reader struct {
	Loader
	cfg      *Config
	files    []string          // read, or named; Watch follows them
	origin   map[string]string // key → "config.yaml:12", "environment DATABASE_PORT" or "command line"
	problems []error
	reported map[string]bool // keys that have a problem: one is enough
}

func (l Loader) read() *reader {
	if l.Env == nil {
		l.Env = environ()
	}
	r := &reader{Loader: l, cfg: Default(), origin: map[string]string{}, reported: map[string]bool{}}
	if l.Path != "" {
		r.files = append(r.files, l.Path)
		if err := r.readFile(); err != nil {
			r.problems = []error{err}
			return r // what else may be wrong can not be told
		}
	}
	r.readEnv()
	if l.Override != nil {
		before := *r.cfg
		l.Override(r.cfg)
		for _, key := range changed(&before, r.cfg, func(section) bool { return true }) {
			r.origin[key] = "command line"
		}
	}
	if path := r.cfg.Auth.CredentialsFilePath; path != "" {
		r.files = append(r.files, path)
	}
	r.validate()
	return r
}

// readFile fails when the file can not be read as YAML; what is wrong with its
// keys becomes problems.
func (r *reader) readFile() error {
	src, err := readBounded(r.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Path, err)
	}
	root, err := parse(src)
	var syntax *syntaxError
	if errors.As(err, &syntax) && syntax.line > 0 {
		return fmt.Errorf("%s:%d: %w", r.Path, syntax.line, err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.Path, err)
	}
	if root != nil {
		r.decode(root)
	}
	return nil
}

// problem notes what is wrong with a key.
func (r *reader) problem(key, format string, args ...any) {
	if r.reported[key] {
		return
	}
	r.reported[key] = true
	r.problems = append(r.problems, fmt.Errorf("%s: %s: "+format, append([]any{r.where(key), key}, args...)...))
}

// where says where a key's value comes from; for a key that was not given, where
// the nearest one around it does.
func (r *reader) where(key string) string {
	for key != "" {
		if origin, ok := r.origin[key]; ok {
			return origin
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	if r.Path != "" {
		return r.Path
	}
	return "configuration"
}

// readBounded reads a file of at most maxFile bytes. Its error does not show the
// path: a secret may have been given where a path belongs.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, pathless(err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, pathless(err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return b, nil
}

func pathless(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		err = perr.Err
	}
	return fmt.Errorf("can not be read: %w", err)
}

// readValue reads a value from a file, without the newline that ends it.
func (r *reader) readValue(path string) (string, error) {
	r.files = append(r.files, path)
	b, err := readBounded(path)
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), err
}
