package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/job"
)

// changing is a configuration in memory.
type changing struct {
	still
	fail error
}

func (c *changing) Update(_ context.Context, _ store.Strength, change func(*config.Config) error) (store.Commit, error) {
	next := c.cfg.Clone()
	if err := errors.Join(change(next), c.fail); err != nil {
		return store.Commit{}, err
	}
	c.cfg = next
	return store.Commit{Config: next}, nil
}

func rulesFor(t *testing.T) (Rules, *changing) {
	q, err := job.OpenQueue(filepath.Join(t.TempDir(), "queue"))
	if err != nil {
		t.Fatal(err)
	}
	q.Runner = nil
	s := &changing{still: still{keyed()}}
	return Rules{Store: s, Queue: q, Now: time.Unix(5, 0)}, s
}

func TestRulesAreMadeReplacedAndDeleted(t *testing.T) {
	r, s := rulesFor(t)
	none := json.RawMessage("[]")
	uuid, err := r.Replace(t.Context(), FilterRule{Priority: 3, Predicates: json.RawMessage(`[["jobid",["=","id",1]]]`), Action: json.RawMessage(`"PAUSE"`)})
	if err != nil || len(s.cfg.Filters) != 1 {
		t.Fatal(err)
	}
	if f := s.cfg.Filters[0]; f.UUID != uuid || f.Predicates != `[["jobid",["==","id",1]]]` || f.ReasonTrail != `[["luxid","",5000000000]]` {
		t.Errorf("%+v", f)
	}
	if again, err := r.Replace(t.Context(), FilterRule{UUID: uuid, Predicates: none, Action: json.RawMessage(`"ACCEPT"`)}); err != nil || again != uuid || s.cfg.Filters[0].Action != `"ACCEPT"` {
		t.Errorf("%v, %+v", err, s.cfg.Filters[0])
	}
	other := "01234567-89ab-4def-8123-456789abcdef"
	if got, err := r.Replace(t.Context(), FilterRule{UUID: other, Predicates: none, Action: json.RawMessage(`"ACCEPT"`)}); err != nil || got != other || len(s.cfg.Filters) != 2 {
		t.Errorf("one that was not there: %v, %d rules", err, len(s.cfg.Filters))
	}
	if err := errors.Join(r.Delete(t.Context(), other), r.Delete(t.Context(), uuid)); err != nil || len(s.cfg.Filters) != 0 {
		t.Error(err)
	}
}

func TestRulesThatAreNoneAreRefused(t *testing.T) {
	r, s := rulesFor(t)
	none, accept := json.RawMessage("[]"), json.RawMessage(`"ACCEPT"`)
	for want, rule := range map[string]FilterRule{
		`Cannot convert value '[null, 0, [], "NOSUCH", []]', error: malformed FilterAction JSON: "NOSUCH"`: {Predicates: none, Action: json.RawMessage(`"NOSUCH"`)},
		"Invalid value for non-negative type '-1'":                                                         {Priority: -1, Predicates: none, Action: accept},
		"Unable to parse UUID": {UUID: "nosuch", Predicates: none, Action: accept},
		`[null, 0, [["no: s\"", ["=", "a,b", 1]]], "ACCEPT", []]', error: malformed`: {Predicates: json.RawMessage(`[["no: s\"",["=","a,b",1]]]`), Action: accept},
	} {
		if _, err := r.Replace(t.Context(), rule); err == nil || !strings.Contains(err.Error(), want) || len(s.cfg.Filters) != 0 {
			t.Errorf("%v; want %s", err, want)
		}
	}
	if err := r.Delete(t.Context(), "nosuch"); err == nil {
		t.Error("a rule that is not there was deleted")
	}
}

func TestARuleThatIsNotWrittenIsNotHeeded(t *testing.T) {
	r, s := rulesFor(t)
	s.fail = errors.New("no space left on device")
	if _, err := r.Replace(t.Context(), FilterRule{Predicates: json.RawMessage("[]"), Action: json.RawMessage(`"REJECT"`)}); err == nil {
		t.Error("no complaint")
	}
	s.fail = nil
	if _, err := r.Queue.Submit(t.Context(), []job.Operation{Delay{Duration: 1}}, job.Options{}); err != nil {
		t.Fatal(err)
	}
	if j, err := r.Queue.Load(1); err != nil || j.Status() != job.Queued {
		t.Errorf("%v, %v", j.Status(), err)
	}
}
