// Package hooks runs the site's own scripts around an operation: /etc/ganeti/hooks/PATH-pre.d on some nodes before it
// changes anything, PATH-post.d after it is done. A pre script that fails stops the operation, a post script is only
// reported. Names, order, environment and texts are Ganeti's.
package hooks

import (
	"fmt"
	"maps"
	"strings"
)

// Dir is where the directories of scripts are on each node.
const Dir = "/etc/ganeti/hooks"

// ConfigUpdate is the path whose post scripts run on the master after an operation that changed the configuration.
const ConfigUpdate = "config-update"

// Phase is when scripts run. Its text names the directory and stands in GANETI_HOOKS_PHASE.
type Phase string

const (
	Pre  Phase = "pre"
	Post Phase = "post"
)

// Plan is what an operation wants of its hooks.
type Plan struct {
	Path string            // "instance-add"; "" runs nothing
	Env  map[string]string // without the GANETI_ in front
	Pre  []string          // names of the nodes
	Post []string
}

// Cluster is what every script is told.
type Cluster struct{ Name, Master, DataDir string }

// objectTypes gives the kind of object by the first word of a path, where it differs from the word itself.
var objectTypes = map[string]string{"disk": "INSTANCE", "mirrors": "INSTANCE"}

// objectType is GANETI_OBJECT_TYPE: "instance-add" is about an INSTANCE.
func objectType(path string) string {
	word, _, _ := strings.Cut(path, "-")
	if t, ok := objectTypes[word]; ok {
		return t
	}
	return strings.ToUpper(word)
}

// Environment is all that the scripts of a phase see. The post phase sees what the pre phase saw and, under GANETI_POST_,
// what is so after the operation.
func Environment(phase Phase, opcode string, c Cluster, pre, post *Plan) map[string]string {
	env := map[string]string{
		"PATH":                 "/sbin:/bin:/usr/sbin:/usr/bin",
		"GANETI_HOOKS_VERSION": "2",
		"GANETI_OP_CODE":       opcode,
		"GANETI_DATA_DIR":      c.DataDir,
		"GANETI_HOOKS_PHASE":   string(phase),
		"GANETI_HOOKS_PATH":    pre.Path,
		"GANETI_CLUSTER":       c.Name,
		"GANETI_MASTER":        c.Master,
	}
	if pre.Path != "" { // else it is only the base of ForConfigUpdate
		env["GANETI_OBJECT_TYPE"] = objectType(pre.Path)
	}
	for name, value := range pre.Env {
		env["GANETI_"+name] = value
	}
	if phase == Post && post != nil {
		for name, value := range post.Env {
			env["GANETI_POST_"+name] = value
		}
	}
	return env
}

// ForConfigUpdate turns the environment of an operation into that of its configuration update.
func ForConfigUpdate(env map[string]string) map[string]string {
	env = maps.Clone(env)
	maps.DeleteFunc(env, func(name, _ string) bool { return strings.HasPrefix(name, "GANETI_POST_") })
	env["GANETI_HOOKS_PHASE"], env["GANETI_HOOKS_PATH"] = string(Post), ConfigUpdate
	return env
}

// directory is the name of a phase's directory under Dir.
func directory(path string, phase Phase) string {
	return fmt.Sprintf("%s-%s.d", path, phase)
}
