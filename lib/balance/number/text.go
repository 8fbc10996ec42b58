package number

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// controls are the names of the first 33 characters in a shown string.
var controls = strings.Fields(`NUL SOH STX ETX EOT ENQ ACK a b t n v f r SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US`)

// Quote shows a string as the reference does: in double quotes, everything outside ASCII as a decimal escape.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		next := byte(0)
		if j := i + utf8.RuneLen(r); r != utf8.RuneError && j < len(s) {
			next = s[j]
		}
		quoteRune(&b, r, next)
	}
	b.WriteByte('"')
	return b.String()
}

func quoteRune(b *strings.Builder, r rune, next byte) {
	switch {
	case r == '"' || r == '\\':
		b.WriteByte('\\')
		b.WriteRune(r)
	case r == 0x7f:
		b.WriteString(`\DEL`)
	case r > 0x7f:
		b.WriteString(`\` + strconv.Itoa(int(r)))
		if next >= '0' && next <= '9' {
			b.WriteString(`\&`)
		}
	case r < ' ':
		b.WriteString(`\` + controls[r])
		if controls[r] == "SO" && next == 'H' {
			b.WriteString(`\&`)
		}
	default:
		b.WriteRune(r)
	}
}

// QuoteList shows a list of strings: ["a","b"].
func QuoteList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = Quote(s)
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

// Split cuts s at sep as the reference does: an empty string has no parts.
func Split(s, sep string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, sep)
}
