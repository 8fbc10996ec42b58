package backup

import (
	"strings"
	"testing"
)

func TestProgress(t *testing.T) {
	const said = "\r0 bytes (0 B, 0 B) copied, 1 s, 0 B/s\r22020096 bytes (22 MB, 21 MiB) copied, 3 s, 7.3 MB/s\r44040192 bytes (44 MB, 42 MiB) copied, 6.6" +
		"8 s, 6.6 MB/s\n10+2 records in\n"
	for name, tt := range map[string]struct {
		said string
		mib  float64
		want string
	}{
		"nothing":           {"", 128, ""},
		"too early":         {"\r22020096 bytes (22 MB, 21 MiB) copied, 3 s, 7.3 MB/s", 128, ""},
		"as recorded":       {said, 128, "42M, 7.4 MiB/s, 32%, ETA 12s"},
		"as predicted":      {"134217728\n" + said, 0, "42M, 7.4 MiB/s, 32%, ETA 12s"},
		"of unknown size":   {said, 0, "42M, 7.4 MiB/s"},
		"more than thought": {said, 21, "42M, 7.4 MiB/s, 100%, ETA 0s"},
		"standing still":    {"\r5 bytes copied, 1 s, 5 B/s\r1048576 bytes (1.0 MB, 1.0 MiB) copied, 2 s, 1 MB/s\r1048576 bytes (1.0 MB, 1.0 MiB) copied, 70 s, 1 kB/s\r1048576 bytes (1.0 MB, 1.0 MiB) copied, 71 s, 1 kB/s", 2, "1M, 0.0 MiB/s, 50%"},
		"something else":    {"dd: write error\rx bytes (y) copied, z s", 128, ""},
	} {
		t.Run(name, func(t *testing.T) {
			whole, pieces := &Progress{}, &Progress{}
			whole.Take([]byte(tt.said))
			for _, c := range strings.SplitAfter(tt.said, "2") {
				pieces.Take([]byte(c))
			}
			for how, p := range map[string]*Progress{"whole": whole, "in pieces": pieces} {
				if got := p.Text(tt.mib); got != tt.want {
					t.Errorf("%s: got %q, want %q", how, got, tt.want)
				}
			}
		})
	}
}

func FuzzProgress(f *testing.F) {
	f.Add([]byte("\r5 bytes copied, 1 s, 5 B/s\r6 bytes copied, 1e300 s"), 3)
	f.Fuzz(func(t *testing.T, said []byte, cut int) {
		p := &Progress{}
		cut = max(0, min(cut, len(said)))
		p.Take(said[:cut])
		p.Take(said[cut:])
		if text := p.Text(1); strings.ContainsAny(text, "\r\n") || strings.Contains(text, "NaN") {
			t.Errorf("%q", text)
		}
	})
}
