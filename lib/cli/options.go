package cli

// priorityValue is a priority by its name.
type priorityValue struct {
	given  bool
	number int
}

var priorities = map[string]int{"low": 10, "normal": 0, "high": -10}

func (p *priorityValue) declare(f *Flag) {
	f.Meta("low|normal|high").takes(needsArgument, func(spelled, value string) error {
		name, err := oneOf([]string{"low", "normal", "high"})(spelled, value)
		if err == nil {
			p.given, p.number = true, priorities[name]
		}
		return err
	})
}
