package balance

// EvacMode says which instances leave a node that is evacuated.
type EvacMode int

// The modes, named as in the iallocator protocol.
const (
	EvacPrimary EvacMode = iota
	EvacSecondary
	EvacAll
)

var evacModeNames = []string{"primary-only", "secondary-only", "all"}

// ParseEvacMode reads the name of a mode.
func ParseEvacMode(s string) (EvacMode, error) {
	i, err := parseName("EvacMode", evacModeNames, s)
	return EvacMode(i), err
}
