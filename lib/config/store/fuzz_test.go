package store

import (
	"bytes"
	"testing"
)

// Whatever lies in config.toml: reading it ends with a configuration that is written back as it was, or an error.
func FuzzDecode(f *testing.F) {
	text := encoded(f, realConfig(f))
	f.Add(text)
	f.Add(text[:len(text)/2])
	f.Add([]byte("format = 1\nmin_reader = 1\nepoch = 1\nserial = 1\nparent = ''\nmaster = 'a'\n[end]\n"))
	f.Add(bytes.Replace(text, []byte("[[node]]"), []byte("[[nodes]]"), 1))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := decode("config.toml", text)
		if err != nil {
			if c != nil {
				t.Error("an error and a configuration")
			}
			return
		}
		again, _, err := encode(c, nil)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if one := inOne(t, c); one != string(again) {
			t.Errorf("in pieces\n%s\nin one\n%s", again, one)
		}
		if _, err := decode("config.toml", again); err != nil {
			t.Errorf("what was read and written cannot be read: %v", err)
		}
	})
}

// Whatever a candidate prints is a vote with a whole header, or none.
func FuzzAnswer(f *testing.F) {
	text := string(encoded(f, realConfig(f)))
	f.Add([]byte("absent\n"))
	f.Add([]byte(text[:headerEnd(text)] + text[len(text)-77:]))
	f.Fuzz(func(t *testing.T, out []byte) {
		a := readAnswer("b", out)
		if a.knows() && len(a.header.Digest) != 64 {
			t.Errorf("a vote without a digest: %+v", a)
		}
		if a.err == nil && !a.absent && !a.knows() {
			t.Errorf("neither a vote nor an error: %+v", a)
		}
	})
}
