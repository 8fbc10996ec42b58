package job

// Submitted is the result of an operation that submits jobs: of each whether that worked, and its id.
type Submitted struct {
	Jobs [][2]any `json:"jobs"`
}

// NewSubmitted is the result for jobs that all could be submitted.
func NewSubmitted(ids []int) Submitted {
	s := Submitted{Jobs: [][2]any{}}
	for _, id := range ids {
		s.Jobs = append(s.Jobs, [2]any{true, id})
	}
	return s
}

// IDs are the ids of the jobs, of a result that has been read.
func (s Submitted) IDs() []int {
	var ids []int
	for _, j := range s.Jobs {
		if id, ok := j[1].(float64); ok { // as JSON has it
			ids = append(ids, int(id))
		}
	}
	return ids
}
