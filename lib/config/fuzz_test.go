package config

import "testing"

// Whatever comes as a config.data: an error, or a configuration that can be written again and checked without a panic.
func FuzzFromGaneti(f *testing.F) {
	f.Add([]byte(`{"version": 3000000, "cluster": {"cluster_name": "c"}, "nodes": {"a": {"name": "n", "uuid": "a"}}, "disks": {"d": {"uuid": "d", "children": [{}], "logical_id": [1, null, 2.5], "dev_type": "drbd"}}}`))
	f.Add([]byte(`{"version": 3000000, "nodes": {"a": null}, "instances": {"i": {"nics": [{}], "hvparams": {"x": [1]}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := FromGaneti(data)
		if err != nil {
			return
		}
		if _, err := c.Clone().Ganeti(); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
		c.Validate()
	})
}
