package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// ganetiFile is the shape of Ganeti's config.data: the same objects, keyed by UUID.
type ganetiFile struct {
	Version    int                    `json:"version"`
	Cluster    Cluster                `json:"cluster"`
	Nodes      map[string]*Node       `json:"nodes"`
	NodeGroups map[string]ganetiGroup `json:"nodegroups"`
	Instances  map[string]*Instance   `json:"instances"`
	Networks   map[string]*Network    `json:"networks"`
	Disks      map[string]*Disk       `json:"disks"`
	Filters    map[string]*Filter     `json:"filters"`
	CTime      float64                `json:"ctime"`
	MTime      float64                `json:"mtime"`
	SerialNo   int64                  `json:"serial_no"`
}

// ganetiGroup has the list of members that Ganeti computes and always writes empty.
type ganetiGroup struct {
	*NodeGroup
	Members []string `json:"members"`
}

// FromGaneti reads a config.data. What is null there is absent here. An attribute we do not know is an error: it would be lost.
func FromGaneti(data []byte) (*Config, error) {
	var f ganetiFile
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("reading Ganeti's configuration: %w", err)
	}
	if f.Version/10000 != GanetiVersion/10000 {
		return nil, fmt.Errorf("Ganeti's configuration has version %d, and only 3.0 (%d) can be converted", f.Version, GanetiVersion)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("reading Ganeti's configuration: %w", err)
	}
	groups := make(map[string]*NodeGroup, len(f.NodeGroups))
	for uuid, g := range f.NodeGroups {
		groups[uuid] = g.NodeGroup
	}
	c := &Config{
		Version: f.Version, Serial: f.SerialNo, CTime: f.CTime, MTime: f.MTime, Cluster: f.Cluster,
		Nodes:      sortedObjects(f.Nodes, nodeKey),
		NodeGroups: sortedObjects(groups, groupKey),
		Networks:   sortedObjects(f.Networks, networkKey),
		Instances:  sortedObjects(f.Instances, instanceKey),
		Disks:      sortedObjects(f.Disks, diskKey),
		Filters:    sortedObjects(f.Filters, func(f *Filter) (string, string) { return f.UUID, "" }),
	}
	return c, nil
}

// check refuses objects that are null, or that stand under another UUID than their own.
func (f *ganetiFile) check() error {
	for uuid, g := range f.NodeGroups {
		if err := isObject("node group", uuid, g.NodeGroup, groupKey); err != nil {
			return err
		}
	}
	for _, d := range f.Disks {
		if d != nil && !d.childrenAreThere() {
			return fmt.Errorf("disk '%s' has a child that is null", d.UUID)
		}
	}
	return cmp.Or(
		areObjects("node", f.Nodes, nodeKey), areObjects("instance", f.Instances, instanceKey), areObjects("network", f.Networks, networkKey),
		areObjects("disk", f.Disks, diskKey), areObjects("filter", f.Filters, func(f *Filter) (string, string) { return f.UUID, "" }),
	)
}

func areObjects[T any](kind string, m map[string]*T, key func(*T) (uuid, name string)) error {
	for uuid, o := range m {
		if err := isObject(kind, uuid, o, key); err != nil {
			return err
		}
	}
	return nil
}

func isObject[T any](kind, uuid string, o *T, key func(*T) (uuid, name string)) error {
	if o == nil {
		return fmt.Errorf("%s with the UUID '%s' is null", kind, uuid)
	}
	if own, name := key(o); own != uuid {
		return fmt.Errorf("%s '%s' is indexed by wrong UUID '%s'", kind, name, uuid)
	}
	return nil
}

func (d *Disk) childrenAreThere() bool {
	for _, child := range d.Children {
		if child == nil || !child.childrenAreThere() {
			return false
		}
	}
	return true
}

// sortedObjects lists the values by name, then UUID.
func sortedObjects[T any](m map[string]*T, key func(*T) (uuid, name string)) []*T {
	list := slices.Collect(maps.Values(m))
	slices.SortFunc(list, func(a, b *T) int {
		ua, na := key(a)
		ub, nb := key(b)
		return cmp.Or(strings.Compare(na, nb), strings.Compare(ua, ub))
	})
	return list
}

// Ganeti writes the configuration as a config.data. It refuses while a job has something reserved, which Ganeti has no place for.
func (c *Config) Ganeti() ([]byte, error) {
	if len(c.Reservations) > 0 {
		return nil, fmt.Errorf("job %d still has something reserved", c.Reservations[0].Job)
	}
	out := c.Clone()
	f := ganetiFile{
		Version: GanetiVersion, Cluster: out.Cluster, CTime: out.CTime, MTime: out.MTime, SerialNo: out.Serial,
		Nodes:      byUUID(out.Nodes, nodeKey),
		NodeGroups: map[string]ganetiGroup{},
		Instances:  byUUID(out.Instances, instanceKey),
		Networks:   byUUID(out.Networks, networkKey),
		Disks:      byUUID(out.Disks, diskKey),
		Filters:    byUUID(out.Filters, func(f *Filter) (string, string) { return f.UUID, "" }),
	}
	for _, g := range out.NodeGroups {
		f.NodeGroups[g.UUID] = ganetiGroup{g, nil}
	}
	noNil(reflect.ValueOf(&f).Elem())
	return json.Marshal(f)
}

func byUUID[T any](list []*T, key func(*T) (uuid, name string)) map[string]*T {
	m := make(map[string]*T, len(list))
	for _, o := range list {
		uuid, _ := key(o)
		m[uuid] = o
	}
	return m
}

// noNil makes nil lists and maps empty ones, where Ganeti wants [] and {} and not null.
func noNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			noNil(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			noNil(v.Field(i))
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			noNil(v.Index(i))
		}
	case reflect.Map:
		noNilMap(v)
	}
}

// noNilMap goes through copies: the values of a map cannot be changed in place.
func noNilMap(v reflect.Value) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	if v.Type().Elem().Kind() == reflect.Interface {
		return
	}
	for _, key := range v.MapKeys() {
		value := reflect.New(v.Type().Elem()).Elem()
		value.Set(v.MapIndex(key))
		noNil(value)
		v.SetMapIndex(key, value)
	}
}
