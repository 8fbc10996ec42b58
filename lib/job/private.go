package job

import "encoding/json"

// Private are parameters that job files and logs do not show.
type Private map[string]any

// MarshalJSON hides the values.
func (p Private) MarshalJSON() ([]byte, error) {
	hidden := map[string]string{}
	for name := range p {
		hidden[name] = "<redacted>"
	}
	return json.Marshal(hidden)
}

// Hide gives the private attributes of an operation for the file that only the job's process reads. See Secretive.
func Hide(all map[string]Private) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for name, p := range all {
		if data, err := json.Marshal(map[string]any(p)); err == nil && len(p) > 0 {
			out[name] = data
		}
	}
	return out
}
