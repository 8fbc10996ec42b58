package store

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
)

func TestMajorities(t *testing.T) {
	for _, tt := range []struct{ candidates, look, decide, takeOver int }{
		{1, 1, 1, 1}, {2, 1, 1, 2}, {3, 1, 2, 2}, {4, 1, 3, 3}, {5, 1, 3, 3}, {10, 1, 6, 6},
	} {
		if got := [3]int{Look.need()(tt.candidates), Decide.need()(tt.candidates), majority(tt.candidates)}; got != [3]int{tt.look, tt.decide, tt.takeOver} {
			t.Errorf("of %d candidates %v must answer, want %v", tt.candidates, got, tt)
		}
	}
}

func TestTheFenceCountsVotes(t *testing.T) {
	same := Header{Epoch: 3, Serial: 10, Digest: "d10", Parent: "d9", Master: "a"}
	silent := answer{err: errors.New("silent")}
	voter := answer{header: same}
	absent := answer{absent: true}
	for name, tt := range map[string]struct {
		answers []answer // of the other candidates
		decide  bool     // may it?
	}{
		"alone":                            {nil, true},
		"two, both":                        {[]answer{voter}, true},
		"two, the other silent":            {[]answer{silent}, true},
		"three, all":                       {[]answer{voter, voter}, true},
		"three, one silent":                {[]answer{voter, silent}, true},
		"three, two silent":                {[]answer{silent, silent}, false},
		"three, one without configuration": {[]answer{absent, voter}, true},
		"three, nobody knows":              {[]answer{absent, silent}, false},
		"four, two silent":                 {[]answer{voter, silent, silent}, false},
		"five, two silent":                 {[]answer{voter, voter, silent, silent}, true},
		"five, three silent":               {[]answer{voter, silent, silent, silent}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var others []string
			for i := range tt.answers {
				tt.answers[i].node = fmt.Sprint("n", i)
				others = append(others, tt.answers[i].node)
			}
			v := judge(same, tt.answers)
			if v.err != nil {
				t.Fatal(v.err)
			}
			if err := v.enough(others, Decide.need()); (err == nil) != tt.decide {
				t.Errorf("Decide: %v", err)
			}
			if err := v.enough(others, Look.need()); err != nil {
				t.Errorf("Look: %v", err)
			}
		})
	}
}

func TestVersionsAreComparedByEpochSerialAndDigest(t *testing.T) {
	ours := Header{Epoch: 3, Serial: 10, Digest: "d10", Parent: "d9", Master: "a"}
	for name, tt := range map[string]struct {
		theirs Header
		err    any // nil, or a pointer to the wanted type
		behind bool
		next   bool
	}{
		"the same":                       {theirs: ours},
		"one behind":                     {theirs: Header{Epoch: 3, Serial: 9, Digest: "d9"}, behind: true},
		"an earlier epoch, later serial": {theirs: Header{Epoch: 2, Serial: 99, Digest: "x"}, behind: true},
		"a later epoch, earlier serial":  {theirs: Header{Epoch: 4, Serial: 1, Digest: "x"}, err: new(*Fenced)},
		"other content":                  {theirs: Header{Epoch: 3, Serial: 10, Digest: "x"}, err: new(*Diverged)},
		"our unfinished next":            {theirs: Header{Epoch: 3, Serial: 11, Digest: "d11", Parent: "d10"}, next: true},
		"a next that is not ours":        {theirs: Header{Epoch: 3, Serial: 11, Digest: "d11", Parent: "x"}, err: new(*Stale)},
		"two ahead":                      {theirs: Header{Epoch: 3, Serial: 12, Digest: "d12", Parent: "d11"}, err: new(*Stale)},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(ours, []answer{{node: "b", header: tt.theirs}})
			if tt.err == nil && v.err != nil || tt.err != nil && !errors.As(v.err, tt.err) {
				t.Errorf("error %v", v.err)
			}
			if (v.behind != nil) != tt.behind || (v.successor != nil) != tt.next {
				t.Errorf("verdict %+v", v)
			}
		})
	}
}

func TestTwoUnfinishedVersionsAreADivergence(t *testing.T) {
	ours := Header{Epoch: 3, Serial: 10, Digest: "d10"}
	v := judge(ours, []answer{
		{node: "b", header: Header{Epoch: 3, Serial: 11, Digest: "p", Parent: "d10"}},
		{node: "c", header: Header{Epoch: 3, Serial: 11, Digest: "q", Parent: "d10"}},
	})
	var d *Diverged
	if !errors.As(v.err, &d) || d.Node != "c" {
		t.Errorf("judge = %v", v.err)
	}
}

func TestWhatACandidateSaysIsReadWithSuspicion(t *testing.T) {
	good := string(encoded(t, realConfig(t)))
	h, err := parseHeader([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	head, last := good[:headerEnd(good)], good[len(good)-77:]
	for name, tt := range map[string]struct {
		out  string
		want answer
		bad  bool
	}{
		"absent":         {out: "absent\n", want: answer{node: "b", absent: true}},
		"both ends":      {out: head + last, want: answer{node: "b", header: h}},
		"nothing":        {out: "", bad: true},
		"garbage":        {out: "Welcome to b!\n" + head + last, bad: true},
		"no digest":      {out: head + "uuid = 'x'\n", bad: true},
		"negative epoch": {out: "format = 1\nmin_reader = 1\nepoch = x\n", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := readAnswer("b", []byte(tt.out))
			if tt.bad {
				if !errors.Is(got.err, errDamaged) || got.knows() {
					t.Errorf("readAnswer = %+v, want damage", got)
				}
				return
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("readAnswer = %+v, want %+v", got, tt.want)
			}
		})
	}
}

// headerEnd is where the sixth line ends.
func headerEnd(text string) int {
	lines := 0
	for i, c := range text {
		if c == '\n' {
			if lines++; lines == len(headerFields) {
				return i + 1
			}
		}
	}
	return len(text)
}
