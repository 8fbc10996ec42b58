package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/unit"
)

// ModifyOptions are what can be changed of a cluster, as it was typed. nil, and of the lists in one word "", is not given.
type ModifyOptions struct {
	Modify             // what needs no reading
	Hypervisors        string
	DiskTemplateList   string
	HVOptions          []unit.Ident
	BEOptions          unit.Params
	NICOptions         unit.Params
	NDOptions          unit.Params
	IAllocatorOptions  unit.Params
	DiskOptions        []unit.Ident
	HVStateOptions     []unit.Ident
	DiskStateOptions   []unit.Ident
	Policy             config.PolicyOptions
	UIDs               *string
	MoreUIDs, LessUIDs *string
	Netmask            *string
	Reserved           *string
	Tools              *string
	Collectors         unit.Params
	CollectorIntervals unit.Params
	Order              []string // of all parameters, as they were typed
}

// Given says whether anything is to be changed.
func (o *ModifyOptions) Given() bool {
	for _, given := range []bool{
		o.VGName != nil, o.DRBDHelper != nil, o.Hypervisors != "", len(o.HVOptions) > 0, len(o.BEOptions) > 0, len(o.NICOptions) > 0, len(o.NDOptions) > 0,
		len(o.DiskOptions) > 0, o.CandidatePoolSize != nil, o.MaxRunningJobs != nil, o.MaxTrackedJobs != nil, o.UIDs != nil, o.MaintainNodeHealth != nil,
		o.MoreUIDs != nil, o.LessUIDs != nil, o.DefaultIAllocator != nil, len(o.IAllocatorOptions) > 0, o.Reserved != nil, o.MACPrefix != nil,
		o.MasterNetdev != nil, o.Netmask != nil, o.UseExternalMIPScript != nil, o.PreallocWipeDisks != nil, len(o.HVStateOptions) > 0, o.DiskTemplateList != "",
		len(o.DiskStateOptions) > 0, o.Policy.Given(), o.ModifyEtcHosts != nil, o.FileStorageDir != nil, o.SharedFileStorageDir != nil, o.InstallImage != nil,
		o.CommunicationNet != nil, o.ZeroingImage != nil, o.Tools != nil, o.EnabledUserShutdown != nil, len(o.Collectors) > 0, len(o.CollectorIntervals) > 0,
	} {
		if given {
			return true
		}
	}
	return false
}

// Read gives the operation. What it refuses has no place in a job: words of the wrong kind.
func (o *ModifyOptions) Read() (op Modify, err error) {
	op = o.Modify
	op.HVParams, op.DiskParams = map[string]config.Params{}, map[string]config.Params{}
	op.DataCollectors, op.DataCollectorIntervals = map[string]bool{}, map[string]int64{}
	for _, read := range []func(*Modify) error{o.lists, o.parameters, o.templates, o.policy, o.uids, o.states, o.numbers, o.collectors} {
		if err := read(&op); err != nil {
			return op, err
		}
	}
	return op, nil
}

// lists splits what stands in one word.
func (o *ModifyOptions) lists(op *Modify) error {
	if o.Hypervisors != "" {
		op.EnabledHypervisors = strings.Split(o.Hypervisors, ",")
		if wrong := strangers(op.EnabledHypervisors, config.Hypervisors()); wrong != "" {
			return fault.Say("Enabled hypervisors contains invalid entries: " + wrong)
		}
	}
	if o.DiskTemplateList != "" {
		op.EnabledDiskTemplates = strings.Split(o.DiskTemplateList, ",")
		if wrong := strangers(op.EnabledDiskTemplates, config.DiskTemplates); wrong != "" {
			return fault.Say("Enabled disk templates list contains invalid entries: " + wrong)
		}
	}
	if o.Reserved != nil {
		op.ReservedLVs = split(*o.Reserved, unit.SplitList)
	}
	if o.Tools != nil {
		op.CompressionTools = split(*o.Tools, func(s string) []string { return strings.Split(s, ",") })
	}
	return nil
}

// split reads a list; that of an empty word is empty, not nil.
func split(word string, by func(string) []string) *[]string {
	list := []string{}
	if word != "" {
		list = by(word)
	}
	return &list
}

// hvInput are the parameters of all hypervisors: what is typed is checked for its type before anybody asks whose it is.
var hvInput = func() config.Table {
	all := map[string]config.Param{}
	for _, hv := range config.Hypervisors() {
		for _, p := range config.HVTable(hv) {
			all[p.Name] = p
		}
	}
	var table config.Table
	for _, name := range slices.Sorted(maps.Keys(all)) {
		table = append(table, all[name])
	}
	return table
}()

func (o *ModifyOptions) parameters(op *Modify) (err error) {
	for _, option := range o.HVOptions {
		forced, err := hvInput.ForceTyped(o.Order, option.Params)
		if err != nil {
			return err
		}
		if config.HVTable(option.Name) == nil {
			return fault.New(fault.Hypervisor, "Unknown hypervisor type '%s'", option.Name)
		}
		op.HVParams[option.Name] = forced
	}
	return nil
}

// put sets an entry of a map that may not be there yet.
func put[T any](m *map[string]T, key string, v T) {
	if *m == nil {
		*m = map[string]T{}
	}
	(*m)[key] = v
}

func (o *ModifyOptions) templates(op *Modify) (err error) {
	for _, option := range o.DiskOptions {
		forced, err := config.DiskInput.ForceTyped(o.Order, option.Params)
		if err != nil {
			return err
		}
		if !slices.Contains(config.DiskTemplates, option.Name) {
			return fault.Say(fmt.Sprintf("There is no disk template '%s'", option.Name))
		}
		op.DiskParams[option.Name] = forced
	}
	be, err := config.BEInput.ForceTyped(o.Order, o.BEOptions)
	if err != nil {
		return err
	}
	op.BEParams = config.SplitMemory(be)
	if op.NICParams, err = config.NICParams.ForceTyped(o.Order, o.NICOptions); err != nil {
		return err
	}
	if link, given := op.NICParams["link"]; given && link == "" {
		return fault.Say("The link of a network interface cannot be empty")
	}
	if o.IAllocatorOptions != nil {
		op.DefaultIAllocatorParams = config.Params(o.IAllocatorOptions)
	}
	op.NDParams, err = config.NDParams.ForceTyped(o.Order, o.NDOptions)
	return err
}

func (o *ModifyOptions) policy(op *Modify) (err error) {
	if attribute := o.Policy.Unset(); attribute != "" {
		return fault.Refuse(fault.WrongInput, "Can't unset ipolicy attribute '%s' on the cluster'", attribute)
	}
	op.IPolicy, err = o.Policy.Policy()
	return err
}

func (o *ModifyOptions) uids(op *Modify) (err error) {
	for _, list := range []struct {
		word *string
		into **[]config.UIDRange
	}{{o.UIDs, &op.UIDPool}, {o.MoreUIDs, &op.AddUIDs}, {o.LessUIDs, &op.RemoveUIDs}} {
		if list.word == nil {
			continue
		}
		pool, err := uidPool(*list.word)
		if err != nil {
			return err
		}
		if pool == nil {
			pool = []config.UIDRange{} // an empty pool is not the same as none given
		}
		*list.into = &pool
	}
	return nil
}

func (o *ModifyOptions) states(op *Modify) (err error) {
	if op.HVState, err = config.HVStates(o.HVStateOptions); err != nil {
		return err
	}
	op.DiskState, err = config.DiskStates(o.DiskStateOptions)
	return err
}

func (o *ModifyOptions) numbers(op *Modify) error {
	if o.Netmask != nil {
		bits, err := unit.ParseInt(*o.Netmask)
		if err != nil {
			return fault.Say("The --master-netmask option expects an int parameter.")
		}
		op.MasterNetmask = &bits
	}
	for name, n := range map[string]*int{"candidate-pool-size": op.CandidatePoolSize, "max-running-jobs": op.MaxRunningJobs, "max-tracked-jobs": op.MaxTrackedJobs} {
		if n != nil && *n <= 0 {
			return fault.Say(fmt.Sprintf("The --%s option expects a number above 0, not %d", name, *n))
		}
	}
	return nil
}

// collectors reads which data collectors are to run, and how many seconds lie between two of their runs.
func (o *ModifyOptions) collectors(op *Modify) error {
	for name, v := range o.Collectors {
		op.DataCollectors[name] = strings.HasPrefix(strings.ToLower(unit.Str(v)), "t")
	}
	for name, v := range o.CollectorIntervals {
		seconds, err := strconv.ParseFloat(unit.Str(v), 64)
		if err != nil {
			return fault.Say("Can't transform all values to integers: " + unit.Repr(map[string]any(o.CollectorIntervals)))
		}
		if seconds <= 0 {
			return fault.Say("Some interval times where not above zero.")
		}
		op.DataCollectorIntervals[name] = int64(seconds * 1e6)
	}
	return nil
}

// Strangers are the data collectors that were named and do not exist; they are passed over.
func (o *ModifyOptions) Strangers() []string {
	var names []string
	for _, given := range []unit.Params{o.Collectors, o.CollectorIntervals} {
		for name := range given {
			if _, known := defaultCollectors()[name]; !known {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
