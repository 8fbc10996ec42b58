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

func TestDictIsReadInItsOrder(t *testing.T) {
	for text, want := range map[string]string{`{"z":"1","a":null,"m":true}`: `{'z': '1', 'a': None, 'm': True}`, `{}`: `{}`, `null`: `{}`} {
		var d Dict
		if err := json.Unmarshal([]byte(text), &d); err != nil || d.String() != want || (d == nil) != (text == "null") {
			t.Errorf("%s: %s, %v", text, d, err)
		}
	}
	for _, text := range []string{`[1]`, `"x"`, `3`} {
		if err := json.Unmarshal([]byte(text), new(Dict)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func TestParametersAreAsTyped(t *testing.T) {
	p := Params{"z": "1", "a": "2", "m": true, "k": nil}
	if got := p.Typed([]string{"z", "nosuch", "m", "z"}).String(); got != "{'z': '1', 'm': True, 'a': '2', 'k': None}" {
		t.Error(got)
	}
}
