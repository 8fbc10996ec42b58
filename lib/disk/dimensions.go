package disk

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"gantry/lib/remote"
)

//go:embed dimensions.sh
var dimensionsScript string

// Bytes asks a node how large devices or files are; 0 is one of which it does not know.
func Bytes(ctx context.Context, r remote.Runner, node string, paths ...string) ([]int64, error) {
	out, err := r.Run(ctx, node, remote.Script(dimensionsScript, paths...))
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(string(out.Stdout))
	if len(lines) != len(paths) {
		return nil, fmt.Errorf("node %s gave %d sizes of %d", node, len(lines), len(paths))
	}
	sizes := make([]int64, len(lines))
	for i, line := range lines {
		sizes[i], _ = strconv.ParseInt(line, 10, 64) // what is no number is not known
	}
	return sizes, nil
}
