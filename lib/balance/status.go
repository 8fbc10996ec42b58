package balance

// Status is the state of an instance as the cluster reports it.
type Status int

// The states, named as in the text format.
const (
	AdminDown Status = iota
	AdminOffline
	ErrorDown
	ErrorUp
	NodeDown
	NodeOffline
	Running
	UserDown
	WrongNode
)

var statusNames = []string{
	"ADMIN_down", "ADMIN_offline", "ERROR_down", "ERROR_up", "ERROR_nodedown", "ERROR_nodeoffline", "running", "USER_down",
	"ERROR_wrongnode",
}

func (s Status) String() string { return statusNames[s] }

// ParseStatus reads the name of a state.
func ParseStatus(s string) (Status, error) {
	i, err := parseName("InstanceStatus", statusNames, s)
	return Status(i), err
}

// usesMemory tells whether an instance in this state holds memory on its node.
func (s Status) usesMemory() bool {
	switch s {
	case Running, ErrorUp, NodeDown, NodeOffline, WrongNode:
		return true
	}
	return false
}
