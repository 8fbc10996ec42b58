package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"gantry/lib/job"
	"gantry/lib/query"
	"gantry/lib/table"
)

// ended1 is a job that failed, and began two seconds after it was submitted.
func ended1() *job.Job {
	return &job.Job{ID: 7, Received: job.Time{Sec: 1795330092, Usec: 856062}, Start: job.Time{Sec: 1795330094, Usec: 517928}, End: job.Time{Sec: 1795330095, Usec: 221981},
		Ops: []job.Op{{
			Input:  json.RawMessage(`{"debug_level": 0, "depends": null, "OP_ID": "OP_TEST_DELAY", "duration": 0.1, "on_nodes": ["nosuch"], "hv_state": {}}`),
			Status: job.Error, Result: json.RawMessage(`["OpPrereqError", ["Node 'nosuch' not known", "unknown_entity"]]`),
			Log:   []job.LogEntry{{Serial: 1, Time: job.Time{Sec: 1795330095, Usec: 1}, Kind: "message", Message: " - INFO: x\ny"}},
			Start: job.Time{Sec: 1795330094, Usec: 517928}, End: job.Time{Sec: 1795330095, Usec: 221959},
		}}}
}

func TestInfoLooksAsGanetis(t *testing.T) {
	t.Setenv("TZ", "UTC")
	var b bytes.Buffer
	if err := table.Info(&b, []any{describe(row(ended1())), describe(&query.JobRow{ID: 9, Missing: true})}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"- Job ID: 7\n  Status: error\n  Received:         2026-",
		"\n  Processing start: 2026-", " (delta 1.661866s)\n  Processing end:   2026-", " (delta 0.704053s)\n  Total processing time: 2.365919 seconds\n  Opcodes: \n    - Opcode: OP_TEST_DELAY\n      Status: error\n",
		"      Execution start:  N/A\n      Processing end:   2026-",
		"      Input fields: \n        OP_ID: OP_TEST_DELAY\n        debug_level: 0\n        depends: None\n        duration: 0.1\n        hv_state: \n        on_nodes: \n          - nosuch\n",
		"      Result: \n        - OpPrereqError\n        - - Node 'nosuch' not known\n          - unknown_entity\n      Execution log: \n        - Time: 2026-",
		`          Content: [1, message,  - INFO: x\ny]` + "\n- Job ID 9 not found\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

func TestOpcodesArePrintedInTheirOwnOrder(t *testing.T) {
	r := row(ended1())
	got := opcodes([]any{r.Ops[0].Opcode})
	want := `[{'debug_level': 0, 'depends': None, 'OP_ID': 'OP_TEST_DELAY', 'duration': 0.1, 'on_nodes': ['nosuch'], 'hv_state': {}}]`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := times([]any{r.Ops[0].Exec}); got != "['?']" {
		t.Errorf("a time that has not come is %s", got)
	}
}

func TestAJobIsNamedByItsNumber(t *testing.T) {
	if id, err := jobID(" 12"); id != 12 || err != nil {
		t.Errorf("got %d, %v", id, err)
	}
	if _, err := jobID("x"); err == nil || err.Error() != "Invalid job ID passed: invalid literal for int() with base 10: 'x'" {
		t.Errorf("got %v", err)
	}
	if id, err := jobIDFor("CancelJob", "99999999999999999999"); id != 7766279631452241919 || err != nil { // what 64 bits leave
		t.Errorf("got %d, %v", id, err)
	}
}
