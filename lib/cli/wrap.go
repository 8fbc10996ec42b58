package cli

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Wrap breaks text into lines of at most width characters, between words or
// after the hyphen of a compound; there is always one line. These are the rules
// of Python's textwrap, on which the look of questions and help pages rests.
func Wrap(text string, width int) []string {
	lines := []string{""}
	used := 0
	for word := range strings.FieldsSeq(text) {
		space := 1
		for _, part := range hyphenated(word) {
			n := utf8.RuneCountInString(part)
			last := len(lines) - 1
			switch {
			case used == 0:
				lines[last], used = part, n
			case used+space+n <= width:
				lines[last] += strings.Repeat(" ", space) + part
				used += space + n
			default:
				lines, used = append(lines, part), n
			}
			space = 0
		}
	}
	return lines
}

// hyphenated splits a word after hyphens that stand between letters.
func hyphenated(word string) []string {
	var parts []string
	r := []rune(word)
	start := 0
	for i := 2; i+2 < len(r); i++ {
		if r[i] == '-' && unicode.IsLetter(r[i-1]) && isWord(r[i-2]) && isWord(r[i+1]) && unicode.IsLetter(r[i+2]) {
			parts = append(parts, string(r[start:i+1]))
			start = i + 1
		}
	}
	return append(parts, string(r[start:]))
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

// wrapLines wraps each line of text that is too long; the others stay as they are.
func wrapLines(text string, width int) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if utf8.RuneCountInString(line) > width {
			indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
			lines[i] = indent + strings.Join(Wrap(line, width-len(indent)), "\n")
		}
	}
	return strings.Join(lines, "\n")
}
