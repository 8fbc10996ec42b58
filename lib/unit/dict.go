package unit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// Dict is a map that is shown in an order of its own.
type Dict []Entry

// Entry is one of its values.
type Entry struct {
	Key   string
	Value any
}

// Get returns a value, nil when there is none.
func (d Dict) Get(key string) any {
	for _, e := range d {
		if e.Key == key {
			return e.Value
		}
	}
	return nil
}

// Map forgets the order.
func (d Dict) Map() map[string]any {
	all := make(map[string]any, len(d))
	for _, e := range d {
		all[e.Key] = e.Value
	}
	return all
}

// Keys are its keys in their order.
func (d Dict) Keys() []string {
	keys := make([]string, len(d))
	for i, e := range d {
		keys[i] = e.Key
	}
	return keys
}

// String shows it as Repr does a map.
func (d Dict) String() string {
	parts := make([]string, len(d))
	for i, e := range d {
		parts[i] = quote(e.Key) + ": " + Repr(e.Value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// MarshalJSON writes it as an object.
func (d Dict) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, e := range d {
		key, err := json.Marshal(e.Key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(e.Value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// UnmarshalJSON reads an object, with the order of its keys.
func (d *Dict) UnmarshalJSON(data []byte) error {
	in := json.NewDecoder(bytes.NewReader(data))
	start, err := in.Token()
	if start == nil || err != nil {
		return err
	}
	if start != json.Delim('{') {
		return fmt.Errorf("%s is no object", data)
	}
	for *d = (Dict{}); in.More(); {
		var value any
		key, err := in.Token()
		if err == nil {
			err = in.Decode(&value)
		}
		if err != nil {
			return err
		}
		*d = append(*d, Entry{key.(string), value})
	}
	return nil
}
