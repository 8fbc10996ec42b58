// Package htools holds what the h* commands have in common above lib/balance: their options and the reading of data.
package htools

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gantry/lib/balance"
	"gantry/lib/balance/number"
	"gantry/lib/cli"
)

// Options are the values of all options any of the tools has. A tool declares those it knows, in the order of its help
// page, with the methods below.
type Options struct {
	Env     *cli.Env         // around the tool that runs
	Cluster *balance.Cluster // once it is loaded

	cmd *cli.Command

	Balance        balance.Options
	CapacityChecks bool

	louder, quieter int
	NodeFields      []string // of a node table; nil means no table
	ShowNodes       bool
	ShowInstances   bool
	Commands        bool   // print the commands of a solution
	CommandFile     string // or write them to this file
	Save            string
	TextFile        *string // the files that were named, if only with an empty name
	IAllocFile      *string
	Master          string
	Live            bool
	Simulate        []string
	DynUtilFile     *string
	IgnoreDynUtil   bool
	MonD            bool
	MonDFile        *string
	Exclude, Select []string
	ExclusionTags   []string
	Offline         []string
	Group           *string
	MaxCPU, MinDisk *float64 // nil leaves what the cluster says
	KVMNodeMem      int
	NoKinds         bool
	Machine         bool
	Exec            bool
	FirstJobGroup   bool
	Reason          string
	Priority        string
	NoHeaders       bool
}

// New returns options at their defaults, to be declared on the command.
func New(c *cli.Command) *Options {
	saveMemory()
	return &Options{
		cmd: c,
		Balance: balance.Options{
			DiskMoves: true, InstanceMoves: true, MinScore: 1e-9, MinGain: 1e-2, MinGainLimit: 1e-1, MaxMoves: -1,
		},
		CapacityChecks: true,
		KVMNodeMem:     4096,
	}
}

// Run says what the tool does once its words are read.
func (o *Options) Run(run func(context.Context) error) {
	o.cmd.Run(func(ctx context.Context, env *cli.Env) error {
		o.Env = env
		return run(ctx)
	})
}

// Real declares an option with a real value; what names the value in errors.
func (o *Options) Real(name, meta, what, help string, p *float64) *cli.Flag {
	f := o.cmd.Flag(name, help).Meta(meta).Complete("float")
	f.Func(func(s string) (err error) {
		*p, err = number.Real(what, s)
		return err
	})
	return f
}

// Integer declares an option with a whole number as value; what names the value in errors.
func (o *Options) Integer(name, meta, what, help string, p *int) *cli.Flag {
	f := o.cmd.Flag(name, help).Meta(meta).Complete("integer")
	f.Func(func(s string) (err error) {
		*p, err = number.Int(what, s)
		return err
	})
	return f
}

// List declares an option with a list with commas as value. An empty value is an empty list, not nil.
func (o *Options) List(name, meta, kind, help string, p *[]string) {
	o.cmd.Flag(name, help).Meta(meta).Complete(kind).Func(func(s string) error {
		*p = append([]string{}, number.Split(s, ",")...)
		return nil
	})
}

func (o *Options) file(name string, short rune, help string, p **string) {
	f := o.cmd.Flag(name, help).Meta("FILE").Complete("file")
	if short != 0 {
		f.Short(short)
	}
	f.StringPtr(p)
}

// yesNo declares an option that may be given a yes or a no; without either it means yes.
func (o *Options) yesNo(name, help string, p *bool) {
	o.cmd.Flag(name, help).Meta("CHOICE").Complete("choices=yes,no").OptionalFunc(func(s string, joined bool) error {
		if joined && s != "yes" && s != "no" {
			return fmt.Errorf("Invalid choice '%s', pass one of 'yes' or 'no'", s)
		}
		*p = s != "no"
		return nil
	})
}

func (o *Options) PrintNodes() {
	f := o.cmd.Flag("print-nodes", "print the final node list").Short('p').Meta("FIELDS")
	f.OptionalFunc(func(s string, _ bool) error {
		o.ShowNodes, o.NodeFields = true, nil
		if s != "" && s[0] == '+' {
			o.NodeFields, s = []string{"+"}, s[1:]
		}
		o.NodeFields = append(o.NodeFields, number.Split(s, ",")...)
		return nil
	})
}

// PrintNodesUnlisted adds -P, which the reference does not have: a -p without fields.
func (o *Options) PrintNodesUnlisted() {
	o.cmd.Flag("", "print the node list").Short('P').Unlisted().BoolVar(&o.ShowNodes)
}

func (o *Options) PrintInstances() {
	o.cmd.Flag("print-instances", "print the final instance map").BoolVar(&o.ShowInstances)
}

func (o *Options) PrintCommands() {
	f := o.cmd.Flag("print-commands", "print the ganeti command list for reaching the solution, if an argument is passed "+
		"then write the commands to a file named as such")
	f.Short('C').Meta("FILE").OptionalFunc(func(s string, joined bool) error {
		o.Commands, o.CommandFile = true, ""
		if joined && s != "-" {
			o.CommandFile = s
		}
		return nil
	})
}

func (o *Options) TextData() { o.file("text-data", 't', "the cluster data FILE", &o.TextFile) }

func (o *Options) IAllocSource() {
	o.file("ialloc-src", 'I', "Specify an iallocator spec as the cluster data source", &o.IAllocFile)
}

func (o *Options) DynUtil() {
	o.file("dynu-file", 'U', "Import dynamic utilisation data from the given FILE", &o.DynUtilFile)
}

func (o *Options) MonDData() {
	o.file("mond-data", 0, "Import data provided by MonDs from the given FILE", &o.MonDFile)
}

func (o *Options) RAPI() {
	o.cmd.Flag("master", "collect data via RAPI at the given ADDRESS").Short('m').Meta("ADDRESS").Complete("host").StringVar(&o.Master)
}

func (o *Options) Luxi() {
	f := o.cmd.Flag("luxi", "collect data via Luxi, optionally using the given SOCKET path [/var/run/ganeti/socket/ganeti-query]")
	f.Short('L').Meta("SOCKET").Complete("file").OptionalFunc(func(string, bool) error {
		o.Live = true
		return nil
	})
}

func (o *Options) SimulateSpec() {
	o.cmd.Flag("simulate", "simulate an empty cluster, given as 'alloc_policy,num_nodes,disk,ram,cpu'").
		Meta("SPEC").Complete("string").StringsVar(&o.Simulate)
}

func (o *Options) Verbosity() {
	o.cmd.Flag("verbose", "increase the verbosity level").Short('v').CountVar(&o.louder)
}

// Level is how much to say; 1 is normal.
func (o *Options) Level() int { return 1 + o.louder - o.quieter }

func (o *Options) Quiet() {
	o.cmd.Flag("quiet", "decrease the verbosity level").Short('q').CountVar(&o.quieter)
}

func (o *Options) Evacuate() {
	o.cmd.Flag("evac-mode", "enable evacuation mode, where the algorithm only moves instances away from offline and drained nodes").
		Short('E').BoolVar(&o.Balance.Evacuate)
}

func (o *Options) RestrictedMigration() {
	o.cmd.Flag("restricted-migration", "disallow replace-primary moves (aka frf-moves); in evacuation mode, this will "+
		"ensure that the only migrations are off the drained nodes").BoolVar(&o.Balance.Restricted)
}

func (o *Options) Execute() {
	o.cmd.Flag("exec", "execute the suggested moves via Luxi (only available when using it for data gathering)").
		Short('X').BoolVar(&o.Exec)
}

func (o *Options) FirstJobs() {
	o.cmd.Flag("first-job-group", "only execute the first group of jobs").BoolVar(&o.FirstJobGroup)
}

func (o *Options) JobReason() {
	o.cmd.Flag("reason", "The reason to pass to the submitted jobs").Meta("REASON").StringVar(&o.Reason)
}

func (o *Options) TargetGroup() {
	o.cmd.Flag("group", "the target node group (name or UUID)").Short('G').Meta("ID").Complete("onegroup").StringPtr(&o.Group)
}

func (o *Options) MaxLength() {
	o.Integer("max-length", "N", "max solution length", "cap the solution at this many balancing or allocation rounds "+
		"(useful for very unbalanced clusters or empty clusters)", &o.Balance.MaxMoves).Short('l')
}

func (o *Options) OfflineNodes() {
	o.cmd.Flag("offline", "set node as offline").Short('O').Meta("NODE").Complete("onenode").StringsVar(&o.Offline)
}

func (o *Options) StaticKVMMemory() {
	o.Integer("static-kvm-node-memory", "N", "static node memory", "use static node memory [in MB] on KVM instead of value "+
		"reported by hypervisor. Use 0 to take value reported from hypervisor.", &o.KVMNodeMem)
}

// NoStorageKinds adds an option that the reference does not have.
func (o *Options) NoStorageKinds() {
	o.cmd.Flag("no-storage-kinds", "look at disk space as a whole, whatever volume groups there are").Own().Unlisted().BoolVar(&o.NoKinds)
}

func (o *Options) MinScore() {
	o.Real("min-score", "EPSILON", "min score", "mininum excess to the N+1 limit to aim for", &o.Balance.MinScore).Short('e')
}

func (o *Options) MaxCPURatio() {
	help := "maximum virtual-to-physical cpu ratio for nodes (from 0 upwards) [default read from cluster]"
	o.cmd.Flag("max-cpu", help).Meta("RATIO").Complete("float").Func(func(s string) error {
		ratio, err := number.Real("parsing max-cpu", s)
		if err == nil && ratio <= 0 {
			err = errors.New("Invalid value of the max-cpu ratio, expected >0")
		}
		o.MaxCPU = &ratio
		return err
	})
}

func (o *Options) MinDiskRatio() {
	help := "minimum free disk space for nodes (between 0 and 1) [0]"
	o.cmd.Flag("min-disk", help).Meta("RATIO").Complete("float").Func(func(s string) error {
		share, err := number.Real("min free disk space", s)
		o.MinDisk = &share
		return err
	})
}

func (o *Options) MinGain() {
	o.Real("min-gain", "DELTA", "min gain", "minimum gain to aim for in a balancing step before giving up",
		&o.Balance.MinGain).Short('g')
}

func (o *Options) MinGainLimit() {
	o.Real("min-gain-limit", "SCORE", "min gain limit", "minimum cluster score for which we start checking the min-gain",
		&o.Balance.MinGainLimit)
}

func (o *Options) NoDiskMoves() {
	o.cmd.Flag("no-disk-moves", "disallow disk moves from the list of allowed instance changes, thus allowing only the "+
		"'cheap' failover/migrate operations").FalseVar(&o.Balance.DiskMoves)
}

func (o *Options) NoInstanceMoves() {
	o.cmd.Flag("no-instance-moves", "disallow instance (primary node) moves from the list of allowed, instance changes, "+
		"thus allowing only slower, but sometimes safer, drbd secondary changes").FalseVar(&o.Balance.InstanceMoves)
}

func (o *Options) SelectInstances() {
	o.List("select-instances", "INSTS", "manyinstances", "only select given instances for any moves", &o.Select)
}

func (o *Options) ExcludeInstances() {
	o.List("exclude-instances", "INSTS", "manyinstances", "exclude given instances from any moves", &o.Exclude)
}

func (o *Options) ExclusionPrefixes() {
	o.List("exclusion-tags", "TAG,...", "string", "Enable instance exclusion based on given tag prefix", &o.ExclusionTags)
}

func (o *Options) IgnoreSoftErrors() {
	o.cmd.Flag("ignore-soft-errors", "Ignore any soft restrictions in balancing").BoolVar(&o.Balance.IgnoreSoftErrors)
}

func (o *Options) IgnoreUtil() {
	o.cmd.Flag("ignore-dynu", "Ignore any dynamic utilisation information").BoolVar(&o.IgnoreDynUtil)
}

func (o *Options) QueryMonD() {
	o.yesNo("mond", "pass either 'yes' or 'no' to query all monDs", &o.MonD)
}

func (o *Options) MonDXen() {
	o.cmd.Flag("mond-xen", "also consider xen-specific collectors in MonD queries").Bool()
}

func (o *Options) MonDExitMissing() {
	o.cmd.Flag("exit-on-missing-mond-data", "abort if the data available from the monitoring daemons is incomplete").Bool()
}

func (o *Options) SaveCluster() {
	o.cmd.Flag("save", "Save cluster state at the end of the processing to FILE").Short('S').Meta("FILE").StringVar(&o.Save)
}

// priorities are the words for how urgent jobs are.
var priorities = []string{"low", "normal", "high"}

func (o *Options) JobPriority() {
	f := o.cmd.Flag("priority", "set the priority of submitted jobs").Meta("PRIO").Complete("choices=low,normal,high")
	f.Func(func(s string) error {
		if slices.Contains(priorities, s) {
			o.Priority = s
			return nil
		}
		return fmt.Errorf("Unknown priority '%s'", s)
	})
}

func (o *Options) NoCapacityChecks() {
	o.cmd.Flag("no-capacity-checks", "disable capacity checks (like global N+1 redundancy)").FalseVar(&o.CapacityChecks)
}

func (o *Options) MachineReadable() {
	o.yesNo("machine-readable", "enable machine readable output (pass either 'yes' or 'no' to explicitly control the flag, "+
		"or without an argument defaults to yes)", &o.Machine)
}

func (o *Options) HeaderLine() {
	o.cmd.Flag("no-headers", "do not show a header line").BoolVar(&o.NoHeaders)
}
