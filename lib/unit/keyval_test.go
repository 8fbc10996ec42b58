package unit

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"gantry/lib/fault"
)

func TestSplitList(t *testing.T) {
	for in, want := range map[string][]string{
		`a,b`: {"a", "b"}, `a\,b,c`: {"a,b", "c"}, `a\\,b`: {`a\`, "b"}, `a\\\,b`: {`a\,b`}, `a\`: {`a\`}, ``: {""}, `,`: {"", ""},
		`-device x\,bus=pci.0\,addr=0x1e,y`: {"-device x,bus=pci.0,addr=0x1e", "y"}, `a\bc`: {"abc"},
	} {
		if got := SplitList(in); !slices.Equal(got, want) {
			t.Errorf("SplitList(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzJoinListIsReadBack(f *testing.F) {
	f.Add(`a\,b`, `c\`)
	f.Fuzz(func(t *testing.T, a, b string) {
		if got := SplitList(JoinList([]string{a, b})); !slices.Equal(got, []string{a, b}) {
			t.Errorf("%q, %q read back as %q", a, b, got)
		}
	})
}

func TestParseParams(t *testing.T) {
	for in, want := range map[string]Params{
		"":             {},
		"a=1,b":        {"a": "1", "b": true},
		"no_a,-b,c":    {"a": false, "b": nil, "c": true},
		`a=x\,y,b=1`:   {"a": "x,y", "b": "1"},
		`a=x\\,y`:      {"a": `x\`, "y": true},
		"a=x=y":        {"a": "x=y"},
		"=1":           {"": "1"},
		"kvm:acpi=yes": {"kvm:acpi": "yes"},
	} {
		if got, err := ParseParams("-B", in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseParams(%q) = %v, %v, want %v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"a,,": "Duplicate key '' in option -B", "a=1,a=2": "Duplicate key 'a' in option -B", "a,no_a": "Duplicate key 'a' in option -B",
	} {
		if _, err := ParseParams("-B", in); err == nil || err.Error() != want {
			t.Errorf("ParseParams(%q): %v, want %s", in, err, want)
		}
	}
}

func TestParseIdent(t *testing.T) {
	for in, want := range map[string]Ident{
		"-1:add,link=br0": {Name: "-1", Params: Params{"add": true, "link": "br0"}},
		"add":             {Name: "add", Params: Params{}},
		"no_0":            {Name: "0", Off: true},
		"-x":              {Name: "x"},
		"-":               {Name: ""},
		"0:no_ip":         {Name: "0", Params: Params{"ip": false}},
		"0:-ip":           {Name: "0", Params: Params{"ip": nil}},
		"0:ip=":           {Name: "0", Params: Params{"ip": ""}},
		"kvm:a=b:c":       {Name: "kvm", Params: Params{"a": "b:c"}},
	} {
		if got, err := ParseIdent("--net", in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseIdent(%q) = %#v, %v, want %#v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"no_kvm:a=1": "Cannot pass options when removing parameter groups: no_kvm:a=1",
		"-kvm:a=1":   "Cannot pass options when removing parameter groups: -kvm:a=1",
		"0:a=1,a=2":  "Duplicate key 'a' in option --net",
	} {
		if _, err := ParseIdent("--net", in); err == nil || err.Error() != want {
			t.Errorf("ParseIdent(%q): %v, want %s", in, err, want)
		}
	}
}

func TestParseSpecs(t *testing.T) {
	got, err := ParseSpecs("--bounds", "min:a=1,b=2/max:a=3//min:c=1")
	want := []map[string]Params{{"min": {"a": "1", "b": "2"}, "max": {"a": "3"}}, {"min": {"c": "1"}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ParseSpecs = %v, %v, want %v", got, err, want)
	}
	for in, want := range map[string]string{
		"//":             "Empty section in option '--bounds'",
		"min:a":          "Missing value for key 'a' in option --bounds",
		"min:a=1/min:b=": "Duplicated parameter 'min' in parsing --bounds: min:b=",
		"":               "Empty section in option '--bounds'",
		"min:a=1,":       "Missing value for key '' in option --bounds",
	} {
		if _, err := ParseSpecs("--bounds", in); err == nil || err.Error() != want {
			t.Errorf("ParseSpecs(%q): %v, want %s", in, err, want)
		}
	}
}

func TestRefusalsHaveGanetisClasses(t *testing.T) {
	_, size := ParseSize("5zz")
	_, yes := ParseBool("maybe")
	_, params := ParseParams("-B", "a,a")
	_, span := ParseTimespec("xyz")
	_, ranges := ParseRanges("1-2-3")
	for want, err := range map[string]error{
		"Unhandled Ganeti error: Unknown unit: zz":                                                                                                                                size,
		"Failure: unknown/wrong parameter name 'Invalid boolean value 'maybe''":                                                                                                   yes,
		"Failure: unknown/wrong parameter name 'Duplicate key 'a' in option -B'":                                                                                                  params,
		"Failure: prerequisites not met for this operation:\nerror type: wrong_input, error details:\nInvalid time specification 'xyz'":                                           span,
		"Failure: prerequisites not met for this operation:\nerror type: wrong_input, error details:\nInvalid user-id range definition. Only one hyphen allowed: ['1', '2', '3']": ranges,
	} {
		if text, status := fault.Text(err); text != want || status != 1 {
			t.Errorf("status %d\n%s\nwant\n%s", status, text, want)
		}
	}
}

// FuzzParseParams: every key=value list is read or refused, and what was read says again what was in it.
func FuzzParseParams(f *testing.F) {
	for _, seed := range []string{"a=1,no_b,-c,d", `a=1\,2`, "x=,=y", "no_,-", "min:memory-size=1,cpu-count=2/max:a=1//std:b=2", "-1:add,size=2g", "no_kvm", "-kvm:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		params, err := ParseParams("--option", s)
		if err == nil && s != "" && len(params) != len(SplitList(s)) {
			t.Errorf("%d parameters from %q", len(params), s)
		}
		if ident, err := ParseIdent("--option", s); err == nil && ident.Params == nil && !strings.HasPrefix(s, "no_") && !strings.HasPrefix(s, "-") {
			t.Errorf("%q takes %q away", s, ident.Name)
		}
		if specs, err := ParseSpecs("--option", s); err == nil && len(specs) != strings.Count(s, "//")+1 {
			t.Errorf("%d groups in %q", len(specs), s)
		}
	})
}
