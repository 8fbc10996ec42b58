// Package cluster holds the operations on the cluster as a whole: making it, changing its parameters, verifying it, and the
// tags of all objects.
package cluster
