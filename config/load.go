package config

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

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
	// Warnings are about values that work and should not stay, one line each, in the
	// form of a problem.
	Warnings []string
	// MetricsChosen reports whether metrics.address was given.
	MetricsChosen bool
}

// Check reads and checks everything that a start needs, the credentials file
// included, and opens the providers. Starts, reloads and `config check` use it.
// What needs a restart is kept from the running configuration, which is nil
// before a start.
func (l Loader) Check(running *Config) (*Checked, error) {
	r := l.read()
	credentials := r.credentials()
	r.validateNamedApps(credentials)
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	var restart []string
	if running != nil {
		restart = r.cfg.keep(running)
		if key, covers := leaseCovers(r.cfg); !covers {
			r.problem(key, "is too long for the running dispatcher.leaseTimeout: restart")
			return nil, errors.Join(r.problems...)
		}
	}
	registry, err := r.cfg.Registry(func(name string, err error) {
		r.warn("providers."+name, "is left out, because it cannot be opened: %v", err)
	})
	if err != nil {
		return nil, err
	}
	if r.validateAddresses(registry); len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	_, chosen := r.origin["metrics.address"]
	return &Checked{
		Config: r.cfg, Registry: registry, Credentials: credentials,
		RestartNeeded: restart, Warnings: r.warnings, MetricsChosen: chosen,
	}, nil
}

// digest is of a file's content.
type digest [sha256.Size]byte

// unreadable stands for the content of a file that cannot be read.
var unreadable digest

// files returns the files that the configuration is made of.
func (l Loader) files() map[string]digest {
	r := l.read()
	r.credentials()
	return r.files
}

// again returns the files as they are now.
func (l Loader) again(files map[string]digest) map[string]digest {
	r := l.reader()
	for path := range files {
		_, _ = r.file(path) // what is wrong with it is a problem of the next reading
	}
	return r.files
}

// reader reads the configuration, or the credentials file, once.
type reader struct {
	Loader
	cfg      *Config
	until    time.Time         // when the patience with files ends
	files    map[string]digest // that the configuration is made of; the Watcher follows them
	origin   map[string]string // key → "config.yaml:12", "environment DATABASE_PORT" or "command line"
	problems []error
	warnings []string
	reported map[string]bool // keys that have a problem already
}

func (l Loader) reader() *reader {
	if l.Env == nil {
		l.Env = environ()
	}
	return &reader{
		Loader: l, cfg: Default(), until: time.Now().Add(patience),
		files: map[string]digest{}, origin: map[string]string{}, reported: map[string]bool{},
	}
}

func (l Loader) read() *reader {
	r := l.reader()
	if l.Path != "" {
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
	r.validate()
	return r
}

// readFile fails when the file cannot be read as YAML. Wrong keys and values
// become problems.
func (r *reader) readFile() error {
	src, err := r.file(r.Path)
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

// warn notes that a key's value should not stay.
func (r *reader) warn(key, format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf("%s: %s: "+format, append([]any{r.where(key), key}, args...)...))
}

// file returns the content of a file that the configuration is made of. A file that
// does not answer is an error.
func (r *reader) file(path string) ([]byte, error) {
	b, err := within(max(time.Until(r.until), leastPatience), path, func() ([]byte, error) { return readBounded(path) })
	r.files[path] = unreadable
	if err != nil {
		return nil, pathless(err)
	}
	r.files[path] = sha256.Sum256(b)
	return b, nil
}

// readBounded reads a file of at most maxFile bytes.
func readBounded(path string) ([]byte, error) {
	// A pipe is refused before it is opened, which would wait for its writer.
	if info, err := os.Stat(path); err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0 {
		return nil, errors.New("is a pipe; it must be a file, because it is read again later")
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return utf8Text(b)
}

// utf8Text returns the text without the byte order mark that some editors write.
func utf8Text(b []byte) ([]byte, error) {
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		return nil, errors.New("is UTF-16; it must be saved as UTF-8")
	}
	return bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), nil
}

// pathless returns the error without the path, which may be a secret in the wrong place.
func pathless(err error) error {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		return fmt.Errorf("cannot be read: %w", perr.Err)
	}
	return err
}

// readValue returns the content of a file without the newline at its end.
func (r *reader) readValue(path string) (string, error) {
	b, err := r.file(path)
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if err == nil && text == "" {
		err = errors.New("the file is empty")
	}
	return text, err
}
