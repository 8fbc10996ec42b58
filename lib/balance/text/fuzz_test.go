package text

import (
	"testing"

	"gantry/lib/balance"
)

const small = "g|u|preferred||\n\nn1|1024|0|512|100|50|4|M|u|1|a,b|N|0|1|1.0\nn2|1024|0|512|100|50|4|N|u\n\n" +
	"i|128|10|1|running|Y|n1|n2|drbd|x:y|1|-|N\n\nhtools:iextags:x\n\n|1,1,1,1,1,1|1,1,1,1,1,1;9,9,9,9,9,9|drbd|4.0|32.0\n"

func FuzzRead(f *testing.F) {
	f.Add(small)
	f.Add("\n\n\n\n")
	f.Fuzz(func(t *testing.T, data string) {
		c, err := Read(data)
		if err != nil {
			return
		}
		if _, err := (balance.Merge{}).Apply(c); err != nil {
			return
		}
		written, err := Write(c, c.Nodes, c.Instances)
		if err != nil {
			t.Fatalf("a whole cluster cannot be written: %v", err)
		}
		if len(written) == 0 {
			t.Fatal("nothing was written")
		}
		for _, p := range c.Parts() {
			balance.Score(p.Nodes)
		}
	})
}
