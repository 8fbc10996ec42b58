package store

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"reflect"
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

// Whatever was read: a version made from it, objects taken over, is the one that would be made without it.
func FuzzNext(f *testing.F) {
	for _, text := range [][]byte{encoded(f, realConfig(f)), encoded(f, bigConfig(f, 3))} {
		body, _, _ := splitDigest(text)
		f.Add(body, uint8(1))
		f.Add(bytes.Replace(body, []byte("os = 'noop'"), []byte("os = '''x\n\n[[disk]]\n\n[end]\n'''"), 1), uint8(2))
	}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		sum := sha256.Sum256(body)
		base, err := readVersion("base", fmt.Appendf(bytes.Clone(body), "digest = '%x'\n", sum))
		if err != nil {
			return
		}
		c := base.config.Clone()
		c.Serial++
		if n := len(c.Instances); n > 0 {
			c.Instances[int(which)%n].SerialNo++
		}
		if n := len(c.Disks); n > 0 {
			c.Disks = append(c.Disks[:int(which)%n], c.Disks[int(which)%n+1:]...)
		}
		next, err := newVersion(c, base)
		if err != nil {
			return // it cannot be written without base either, or its header is none
		}
		want, err := decode("anew", next.text)
		if err != nil {
			t.Fatalf("what was taken over cannot be read: %v\n%s", err, next.text)
		}
		if err := next.readBack(base); err != nil || !reflect.DeepEqual(next.config.Clone(), want.Clone()) {
			t.Errorf("read back as another configuration: %v\n%s", err, next.text)
		}
		if got, anew := encoded(t, want), encoded(t, c); !bytes.Equal(got, anew) {
			t.Errorf("it says\n%s\nand should say\n%s", got, anew)
		}
	})
}
