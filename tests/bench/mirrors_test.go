package main

import (
	"testing"
	"time"
)

func TestToolsTimeIsTheUnionOfTheirCommands(t *testing.T) {
	const lvs, look = "timeout -k 5 60 lvs\n", "timeout -k 5 60 cat /proc/drbd\n"
	for log, want := range map[string]time.Duration{
		"": 0,
		"2026-11-29 23:00:10,000: node=a took=2.000s status=0 " + lvs + // on two nodes at the same time
			"2026-11-29 23:00:10,500: node=b took=1.000s status=0 " + lvs: 2500 * time.Millisecond,
		"2026-11-29 23:00:10,000: node=a took=1.000s status=0 " + lvs +
			"2026-11-29 23:00:10,500: node=b took=1.000s status=0 timeout -k 5 5 perl -e x\n" + // Gantry's own
			"2026-11-29 23:00:12,000: node=a took=1.000s status=1 " + look: 2 * time.Second,
		"2026-11-29 23:00:10,000: node=a took=0.100s status=0 " + look + // a pause between two looks
			"2026-11-29 23:00:13,100: node=a took=0.100s status=0 " + look: 3200 * time.Millisecond,
		"2026-11-29 23:00:10,000: node=a took=0.100s status=0 " + look +
			"2026-11-29 23:00:11,000: node=a took=0.100s status=0 " + lvs +
			"2026-11-29 23:00:13,000: node=a took=0.100s status=0 " + look: 300 * time.Millisecond,
	} {
		if got := toolTime(log); got != want {
			t.Errorf("%s of\n%s\nwant %s", got, log, want)
		}
	}
}
