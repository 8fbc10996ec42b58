// Command fetch gets an image for the OS definition "debootstrap":
//
//	fetch URL SHA256 FILE
//
// The bytes gather in FILE.part, where an interrupted run is taken up again;
// FILE appears only when it is complete and its digest is the one given.
package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// stall is how long a server may send nothing before it is given up.
const stall = time.Minute

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: fetch URL SHA256 FILE")
		os.Exit(2)
	}
	if err := fetch(context.Background(), os.Args[1], os.Args[2], os.Args[3], stall); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
}
