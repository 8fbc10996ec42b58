// Package rapi reads a cluster from what the remote API answers, saved in files.
package rapi

import (
	"errors"

	"gantry/lib/balance"
)

func Read(data string) (*balance.Cluster, error) { return nil, errors.New("x") }
