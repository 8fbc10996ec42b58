package config

import "time"

// mayBeMaster says whether a node could be a master candidate.
func (n *Node) mayBeMaster() bool { return n.MasterCapable && !n.Offline && !n.Drained }

// CandidateCount is how many master candidates there are, and how many there should be when there are more nodes than now that
// can be one.
func (c *Config) CandidateCount(more int) (now, should int) {
	possible := more
	for _, n := range c.Nodes {
		if n.mayBeMaster() {
			possible++
		}
		if n.MasterCandidate {
			now++
		}
	}
	return now, min(possible, c.Cluster.CandidatePool)
}

// PromoteCandidates makes nodes master candidates until there are as many as there should be, and names them.
func (c *Config) PromoteCandidates(at time.Time) []string {
	var names []string
	now, should := c.CandidateCount(0)
	for _, n := range c.Nodes {
		if now >= should {
			break
		}
		if !n.MasterCandidate && n.mayBeMaster() {
			n.MasterCandidate = true
			n.Touch(at)
			names = append(names, n.Name)
			now++
		}
	}
	return names
}
