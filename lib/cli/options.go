package cli

// The options that many subcommands share. Each function adds what a group of
// Ganeti's commands has in common; what they mean is cli's affair.

// Submit adds --submit and --print-jobid.
func Submit(c *Command) {
	c.Flag("submit", "Submit the job and end, without waiting for it").BoolVar(&c.common.submit)
	c.Flag("print-jobid", "Print the job's number on standard output first").BoolVar(&c.common.printJob)
}

// DryRun adds --dry-run: everything is checked and nothing is done.
func DryRun(c *Command) {
	c.common.dryFlag = c.Flag("dry-run", "Check whether the operation could be done, without doing it")
	c.common.dryFlag.BoolVar(&c.common.dry)
}

// Priority adds --priority.
func Priority(c *Command) {
	c.common.priority.declare(c.Flag("priority", "Priority of the job in the queue"))
}

// Roman adds --roman, which makes no difference: Ganeti prints Roman numerals only where an extra Python module is installed.
func Roman(c *Command) {
	c.Flag("roman", "Accepted for compatibility; numbers stay Arabic").Bool()
}

// Submitting tells whether --submit was given.
func (env *Env) Submitting() bool { return env.cmd.common.submit }

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

// Priority is the priority that was asked for; given tells whether one was.
func (env *Env) Priority() (number int, given bool) {
	return env.cmd.common.priority.number, env.cmd.common.priority.given
}
