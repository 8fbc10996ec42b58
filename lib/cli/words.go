package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/kingpin/v2"
)

// The words of a command line are read twice: first here, by the rules of
// Python's optparse (or, in permute.go, of Haskell's GetOpt), which decide what
// is an option, what is its value and what is an argument; then kingpin gets
// the options in a form that has only one reading.

// option is one use of a flag: as the user spelt it (a shortened long name in full), with its value.
type option struct {
	flag    *Flag
	spelled string
	value   string
}

// misuseError is a mistake in the options: Ganeti prints the usage line, then the message, and ends with status 2.
type misuseError struct{ message string }

func (e misuseError) Error() string { return e.message }

func misuse(format string, args ...any) error { return misuseError{fmt.Sprintf(format, args...)} }

// helpWanted ends the reading of words at -h or --help.
type helpWanted struct{}

func (helpWanted) Error() string { return "help wanted" }

// scan splits words as optparse does when arguments end the options. An error
// ends it; the options before it are returned too, since their values are
// looked at first.
func (c *Command) scan(words []string) (options []option, args []string, err error) {
	for len(words) > 0 {
		word := words[0]
		if word == "--" {
			return options, words[1:], nil
		}
		if len(word) < 2 || word[0] != '-' {
			return options, words, nil
		}
		var found []option
		if strings.HasPrefix(word, "--") {
			found, words, err = c.long(word, words[1:])
		} else {
			found, words, err = c.cluster(word[1:], words[1:])
		}
		options = append(options, found...)
		if err != nil {
			return options, nil, err
		}
	}
	return options, nil, nil
}

// long reads one long option; rest are the words after it.
func (c *Command) long(word string, rest []string) ([]option, []string, error) {
	name, value, joined := strings.Cut(word, "=")
	flag, full, err := c.match(name)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case flag.arg == noArgument && joined:
		return nil, nil, misuse("%s option does not take a value", full)
	case flag == c.help:
		return nil, nil, helpWanted{}
	case flag.arg != noArgument && !joined:
		if len(rest) == 0 {
			return nil, nil, misuse("%s option requires 1 argument", full)
		}
		value, rest = rest[0], rest[1:]
	}
	return []option{{flag, full, value}}, rest, nil
}

// match finds a long option by its name or an unambiguous beginning of it.
func (c *Command) match(name string) (flag *Flag, full string, err error) {
	found := map[string]*Flag{}
	for _, f := range c.flags {
		for _, n := range f.longNames() {
			if n == name {
				return f, n, nil
			}
			if strings.HasPrefix(n, name) && !f.own {
				found[n] = f
			}
		}
	}
	var names []string
	for n := range found {
		names = append(names, n)
	}
	slices.Sort(names)
	switch len(names) {
	case 0:
		return nil, "", misuse("no such option: %s", name)
	case 1:
		return found[names[0]], names[0], nil
	}
	return nil, "", misuse("ambiguous option: %s (%s?)", name, strings.Join(names, ", "))
}

// cluster reads letters: -vo name, -oname.
func (c *Command) cluster(letters string, rest []string) (options []option, _ []string, err error) {
	for len(letters) > 0 {
		letter, size := utf8.DecodeRuneInString(letters)
		flag, spelled := c.letter(letter), "-"+letters[:size]
		letters = letters[size:]
		switch {
		case flag == nil:
			return options, nil, misuse("no such option: %s", spelled)
		case flag == c.help:
			return options, nil, helpWanted{}
		case flag.arg == noArgument:
			options = append(options, option{flag, spelled, ""})
			continue
		}
		value := letters
		if value == "" {
			if len(rest) == 0 {
				return options, nil, misuse("%s option requires 1 argument", spelled)
			}
			value, rest = rest[0], rest[1:]
		}
		return append(options, option{flag, spelled, value}), rest, nil
	}
	return options, rest, nil
}

func (c *Command) letter(r rune) *Flag {
	for _, f := range c.flags {
		if f.short == r {
			return f
		}
	}
	return nil
}

func (f *Flag) longNames() []string {
	if f.name == "" {
		return nil
	}
	names := []string{"--" + f.name}
	for _, a := range f.aliases {
		names = append(names, "--"+a)
	}
	return names
}

// give hands the options to kingpin, which puts each value in its place.
func (c *Command) give(options []option) error {
	app := kingpin.New(c.binary, "").Terminate(nil)
	values := map[*Flag]*value{}
	for i, f := range c.flags {
		if f == c.help && !c.permute {
			continue
		}
		values[f] = &value{flag: f}
		app.Flag(kingpinName(i, f), f.help).SetValue(values[f])
	}
	words := make([]string, len(options))
	for i, o := range options {
		words[i] = "--" + kingpinName(slices.Index(c.flags, o.flag), o.flag)
		if o.flag.arg != noArgument {
			words[i] += "=" + o.value
		}
		values[o.flag].spelled = append(values[o.flag].spelled, o.spelled)
	}
	_, err := app.Parse(words)
	return err
}

// kingpinName keeps clear of the names kingpin has for itself (--help-long …) and of its reading of "no-".
func kingpinName(i int, f *Flag) string { return fmt.Sprintf("%d-%s", i, f.name) }

// value is what kingpin sees of a Flag.
type value struct {
	flag    *Flag
	spelled []string // of each use, in the order kingpin will set them
}

func (v *value) Set(s string) error {
	spelled := v.spelled[0]
	v.spelled = v.spelled[1:]
	return v.flag.set(spelled, s)
}

func (v *value) String() string { return "" }

func (v *value) IsBoolFlag() bool { return v.flag.arg == noArgument }

// IsCumulative lets every option be repeated; what a second use means is the Flag's affair.
func (v *value) IsCumulative() bool { return true }

// shownOptions writes options for the log; the values of private parameters are left out.
func shownOptions(options []option) []string {
	var words []string
	for _, o := range options {
		switch {
		case o.flag.arg == noArgument:
			words = append(words, o.spelled)
		case o.flag.private:
			words = append(words, o.spelled, "<private>")
		default:
			words = append(words, o.spelled, o.value)
		}
	}
	return words
}
