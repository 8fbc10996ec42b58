package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const sample = `{"format":1,"id":7,"received_timestamp":[10,5],"ops":[{"OP_ID":"OP_TEST_DELAY","priority":10,"duration":5},{"OP_ID":"OP_TAGS_SET","priority":-10}]}
{"event":"owner","time":[11,0],"owner":{"host":"node1","boot":"b","pid":42,"epoch":3}}
{"event":"status","time":[12,0],"status":"waiting"}
{"event":"status","time":[13,0],"status":"running"}
{"event":"log","log":[1,[13,1],"message","hello"]}
{"event":"intent","intent":{"n":1,"time":[13,2],"node":"node2","changes":"make a b","instances":["web"]}}
{"event":"something new","op":1}
{"event":"outcome","n":1,"outcome":"unknown"}
{"event":"status","time":[14,0],"status":"success","result":["x",{"a":1}]}
{"event":"priority","op":1,"priority":3}
`

func TestParse(t *testing.T) {
	j, err := parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	first := j.Ops[0]
	if first.Start != (Time{12, 0}) || first.Exec != (Time{13, 0}) || first.End != (Time{14, 0}) || !j.End.IsZero() || j.Start != (Time{12, 0}) {
		t.Errorf("times: %+v", first)
	}
	if j.Status() != Queued || j.Priority() != 3 || j.Owner.PID != 42 || string(first.Result) != `["x",{"a":1}]` || first.Log[0].Message != "hello" {
		t.Errorf("job: %+v", j)
	}
	if in := j.Intents[0]; !in.Open() || in.Kind() != "make" || in.Object() != "a b" || in.Instances[0] != "web" {
		t.Errorf("intent: %+v", in)
	}
	if got := j.Summary(); !slices.Equal(got, []string{"TEST_DELAY(5.0)", "TAGS_SET"}) {
		t.Errorf("summary: %q", got)
	}
}

func TestALineThatWasCutOffIsIgnored(t *testing.T) {
	whole := strings.Count(sample, "\n")
	for cut := len(sample); cut > strings.IndexByte(sample, '\n'); cut-- {
		j, err := parse([]byte(sample[:cut]))
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if lines := strings.Count(sample[:cut], "\n"); lines < whole && len(j.Ops[0].Result) > 0 && lines < 9 {
			t.Fatalf("cut at %d: a result out of half a line", cut)
		}
	}
	if _, err := parse([]byte(sample[:20])); err == nil {
		t.Error("half a first line is a job")
	}
}

func TestDamageIsRefusedWithItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"{}\n":                                      "line 1: no format is given",
		`{"format":2,"id":1}` + "\n":                "line 1: format 2 is newer than this program",
		`{"format":1,"id":1}` + "\n":                "line 1: a job needs an id and at least one opcode",
		sample + "garbage\n":                        "line 11: invalid character 'g' looking for beginning of value",
		sample + `{"op":2}` + "\n":                  "line 11: there is no opcode 2",
		sample + `{"op":-1}` + "\n":                 "line 11: there is no opcode -1",
		sample + `{"event":"log"}` + "\n":           "line 11: the message is missing",
		sample + `{"event":"outcome","n":9}` + "\n": "line 11: there is no intent 9",
	} {
		if _, err := parse([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text[max(0, len(text)-30):], err, want)
		}
	}
}

func TestStatusOfAJob(t *testing.T) {
	for ops, want := range map[string]Status{
		"success success":        Success,
		"success queued":         Queued,
		"success waiting queued": Waiting,
		"success running queued": Running,
		"success error error":    Error,
		"canceled canceled":      Canceled,
		"canceling canceling":    Canceling,
		"waiting error":          Error,
	} {
		j := &Job{}
		for s := range strings.FieldsSeq(ops) {
			j.Ops = append(j.Ops, Op{Status: Status(s)})
		}
		if got := j.Status(); got != want {
			t.Errorf("%s: %s, want %s", ops, got, want)
		}
	}
}

func newJobFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "job-7")
	if err := os.WriteFile(path, []byte(sample), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAWriterMendsWhatACrashLeft(t *testing.T) {
	path := newJobFile(t)
	if err := os.WriteFile(path, []byte(sample+`{"event":"sta`), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := take(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.record(w.status(1, Waiting), w.status(1, Running)); err != nil {
		t.Fatal(err)
	}
	w.close()
	j, err := read(path)
	if err != nil || j.Status() != Running {
		t.Errorf("%+v, %v", j, err)
	}
}

// A full disk must not leave half a line that the next one is glued to.
func TestAFailedWriteLeavesTheFileWhole(t *testing.T) {
	path := newJobFile(t)
	w, err := take(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	small := syscall.Rlimit{Cur: uint64(len(sample) + 20), Max: old.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	err = w.record(w.status(1, Waiting))
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(err, syscall.EFBIG) {
		t.Fatalf("err = %v", err)
	}
	if data, _ := os.ReadFile(path); string(data) != sample || w.job.Ops[1].Status != Queued {
		t.Errorf("the file has %d bytes more, the opcode is %s", len(data)-len(sample), w.job.Ops[1].Status)
	}
	if err := w.record(w.status(1, Waiting)); err != nil || w.job.Ops[1].Status != Waiting {
		t.Errorf("after there is room again: %v", err)
	}
}

func TestSummary(t *testing.T) {
	for input, want := range map[string]string{
		`{"OP_ID":"OP_TEST_DELAY","duration":0.1}`:                     "TEST_DELAY(0.1)",
		`{"OP_ID":"OP_TEST_DELAY","duration":15}`:                      "TEST_DELAY(15.0)",
		`{"OP_ID":"OP_INSTANCE_CREATE","instance_name":"inst1.x.com"}`: "INSTANCE_CREATE(inst1.x.com)",
		`{"OP_ID":"OP_TEST_ALLOCATOR","iallocator":null}`:              "TEST_ALLOCATOR(None)",
		`{"OP_ID":"OP_CLUSTER_VERIFY"}`:                                "CLUSTER_VERIFY",
		`{"OP_ID":"OP_INSTANCE_RENAME","instance_name":"a"}`:           "INSTANCE_RENAME",
	} {
		if got := (&Op{Input: json.RawMessage(input)}).Summary(); got != want {
			t.Errorf("%s: %s, want %s", input, got, want)
		}
	}
}

// Every opcode of the specification is summed up as recorded there.
func TestSummaryOfEveryOpcode(t *testing.T) {
	data, err := os.ReadFile("testdata/summaries.json")
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if err := json.Unmarshal(data, &fields); err != nil {
		t.Fatal(err)
	}
	for op, field := range fields {
		if summaryFields[op] != field {
			t.Errorf("%s shows %q, want %q", op, summaryFields[op], field)
		}
	}
	if len(fields) < 70 {
		t.Errorf("only %d opcodes compared", len(fields))
	}
}

func TestAScopeHoldsTheProcessAndNothingElse(t *testing.T) {
	name, properties := scope(5, 77)
	got := name
	for _, p := range properties {
		got += fmt.Sprintf(" %s=%v", p.Name, p.Value)
	}
	want := `gantry-job-5-77.scope Description="Gantry job 5" Slice="ganeti.slice" PIDs=@au [77] CollectMode="inactive-or-failed"`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzParseJob(f *testing.F) {
	f.Add([]byte(sample))
	for _, lineText := range strings.SplitAfter(sample, "\n") {
		f.Add([]byte(lineText))
	}
	f.Add([]byte(sample + `{"event":"input","op":1,"input":[]}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := parse(data)
		if err != nil {
			return
		}
		// whatever was accepted can be asked everything and go on growing
		_ = fmt.Sprint(j.Status(), j.Priority(), j.Summary(), j.NewMessages(0), j.hasOpen(), j.lastTime())
		for i := range j.Ops {
			j.Ops[i].common()
		}
		before := j.LastSerial()
		entry := LogEntry{before + 1, Time{1, 2}, "message", "m"}
		text, err := json.Marshal(event{Kind: evLog, Log: &entry})
		if err != nil {
			t.Fatal(err)
		}
		grown := append(slices.Clone(data[:wholeLines(data)]), append(text, '\n')...)
		again, err := parse(grown)
		if err != nil || len(again.Ops[0].Log) != len(j.Ops[0].Log)+1 {
			t.Errorf("a line after it is lost: %v", err)
		}
	})
}
