package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gantry/lib/config"
	"gantry/lib/config/store"
	"gantry/lib/fault"
	"gantry/lib/job"
)

// FilterRule is a rule of the job queue as a user gives it.
type FilterRule struct {
	UUID       string // of the rule to replace, or of a new one; "" makes one up
	Priority   int64
	Predicates json.RawMessage
	Action     json.RawMessage
	Reason     []job.Reason
}

// Rules is what the rules of the job queue are changed through. No job does it: a rule may be one that stops all jobs.
type Rules struct {
	Store job.Store
	Queue *job.Queue
	Now   time.Time
}

// Replace keeps a rule and returns its UUID. It knows of jobs by the number of the last one that was submitted before.
func (r Rules) Replace(ctx context.Context, rule FilterRule) (string, error) {
	predicates, err := job.CheckFilter(rule.Predicates, rule.Action)
	if err == nil && rule.Priority < 0 {
		err = fmt.Errorf("Invalid value for non-negative type '%d'", rule.Priority)
	}
	if err != nil {
		return "", rule.unreadable(err)
	}
	if rule.UUID != "" && !config.IsUUID(rule.UUID) {
		return "", fault.New(fault.Generic, "Unable to parse UUID")
	}
	last, err := r.Queue.LastID()
	if err != nil {
		return "", err
	}
	reason, err := json.Marshal(append(slices.Clone(rule.Reason), job.Reason{Source: "luxid", Time: r.Now.UnixNano()}))
	if err != nil {
		return "", err
	}
	f := config.Filter{UUID: rule.UUID, Watermark: int64(last), Priority: rule.Priority, Predicates: predicates, Action: config.RawJSON(rule.Action),
		ReasonTrail: config.RawJSON(reason)}
	if f.UUID == "" {
		f.UUID = config.NewUUID()
	}
	return f.UUID, r.change(ctx, func(cfg *config.Config) error {
		if i := indexOfFilter(cfg, f.UUID); i >= 0 {
			cfg.Filters[i] = &f
		} else {
			cfg.Filters = append(cfg.Filters, &f)
		}
		return nil
	})
}

// unreadable is the refusal of a rule in the words of Ganeti's daemon.
func (rule FilterRule) unreadable(why error) error {
	uuid, reason := "null", []byte("[]")
	if rule.UUID != "" {
		uuid = `"` + rule.UUID + `"`
	}
	if len(rule.Reason) > 0 {
		reason, _ = json.Marshal(rule.Reason) // texts and numbers: it cannot fail
	}
	return fault.New(fault.Protocol, "Failed to parse request: Cannot convert value '[%s, %d, %s, %s, %s]', error: %v",
		uuid, rule.Priority, spaced(rule.Predicates), spaced(rule.Action), spaced(reason), why)
}

// spaced writes JSON as Ganeti's clients do, with a space behind each comma and colon.
func spaced(text []byte) string {
	var out strings.Builder
	inString, escaped := false, false
	for _, c := range text {
		out.WriteByte(c)
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true
		case c == '"':
			inString = !inString
		case !inString && (c == ',' || c == ':'):
			out.WriteByte(' ')
		}
	}
	return out.String()
}

// Delete takes a rule away.
func (r Rules) Delete(ctx context.Context, uuid string) error {
	return r.change(ctx, func(cfg *config.Config) error {
		i := indexOfFilter(cfg, uuid)
		if i < 0 {
			return noFilter(uuid)
		}
		cfg.Filters = slices.Delete(cfg.Filters, i, i+1)
		return nil
	})
}

func indexOfFilter(cfg *config.Config, uuid string) int {
	return slices.IndexFunc(cfg.Filters, func(f *config.Filter) bool { return f.UUID == uuid })
}

func noFilter(uuid string) error {
	return fault.New(fault.Generic, "Filter rule with UUID %s does not exist", uuid)
}

// change is one transaction, after which the queue heeds the rules.
func (r Rules) change(ctx context.Context, change func(cfg *config.Config) error) error {
	commit, err := r.Store.Update(ctx, store.Decide, change)
	if err != nil {
		return err
	}
	if err := r.Queue.KeepFilters(commit.Config.Filters); err != nil {
		return err
	}
	return r.Queue.Tend()
}
