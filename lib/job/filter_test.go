package job

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gantry/lib/config"
)

// queued is a job of one opcode.
func queuedJob(id int, input string) *Job {
	return &Job{ID: id, Ops: []Op{{Input: json.RawMessage(input), Status: Queued}}}
}

func filter(uuid string, priority int64, predicates, action string) *config.Filter {
	kept, err := CheckFilter(json.RawMessage(predicates), json.RawMessage(action))
	if err != nil {
		panic(err)
	}
	return &config.Filter{UUID: uuid, Watermark: 10, Priority: priority, Predicates: kept, Action: config.RawJSON(action)}
}

// rulesIn are the rules as a queue reads them.
func rulesIn(t *testing.T, filters ...*config.Filter) []rule {
	q, err := OpenQueue(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := q.KeepFilters(filters); err != nil {
		t.Fatal(err)
	}
	return q.rules()
}

func TestPredicates(t *testing.T) {
	j := queuedJob(11, `{"OP_ID":"OP_INSTANCE_STARTUP","instance_name":"web","beparams":{"vcpus":2},"force":true,"tags":["a"],"reason":[["gnt:user","big move",5]]}`)
	for predicates, want := range map[string]bool{
		`[]`:                                  true,
		`[["jobid",[">","id","watermark"]]]`:  true,
		`[["jobid",["<=","id","watermark"]]]`: false,
		`[["jobid",["=","id",11]]]`:           true,
		`[["opcode",["=","OP_ID","OP_INSTANCE_STARTUP"]]]`:                 true,
		`[["opcode",["!=","OP_ID","OP_INSTANCE_STARTUP"]]]`:                false,
		`[["opcode",["=~","OP_ID","^OP_INSTANCE_"]]]`:                      true,
		`[["opcode",["&",["?","force"],[">=","beparams.vcpus",2]]]]`:       true,
		`[["opcode",["|",["=","x","y"],["!",["?","nosuch"]]]]]`:            true,
		`[["opcode",["=[]","tags","a"]]]`:                                  true,
		`[["opcode",["<","instance_name",5]]]`:                             false,
		`[["reason",["=~","reason","move"]]]`:                              true,
		`[["reason",["=","source","gnt:client"]]]`:                         false,
		`[["jobid",["=","id",11]],["reason",["=","source","gnt:client"]]]`: false,
	} {
		rules := rulesIn(t, filter("u", 0, predicates, `"PAUSE"`))
		if got := rules[0].fits(j); got != want {
			t.Errorf("%s: %v", predicates, got)
		}
	}
}

func TestRulesThatCannotBeReadAreRefused(t *testing.T) {
	for _, tt := range [][3]string{
		{`[]`, `"NOSUCH"`, `malformed FilterAction JSON: "NOSUCH"`}, {`[]`, `["RATE_LIMIT",0]`, "RATE_LIMIT argument must be a positive integer"}, {`[]`, `["RATE_LIMIT","x"]`, "malformed FilterAction"}, {`[]`, `["PAUSE",1]`, "malformed FilterAction"},
		{`{}`, `"PAUSE"`, "Unable to read list"}, {`[["nosuch",["?","id"]]]`, `"PAUSE"`, `malformed FilterPredicate: bad parameter list for 'nosuch' predicate: [["?","id"]]`},
		{`[["opcode"]]`, `"PAUSE"`, "malformed FilterPredicate: bad parameter list for 'opcode' predicate: []"}, {`[1]`, `"PAUSE"`, "malformed FilterPredicate: must be a list with the first entry being a string describing the predicate type"},
		{`[["jobid",["~","id",1]]]`, `"PAUSE"`, "Unknown filter operand '~'"}, {`[["jobid",["=","id"]]]`, `"PAUSE"`, "malformed filter"}, {`[["jobid",["=~","id","("]]]`, `"PAUSE"`, "missing closing"},
	} {
		if _, err := CheckFilter(json.RawMessage(tt[0]), json.RawMessage(tt[1])); err == nil || !strings.Contains(err.Error(), tt[2]) {
			t.Errorf("%s %s: %v", tt[0], tt[1], err)
		}
	}
}

func TestTheFirstRuleThatFitsDecides(t *testing.T) {
	delay := `[["opcode",["=","OP_ID","OP_TEST_DELAY"]]]`
	rules := rulesIn(t, filter("c", 5, delay, `"PAUSE"`), filter("b", 1, delay, `"CONTINUE"`), filter("a", 2, `[["jobid",["=","id",12]]]`, `"ACCEPT"`),
		filter("d", 9, delay, `"REJECT"`))
	a := newAdmission(rules, nil)
	for id, want := range map[int]bool{12: true, 13: false} {
		if got := a.lets(queuedJob(id, `{"OP_ID":"OP_TEST_DELAY"}`)); got != want {
			t.Errorf("job %d: %v", id, got)
		}
	}
	if !a.lets(queuedJob(13, `{"OP_ID":"OP_NODE_ADD"}`)) {
		t.Error("a job that no rule fits has to wait")
	}
}

func TestALimitCountsWhatRuns(t *testing.T) {
	rules := rulesIn(t, filter("a", 0, `[]`, `["RATE_LIMIT",2]`))
	a := newAdmission(rules, []*Job{queuedJob(1, `{}`)})
	var got []bool
	for id := range 3 {
		got = append(got, a.lets(queuedJob(id, `{}`)))
	}
	if !slices.Equal(got, []bool{true, false, false}) {
		t.Error(got)
	}
}

func TestARejectedJobIsCanceledAndAPausedOneStays(t *testing.T) {
	q, err := OpenQueue(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	q.Runner = []string{"/bin/false"}
	if err := q.KeepFilters([]*config.Filter{filter("a", 0, `[["opcode",["=","word","no"]]]`, `"REJECT"`), filter("b", 1, `[]`, `"PAUSE"`)}); err != nil {
		t.Fatal(err)
	}
	var ids []int
	for _, word := range []string{"no", "yes"} {
		id, err := q.Submit(t.Context(), []Operation{worded{word}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for i, want := range []Status{Canceled, Queued} {
		if j, err := q.Load(ids[i]); err != nil || j.Status() != want || j.Starts != 0 {
			t.Errorf("job %d: %v, %v", ids[i], j.Status(), err)
		}
	}
	if err := q.KeepFilters(nil); err != nil || q.rules() != nil {
		t.Error(err)
	}
}

// worded is an operation that is never run.
type worded struct {
	Word string `json:"word"`
}

func (worded) OpID() string   { return "OP_TEST_DUMMY" }
func (worded) Work(*Env) Work { panic("it is never run") }

func FuzzFilters(f *testing.F) {
	f.Add(`[["jobid",[">","id","watermark"]]]`, `"PAUSE"`)
	f.Add(`[["opcode",["&",["?","a.b"],["=~","OP_ID","x"]]]]`, `["RATE_LIMIT",3]`)
	f.Fuzz(func(t *testing.T, predicates, action string) {
		kept, err := CheckFilter(json.RawMessage(predicates), json.RawMessage(action))
		if err != nil {
			return
		}
		again, err := CheckFilter(json.RawMessage(kept), json.RawMessage(action))
		if err != nil || again != kept {
			t.Fatalf("%s is kept as %s, and that as %s, %v", predicates, kept, again, err)
		}
		parsed, _ := parsePredicates(json.RawMessage(kept))
		rule{predicates: parsed}.fits(queuedJob(1, `{"a":{"b":1}}`))
	})
}
