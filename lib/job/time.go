package job

import (
	"encoding/json"
	"fmt"
	"time"
)

// Time is a moment as job files keep it: [seconds, microseconds] since 1970, or null.
type Time struct{ Sec, Usec int64 }

// At cuts a time to microseconds.
func At(t time.Time) Time { return Time{t.Unix(), int64(t.Nanosecond() / 1000)} }

// IsZero says that it has not happened yet.
func (t Time) IsZero() bool { return t == Time{} }

// Time is the same moment; the zero one stays zero.
func (t Time) Time() time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.Unix(t.Sec, t.Usec*1000)
}

func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return fmt.Appendf(nil, "[%d,%d]", t.Sec, t.Usec), nil
}

func (t *Time) UnmarshalJSON(data []byte) error {
	var pair *[2]int64
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	*t = Time{}
	if pair != nil {
		*t = Time{pair[0], pair[1]}
	}
	return nil
}

// LogEntry is one message of a job; serials count through all its opcodes.
type LogEntry struct {
	Serial  int
	Time    Time
	Kind    string // "message"
	Message string
}

func (e LogEntry) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{e.Serial, e.Time, e.Kind, e.Message})
}

func (e *LogEntry) UnmarshalJSON(data []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	if len(parts) != 4 {
		return fmt.Errorf("a log entry of %d parts", len(parts))
	}
	for i, into := range []any{&e.Serial, &e.Time, &e.Kind} {
		if err := json.Unmarshal(parts[i], into); err != nil {
			return err
		}
	}
	if json.Unmarshal(parts[3], &e.Message) != nil {
		e.Message = string(parts[3]) // Ganeti's own jobs may log structures
	}
	return nil
}

// Reason is one entry of the reason trail: who asked, with which words, when (nanoseconds).
type Reason struct {
	Source, Text string
	Time         int64
}

func (r Reason) MarshalJSON() ([]byte, error) { return json.Marshal([]any{r.Source, r.Text, r.Time}) }

func (r *Reason) UnmarshalJSON(data []byte) error {
	parts := [3]any{&r.Source, &r.Text, &r.Time}
	return json.Unmarshal(data, &parts)
}

// Dependency makes a job wait for another one to end, and fail unless it ended in one of these ways (none: any). A negative
// job counts back from the one submitted in the same call.
type Dependency struct {
	Job    int
	Status []Status
}

func (d Dependency) MarshalJSON() ([]byte, error) {
	status := d.Status
	if status == nil {
		status = []Status{}
	}
	return json.Marshal([]any{d.Job, status})
}

func (d *Dependency) UnmarshalJSON(data []byte) error {
	parts := [2]any{&d.Job, &d.Status}
	return json.Unmarshal(data, &parts)
}
