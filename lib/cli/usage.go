package cli

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The help pages are laid out as Python's optparse lays them out with titled
// headings, since people grep in them.

// listCommands prints the page that a program shows without a known command.
func listCommands(w io.Writer, binary string, commands Commands) {
	fmt.Fprintf(w, "Usage: %s {command} [options...] [argument...]\n", binary)
	fmt.Fprintf(w, "%s <command> --help to see details, or man %s\n\nCommands:\n", binary, binary)
	var names []string
	width := 0
	for name, declare := range commands {
		if newCommand(binary, name, declare).hidden {
			continue
		}
		names = append(names, name)
		width = min(60, max(width, len(name)))
	}
	slices.Sort(names)
	for _, name := range names {
		lines := Wrap(newCommand(binary, name, commands[name]).summary, 79-3-width)
		fmt.Fprintf(w, " %-*s - %s\n", width, name, lines[0])
		for _, line := range lines[1:] {
			fmt.Fprintf(w, " %-*s   %s\n", width, "", line)
		}
	}
	fmt.Fprintln(w)
}

// usage is the head that a mistake in the options is shown with.
func (c *Command) usage() string {
	return heading("Usage") + fmt.Sprintf("  %s %s %s\n", c.binary, c.name, c.synopsis)
}

// page is the help page of one command.
func (c *Command) page() string {
	if c.permute {
		return c.permutedPage()
	}
	width := screenWidth() - 2
	var b strings.Builder
	b.WriteString(c.usage() + "\n")
	if c.summary != "" {
		b.WriteString(strings.Join(Wrap(c.summary, width), "\n") + "\n\n")
	}
	b.WriteString(heading("Options"))
	column := 0
	for _, f := range c.flags {
		column = max(column, len(f.forms())+2)
	}
	column = min(column, 24)
	for _, f := range c.flags {
		b.WriteString(f.entry(column, max(width-column, 11)))
	}
	return b.String()
}

// entry is one option in the help page; its text begins at column.
func (f *Flag) entry(column, width int) string {
	forms := f.forms()
	lines := Wrap(f.help, width)
	var b strings.Builder
	if len(forms) > column-2 {
		fmt.Fprintf(&b, "%s\n%*s", forms, column, "")
	} else {
		fmt.Fprintf(&b, "%-*s", column, forms)
	}
	b.WriteString(strings.Join(lines, "\n"+strings.Repeat(" ", column)) + "\n")
	return b.String()
}

// forms lists the spellings of an option, long ones first: --output=FIELDS, -o FIELDS.
func (f *Flag) forms() string {
	joined, detached := "", ""
	if f.arg != noArgument {
		meta := cmp.Or(f.meta, strings.ToUpper(strings.ReplaceAll(f.name, "-", "_")))
		joined, detached = "="+meta, " "+meta
	}
	var forms []string
	for _, n := range f.longNames() {
		forms = append(forms, n+joined)
	}
	if f.short != 0 {
		forms = append(forms, "-"+string(f.short)+detached)
	}
	return strings.Join(forms, ", ")
}

func heading(s string) string { return s + "\n" + strings.Repeat("=", len(s)) + "\n" }

// screenWidth is the width of the pages: COLUMNS, as Python takes it, or 80.
func screenWidth() int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	return 80
}
