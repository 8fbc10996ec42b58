package cluster

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gantry/lib/config"
	"gantry/lib/fault"
	"gantry/lib/hooks"
	"gantry/lib/job"
)

// Kinds of objects that have tags.
const (
	TagsOfCluster  = "cluster"
	TagsOfInstance = "instance"
	TagsOfNode     = "node"
	TagsOfGroup    = "nodegroup"
	TagsOfNetwork  = "network"
)

// AddTags gives tags to an object; those it has already stay.
type AddTags struct {
	Kind string   `json:"kind"`
	Name string   `json:"name,omitempty"` // empty for the cluster
	Tags []string `json:"tags"`
}

// RemoveTags takes tags from an object that has all of them.
type RemoveTags AddTags

// Adding makes the operation that adds tags to an object of a kind.
func Adding(kind string) func(name string, tags []string) job.Operation {
	return func(name string, tags []string) job.Operation { return AddTags{Kind: kind, Name: name, Tags: tags} }
}

// Removing makes the operation that removes tags from an object of a kind.
func Removing(kind string) func(name string, tags []string) job.Operation {
	return func(name string, tags []string) job.Operation { return RemoveTags{Kind: kind, Name: name, Tags: tags} }
}

// OpID is the operation's name in job files.
func (AddTags) OpID() string { return "OP_TAGS_SET" }

// OpID is the operation's name in job files.
func (RemoveTags) OpID() string { return "OP_TAGS_DEL" }

// Work starts it.
func (op AddTags) Work(env *job.Env) job.Work { return &tags{op: op, env: env, change: config.AddTags} }

// Work starts it.
func (op RemoveTags) Work(env *job.Env) job.Work {
	return &tags{op: AddTags(op), env: env, change: removeTags}
}

// removeTags refuses tags that the object does not have, all of them in one message.
func removeTags(have []string, tags ...string) ([]string, error) {
	var missing []string
	for _, t := range tags {
		if err := config.CheckTag(t); err != nil {
			return nil, err
		}
		if !slices.Contains(have, t) {
			missing = append(missing, "'"+t+"'")
		}
	}
	if missing != nil {
		slices.Sort(missing)
		return nil, fault.Refuse(fault.NotFound, "Tag(s) %s not found", strings.Join(slices.Compact(missing), ", "))
	}
	return config.RemoveTags(have, tags...) // which refuses one that is given twice
}

type tags struct {
	op     AddTags
	env    *job.Env
	change func(have []string, tags ...string) ([]string, error)
}

func (w *tags) Locks(cfg *config.Config) ([]job.Lock, error) {
	o, err := tagged(cfg, w.op.Kind, w.op.Name)
	if err != nil || o.lock == nil {
		return nil, err
	}
	return []job.Lock{*o.lock}, nil
}

func (w *tags) Check(context.Context) error {
	o, err := tagged(w.env.Config, w.op.Kind, w.op.Name)
	if err != nil {
		return err
	}
	_, err = w.change(*o.tags, w.op.Tags...)
	return err
}

func (w *tags) Hooks() *hooks.Plan { return nil }

func (w *tags) Run(ctx context.Context) (any, error) {
	return nil, w.env.Update(ctx, func(cfg *config.Config) error {
		o, err := tagged(cfg, w.op.Kind, w.op.Name)
		if err != nil {
			return err
		}
		if *o.tags, err = w.change(*o.tags, w.op.Tags...); err != nil {
			return err
		}
		o.stamp.Touch(w.env.Clock())
		return nil
	})
}

// object is whatever has tags.
type object struct {
	tags  *[]string
	stamp *config.Stamp
	lock  *job.Lock // nil for the cluster
}

// tagged finds an object by its kind and name.
func tagged(cfg *config.Config, kind, name string) (object, error) {
	switch kind {
	case TagsOfInstance:
		if i := cfg.MatchInstance(name); i != nil {
			return object{&i.Tags, &i.Stamp, &job.Lock{Level: job.LevelInstance, Name: i.Name}}, nil
		}
		return object{}, fault.Refuse(fault.NotFound, "Instance '%s' not known", name)
	case TagsOfNode:
		if n := cfg.MatchNode(name); n != nil {
			return object{&n.Tags, &n.Stamp, &job.Lock{Level: job.LevelNode, Name: n.UUID}}, nil
		}
		return object{}, fault.Refuse(fault.NotFound, "Node '%s' not known", name)
	case TagsOfGroup:
		if g := cfg.GroupByName(name); g != nil {
			return object{&g.Tags, &g.Stamp, &job.Lock{Level: job.LevelNodeGroup, Name: g.UUID}}, nil
		}
		return object{}, fault.Refuse(fault.NotFound, "Node group '%s' not found", name)
	case TagsOfNetwork:
		if n := cfg.NetworkByName(name); n != nil {
			return object{&n.Tags, &n.Stamp, &job.Lock{Level: job.LevelNetwork, Name: n.UUID}}, nil
		}
		return object{}, fault.Refuse(fault.NotFound, "Network '%s' not found", name)
	}
	return object{tags: &cfg.Cluster.Tags, stamp: &cfg.Cluster.Stamp}, nil
}

// TagsOf gives the tags of an object of a kind, sorted. An unknown name is refused in the words of the lists.
func TagsOf(kind string) func(cfg *config.Config, name string) ([]string, error) {
	noun := map[string]string{TagsOfInstance: "Instance", TagsOfNode: "Node", TagsOfGroup: "NodeGroup", TagsOfNetwork: "Network"}[kind]
	return func(cfg *config.Config, name string) ([]string, error) {
		o, err := tagged(cfg, kind, name)
		if err != nil {
			return nil, fault.Refuse(fault.NotFound, "%s name %s not found", noun, name)
		}
		return slices.Sorted(slices.Values(*o.tags)), nil
	}
}

// FoundTag is a tag and the path of the object that has it, "/instances/web1.example.com".
type FoundTag struct{ Path, Tag string }

// SearchTags finds the tags that a regular expression matches anywhere, sorted by path.
func SearchTags(cfg *config.Config, pattern string) ([]FoundTag, error) {
	if pattern == "" {
		return nil, fault.EmptyValue("pattern")
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fault.Refuse(fault.WrongInput, "Invalid search pattern '%s': %v", pattern, err)
	}
	all := map[string][]string{"/cluster": cfg.Cluster.Tags}
	for _, i := range cfg.Instances {
		all["/instances/"+i.Name] = i.Tags
	}
	for _, n := range cfg.Nodes {
		all["/nodes/"+n.Name] = n.Tags
	}
	for _, g := range cfg.NodeGroups {
		all["/nodegroup/"+g.Name] = g.Tags
	}
	for _, n := range cfg.Networks {
		all["/network/"+n.Name] = n.Tags
	}
	var found []FoundTag
	for _, path := range slices.SortedFunc(maps.Keys(all), strings.Compare) {
		for _, tag := range slices.Sorted(slices.Values(all[path])) {
			if re.MatchString(tag) {
				found = append(found, FoundTag{path, tag})
			}
		}
	}
	return found, nil
}
