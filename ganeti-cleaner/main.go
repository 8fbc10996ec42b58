// Command ganeti-cleaner is run by cron once a day: on the master it removes archived jobs, on every node what the watcher kept.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	os.Exit(run(os.Args, places{data: "/var/lib/ganeti", log: "/var/log/ganeti"}, time.Now()))
}

// run reads the one word there is, as Ganeti's script does, and returns the exit status.
func run(words []string, at places, now time.Time) int {
	usage := func(status int) int {
		fmt.Printf("Usage: %s node|master\n", words[0])
		return status
	}
	if len(words) != 2 {
		return usage(1)
	}
	switch words[1] {
	case "--help":
		return usage(0)
	case "--help-completion":
		fmt.Println("choices=node,master 1 1")
		return 0
	case "node", "master":
		if err := clean(words[1], at, now); err != nil {
			fmt.Fprintln(os.Stderr, "ganeti-cleaner:", err)
			return 1
		}
		return 0
	}
	return usage(1)
}
