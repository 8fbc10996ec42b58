package unit

import (
	"slices"
	"testing"
)

func TestMatchName(t *testing.T) {
	names := []string{"web.example.com", "db1.example.com", "db1.example.org", "mail", "mail.example.com", "Cam.example.com", "a.b", "A.B"}
	for key, want := range map[string]string{
		"web": "web.example.com", "WEB": "web.example.com", "web.example": "web.example.com", "web.ex": "", "db1": "", "mail": "mail",
		"db1.example.org": "db1.example.org", "cam": "Cam.example.com", "nosuch": "", "": "", "a.b": "a.b", "a": "", "MAIL": "mail",
	} {
		if got, ok := MatchName(key, names); got != want || ok != (want != "") {
			t.Errorf("MatchName(%q) = %q, %v, want %q", key, got, ok, want)
		}
	}
}

func TestSortNames(t *testing.T) {
	want := []string{"", "0", "00", "1", "9", "10", "a", "a0", "a01", "a1", "a2", "a10", "a10b", "a10b2", "a10b10", "b", "node1.example.com", "node10.example.com"}
	got := slices.Clone(want)
	slices.Reverse(got)
	SortNames(got)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func FuzzCompareNames(f *testing.F) {
	f.Add("a10", "a9", "a")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if CompareNames(a, b) != -CompareNames(b, a) || CompareNames(a, a) != 0 {
			t.Errorf("%q and %q have no fixed order", a, b)
		}
		if CompareNames(a, b) <= 0 && CompareNames(b, c) <= 0 && CompareNames(a, c) > 0 {
			t.Errorf("%q %q %q go round", a, b, c)
		}
	})
}
