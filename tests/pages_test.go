package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPagesNameWhatTheProgramsTake keeps manual pages, --help and options in step: the page of a program with subcommands has a
// heading for each, and below it every option that its --help shows and no other.
func TestPagesNameWhatTheProgramsTake(t *testing.T) {
	bin := binaries(t)
	programs, err := filepath.Glob("../gnt-*")
	if err != nil || len(programs) == 0 {
		t.Fatal("no programs", err)
	}
	for _, dir := range programs {
		program := filepath.Base(dir)
		t.Run(program, func(t *testing.T) {
			sections := page(t, program)
			subcommands := subcommands(t, filepath.Join(bin, program))
			for _, name := range subcommands {
				if _, ok := sections[name]; !ok {
					t.Errorf("the page has no section on %s", name)
					continue
				}
				compareOptions(t, name, helpOptions(t, filepath.Join(bin, program), name), pageOptions(sections[name]))
			}
			for name := range sections {
				if !slices.Contains(subcommands, name) {
					t.Errorf("the page describes %s, which the program does not have", name)
				}
			}
		})
	}
}

// binaries builds all programs with subcommands.
func binaries(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", `cd .. && CGO_ENABLED=0 go build -o "$1" ./gnt-*`, "sh", dir+"/")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// page gives the text of a page's sections on subcommands, by name: the headings of level 3.
func page(t *testing.T, program string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../man", program+".8.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	name := ""
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "### "):
			name = strings.TrimSpace(line[4:])
		case strings.HasPrefix(line, "# "), strings.HasPrefix(line, "## "):
			name = ""
		case name != "":
			sections[name] += line
		}
	}
	return sections
}

var subcommandLine = regexp.MustCompile(`(?m)^ ([a-z][a-z-]*) +- `)

// hidden are subcommands that are not for people.
var hidden = []string{"run"}

func subcommands(t *testing.T, program string) []string {
	t.Helper()
	out, err := exec.Command(program, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range subcommandLine.FindAllStringSubmatch(string(out), -1) {
		if !slices.Contains(hidden, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

var (
	helpOption = regexp.MustCompile(`(?:^|, )(--?[A-Za-z][A-Za-z0-9-]*)`)
	pageOption = regexp.MustCompile(`(?:^|[^A-Za-z0-9-])(--[a-z][a-z0-9-]*|-[A-Za-z])\b`)
)

// everywhere are the options that all subcommands have; pages tell of them once.
var everywhere = []string{"--debug", "-d", "--reason", "--help", "-h"}

// helpOptions reads the option lines of a help page.
func helpOptions(t *testing.T, program, subcommand string) []string {
	t.Helper()
	out, err := exec.Command(program, subcommand, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "-") {
			continue
		}
		line, _, _ = strings.Cut(line, "  ")
		for _, m := range helpOption.FindAllStringSubmatch(line, -1) {
			if !slices.Contains(everywhere, m[1]) {
				names = append(names, m[1])
			}
		}
	}
	return names
}

// pageOptions reads the options from the entries of a section: lines that begin with one in bold.
func pageOptions(section string) []string {
	var names []string
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "**-") {
			continue
		}
		for _, m := range pageOption.FindAllStringSubmatch(line, -1) {
			names = append(names, m[1])
		}
	}
	return names
}

func compareOptions(t *testing.T, subcommand string, help, page []string) {
	t.Helper()
	for _, o := range help {
		if !slices.Contains(page, o) {
			t.Errorf("%s: the page lacks %s", subcommand, o)
		}
	}
	for _, o := range page {
		if !slices.Contains(help, o) {
			t.Errorf("%s: the page has %s, --help does not", subcommand, o)
		}
	}
}
