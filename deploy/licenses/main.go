// Command licenses finds the licences of everything in the program: Go, every module whose packages it is
// built of on any platform, and what the console brings. It prints them, and fails when one has no licence text,
// or one that is not known or not allowed.
//
//	go run ./deploy/licenses [FOLDER]     with FOLDER it also writes the texts there, and the list
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// systems are those that a release is made for.
var systems = []string{"linux", "darwin", "windows"}

// known are the licences that the program may have, with a text that only they have. Of two that fit, the
// first counts.
var known = []struct{ name, text string }{
	{"Apache-2.0", "apache license version 2.0"},
	{"MPL-2.0", "mozilla public license version 2.0"},
	{"BSD-3-Clause", "endorse or promote products derived from this software without specific prior written permission"},
	{"BSD-2-Clause", "redistributions in binary form must reproduce the above copyright notice"},
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"ISC", "permission to use, copy, modify, and or distribute this software for any purpose with or without fee is hereby granted, provided"},
	{"0BSD", "permission to use, copy, modify, and or distribute this software for any purpose with or without fee is hereby granted."},
	{"public domain", "has been dedicated to the public domain by the authors"},
	{"Unlicense", "this is free and unencumbered software released into the public domain"},
}

// forbidden are names in texts that ask more of who passes the program on than to pass on the text.
var forbidden = regexp.MustCompile(`gnu (affero |lesser )?general public license|server side public license|business source license|commons clause`)

// licenceFile is the name of a file with a licence, or with what a licence asks to pass on.
var licenceFile = regexp.MustCompile(`(?i)^(\w+\.)?(un)?(licen[sc]e|copying|notice|patents)(\.\w+|-[\w.-]+)?$`)

// beside is the name of one that stands beside the licence: what it asks to pass on, and what is not in the program.
var beside = regexp.MustCompile(`(?i)^(notice|patents|licen[sc]e-(3rd-party|logo))`)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run() error {
	texts, err := find()
	if err != nil {
		return err
	}
	var list strings.Builder
	var problems []error
	for _, part := range slices.Sorted(maps.Keys(texts)) {
		names, err := classify(texts[part])
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", part, err))
			continue
		}
		fmt.Fprintf(&list, "%-55s %s\n", part, strings.Join(names, ", "))
	}
	fmt.Print(list.String())
	if err := errors.Join(problems...); err != nil || len(os.Args) < 2 {
		return err
	}
	return write(os.Args[1], texts, list.String())
}

// find returns the files with licences of each part of the program.
func find() (map[string][]string, error) {
	root, err := output("linux", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	texts := map[string][]string{"go": {filepath.Join(strings.TrimSpace(root), "LICENSE")}}
	for _, system := range systems {
		packages, err := output(system, "list", "-deps", "-tags", "grpcnotrace",
			"-f", "{{with .Module}}{{if .Main}}console{{else}}{{.Path}}{{end}}\t{{.Dir}}\t{{$.Dir}}{{end}}", ".")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(packages) {
			fields := strings.Split(strings.TrimSpace(line), "\t")
			if len(fields) != 3 {
				continue // of Go
			}
			module, top, dir := fields[0], fields[1], fields[2]
			if module == "console" {
				// The program's own packages. What the console brings lies in its folder.
				top, dir = filepath.Join(top, "api", "console", "static"), filepath.Join(top, "api", "console", "static")
			}
			found, err := above(top, dir)
			if err != nil {
				return nil, err
			}
			if _, seen := texts[module]; !seen {
				texts[module] = nil // also when it has none
			}
			for _, file := range found {
				if !slices.Contains(texts[module], file) {
					texts[module] = append(texts[module], file)
				}
			}
		}
	}
	return texts, nil
}

// above returns the files with licences in the folder of a package and those above it, up to its module's.
func above(top, dir string) (found []string, err error) {
	for {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if entry.Type().IsRegular() && licenceFile.MatchString(entry.Name()) {
				found = append(found, filepath.Join(dir, entry.Name()))
			}
		}
		if dir == top {
			return found, nil
		}
		dir = filepath.Dir(dir)
	}
}

func output(system string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, &problem)
	}
	return string(out), nil
}

var space = regexp.MustCompile(`[\s*#/]+`)

// classify returns the names of the licences in the files.
func classify(files []string) (names []string, err error) {
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		text := space.ReplaceAllString(strings.ToLower(string(content)), " ")
		name := ""
		for _, licence := range known {
			if strings.Contains(text, licence.text) {
				name = licence.name
				break
			}
		}
		switch {
		case beside.MatchString(filepath.Base(file)):
			continue
		case name != "MPL-2.0" && forbidden.MatchString(text): // which names the others as compatible
			return nil, fmt.Errorf("%s is not allowed", file)
		case name == "":
			return nil, fmt.Errorf("%s is not known", file)
		case !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("there is no licence")
	}
	slices.Sort(names)
	return names, nil
}

// write copies the texts to a folder for each part.
func write(folder string, texts map[string][]string, list string) error {
	for part, files := range texts {
		for i, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			to := filepath.Join(folder, part, filepath.Base(file))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
				to = fmt.Sprintf("%s.%d", to, i) // of a package that has its own
			}
			if err := os.WriteFile(to, content, 0o644); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(filepath.Join(folder, "list.txt"), []byte(list), 0o644)
}
