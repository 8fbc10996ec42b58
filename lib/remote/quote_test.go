package remote

import (
	"os/exec"
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	for name, tt := range map[string]struct {
		words []string
		want  string
	}{
		"plain words stay bare":   {[]string{"lvs", "--units=m", "-o", "a,b", "/dev/xenvg/d@1"}, "lvs --units=m -o a,b /dev/xenvg/d@1"},
		"space":                   {[]string{"test", "-e", "my vg"}, "test -e 'my vg'"},
		"empty":                   {[]string{"echo", ""}, "echo ''"},
		"single quote":            {[]string{"echo", "it's"}, `echo 'it'\''s'`},
		"substitution":            {[]string{"echo", "$(reboot)", "`reboot`", "$HOME"}, "echo '$(reboot)' '`reboot`' '$HOME'"},
		"newline":                 {[]string{"echo", "a\nb"}, "echo 'a\nb'"},
		"no assignment in front":  {[]string{"A=b", "A=b"}, "'A=b' A=b"},
		"no keyword in front":     {[]string{"if", "if"}, "'if' if"},
		"home, comment, history":  {[]string{"echo", "~root", "#", "!!"}, "echo '~root' '#' '!!'"},
		"bytes that are no UTF-8": {[]string{"echo", "\xff\x81"}, "echo '\xff\x81'"},
		"zsh's =word":             {[]string{"echo", "=ls"}, "echo '=ls'"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Quote(tt.words...); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// FuzzQuote has every shell of the machine read the line back: printf gets exactly the words that went in.
func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "a b", "it's", "$(id)`id`${x}", "\n", "\r\t\\", "~", "-n", "*?[a]{b,c}", "!!", "\x81\x82\x88\xff", "日本", "a=b", "'\\''", "\\", "%s%n"} {
		f.Add(seed, "x")
	}
	var shells []string
	for _, name := range []string{"sh", "dash", "bash"} {
		if path, err := exec.LookPath(name); err == nil {
			shells = append(shells, path)
		}
	}
	if len(shells) == 0 {
		f.Fatal("no shell found")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ReplaceAll(a, "\x00", ""), strings.ReplaceAll(b, "\x00", "")
		if len(a)+len(b) > 60_000 {
			t.Skip("longer than an argument may be")
		}
		line := Quote("printf", "<%s>", a, b, "end")
		for _, shell := range shells {
			out, err := exec.Command(shell, "-c", line).Output()
			if want := "<" + a + "><" + b + "><end>"; err != nil || string(out) != want {
				t.Errorf("%s: %q %v, want %q", shell, out, err, want)
			}
		}
	})
}
