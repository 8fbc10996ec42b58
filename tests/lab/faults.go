package lab

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FaultsName is the variable that tells how much tests of faults try: "all", or for how long (20m). Without it they try a short while.
const FaultsName = "GANTRY_FAULTS"

const seedName = FaultsName + "_SEED"

// FaultTime is for how long faults are tried; all of them if it is 0.
func FaultTime(t testing.TB, short time.Duration) time.Duration {
	t.Helper()
	switch asked := os.Getenv(FaultsName); asked {
	case "":
		return short
	case "all":
		return 0
	default:
		d, err := time.ParseDuration(asked)
		if err != nil {
			t.Fatalf("%s: %v", FaultsName, err)
		}
		return d
	}
}

// FaultChance chooses which faults come first: others in each run, unless GANTRY_FAULTS_SEED repeats a choice.
func FaultChance(t testing.TB) *rand.Rand {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv(seedName), 10, 64)
	if err != nil {
		seed = uint64(time.Now().Unix())
	}
	t.Logf("%s=%d", seedName, seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// Point is a moment at which GANTRY_FAULT can kill what runs a job: "change:7", and what it does there.
type Point struct{ At, What string }

// Points reads them from what GANTRY_FAULT=list:FILE has written.
func Points(text string) (list []Point) {
	for line := range strings.Lines(text) {
		program, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if at, what, _ := strings.Cut(rest, " "); program == "gnt-job" {
			list = append(list, Point{at, what})
		}
	}
	return list
}
