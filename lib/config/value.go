package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"strings"
	"time"
)

// Params are named parameters: values are int64, bool, string or float64. A name that is absent takes its value from the
// level above (instance, OS, group, cluster, built-in default).
type Params map[string]any

// Int returns a whole number, 0 when the parameter is absent.
func (p Params) Int(name string) int64 {
	switch v := p[name].(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	case Long: // what is nearest
		if v[0] == '-' {
			return math.MinInt64
		}
		return math.MaxInt64
	}
	return 0
}

// Big returns a whole number whatever its size, 0 when the parameter is absent.
func (p Params) Big(name string) *big.Int {
	if long, is := p[name].(Long); is {
		n, _ := new(big.Int).SetString(string(long), 10)
		return n
	}
	return big.NewInt(p.Int(name))
}

// Float returns a number, 0 when the parameter is absent.
func (p Params) Float(name string) float64 {
	switch v := p[name].(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

// Bool returns a boolean, false when the parameter is absent.
func (p Params) Bool(name string) bool {
	v, _ := p[name].(bool)
	return v
}

// String returns a text, "" when the parameter is absent.
func (p Params) String(name string) string {
	v, _ := p[name].(string)
	return v
}

// Fill returns a new map with the values of p, over those of defaults, without the skipped names.
func (p Params) Fill(defaults Params, skip ...string) Params {
	out := make(Params, len(defaults)+len(p))
	maps.Copy(out, defaults)
	maps.Copy(out, p)
	for _, name := range skip {
		delete(out, name)
	}
	return out
}

// UnmarshalJSON keeps whole numbers whole, which plain JSON decoding turns into float64, and leaves nulls out.
func (p *Params) UnmarshalJSON(data []byte) error {
	var raw map[string]any
	if err := decodeNumbers(data, &raw); err != nil {
		return err
	}
	*p = make(Params, len(raw))
	for name, v := range raw {
		if v != nil {
			(*p)[name] = number(v)
		}
	}
	return nil
}

// LogicalID says where a disk's data is; its shape depends on the disk's type and is read by Disk.LV, Disk.Path and Disk.DRBD.
// Elements are string or int64.
type LogicalID []any

// UnmarshalJSON keeps whole numbers whole.
func (l *LogicalID) UnmarshalJSON(data []byte) error {
	var raw []any
	if err := decodeNumbers(data, &raw); err != nil {
		return err
	}
	for i := range raw {
		raw[i] = number(raw[i])
	}
	*l = raw
	return nil
}

// RawJSON is JSON text that is kept as it is.
type RawJSON string

// MarshalJSON writes the text itself.
func (r RawJSON) MarshalJSON() ([]byte, error) {
	if r == "" {
		return []byte("null"), nil
	}
	return []byte(r), nil
}

// UnmarshalJSON keeps the text, without white space.
func (r *RawJSON) UnmarshalJSON(data []byte) error {
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return err
	}
	*r = RawJSON(b.String())
	return nil
}

func decodeNumbers(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

// number turns a json.Number into int64 where it is written as a whole number, else into float64.
func number(v any) any {
	n, ok := v.(json.Number)
	if !ok {
		return v
	}
	if !strings.ContainsAny(n.String(), ".eE") {
		if i, err := n.Int64(); err == nil {
			return i
		}
	}
	if f, err := n.Float64(); err == nil {
		return f
	}
	return fmt.Sprint(v)
}

// Seconds is a time as the configuration keeps it.
func Seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// NewStamp is the stamp of an object made now.
func NewStamp(now time.Time) Stamp {
	return Stamp{SerialNo: 1, CTime: Seconds(now), MTime: Seconds(now)}
}

// Touch notes that an object was changed.
func (s *Stamp) Touch(now time.Time) {
	s.SerialNo++
	s.MTime = Seconds(now)
}
