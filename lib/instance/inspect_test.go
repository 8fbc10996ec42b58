package instance

import (
	"testing"

	"gantry/lib/config"
)

// FuzzParseStat: each line of an answer is for one disk, or the whole is refused.
func FuzzParseStat(f *testing.F) {
	f.Add([]byte("block special file|7|0\nregular file|0|0\n"))
	f.Add([]byte("\nblock special file|x\n"))
	disks := []*config.Disk{{UUID: "a", DevType: config.DTFile, LogicalID: config.LogicalID{"loop", "/srv/a"}},
		{UUID: "b", DevType: config.DTFile, LogicalID: config.LogicalID{"loop", "/srv/b"}}}
	f.Fuzz(func(t *testing.T, out []byte) {
		devices, err := parseStat(out, disks, "n1", nil)
		for uuid := range devices {
			if err != nil || uuid != "a" && uuid != "b" {
				t.Errorf("%q, %v", uuid, err)
			}
		}
	})
}
