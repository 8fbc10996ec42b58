package unit

import (
	"encoding/json"
	"testing"
)

func TestDictKeepsItsOrder(t *testing.T) {
	inner := Dict{{"z", "it's"}, {"a", nil}}
	for _, tt := range []struct {
		d            Dict
		python, json string
	}{
		{nil, "{}", "{}"},
		{Dict{{"min", int64(1)}, {"in", []any{inner}}}, `{'min': 1, 'in': [{'z': "it's", 'a': None}]}`, `{"min":1,"in":[{"z":"it's","a":null}]}`},
	} {
		text, err := json.Marshal(tt.d)
		if Str(tt.d) != tt.python || string(text) != tt.json || err != nil {
			t.Errorf("%s, %s, %v", Str(tt.d), text, err)
		}
	}
	if inner.Get("z") != "it's" || inner.Get("nosuch") != nil {
		t.Error("what is in it is not found")
	}
}
