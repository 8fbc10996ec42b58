package htools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"gantry/lib/balance"
	"gantry/lib/balance/iallocator"
	"gantry/lib/balance/number"
	"gantry/lib/balance/rapi"
	"gantry/lib/balance/simulate"
	"gantry/lib/balance/text"
	"gantry/lib/fault"
)

// fail makes the one line a tool ends with.
func fail(format string, args ...any) error {
	return fault.Say("Error: " + fmt.Sprintf(format, args...))
}

// Fail makes the one line a tool ends with.
func Fail(format string, args ...any) error { return fail(format, args...) }

// Load reads the cluster from wherever the options say and prints a warning about data that does not add up.
func (o *Options) Load(ctx context.Context) error {
	if countSet(o.Master != "", o.Live, o.TextFile != nil) > 1 {
		return fail("Only one of the rapi, luxi, and data files options should be given.")
	}
	util, err := o.readUtil()
	if err != nil {
		return err
	}
	if o.Cluster, err = o.readCluster(ctx); err != nil {
		if bad, ok := errors.AsType[badRequest](err); ok {
			return bad.error
		}
		return fail("failed to load data, aborting: %v", FileError(err))
	}
	warnings, err := o.merge(util).Apply(o.Cluster)
	if err != nil {
		return fail("failed to load data, aborting: %v", err)
	}
	if o.MonD {
		if err := o.readMonitoring(); err != nil {
			return err
		}
	}
	if o.Level() != 0 {
		o.Warn(warnings)
	}
	return nil
}

// Open loads the cluster and applies what the command line says of its nodes.
func (o *Options) Open(ctx context.Context) error {
	if err := o.Load(ctx); err != nil {
		return err
	}
	return o.SetNodes()
}

// readMonitoring refuses what --mond asks for: Gantry has no monitoring daemons, so nothing makes such data.
func (o *Options) readMonitoring() error {
	if o.MonDFile != nil {
		if _, err := ReadFile(*o.MonDFile); err != nil {
			return o.Uncaught(err)
		}
	}
	return fail("there are no monitoring daemons whose data --mond could use")
}

func (o *Options) merge(util []balance.InstanceUtil) balance.Merge {
	return balance.Merge{
		Util: util, IgnoreUtil: o.IgnoreDynUtil, ExclusionPrefixes: o.ExclusionTags,
		Select: o.Select, Exclude: o.Exclude, KVMNodeMem: o.KVMNodeMem, NoKinds: o.NoKinds,
	}
}

// Warn prints what does not add up in the data.
func (o *Options) Warn(warnings []string) {
	if len(warnings) == 0 {
		return
	}
	o.Env.Warn("Warning: cluster has inconsistent data:")
	for _, w := range warnings {
		o.Env.Warn("  - %s", w)
	}
	o.Env.Warn("")
}

func countSet(given ...bool) int {
	n := 0
	for _, g := range given {
		if g {
			n++
		}
	}
	return n
}

func (o *Options) readCluster(ctx context.Context) (*balance.Cluster, error) {
	switch {
	case o.Master != "":
		return rapi.Read(o.Master)
	case o.Live:
		return ReadLive(ctx, o.Env)
	case len(o.Simulate) > 0:
		groups := slices.Clone(o.Simulate)
		slices.Reverse(groups) // the last one given is the first group
		return simulate.Read(groups)
	case o.TextFile != nil:
		return ReadText(*o.TextFile)
	case o.IAllocFile != nil:
		return o.readIAlloc()
	}
	return nil, fmt.Errorf("No backend selected! Exiting.")
}

// ReadText reads a raw cluster from a file in the text format.
func ReadText(name string) (*balance.Cluster, error) {
	data, err := ReadFile(name)
	if err != nil {
		return nil, err
	}
	return text.Read(data)
}

// badRequest is an error of a request, which the reference prints without saying that data were being loaded.
type badRequest struct{ error }

func (o *Options) readIAlloc() (*balance.Cluster, error) {
	data, err := ReadFile(*o.IAllocFile)
	if err != nil {
		return nil, err
	}
	request, warnings, err := ReadRequest(data, balance.Merge{})
	if err != nil {
		return nil, badRequest{err}
	}
	// The reference merges this source here and once more in Load, which counts all instances twice.
	o.Warn(warnings)
	return request.Cluster, nil
}

// ReadRequest reads a request of the iallocator protocol with the cluster it is about.
func ReadRequest(data string, merge balance.Merge) (*iallocator.Resolved, []string, error) {
	request, err := iallocator.Read(data)
	if err != nil {
		return nil, nil, fail("%v", err)
	}
	warnings, err := merge.Apply(request.Cluster)
	if err != nil {
		return nil, nil, fail("%v", err)
	}
	resolved, err := request.Resolve()
	if err != nil {
		return nil, nil, fail("%v", err)
	}
	return resolved, warnings, nil
}

// ReadFile reads a whole text file. Bytes that are no UTF-8 are an error.
func ReadFile(name string) (string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	return checkText(name, data)
}

// ReadAll reads a whole text from a stream; name is for errors.
func ReadAll(name string, r io.Reader) (string, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	return checkText(name, data)
}

func checkText(name string, data []byte) (string, error) {
	if utf8.Valid(data) {
		return string(data), nil
	}
	line := 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		data = data[size:]
	}
	return "", fmt.Errorf("%s: line %d: invalid byte sequence (not UTF-8)", name, line)
}

func (o *Options) readUtil() ([]balance.InstanceUtil, error) {
	if o.DynUtilFile == nil {
		return nil, nil
	}
	data, err := ReadFile(*o.DynUtilFile)
	if err != nil {
		return nil, o.Uncaught(err)
	}
	var list []balance.InstanceUtil
	for line := range strings.Lines(data) {
		u, err := parseUtil(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fail("can't parse utilisation data: %v", err)
		}
		list = append(list, u)
	}
	return list, nil
}

// parseUtil reads a line of a name and four figures, with one blank between.
func parseUtil(line string) (u balance.InstanceUtil, err error) {
	f := number.Split(line, " ")
	if len(f) != 5 {
		return u, fmt.Errorf("Cannot parse line %s", line)
	}
	u.Name = f[0]
	for k, p := range []*float64{&u.Util.CPU, &u.Util.Mem, &u.Util.Disk, &u.Util.Net} {
		if *p, err = number.Real(f[0], f[k+1]); err != nil {
			return u, err
		}
	}
	return u, nil
}

// SetNodes marks nodes offline and applies the limits of the command line.
func (o *Options) SetNodes() error {
	c := o.Cluster
	var unknown []string
	for _, name := range o.Offline {
		if full, ok := balance.LookupName(c.NodeNames(), name); ok {
			c.SetOffline(full)
		} else {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Reverse(unknown) // the reference collects its options backwards
		return fail("wrong node name(s) set as offline: %s\n", strings.Join(unknown, ","))
	}
	c.SetLimits(o.MaxCPU, o.MinDisk)
	return nil
}
