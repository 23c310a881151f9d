package deploy

import (
	"debug/elf"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// instruction is a line of the Dockerfile.
type instruction struct{ name, args string }

// stages reads the Dockerfile: the instructions of each stage, FROM first.
func stages(t *testing.T) [][]instruction {
	t.Helper()
	var all [][]instruction
	for line := range strings.Lines(read(t, "../Dockerfile")) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		require.NotContains(t, line, `\`, "this test knows one line for each instruction")
		name, args, _ := strings.Cut(line, " ")
		if name == "FROM" {
			all = append(all, nil)
		}
		last := len(all) - 1
		all[last] = append(all[last], instruction{name, args})
	}
	return all
}

// image returns the last stage by instruction. Only COPY may appear more than once.
func image(t *testing.T) map[string]string {
	t.Helper()
	all := stages(t)
	found := map[string]string{}
	for _, i := range all[len(all)-1] {
		if i.name != "COPY" {
			require.NotContains(t, found, i.name)
		}
		found[i.name] = i.args
	}
	return found
}

// execForm returns an instruction's command in exec form. The image has no shell.
func execForm(t *testing.T, args string) []string {
	t.Helper()
	var command []string
	require.NoError(t, json.Unmarshal([]byte(args), &command), args)
	return command
}

func TestImage(t *testing.T) {
	t.Parallel()
	i := image(t)
	require.Equal(t, "scratch", i["FROM"])
	require.NotContains(t, i, "RUN", "the image has no shell")
	require.Regexp(t, numericUser, i["USER"])
	require.Equal(t, []string{"/sealos-notify"}, execForm(t, i["ENTRYPOINT"]))
	require.Equal(t, []string{"-c", "/config.yaml"}, execForm(t, i["CMD"]))
	require.Equal(t, []string{"/sealos-notify", "healthcheck"}, healthCheck(t))
}

func healthCheck(t *testing.T) []string {
	t.Helper()
	_, command, _ := strings.Cut(image(t)["HEALTHCHECK"], " CMD ")
	return execForm(t, command)
}

// The Dockerfile builds a static binary that knows its version.
func TestImageBuild(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "sealos-notify")
	builds := 0
	for _, i := range stages(t)[0] {
		if i.name != "RUN" || !strings.Contains(i.args, "go build") {
			continue
		}
		builds++
		script := strings.Replace(i.args, "-o /sealos-notify", "-o "+binary, 1)
		require.NotEqual(t, i.args, script)
		build := limit.Command(t, limit.Run, "sh", "-euc", script)
		build.Dir = ".."
		build.Env = append(build.Environ(), "VERSION=v1.2.3", "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH)
		output, err := build.CombinedOutput()
		require.NoError(t, err, "%s", output)
	}
	require.Equal(t, 1, builds)
	require.Contains(t, stages(t)[0][0].args, "--platform=$BUILDPLATFORM ", "Go compiles for others without an emulation")

	file, err := elf.Open(binary)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	for _, part := range file.Progs {
		require.NotEqual(t, elf.PT_INTERP, part.Type, "it is linked statically")
	}
	version, err := limit.Command(t, limit.Wait, binary, "version").Output()
	require.NoError(t, err)
	require.Equal(t, "sealos-notify v1.2.3\n", string(version))

	// The health check is a command of the program. Nothing serves here.
	check := limit.Command(t, limit.Wait, binary, healthCheck(t)[1:]...)
	check.Args = append(check.Args, "--help")
	output, err := check.CombinedOutput()
	require.NoError(t, err, "%s", output)
}

func TestMakeDockerTargets(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"docker-build": "docker build --build-arg VERSION=test -t docker.io/somebody/sealos-notify:test .\n",
		"docker-push":  "docker push docker.io/somebody/sealos-notify:test\n",
	} {
		output, err := limit.Command(t, limit.Wait, "make", "-C", "..", "--no-print-directory", "-n", target,
			"IMAGE=docker.io/somebody/sealos-notify", "VERSION=test").Output()
		require.NoError(t, err)
		require.Equal(t, want, string(output))
	}
}

// The image has the licence of everything in the program.
func TestImageLicences(t *testing.T) {
	t.Parallel()
	require.Contains(t, stages(t)[0], instruction{"RUN", "go run ./deploy/licenses /licenses"})
	folder := t.TempDir()
	copying := limit.Command(t, limit.Run, "go", "run", "./deploy/licenses", folder)
	copying.Dir = ".."
	output, err := copying.CombinedOutput()
	require.NoError(t, err, "%s", output)
	listing := limit.Command(t, limit.Run, "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", ".")
	listing.Dir = ".."
	modules, err := listing.Output()
	require.NoError(t, err)
	require.Contains(t, string(modules), "github.com/riverqueue/river\n")
	for module := range strings.FieldsSeq("go console " + string(modules)) {
		texts, err := os.ReadDir(filepath.Join(folder, module))
		require.NoError(t, err)
		require.NotEmpty(t, texts, module)
		require.Contains(t, read(t, filepath.Join(folder, "list.txt")), module+" ", module)
	}
}
