package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
)

// Loader is where the configuration comes from.
type Loader struct {
	Path     string            // the YAML file; empty for none
	Types    []channels.Type   // the known provider types
	Override func(*Config)     // applies the command line; nil for none
	Env      map[string]string // nil for the environment of the process
}

// Load reads and checks the configuration file, the environment and the command
// line. Its error joins all problems, one line each:
// "config.yaml:12: providers.feishu.appSecret: is required".
func (l Loader) Load() (*Config, error) {
	r := l.read()
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	return r.cfg, nil
}

// Checked is a configuration with the parts that are built from it. Putting it
// into effect cannot fail.
type Checked struct {
	*Config
	Registry    *channels.Registry
	Credentials *api.Credentials
	// RestartNeeded lists the keys that differ from the running configuration and
	// take effect at the next start only.
	RestartNeeded []string
}

// Check reads and checks everything that a start needs, the credentials file
// included, and opens the providers. Starts, reloads and `config check` use it.
// What needs a restart is kept from the running configuration, which is nil
// before a start.
func (l Loader) Check(running *Config) (*Checked, error) {
	r := l.read()
	credentials := r.credentials()
	r.validateReceiverApps(credentials)
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	var restart []string
	if running != nil {
		restart = r.cfg.keep(running)
		if !leaseCovers(r.cfg) {
			r.problem("defaults.timeoutSeconds", "is too long for the running dispatcher.leaseTimeout: restart")
			return nil, errors.Join(r.problems...)
		}
	}
	registry, err := r.cfg.Registry()
	if err != nil {
		return nil, err
	}
	if r.validateAddresses(registry); len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	return &Checked{Config: r.cfg, Registry: registry, Credentials: credentials, RestartNeeded: restart}, nil
}

// reader reads the configuration, or the credentials file, once.
type reader struct {
	Loader
	cfg      *Config
	files    []string          // that were read or named; the Watcher follows them
	origin   map[string]string // key → "config.yaml:12", "environment DATABASE_PORT" or "command line"
	problems []error
	reported map[string]bool // keys that have a problem already
}

func (l Loader) reader() *reader {
	if l.Env == nil {
		l.Env = environ()
	}
	return &reader{Loader: l, cfg: Default(), origin: map[string]string{}, reported: map[string]bool{}}
}

func (l Loader) read() *reader {
	r := l.reader()
	if l.Path != "" {
		r.files = append(r.files, l.Path)
		if err := r.readFile(); err != nil {
			r.problems = []error{err}
			return r // nothing else can be checked
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

// readFile fails when the file cannot be read as YAML. Wrong keys and values
// become problems.
func (r *reader) readFile() error {
	src, err := readBounded(r.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Path, err)
	}
	root, err := r.document(src)
	if err != nil {
		return err
	}
	r.decode(root)
	return nil
}

// document parses the file's content. Its error begins with the file and the line.
func (r *reader) document(src []byte) (ast.Node, error) {
	root, err := parse(src)
	var syntax *syntaxError
	if errors.As(err, &syntax) && syntax.line > 0 {
		return nil, fmt.Errorf("%s:%d: %w", r.Path, syntax.line, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Path, err)
	}
	return root, nil
}

// problem reports what is wrong with a key; its first problem only.
func (r *reader) problem(key, format string, args ...any) {
	if r.reported[key] {
		return
	}
	r.reported[key] = true
	r.problems = append(r.problems, fmt.Errorf("%s: %s: "+format, append([]any{r.where(key), key}, args...)...))
}

// where returns where the key's value comes from. For a key that was not given it
// is the nearest key around it.
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
// path, which may be a secret in the wrong place.
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
	return fmt.Errorf("cannot be read: %w", err)
}

// readValue returns the content of a file without the newline at its end.
func (r *reader) readValue(path string) (string, error) {
	r.files = append(r.files, path)
	b, err := readBounded(path)
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), err
}
