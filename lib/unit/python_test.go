package unit

import "testing"

func TestStrAndRepr(t *testing.T) {
	var none *int
	five := 5
	for _, tt := range []struct {
		v    any
		want string
	}{
		{nil, "None"}, {none, "None"}, {&five, "5"}, {true, "True"}, {false, "False"}, {"it's", "it's"}, {7, "7"}, {int64(-3), "-3"},
		{4.0, "4.0"}, {0.1, "0.1"}, {1e16, "1e+16"}, {0.00001, "1e-05"}, {123456789.25, "123456789.25"},
		{[]string{"a", "b'c", `d"'`, "é\n"}, `['a', "b'c", 'd"\'', 'é\n']`},
		{[]any{nil, true, 1.5, "x"}, "[None, True, 1.5, 'x']"},
		{map[string]any{"b": 1, "a": []any{}}, "{'a': [], 'b': 1}"},
		{Range{1, 3}, "1-3"},
		{[]string(nil), "[]"},
	} {
		if got := Str(tt.v); got != tt.want {
			t.Errorf("Str(%#v) = %s, want %s", tt.v, got, tt.want)
		}
	}
	if got := Repr("\xff\uFFFD"); got != "'\\udcff\uFFFD'" {
		t.Errorf("Repr = %s", got)
	}
	if got := Repr("a\x00\x7fb\u200b"); got != `'a\x00\x7fb\u200b'` {
		t.Errorf("Repr = %s", got)
	}
}

func TestSafeText(t *testing.T) {
	if got, want := SafeText("a\tb\nc\x1b é €"), `a\tb\nc\x1b \xe9 \u20ac`; got != want {
		t.Errorf("SafeText = %s, want %s", got, want)
	}
}
