package query

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// list is the filter in Ganeti's own nested form.
func list(f *Filter) any {
	switch f.Op {
	case OpOr, OpAnd, OpNot:
		out := []any{string(f.Op)}
		for _, s := range f.Sub {
			out = append(out, list(s))
		}
		return out
	case OpTrue:
		return []any{"?", f.Field}
	}
	return []any{string(f.Op), f.Field, f.Value}
}

// Recorded from Ganeti 3.0.2's parser.
func TestFiltersAreReadAsGanetiReadsThem(t *testing.T) {
	for text, want := range map[string]string{
		`name == "a"`:                  `["==","name","a"]`,
		`name = "a"`:                   `["==","name","a"]`,
		`name=="a" and be/vcpus > 1`:   `["\u0026",["==","name","a"],["\u003e","be/vcpus",1]]`,
		`"web" not in tags`:            `["!",["=[]","tags","web"]]`,
		`name =~ m/a.b/i`:              `["=~","name","(?i)a.b"]`,
		`name !~ m|x|`:                 `["!",["=~","name","x"]]`,
		`name =* 'inst*'`:              `["=~","name","^inst[^.]*(\\..*)?$"]`,
		`not (a or b) and c`:           `["\u0026",["!",["|",["?","a"],["?","b"]]],["?","c"]]`,
		`a or b or c and d or e`:       `["|",["?","a"],["?","b"],["\u0026",["?","c"],["?","d"]],["?","e"]]`,
		`a >= -3`:                      `["\u003e=","a",-3]`,
		`5 in a`:                       `["=[]","a",5]`,
		`not not a`:                    `["!",["!",["?","a"]]]`,
		`a == "x\n"`:                   `["==","a","x\\n"]`,
		`name =~ m/a\/b/`:              `["=~","name","a/b"]`,
		`name =~ /x/`:                  `["=~","name","x"]`,
		`name =~ m//`:                  `["=~","name",""]`,
		`and == 1`:                     `["==","and",1]`,
		`not`:                          `["?","not"]`,
		"\ta == 01 ":                   `["==","a",1]`,
		`((a))`:                        `["?","a"]`,
		`not "x" in tags`:              `["!",["=[]","tags","x"]]`,
		`"a" in tags and "b" in tags`:  `["\u0026",["=[]","tags","a"],["=[]","tags","b"]]`,
		`a == "b\"c"`:                  `["==","a","b\\\"c"]`,
		`disk.size/0 > 3 or (a and b)`: `["|",["\u003e","disk.size/0",3],["\u0026",["?","a"],["?","b"]]]`,
	} {
		f, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, _ := json.Marshal(list(f))
		if string(got) != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

func TestJobsThatAFilterNames(t *testing.T) {
	for text, want := range map[string]string{
		`id == 3 or id == "4" or id == 3`: "[3 4] <nil>",
		`id == 99999999999999999999`:      "[] <nil>",
		`id == 3 or status == "error"`:    "[] <nil>",
		`id == "x"`:                       "[] parsing job id: cannot parse string 'x'",
	} {
		f, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		numbers, err := f.Numbers("id")
		if got := fmt.Sprint(numbers, " ", err); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if all := numbers == nil; all != strings.Contains(text, "status") && err == nil {
			t.Errorf("%s: all jobs are looked at: %v", text, all)
		}
	}
	for word, want := range map[string]string{"-5": "Invalid value for job ID ' -5'", "9223372036854775808": "Invalid value for job ID ' -9223372036854775808'"} {
		if _, err := Select([]string{word}, false, "id", true); err == nil || err.Error() != want {
			t.Errorf("%s: %v", word, err)
		}
	}
	f, err := Select([]string{"7", "99999999999999999999"}, false, "id", true)
	if err != nil {
		t.Fatal(err)
	}
	if numbers, err := f.Numbers("id"); err != nil || !slices.Equal(numbers, []int{7}) {
		t.Errorf("%v, %v", numbers, err)
	}
}

func TestBrokenFiltersSayWhereTheyBreak(t *testing.T) {
	for text, want := range map[string]string{
		`name ==`:          "Expected end of text, found '='  (at char 5), (line:1, col:6)",
		`a <= 1.5`:         "Expected end of text, found '.'  (at char 6), (line:1, col:7)",
		`name =~ "x"`:      "Expected end of text, found '='  (at char 5), (line:1, col:6)",
		`a == 0x10`:        "Expected end of text, found 'x10'  (at char 6), (line:1, col:7)",
		`a == "x" or`:      "Expected end of text, found 'or'  (at char 9), (line:1, col:10)",
		`a?b`:              "Expected end of text, found '?'  (at char 1), (line:1, col:2)",
		`name =~ m#x#g`:    "Unknown regular expression flags: 'g'  (at char 8), (line:1, col:9)",
		`!a`:               "Expected Suppress:('or') term, found '!'  (at char 0), (line:1, col:1)",
		``:                 "Expected Suppress:('or') term  (at char 0), (line:1, col:1)",
		`1 == a`:           "Expected Suppress:('or') term, found '='  (at char 2), (line:1, col:3)",
		`(a`:               "Expected Suppress:('or') term, found end of text  (at char 2), (line:1, col:3)",
		`"x" in`:           "Expected Suppress:('or') term, found end of text  (at char 6), (line:1, col:7)",
		`a'`:               `Expected end of text, found "'"  (at char 1), (line:1, col:2)`,
		`("role" == "C"`:   "Expected Suppress:('or') term, found '='  (at char 8), (line:1, col:9)",
		`a == "x" and (b`:  "Expected end of text, found 'and'  (at char 9), (line:1, col:10)",
		"a == \"multi\n\"": "Expected end of text, found '='  (at char 2), (line:1, col:3)",
		"a\nb":             "Expected end of text, found 'b'  (at char 2), (line:2, col:1)",
	} {
		_, err := Parse(text)
		if err == nil {
			t.Errorf("%q was accepted", text)
			continue
		}
		if err.Error() != want {
			t.Errorf("%q\ngot  %s\nwant %s", text, err, want)
		}
	}
}

// Fuzzing came upon these: the time has to grow with the length, not with its square (100 seconds).
func TestLongFiltersAreReadInTime(t *testing.T) {
	began := time.Now()
	for text, good := range map[string]bool{
		strings.Repeat("(", 100_000):                                    false,
		strings.Repeat("not ", 100_000) + "a":                           true,
		strings.Repeat("(", 50_000) + "a" + strings.Repeat(")", 50_000): true,
	} {
		if _, err := Parse(text); (err == nil) != good {
			t.Errorf("%.20s…: %v", text, err)
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`a == "x" and not (b or c)`, `name =~ m/x/i`, `"w" in tags`, `((`, "m/\\", `=*`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if parsed, err := Parse(s); (parsed == nil) == (err == nil) {
			t.Errorf("Parse(%q) = %v, %v", s, parsed, err)
		}
	})
}
