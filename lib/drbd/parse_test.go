package drbd

import (
	"strings"
	"testing"
)

const recordedProc = `version: 8.4.11 (api:1/proto:86-101)
srcversion: F73C670A7EC572DB9CF3E5B 
 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----
    ns:131072 nr:0 dw:0 dr:131072 al:8 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:0

 1: cs:SyncTarget ro:Secondary/Primary ds:Inconsistent/UpToDate C r-----
    ns:0 nr:40448 dw:40448 dr:0 al:8 bm:0 lo:3 pe:0 ua:3 ap:0 ep:1 wo:f oos:90624
	[=====>..............] sync'ed: 30.9% (90624/131072)K
	finish: 0:03:32 speed: 40,448 (40,448) want: 61,440 K/sec
 2: cs:Unconfigured
 3: cs:StandAlone ro:Primary/Unknown ds:UpToDate/DUnknown   r-----
    ns:0 nr:0
12: cs:Connected ro:Primary/Secondary ds:Diskless/UpToDate C r-----
13: cs:PausedSyncS ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----
`

func TestParseStatus(t *testing.T) {
	version, all, err := ParseStatus([]byte(recordedProc))
	if err != nil || version != "8.4.11 (api:1/proto:86-101)" || len(all) != 5 {
		t.Fatalf("version %s, %d minors, %v", version, len(all), err)
	}
	if s := all[0]; s.Degraded() || s.LocalStatus() != Okay || s.Percent() != nil || !s.Primary() || s.PeerDisk != "UpToDate" {
		t.Errorf("minor 0: %+v", s)
	}
	if s := all[1]; !s.Degraded() || s.LocalStatus() != Syncing || *s.Percent() != 30.9 || *s.Left != 212 {
		t.Errorf("minor 1: %+v", s)
	}
	if s := all[3]; !s.Degraded() || s.LocalStatus() != Okay || !s.StandAlone() {
		t.Errorf("minor 3: %+v", s)
	}
	if s := all[12]; !s.Degraded() || s.LocalStatus() != Faulty {
		t.Errorf("minor 12: %+v", s)
	}
	if s := all[13]; s.Percent() == nil || *s.Percent() != 0 {
		t.Errorf("minor 13: %+v", s)
	}
}

func TestParseShow(t *testing.T) {
	s, err := ParseShow([]byte(shown(true, true)))
	if err != nil || !disk0.attached(s) || !disk0.networked(s) || s.TwoPrimaries {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = ParseShow([]byte(shown(false, false)))
	if err != nil || s != (Setup{}) {
		t.Errorf("%+v, %v", s, err)
	}
	s, err = ParseShow([]byte("resource r { net { allow-two-primaries yes; } }"))
	if err != nil || !s.TwoPrimaries {
		t.Errorf("%+v, %v", s, err)
	}
	for _, text := range []string{"resource r {", "}", "{ }", "a b", `disk "x`} {
		if _, err := ParseShow([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte(recordedProc))
	f.Add([]byte(" 99999999999999999999: cs:Connected"))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, all, err := ParseStatus(text)
		for minor, s := range all {
			if err != nil || minor < 0 || s.Minor != minor || s.Connection == "" {
				t.Errorf("%v: %+v", err, s)
			}
		}
	})
}

// The outputs are those of drbdmeta 9.22.
func TestParseRecorded(t *testing.T) {
	uuids := "1234567890ABCDEE:0000000000000000:0000000000000000:0000000000000000:"
	for text, want := range map[string]string{
		uuids + "1:1:0:1:0:0:0\n": "UpToDate", uuids + "1:0:1:0:0:0:1\n": "Outdated", uuids + "0:0:0:0:0:0:0\n": "Inconsistent", uuids + "0:1:0:0:0:0:0\n": "Inconsistent",
		"": "", "1:1:0:1:0:0:0\n": "", uuids + "1\n": "", uuids + "1:1:0:1:0:0:0\n" + uuids + "0:0:0:0:0:0:0\n": "",
	} {
		if state, ok := ParseRecorded([]byte(text)); state != want || ok != (want != "") {
			t.Errorf("%q is %s", text, state)
		}
	}
}

func FuzzParseRecorded(f *testing.F) {
	f.Add([]byte("1234567890ABCDEE:0000000000000000:0000000000000000:0000000000000000:1:1:0:1:0:0:0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if state, ok := ParseRecorded(text); ok != (state != "") || state == "UpToDate" && !strings.Contains(string(text), ":1:1:") {
			t.Errorf("%q is %s", text, state)
		}
	})
}

func FuzzParseShow(f *testing.F) {
	f.Add([]byte(shown(true, true)))
	f.Add([]byte(`a{b{c "`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := ParseShow(text); err != nil && s != (Setup{}) {
			t.Errorf("%+v beside %v", s, err)
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add(`--a 'x y' "z\"w"`)
	f.Fuzz(func(t *testing.T, text string) {
		list, ok := splitWords(text)
		if ok && len(list) > len(text) {
			t.Errorf("%q became %q", text, list)
		}
	})
}
