package query

import (
	"bytes"
	"encoding/json"

	"gantry/lib/config"
)

// FilterRow is one rule of the job queue.
type FilterRow struct{ *config.Filter }

// FilterRows gives a row for each rule, by UUID.
func FilterRows(cfg *config.Config) []*FilterRow {
	rows := make([]*FilterRow, len(cfg.Filters))
	for i, f := range cfg.Filters {
		rows[i] = &FilterRow{f}
	}
	sortRows(rows, func(r *FilterRow) string { return r.UUID })
	return rows
}

// Filters is the resource of gnt-filter list.
func Filters() *Resource[*FilterRow] {
	return &Resource[*FilterRow]{Noun: "Filter", NameField: "uuid", Loose: true, Fields: []Field[*FilterRow]{
		{Name: "uuid", Title: "UUID", Kind: Other, Doc: "UUID of the rule", Get: func(r *FilterRow) Cell { return value(r.UUID) }},
		{Name: "watermark", Title: "Watermark", Kind: Other, Doc: "Number of the last job before the rule", Get: func(r *FilterRow) Cell { return value(r.Watermark) }},
		{Name: "priority", Title: "Priority", Kind: Other, Doc: "Rules with lower numbers are asked first", Get: func(r *FilterRow) Cell { return value(r.Priority) }},
		{Name: "predicates", Title: "Predicates", Kind: Other, Doc: "What a job has to be for the rule to apply", Get: func(r *FilterRow) Cell { return value(FromJSON(r.Predicates)) }},
		{Name: "action", Title: "Action", Kind: Other, Doc: "What is done with such a job", Get: func(r *FilterRow) Cell { return value(FromJSON(r.Action)) }},
		{Name: "reason_trail", Title: "ReasonTrail", Kind: Other, Doc: "Who made the rule, and why", Get: func(r *FilterRow) Cell { return value(FromJSON(r.ReasonTrail)) }},
	}}
}

// FromJSON is the value of a cell that the configuration keeps as JSON.
func FromJSON(text config.RawJSON) any {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return string(text)
	}
	return plainJSON(v)
}

func plainJSON(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = plainJSON(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = plainJSON(v[name])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // what is no number was refused by the decoder
		return f
	}
	return v
}
