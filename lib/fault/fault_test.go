package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestText(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		text   string
		status int
	}{
		"refusal": {Refuse(NotFound, "Instance '%s' not known", "web"),
			"Failure: prerequisites not met for this operation:\nerror type: unknown_entity, error details:\nInstance 'web' not known", 1},
		"refusal without kind": {RefuseBare("No tags to be added"),
			"Failure: prerequisites not met for this operation:\nNo tags to be added", 1},
		"execution":       {Exec("Disk consistency error"), "Failure: command execution error:\nDisk consistency error", 1},
		"any other error": {io.ErrUnexpectedEOF, "Failure: command execution error:\nunexpected EOF", 1},
		"parameter": {New(Parameter, "Duplicate key 'size' in option --disk"),
			"Failure: unknown/wrong parameter name 'Duplicate key 'size' in option --disk'", 1},
		"type":     {New(Type, "Unknown parameter 'nosuch'"), "Parameter Error: Unknown parameter 'nosuch'", 1},
		"tag":      {New(Tag, "Tags cannot be empty"), "Failure: invalid tag(s) given:\nTags cannot be empty", 1},
		"canceled": {New(JobCanceled, "Job was canceled"), "Unhandled Ganeti error: Job was canceled", 1},
		"drained":  {New(JobQueue, "Queue drained"), "Unhandled Ganeti error: Queue drained", 1},
		"job lost": {New(JobLost, "Can't load job file"), "Error checking job status: Can't load job file", 1},
		"protocol": {New(Protocol, "Failed to parse request: x"),
			"Unhandled protocol error while talking to the master daemon:\nFailed to parse request: x", 1},
		"configuration": {New(Configuration, "Invalid NIC mode '%s'", "nosuch"),
			"Corrupt configuration file: Invalid NIC mode 'nosuch'\nAborting.", 2},
		"hooks": {Abort([]Hook{{"node1", "10-no", "not today"}, {"node2", "10-no", ""}}),
			"Failure: hooks execution failed:\n  node: node1, script: 10-no, output: not today\n  node: node2, script: 10-no (no output)", 1},
		"percent sign":    {Exec("%s", "disk 100%s full"), "Failure: command execution error:\ndisk 100%s full", 1},
		"plain":           {Say("Please give at least one of the parameters."), "Please give at least one of the parameters.", 1},
		"status":          {Status(13), "", 13},
		"wrapped refusal": {fmt.Errorf("moving web: %w", Refuse(WrongState, "it runs")), "Failure: prerequisites not met for this operation:\nerror type: wrong_state, error details:\nmoving web: it runs", 1},
		"none":            {nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			text, status := Text(tt.err)
			if text != tt.text || status != tt.status {
				t.Errorf("Text = %q, %d\nwant   %q, %d", text, status, tt.text, tt.status)
			}
		})
	}
}

func TestJobResultKeepsTheFailure(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"refusal":     {Refuse(WrongState, "web runs"), `["OpPrereqError",["web runs","wrong_state"]]`},
		"bare":        {RefuseBare("web runs"), `["OpPrereqError",["web runs"]]`},
		"execution":   {Exec("no space"), `["OpExecError",["no space"]]`},
		"other error": {io.EOF, `["OpExecError",["EOF"]]`},
		"type":        {New(Type, "Unknown parameter 'x'"), `["TypeEnforcementError",["Unknown parameter 'x'"]]`},
		"hooks":       {Abort([]Hook{{"n1", "s", "out"}}), `["HooksAbort",[[["n1","s","out"]]]]`},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := json.Marshal(Of(tt.err))
			if err != nil || string(data) != tt.want {
				t.Fatalf("Marshal = %s, %v\nwant      %s", data, err, tt.want)
			}
			before, _ := Text(tt.err)
			after, _ := Text(Decode(data))
			if after != before {
				t.Errorf("read back as %q, was %q", after, before)
			}
		})
	}
}

func TestDecodeLeavesOrdinaryResultsAlone(t *testing.T) {
	for _, result := range []string{`null`, `["node1","node2"]`, `["node1",["x"]]`, `[]`, `{"a":1}`, `true`, `["OpExecError","x"]`, ``} {
		if err := Decode([]byte(result)); err != nil {
			t.Errorf("Decode(%s) = %v, want nil", result, err)
		}
	}
}

func TestDecodeReadsClassesOfOldJobs(t *testing.T) {
	text, _ := Text(Decode([]byte(`["HypervisorError",["Failed to start instance web", 7]]`)))
	if want := "Unhandled Ganeti error: Failed to start instance web, 7"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

func TestKindAndCauseSurviveWrapping(t *testing.T) {
	err := fmt.Errorf("adding web: %w", Refuse(NotUnique, "address taken: %w", io.EOF))
	if KindOf(err) != NotUnique || !errors.Is(err, io.EOF) {
		t.Errorf("kind %q, is EOF %v", KindOf(err), errors.Is(err, io.EOF))
	}
	if !errors.Is(err, Refuse(NotUnique, "")) || errors.Is(err, Refuse(NotFound, "")) {
		t.Error("errors.Is does not tell kinds apart")
	}
	if KindOf(io.EOF) != "" {
		t.Error("an error without a class has a kind")
	}
}

// FuzzDecode: the result of a job that anybody may have written is a failure with a text, or none.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`["OpPrereqError",["Instance 'web' not known","unknown_entity"]]`))
	f.Add([]byte(`["JobLost",[["a",null],{"b":1}]]`))
	f.Fuzz(func(t *testing.T, result []byte) {
		err := Decode(result)
		if err == nil {
			return
		}
		if text, status := Text(err); text == "" && status == 0 {
			t.Errorf("%q is a failure that nobody sees", result)
		}
	})
}
