package remote

import "strings"

// Quote joins words to one line of shell: a shell that reads the line gets exactly these words, whatever bytes they hold.
// Plain words stay bare, all others get single quotes. Nothing else in the project quotes for a shell.
func Quote(words ...string) string {
	var line strings.Builder
	for i, word := range words {
		if i > 0 {
			line.WriteByte(' ')
		}
		if plain(word) && !(i == 0 && (reserved[word] || strings.Contains(word, "="))) {
			line.WriteString(word)
			continue
		}
		line.WriteByte('\'')
		line.WriteString(strings.ReplaceAll(word, "'", `'\''`))
		line.WriteByte('\'')
	}
	return line.String()
}

// plain says that no shell sees anything special in word where an argument stands. (In the first word = would be an
// assignment, and zsh expands a leading one anywhere.)
func plain(word string) bool {
	for i := 0; i < len(word); i++ {
		c := word[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("@_+:,./-=", c) >= 0:
		default:
			return false
		}
	}
	return word != "" && word[0] != '='
}

// reserved are the words that a shell takes for syntax where a command begins.
var reserved = map[string]bool{
	"if": true, "then": true, "else": true, "elif": true, "fi": true, "do": true, "done": true, "case": true, "esac": true,
	"while": true, "until": true, "for": true, "in": true, "function": true, "select": true, "time": true, "coproc": true,
}
