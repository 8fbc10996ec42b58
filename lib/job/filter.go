package job

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"gantry/lib/config"
)

// What a rule does with the jobs that it fits. RATE_LIMIT is a list with a number behind the word.
const (
	FilterAccept   = "ACCEPT"   // starts them, whatever later rules say
	FilterContinue = "CONTINUE" // leaves them to later rules
	FilterPause    = "PAUSE"    // keeps them in the queue
	FilterReject   = "REJECT"   // cancels them
	FilterLimit    = "RATE_LIMIT"
)

// rule is a filter of the configuration, read.
type rule struct {
	uuid       string
	watermark  int64
	priority   int64
	predicates []predicate
	action     string
	limit      int // of RATE_LIMIT
}

// predicate is a condition on one aspect of a job: jobid, opcode or reason.
type predicate struct {
	about string
	is    condition
}

// condition is a filter in Ganeti's list form.
type condition struct {
	op    string
	sub   []condition
	field string
	value any
	match *regexp.Regexp
}

// CheckFilter refuses a rule that cannot be read, and gives its predicates as they are kept ("=" is "==").
func CheckFilter(predicates, action json.RawMessage) (config.RawJSON, error) {
	if _, _, err := parseAction(action); err != nil {
		return "", err
	}
	parsed, err := parsePredicates(predicates)
	if err != nil {
		return "", err
	}
	kept := [][2]any{}
	for _, p := range parsed {
		kept = append(kept, [2]any{p.about, p.is.list()})
	}
	text, err := json.Marshal(kept)
	return config.RawJSON(text), err
}

func parseAction(text json.RawMessage) (action string, limit int, err error) {
	if json.Unmarshal(text, &action) == nil && slices.Contains([]string{FilterAccept, FilterContinue, FilterPause, FilterReject}, action) {
		return action, 0, nil
	}
	var pair []json.RawMessage
	if json.Unmarshal(text, &pair) == nil && len(pair) == 2 && json.Unmarshal(pair[0], &action) == nil && action == FilterLimit &&
		json.Unmarshal(pair[1], &limit) == nil {
		if limit <= 0 {
			return "", 0, errors.New("RATE_LIMIT argument must be a positive integer")
		}
		return action, limit, nil
	}
	return "", 0, fmt.Errorf("malformed FilterAction JSON: %s", text)
}

func parsePredicates(text json.RawMessage) (list []predicate, err error) {
	var all []json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, errors.New("Unable to read list")
	}
	for _, one := range all {
		var pair []json.RawMessage
		var p predicate
		if json.Unmarshal(one, &pair) != nil || len(pair) == 0 || json.Unmarshal(pair[0], &p.about) != nil {
			return nil, errors.New("malformed FilterPredicate: must be a list with the first entry being a string describing the predicate type")
		}
		if len(pair) != 2 || !slices.Contains([]string{"jobid", "opcode", "reason"}, p.about) {
			rest, _ := json.Marshal(pair[1:]) // which was JSON
			return nil, fmt.Errorf("malformed FilterPredicate: bad parameter list for '%s' predicate: %s", p.about, rest)
		}
		if p.is, err = parseCondition(pair[1]); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func parseCondition(text json.RawMessage) (c condition, err error) {
	bad := fmt.Errorf("malformed filter: %s", text)
	var parts []json.RawMessage
	if json.Unmarshal(text, &parts) != nil || len(parts) == 0 || json.Unmarshal(parts[0], &c.op) != nil {
		return c, bad
	}
	if c.op == "=" {
		c.op = "=="
	}
	switch c.op {
	case "&", "|", "!":
		if c.op == "!" && len(parts) != 2 {
			return c, bad
		}
		for _, part := range parts[1:] {
			sub, err := parseCondition(part)
			if err != nil {
				return c, err
			}
			c.sub = append(c.sub, sub)
		}
		return c, nil
	case "?":
		if len(parts) != 2 || json.Unmarshal(parts[1], &c.field) != nil {
			return c, bad
		}
		return c, nil
	case "==", "!=", "<", "<=", ">", ">=", "=~", "=[]":
	default:
		return c, fmt.Errorf("Unknown filter operand '%s'", c.op)
	}
	if len(parts) != 3 || json.Unmarshal(parts[1], &c.field) != nil || json.Unmarshal(parts[2], &c.value) != nil {
		return c, bad
	}
	switch v := c.value.(type) {
	case string:
		if c.op == "=~" {
			c.match, err = regexp.Compile(v)
		}
		return c, err
	case float64:
		if c.op != "=~" {
			return c, nil
		}
	}
	return c, bad
}

// list is the condition as it was read.
func (c condition) list() []any {
	out := []any{c.op}
	for _, s := range c.sub {
		out = append(out, s.list())
	}
	if c.field != "" {
		out = append(out, c.field)
	}
	if c.value != nil {
		out = append(out, c.value)
	}
	return out
}

// holds evaluates the condition; get gives the value of a field, nil for one that is not there.
func (c condition) holds(get func(field string) any) bool {
	switch c.op {
	case "&":
		return !slices.ContainsFunc(c.sub, func(s condition) bool { return !s.holds(get) })
	case "|":
		return slices.ContainsFunc(c.sub, func(s condition) bool { return s.holds(get) })
	case "!":
		return !c.sub[0].holds(get)
	}
	have := get(c.field)
	switch c.op {
	case "?":
		return have != nil && have != false && have != "" && have != 0.0
	case "=[]":
		list, ok := have.([]any)
		return ok && slices.Contains(list, c.value)
	case "=~":
		text, ok := have.(string)
		return ok && c.match.MatchString(text)
	case "!=":
		return have != c.value
	case "==":
		return have == c.value
	}
	order, comparable := compareValues(have, c.value)
	return comparable && map[string]bool{"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[c.op]
}

func compareValues(a, b any) (order int, comparable bool) {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return cmp.Compare(a, b), ok
	case string:
		b, ok := b.(string)
		return cmp.Compare(a, b), ok
	}
	return 0, false
}

// fits says whether all predicates of a rule hold for a job.
func (r rule) fits(j *Job) bool {
	return !slices.ContainsFunc(r.predicates, func(p predicate) bool { return !p.holds(j, r.watermark) })
}

func (p predicate) holds(j *Job, watermark int64) bool {
	switch p.about {
	case "jobid":
		return p.is.marked(float64(watermark)).holds(func(field string) any {
			if field == "id" {
				return float64(j.ID)
			}
			return nil
		})
	case "opcode":
		return slices.ContainsFunc(j.Ops, func(op Op) bool {
			var input any
			return json.Unmarshal(op.Input, &input) == nil && p.is.holds(func(field string) any { return at(input, field) })
		})
	}
	return slices.ContainsFunc(j.Ops, func(op Op) bool {
		return slices.ContainsFunc(op.common().Reason, func(r Reason) bool {
			return p.is.holds(func(field string) any {
				return map[string]any{"source": r.Source, "reason": r.Text, "timestamp": float64(r.Time)}[field]
			})
		})
	})
}

// marked puts the number of the last job before the rule in the place of the word watermark.
func (c condition) marked(watermark float64) condition {
	c.sub = slices.Clone(c.sub)
	for i := range c.sub {
		c.sub[i] = c.sub[i].marked(watermark)
	}
	if c.value == "watermark" {
		c.value = watermark
	}
	return c
}

// at is the value at a path through objects: "params.name".
func at(value any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[part]
	}
	return value
}

// KeepFilters keeps the rules of the configuration where the scheduler finds them: starting a job must not cost reading the
// configuration.
func (q *Queue) KeepFilters(filters []*config.Filter) error {
	var text []byte
	if len(filters) > 0 {
		var err error
		if text, err = json.Marshal(filters); err != nil {
			return err
		}
	}
	if have, _ := os.ReadFile(q.path("filters")); bytes.Equal(have, text) {
		return nil
	}
	return replace(q.path("filters"), text, false)
}

// rules are those that KeepFilters has kept, in the order in which they are asked. One that cannot be read is warned of.
func (q *Queue) rules() (rules []rule) {
	text, err := os.ReadFile(q.path("filters"))
	if err != nil || len(text) == 0 {
		return nil
	}
	var filters []config.Filter
	if err := json.Unmarshal(text, &filters); err != nil {
		q.warn("reading %s: %v", q.path("filters"), err)
	}
	for _, f := range filters {
		r := rule{uuid: f.UUID, watermark: f.Watermark, priority: f.Priority}
		var err error
		if r.predicates, err = parsePredicates(json.RawMessage(f.Predicates)); err == nil {
			r.action, r.limit, err = parseAction(json.RawMessage(f.Action))
		}
		if err != nil {
			q.warn("filter %s is not applied: %v", f.UUID, err)
			continue
		}
		rules = append(rules, r)
	}
	slices.SortFunc(rules, func(a, b rule) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.watermark, b.watermark), cmp.Compare(a.uuid, b.uuid))
	})
	return rules
}

// applying is the rule that decides about a job, nil for none.
func applying(rules []rule, j *Job) *rule {
	for i := range rules {
		if r := &rules[i]; r.action != FilterContinue && r.fits(j) {
			return r
		}
	}
	return nil
}

// admission lets jobs start as the rules want it. The jobs that run already count for limits.
type admission struct {
	rules   []rule
	started map[string]int // jobs that run, by the rule that limits them
}

func newAdmission(rules []rule, running []*Job) *admission {
	g := &admission{rules, map[string]int{}}
	for _, j := range running {
		if r := applying(rules, j); r != nil {
			g.started[r.uuid]++
		}
	}
	return g
}

// lets says whether a job may start now, and counts it if so.
func (g *admission) lets(j *Job) bool {
	r := applying(g.rules, j)
	if r == nil {
		return true
	}
	if r.action == FilterPause || r.action == FilterReject || r.action == FilterLimit && g.started[r.uuid] >= r.limit {
		return false
	}
	g.started[r.uuid]++
	return true
}

// reject cancels the jobs that a rule rejects, and returns the others.
func (q *Queue) reject(rules []rule, ready []*Job) (left []*Job) {
	for _, j := range ready {
		if r := applying(rules, j); r == nil || r.action != FilterReject {
			left = append(left, j)
			continue
		}
		w, err := take(q.jobPath(j.ID), q.Now)
		if err == nil {
			err = q.end(w, nil)
			w.close()
		}
		if err != nil {
			q.warn("canceling job %d, which a filter rejects: %v", j.ID, err)
		}
	}
	return left
}
