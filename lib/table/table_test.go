package table

import (
	"bytes"
	"strings"
	"testing"
)

func written(t *testing.T, table Table) string {
	t.Helper()
	var b bytes.Buffer
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func lines(s ...string) string { return strings.Join(s, "\n") + "\n" }

func TestColumns(t *testing.T) {
	name, mem, tags := Column{Title: "Instance"}, Column{Title: "Mem", Right: true}, Column{Title: "Tags"}
	comma, empty := ",", ""
	for what, tt := range map[string]struct {
		table Table
		want  string
	}{
		"last on the left": {Table{Columns: []Column{name, mem, tags}, Rows: [][]string{{"web.example.com", "128M", ""}, {"a", "1.0G", "x y"}}}, lines(
			"Instance         Mem Tags",
			"web.example.com 128M ",
			"a               1.0G x y")},
		"last on the right": {Table{Columns: []Column{name, mem}, Rows: [][]string{{"a", "1"}, {"b", "1000"}}}, lines(
			"Instance  Mem",
			"a           1",
			"b        1000")},
		"no headers": {Table{Columns: []Column{name, mem}, Rows: [][]string{{"a", "1"}, {"b", "10"}}, NoHeaders: true}, lines("a  1", "b 10")},
		"padded title": {Table{Columns: []Column{mem, name}, Rows: [][]string{{"1", "a-long-name"}, {"2", "b"}}, PadTitle: true}, lines(
			"Mem Instance   ",
			"  1 a-long-name",
			"  2 b")},
		"separator":           {Table{Columns: []Column{name, mem}, Rows: [][]string{{"a", "1"}}, Separator: &comma}, lines("Instance,Mem", "a,1")},
		"empty separator":     {Table{Columns: []Column{name, mem}, Rows: [][]string{{"a", "1"}}, Separator: &empty, NoHeaders: true}, "a1\n"},
		"no rows":             {Table{Columns: []Column{name, mem}}, "Instance Mem\n"},
		"nothing at all":      {Table{Columns: []Column{name, mem}, NoHeaders: true}, ""},
		"wide characters":     {Table{Columns: []Column{name, tags}, Rows: [][]string{{"日本", "x"}, {"ab", "é"}}, NoHeaders: true}, lines("日本 x", "ab é")},
		"blanks stay":         {Table{Columns: []Column{name, tags}, Rows: [][]string{{" a ", " b "}}, NoHeaders: true}, " a   b \n"},
		"tabs and newlines":   {Table{Columns: []Column{name, tags}, Rows: [][]string{{"a\tb", "c\nd"}}, NoHeaders: true}, "a\tb c\nd\n"},
		"one column":          {Table{Columns: []Column{name}, Rows: [][]string{{"b"}, {""}, {"c"}}}, lines("Instance", "b", "", "c")},
		"empty rows between":  {Table{Columns: []Column{name, mem}, Rows: [][]string{{"", ""}, {"x", "1"}}, NoHeaders: true}, lines("   ", "x 1")},
		"upper case and dots": {Table{Columns: []Column{{Title: "a_b.c"}}, Rows: [][]string{{"x"}}}, lines("a_b.c", "x")},
	} {
		t.Run(what, func(t *testing.T) {
			if got := written(t, tt.table); got != tt.want {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}

func TestInfo(t *testing.T) {
	var b bytes.Buffer
	err := Info(&b, []Pairs{{
		{"Instance name", "web"},
		{"Serial number", 3},
		{"State", nil},
		{"Hypervisor parameters", Pairs{{"acpi", true}, {"kernel_path", ""}}},
		{"Tags", []string{}},
		{"NICs", []any{Pairs{{"nic/0", ""}, {"MAC", "aa:00"}}, Pairs{{"nic/1", ""}}}},
		{"Nodes", []string{"node1", "node2"}},
		{"Reason", []any{[]any{"gnt:user", []any{}, 1}}},
		{"Nothing", Pairs{}},
	}, {{"Instance name", "db"}}})
	want := lines(
		"- Instance name: web",
		"  Serial number: 3",
		"  State: None",
		"  Hypervisor parameters: ",
		"    acpi: True",
		"    kernel_path: ",
		"  Tags: ",
		"  NICs: ",
		"    - nic/0: ",
		"      MAC: aa:00",
		"    - nic/1: ",
		"  Nodes: ",
		"    - node1",
		"    - node2",
		"  Reason: ",
		"    - - gnt:user",
		"      - ",
		"      - 1",
		"  Nothing: ",
		"- Instance name: db")
	if err != nil || b.String() != want {
		t.Errorf("%v, got\n%s\nwant\n%s", err, b.String(), want)
	}
}

func BenchmarkColumns(b *testing.B) {
	table := Table{Columns: []Column{{Title: "Instance"}}}
	for range 1000 {
		table.Rows = append(table.Rows, []string{"instance.example.com"})
	}
	for b.Loop() {
		if err := table.Write(&bytes.Buffer{}); err != nil {
			b.Fatal(err)
		}
	}
}
