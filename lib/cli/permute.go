package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// scanPermuted splits words as GetOpt does for htools: options and arguments may
// be mixed, a value that may be missing is only taken when it is joined, and all
// mistakes are reported, unknown options last.
func (c *Command) scanPermuted(words []string) (options []option, args []string, err error) {
	g := getOpt{c: c}
	for len(words) > 0 {
		word := words[0]
		switch {
		case word == "--":
			g.args = append(g.args, words[1:]...)
			words = nil
		case strings.HasPrefix(word, "--"):
			words = g.long(word, words[1:])
		case len(word) > 1 && word[0] == '-':
			words = g.letters(word[1:], words[1:])
		default:
			g.args = append(g.args, word)
			words = words[1:]
		}
	}
	if mistakes := append(g.mistakes, g.unknown...); len(mistakes) > 0 {
		return nil, nil, misuseError{strings.Join(mistakes, "")}
	}
	return g.options, g.args, nil
}

// getOpt is what has been gathered from the words so far.
type getOpt struct {
	c                 *Command
	options           []option
	args              []string
	mistakes, unknown []string // each ends with a newline
}

func (g *getOpt) long(word string, rest []string) []string {
	name, value, joined := strings.Cut(word, "=")
	found := g.c.permutedMatch(name)
	switch {
	case len(found) > 1:
		g.mistake("option `%s' is ambiguous; could be one of:\n%s", name, optionTable(found))
		return rest
	case len(found) == 0:
		g.unknown = append(g.unknown, fmt.Sprintf("unrecognized option `%s'\n", word))
		return rest
	}
	flag := found[0]
	switch {
	case flag.arg == noArgument && joined:
		g.mistake("option `%s' doesn't allow an argument\n", name)
		return rest
	case flag.arg == needsArgument && !joined:
		return g.next(flag, name, rest)
	case flag.arg == mayHaveArgument && joined:
		value = joinedMark + value
	}
	g.options = append(g.options, option{flag, name, value})
	return rest
}

func (g *getOpt) letters(letters string, rest []string) []string {
	letter, size := utf8.DecodeRuneInString(letters)
	flag, spelled, after := g.c.letter(letter), "-"+letters[:size], letters[size:]
	if flag == nil {
		g.unknown = append(g.unknown, fmt.Sprintf("unrecognized option `%s'\n", spelled))
		return restOf(after, rest)
	}
	switch {
	case flag.arg == noArgument:
		rest, after = restOf(after, rest), ""
	case flag.arg == needsArgument && after == "":
		return g.next(flag, spelled, rest)
	case flag.arg == mayHaveArgument && after != "":
		after = joinedMark + after
	}
	g.options = append(g.options, option{flag, spelled, after})
	return rest
}

// restOf puts the letters of a cluster that are still to be read before the other words.
func restOf(letters string, words []string) []string {
	if letters == "" {
		return words
	}
	return append([]string{"-" + letters}, words...)
}

// next takes the next word, whatever it is, as the value.
func (g *getOpt) next(flag *Flag, spelled string, rest []string) []string {
	if len(rest) == 0 {
		g.mistake("option `%s' requires an argument %s\n", spelled, flag.meta)
		return nil
	}
	g.options = append(g.options, option{flag, spelled, rest[0]})
	return rest[1:]
}

func (g *getOpt) mistake(format string, args ...any) {
	g.mistakes = append(g.mistakes, fmt.Sprintf(format, args...))
}

// permutedMatch finds the options that name may mean: the exact one, or all that begin with it.
func (c *Command) permutedMatch(name string) []*Flag {
	var found []*Flag
	for _, f := range c.flags {
		for _, n := range f.longNames() {
			if n == name {
				return []*Flag{f}
			}
			if strings.HasPrefix(n, name) && !f.own {
				found = append(found, f)
				break
			}
		}
	}
	return found
}

// optionTable lists options in the columns of GetOpt: short forms, long forms, help.
func optionTable(flags []*Flag) string {
	flags = slices.DeleteFunc(slices.Clone(flags), func(f *Flag) bool { return f.unlisted })
	var short, long []string
	var shortWidth, longWidth int
	for _, f := range flags {
		s, l := f.permutedForms()
		short, long = append(short, s), append(long, l)
		shortWidth, longWidth = max(shortWidth, len(s)), max(longWidth, len(l))
	}
	var b strings.Builder
	for i, f := range flags {
		fmt.Fprintf(&b, "  %-*s  %-*s  %s\n", shortWidth, short[i], longWidth, long[i], f.help)
	}
	return b.String()
}

func (f *Flag) permutedForms() (short, long string) {
	if f.short != 0 {
		short = "-" + string(f.short) + [...]string{"", " " + f.meta, "[" + f.meta + "]"}[f.arg]
	}
	var forms []string
	for _, n := range f.longNames() {
		forms = append(forms, n+[...]string{"", "=" + f.meta, "[=" + f.meta + "]"}[f.arg])
	}
	return short, strings.Join(forms, ", ")
}
