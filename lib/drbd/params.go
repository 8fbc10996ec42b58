package drbd

import (
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
)

// barriers are the options that switch off what the parameters name: b barriers, f flushes, d drains, n nothing.
func barriers(p config.Params) []string {
	var out []string
	if p.Bool("meta-barriers") {
		out = append(out, "--md-flushes=no")
	}
	for _, b := range []struct{ letter, option string }{{"f", "--disk-flushes=no"}, {"d", "--disk-drain=no"}, {"b", "--disk-barrier=no"}} {
		if strings.Contains(p.String("disk-barriers"), b.letter) {
			out = append(out, b.option)
		}
	}
	return out
}

// resync are the options for the speed of a synchronization: a fixed one, or a controller's.
func resync(p config.Params) []string {
	if !p.Bool("dynamic-resync") {
		return []string{"--resync-rate", number(p, "resync-rate")}
	}
	var out []string
	for _, name := range []string{"c-plan-ahead", "c-fill-target", "c-delay-target", "c-max-rate", "c-min-rate"} {
		out = append(out, "--"+name, number(p, name))
	}
	return out
}

// words splits options that an administrator has written as a shell would, without expanding anything. CheckWords has seen them.
func words(text string) []string {
	list, _ := splitWords(text)
	return list
}

// CheckParams refuses parameters that no device could be set up with.
func CheckParams(p config.Params) error {
	for _, name := range []string{"disk-custom", "net-custom"} {
		if _, ok := splitWords(p.String(name)); !ok {
			return fault.Refuse(fault.WrongInput, "Unbalanced quotes in DRBD parameter %s: %s", name, p.String(name))
		}
	}
	if p.Bool("dynamic-resync") && p.Int("c-plan-ahead") == 0 {
		return fault.Refuse(fault.WrongInput, "c-plan-ahead must not be 0 when dynamic-resync is set")
	}
	return nil
}

// splitWords is false for quotes that are not closed.
func splitWords(text string) (list []string, ok bool) {
	var word strings.Builder
	begun := false
	var quote rune
	escaped := false
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			begun, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			begun, quote = true, r
		case r == ' ' || r == '\t' || r == '\n':
			if begun {
				list = append(list, word.String())
			}
			word.Reset()
			begun = false
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	if begun {
		list = append(list, word.String())
	}
	return list, quote == 0 && !escaped
}
