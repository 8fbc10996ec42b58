package main

import (
	"bytes"
	"encoding/json"
	"strings"

	"gantry/lib/unit"
)

// opcodes prints a list of opcodes as Python prints dictionaries: the attributes in the order of the job file.
func opcodes(v any) string {
	list, _ := v.([]any)
	parts := make([]string, len(list))
	for i, input := range list {
		text, _ := input.(json.RawMessage)
		parts[i] = pythonic(text)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func pythonic(text json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var b strings.Builder
	if next(d, &b) != nil {
		return string(text)
	}
	return b.String()
}

// next copies one value of any depth.
func next(d *json.Decoder, b *strings.Builder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('['):
		return inside(d, b, "[", "]", func() error { return next(d, b) })
	case json.Delim('{'):
		return inside(d, b, "{", "}", func() error {
			if err := next(d, b); err != nil {
				return err
			}
			b.WriteString(": ")
			return next(d, b)
		})
	}
	if n, ok := token.(json.Number); ok {
		b.WriteString(n.String())
	} else {
		b.WriteString(unit.Repr(token))
	}
	return nil
}

func inside(d *json.Decoder, b *strings.Builder, open, shut string, item func() error) error {
	b.WriteString(open)
	for i := 0; d.More(); i++ {
		if i > 0 {
			b.WriteString(", ")
		}
		if err := item(); err != nil {
			return err
		}
	}
	b.WriteString(shut)
	_, err := d.Token()
	return err
}
