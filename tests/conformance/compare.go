package conformance

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Answer is what a command gave.
type Answer struct {
	Stdout, Stderr string
	Exit           int
}

// comparison remembers, over one replay, which of our identifiers stands for which recorded one.
type comparison struct {
	ours     map[string]string // kind and recorded identifier -> ours
	recorded map[string]string // and the other way round
	virtual  bool              // vmRules count
	literal  map[string]bool   // identifiers that stand in the record's commands: these are what the user gave, and not masked
}

func newComparison(steps []Step) *comparison {
	c := &comparison{ours: map[string]string{}, recorded: map[string]string{}, literal: map[string]bool{}}
	for _, s := range steps {
		for _, id := range identities {
			if id.kind == "job" {
				continue // a number in one command says nothing about all others: see isLiteral
			}
			for _, m := range id.at.FindAllStringSubmatch(s.Cmd, -1) {
				c.literal[m[1]] = true
			}
		}
	}
	return c
}

// differs compares an answer with the recorded one and returns which of stdout, stderr and status are not the same, with
// both texts as they were compared.
func (c *comparison) differs(s Step, got Answer) (list []Difference) {
	for _, stream := range []struct{ name, want, got string }{{"stdout", s.Stdout, got.Stdout}, {"stderr", s.Stderr, got.Stderr}} {
		if want, ours, same := c.compare(s.Cmd, stream.want, stream.got); !same {
			list = append(list, Difference{stream.name, want, ours})
		}
	}
	if s.Exit != got.Exit {
		list = append(list, Difference{What: "status", Want: itoa(s.Exit), Got: itoa(got.Exit)})
	}
	return list
}

// Difference is one stream of a step's answer, as recorded and as it came.
type Difference struct{ What, Want, Got string }

// compare returns both texts masked, and whether they are the same. If they are, the identifiers that were new are paired.
func (c *comparison) compare(cmd, want, got string) (maskedWant, maskedGot string, same bool) {
	want, got = masked(cmd, want), masked(cmd, got)
	if c.virtual {
		for _, r := range vmRules {
			want, got = r.at.ReplaceAllString(want, r.by), r.at.ReplaceAllString(got, r.by)
		}
	}
	wantText, newWant := c.known(cmd, want, c.ours, nil)
	gotText, newGot := c.known(cmd, got, c.recorded, c.recorded)
	if wantText == gotText {
		return wantText, gotText, c.pair(wantText, newWant, newGot)
	}
	wantText, gotText = sorted(wantText), sorted(gotText)
	return wantText, gotText, wantText == gotText
}

// name is one identifier at one place of a text.
type name struct {
	kind, id string
}

// known replaces the identifiers in a text: known ones by the recorded name, so that both texts have the same, others by a
// placeholder. The new ones are returned in order.
func (c *comparison) known(cmd, text string, partners, translate map[string]string) (string, []name) {
	var fresh []name
	for _, id := range identities {
		if id.only != nil && !id.only.MatchString(cmd) {
			continue
		}
		replace := func(one string) string {
			key := id.kind + " " + one
			switch partner, paired := partners[key]; {
			case c.isLiteral(id.kind, cmd, one):
				return one
			case paired && translate != nil:
				return partner
			case paired:
				return one
			}
			fresh = append(fresh, name{kind: id.kind, id: one})
			return "<" + id.kind + ">"
		}
		text = replaceGroup(id.at, text, replace)
		if id.kind == "job" {
			text = replaceInLists(text, replace)
		}
	}
	return text, fresh
}

func replaceInLists(text string, replace func(string) string) string {
	return jobLists.ReplaceAllStringFunc(text, func(line string) string {
		m := jobLists.FindStringSubmatch(line)
		ids := strings.Split(m[2], ", ")
		for i := range ids {
			ids[i] = replace(ids[i])
		}
		return m[1] + strings.Join(ids, ", ")
	})
}

func (c *comparison) isLiteral(kind, cmd, one string) bool {
	if kind == "job" {
		return slices.Contains(words.FindAllString(cmd, -1), one)
	}
	return c.literal[one]
}

var words = regexp.MustCompile(`[0-9A-Za-z]+`)

// pair learns new identifiers from two equal texts. It refuses if one would have to stand for two. Where the placeholder's line
// occurs more than once nothing is learned: the order of such lines may be by identifier.
func (c *comparison) pair(text string, want, got []name) bool {
	if len(want) != len(got) {
		return false
	}
	ambiguous := repeatedLine(text)
	fresh := map[string]string{}
	back := map[string]string{}
	for i := range want {
		w, g := want[i].kind+" "+want[i].id, got[i].kind+" "+got[i].id
		if other, seen := fresh[w]; seen && other != got[i].id && !ambiguous {
			return false
		}
		if other, seen := back[g]; seen && other != want[i].id && !ambiguous {
			return false
		}
		fresh[w], back[g] = got[i].id, want[i].id
	}
	if ambiguous {
		return true
	}
	maps.Copy(c.ours, fresh)
	maps.Copy(c.recorded, back)
	return true
}

// repeatedLine tells whether a line with a placeholder for an identifier occurs twice in a text.
func repeatedLine(text string) bool {
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "<uuid>") && !strings.Contains(line, "<MAC>") {
			continue
		}
		if seen[line] {
			return true
		}
		seen[line] = true
	}
	return false
}
