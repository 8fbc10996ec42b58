package cli

// Description is what can be known of a command without running it. The manual
// pages and the shell completion are held against it.
type Description struct {
	Name, Synopsis, Summary string
	Options                 []OptionDescription
	Arguments               string // what they are: instance, node …
	MinArgs, MaxArgs        int    // MaxArgs < 0 is any number
}

// OptionDescription describes one option. Long names have their dashes; Short is 0 without a short form.
type OptionDescription struct {
	Long       []string
	Short      rune
	TakesValue bool
	Meta, Help string
	Complete   string // what completes the value: node, instance …
	Own        bool   // Ganeti does not have it
	Gone       bool   // it concerns what Gantry does not have
}

// Describe declares a subcommand and describes it.
func Describe(name string, declare func(*Command)) Description {
	return newCommand("", name, declare).describe()
}

// DescribeTool declares a program of htools and describes it.
func DescribeTool(name string, declare func(*Command)) Description {
	return newTool(name, declare, new(toolFlags)).describe()
}

func (c *Command) describe() Description {
	d := Description{Name: c.name, Synopsis: c.synopsis, Summary: c.summary, Arguments: c.kind, MinArgs: c.min, MaxArgs: c.max}
	for _, f := range c.flags {
		d.Options = append(d.Options, OptionDescription{
			Long: f.longNames(), Short: f.short, TakesValue: f.arg != noArgument, Meta: f.meta, Help: f.help, Complete: f.complete,
			Own: f.own, Gone: f.notice != "",
		})
	}
	return d
}
