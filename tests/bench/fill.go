package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"gantry/lib/config"
	"gantry/lib/remote"
	"gantry/tests/inside"
)

// What this program is called inside the lab.
const (
	fillName     = "bench-fill"     // fills the configuration
	transactName = "bench-transact" // measures transactions
)

// fill makes the configuration have as many instances as asked for, none of them real.
func fill() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: %s NUMBER", fillName)
	}
	want, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	c, err := inside.Open()
	if err != nil {
		return err
	}
	defer c.Pool.Close()
	return c.Fill(want, func(*config.Instance) {})
}

// transact prints, some times, how long a transaction took and how long one SFTP put of the same text to one candidate, with fsync and
// atomic rename, in microseconds. Both over connections that are open already; the transaction changes nothing that ssconf files show.
func transact() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: %s TIMES NODE", transactName)
	}
	times, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	c, err := inside.Open()
	if err != nil {
		return err
	}
	defer c.Pool.Close()
	text, err := os.ReadFile(c.Store.File())
	if err != nil {
		return err
	}
	for i := range times + 1 {
		began := time.Now()
		if err := c.Update(func(cfg *config.Config) error {
			cfg.Instances[i%len(cfg.Instances)].SerialNo++
			return nil
		}); err != nil {
			return err
		}
		took := time.Since(began)
		began = time.Now()
		if err := c.Pool.Put(context.Background(), os.Args[2], "/root/bench", text, 0o600); err != nil {
			return err
		}
		put := time.Since(began)
		began = time.Now() // a put ends with a command that syncs the directory, which starts a process: that is not counted
		if _, err := c.Pool.Run(context.Background(), os.Args[2], remote.Command("sync", "/root")); err != nil {
			return err
		}
		put -= time.Since(began)
		if i > 0 { // the first one connected
			fmt.Println(took.Microseconds(), put.Microseconds())
		}
	}
	return nil
}
