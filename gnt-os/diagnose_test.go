package main

import (
	"testing"

	"gantry/lib/osdef"
	"gantry/lib/query"
)

func TestAnOSOnANode(t *testing.T) {
	for name, tt := range map[string]struct {
		os   osdef.OS
		want string
	}{
		"old":     {osdef.OS{Path: "/os/noop", Valid: true, APIVersions: []int{5, 10}, Trusted: true}, "valid (path: /os/noop) [API versions: 5, 10] [trusted]"},
		"new":     {osdef.OS{Path: "/os/x", Valid: true, APIVersions: []int{20, 15}, Variants: []string{"a", "b"}, Parameters: []osdef.Parameter{{Name: "dhcp"}}, Trusted: true}, "valid (path: /os/x) [API versions: 20, 15] [variants: a, b] [parameters: dhcp] [trusted]"},
		"empty":   {osdef.OS{Path: "/os/x", Valid: true, APIVersions: []int{20}}, "valid (path: /os/x) [API versions: 20] [no variants] [no parameters] [untrusted]"},
		"invalid": {osdef.OS{Path: "/os/x", Reason: "File 'rename' is not executable", Trusted: true}, "invalid - File 'rename' is not executable (path: /os/x) [no API versions declared] [trusted]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := inUse(tt.os); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if got := title(&query.OSRow{Name: "x", Hidden: true, Blacklisted: true}, 1, 2); got != "OS: x [global status: partial valid] [hidden] [blacklisted]" {
		t.Errorf("title %q", got)
	}
}
