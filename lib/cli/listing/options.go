// Package listing holds what the commands that print tables have in common: their options, and how what a query answered is printed.
package listing

import (
	"io"
	"slices"
	"strings"

	"gantry/lib/cli"
	"gantry/lib/fault"
	"gantry/lib/query"
	"gantry/lib/table"
)

// Options are those of a command that prints a table.
type Options struct {
	Verbose bool // statuses of cells in words
	Filter  bool // the argument is a filter, whatever it looks like

	defaults  []string
	output    *string
	noHeaders bool
	separator *string
	units     string
}

// statusUnknownField is the exit status of a list with a field that does not exist.
const statusUnknownField = 14

// New adds the options of all list commands: -o, --no-headers, --separator, -v.
// The fields are those that are shown without -o.
func New(c *cli.Command, fields ...string) *Options {
	l := Table(c)
	l.Fielded(c, fields...)
	l.WithVerbose(c)
	return l
}

// WithVerbose adds -v.
func (l *Options) WithVerbose(c *cli.Command) {
	c.Flag("verbose", "Words in place of the marks for missing values").Short('v').BoolVar(&l.Verbose)
}

// Table adds the options that all tables have: --no-headers and --separator.
func Table(c *cli.Command) *Options {
	l := &Options{}
	c.Flag("no-headers", "Leave out the titles").BoolVar(&l.noHeaders)
	c.Flag("separator", "Put this between the columns instead of padding them").StringPtr(&l.separator)
	return l
}

// Fielded adds -o.
func (l *Options) Fielded(c *cli.Command, fields ...string) {
	l.defaults = fields
	c.Flag("output", "Fields to show, with commas between; a leading + adds them to the usual ones").Short('o').Meta("FIELDS").StringPtr(&l.output)
}

// WithUnits adds --units.
func (l *Options) WithUnits(c *cli.Command) {
	c.Flag("units", "Unit of sizes: m, g, t, or h for the one that fits").ChoiceVar(&l.units, "h", "m", "g", "t")
}

// WithFilter adds -F.
func (l *Options) WithFilter(c *cli.Command) {
	c.Flag("filter", "The argument is a filter, even if it looks like a name").Short('F').BoolVar(&l.Filter)
}

// Fields are those to show.
func (l *Options) Fields() []string {
	if l.output == nil {
		return l.defaults
	}
	if more, ok := strings.CutPrefix(*l.output, "+"); ok {
		return slices.Concat(l.defaults, strings.Split(more, ","))
	}
	return strings.Split(*l.output, ",")
}

// Units is the unit of sizes: without --units the one that fits, or MiB when programs are to read the table.
func (l *Options) Units() string {
	switch {
	case l.units != "":
		return l.units
	case l.separator != nil && *l.separator != "":
		return "m"
	}
	return "h"
}

// Request is the query for these arguments: names, patterns or one filter on the name field.
func (l *Options) Request(args []string, nameField string, numeric bool) (query.Request, error) {
	filter, err := query.Select(args, l.Filter, nameField, numeric)
	return query.Request{Fields: l.Fields(), Filter: filter}, err
}

// Print prints the answer to a query. Special tells how the cells of some columns are written.
func (l *Options) Print(env *cli.Env, result *query.Result, special map[string]func(any) string) error {
	format := query.Format{Units: l.Units(), Verbose: l.Verbose, Special: special}
	t := table.Table{}
	for _, c := range result.Columns {
		t.Columns = append(t.Columns, table.Column{Title: c.Title, Right: format.Right(c)})
	}
	for _, row := range result.Rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = format.Text(result.Columns[i], cell)
		}
		t.Rows = append(t.Rows, cells)
	}
	return l.finish(env, t, result.Unknown)
}

// PrintFields prints the description of fields, as list-fields does: in Ganeti that needs a cluster, like any question.
func (l *Options) PrintFields(env *cli.Env, columns []query.Column, unknown []string) error {
	if _, err := env.OnMaster(); err != nil {
		return err
	}
	t := table.Table{Columns: []table.Column{{Title: "Name"}, {Title: "Type"}, {Title: "Title"}, {Title: "Description"}}}
	for _, c := range columns {
		t.Rows = append(t.Rows, []string{c.Name, string(c.Kind), c.Title, c.Doc})
	}
	return l.finish(env, t, unknown)
}

func (l *Options) finish(env *cli.Env, t table.Table, unknown []string) error {
	if len(unknown) > 0 {
		env.Warn("Warning: Queried for unknown fields %s", strings.Join(unknown, ", "))
	}
	if err := l.Write(env.Out, t); err != nil {
		return err
	}
	if len(unknown) > 0 {
		return fault.Status(statusUnknownField)
	}
	return nil
}

// Write prints a table as the options say.
func (l *Options) Write(w io.Writer, t table.Table) error {
	t.NoHeaders, t.Separator = l.noHeaders, l.separator
	return t.Write(w)
}
