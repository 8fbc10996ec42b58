package config

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

func TestAGeneratedMACIsNewAndHasTheNetworksPrefix(t *testing.T) {
	c := recordedConfig(t)
	c.Networks[0].MACPrefix = "aa:bb:cc"
	c.Reservations = []*Reservation{{Job: 1, MAC: "aa:00:00:00:00:01"}}
	taken := []byte{0x4c, 0x53, 0x4c, 0, 0, 1, 0, 0, 2} // the first is an instance's, the second reserved
	if mac, err := c.GenerateMAC("", bytes.NewReader(taken)); err != nil || mac != "aa:00:00:00:00:02" {
		t.Errorf("GenerateMAC = %s, %v", mac, err)
	}
	if mac, err := c.GenerateMAC(c.Networks[0].UUID, bytes.NewReader(taken)); err != nil || mac != "aa:bb:cc:4c:53:4c" {
		t.Errorf("GenerateMAC in a network = %s, %v", mac, err)
	}
	if mac, err := c.GenerateMAC("", bytes.NewReader(bytes.Repeat(taken[:3], macTries+1))); err == nil {
		t.Errorf("GenerateMAC without luck = %s", mac)
	}
}

func TestMACsAreNormalizedOrRefused(t *testing.T) {
	if mac, err := NormalizeMAC("AA:bb:cc:dd:ee:ff"); err != nil || mac != "aa:bb:cc:dd:ee:ff" {
		t.Errorf("NormalizeMAC = %s, %v", mac, err)
	}
	for _, bad := range []string{"zz", "aa:00:00:1:2:3", "aa-bb-cc-dd-ee-ff", "", "aa:bb:cc:dd:ee:ff\n"} {
		if mac, err := NormalizeMAC(bad); err == nil || err.Error() != "Invalid MAC address '"+bad+"'" {
			t.Errorf("NormalizeMAC(%q) = %s, %v", bad, mac, err)
		}
		if prefix, err := NormalizeMACPrefix(bad); err == nil || err.Error() != "Invalid MAC address prefix '"+bad+"'" {
			t.Errorf("NormalizeMACPrefix(%q) = %s, %v", bad, prefix, err)
		}
	}
}

func TestPortsComeFromThePoolThenFromTheRange(t *testing.T) {
	c := recordedConfig(t)
	c.ReturnPort(11007)
	c.Reservations = []*Reservation{{Job: 1, Port: 11002}}
	for _, want := range []int{11007, 11003, 11004} {
		if port, err := c.TakePort(); err != nil || port != want {
			t.Errorf("TakePort = %d, %v, want %d", port, err, want)
		}
	}
	c.Cluster.HighestUsedPort = LastPort
	if port, err := c.TakePort(); err == nil || err.Error() != "The highest used port is greater than 14999. Aborting." {
		t.Errorf("TakePort beyond the range = %d, %v", port, err)
	}
	if port, err := (&Config{}).TakePort(); err != nil || port != FirstPort {
		t.Errorf("the first port is %d, %v", port, err)
	}
}

func TestMinorsAreCountedOnEachNode(t *testing.T) {
	two := 2
	c := &Config{
		Disks: []*Disk{
			{UUID: "d0", DevType: DTDRBD, LogicalID: DRBDID{NodeA: "a", NodeB: "b", MinorA: 0, MinorB: 1}.LogicalID()},
			{UUID: "d1", DevType: DTDRBD, LogicalID: DRBDID{NodeA: "b", NodeB: "a", MinorA: 0, MinorB: 3}.LogicalID()},
		},
		Reservations: []*Reservation{{Job: 1, Node: "a", Minor: &two}, {Job: 1, Node: "b"}},
	}
	if got, want := c.Minors("a"), (map[int]string{0: "d0", 2: "", 3: "d1"}); !reflect.DeepEqual(got, want) {
		t.Errorf("minors of a: %v, want %v", got, want)
	}
	if m := c.FreeMinor("a", nil); m != 1 {
		t.Errorf("free on a: %d", m)
	}
	if m := c.FreeMinor("a", map[int]bool{1: true}); m != 4 {
		t.Errorf("free on a, whose kernel has 1 in use: %d", m)
	}
	if m := c.FreeMinor("b", nil); m != 2 {
		t.Errorf("free on b: %d", m)
	}
	c.DropReservations(1)
	if len(c.Reservations) != 0 || c.FreeMinor("a", nil) != 1 {
		t.Error("reservations of the job are left")
	}
}

func TestUIDPools(t *testing.T) {
	for want, pool := range map[string][]UIDRange{
		"Lower user-id range boundary value (5) is larger than higher boundary value (3)":         {{5, 3}},
		"Lower user-id range boundary value (-1) is smaller than UIDPOOL_UID_MIN (0).":            {{-1, 3}},
		"Higher user-id boundary value (4294967296) is larger than UIDPOOL_UID_MAX (4294967295).": {{1, 4294967296}},
	} {
		if err := CheckUIDs(pool); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	pool := AddUIDs([]UIDRange{{4000, 4019}}, []UIDRange{{1, 1}, {4000, 4019}})
	if got := FormatUIDs(pool, ", "); got != "1, 4000-4019" {
		t.Errorf("the pool is %s", got)
	}
	if rest, err := RemoveUIDs(pool, []UIDRange{{1, 1}}); err != nil || FormatUIDs(rest, ", ") != "4000-4019" {
		t.Errorf("RemoveUIDs = %v, %v", rest, err)
	}
	if _, err := RemoveUIDs(pool, []UIDRange{{4001, 4002}}); err == nil || err.Error() != "User-id range to be removed is not found in the current user-id pool: [4001, 4002]" {
		t.Errorf("RemoveUIDs of a part = %v", err)
	}
}

func TestTags(t *testing.T) {
	for tag, want := range map[string]string{
		"a": "", "htools:iextags:service": "", "a@b:c/d*e.f+g": "", "é": "", "١": "",
		"": "Tags cannot be empty", "a tag": "Tag contains invalid characters", "a,b": "Tag contains invalid characters", "a\n": "Tag contains invalid characters",
		"\xff": "Tag contains invalid characters", strings.Repeat("x", 129): "Tag too long (>128 characters)", strings.Repeat("é", 128): "",
	} {
		got := ""
		if err := CheckTag(tag); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", tag, got, want)
		}
	}
	tags, err := AddTags([]string{"b"}, "c", "a", "b")
	if err != nil || strings.Join(tags, " ") != "a b c" {
		t.Errorf("AddTags = %v, %v", tags, err)
	}
	if tags, err := RemoveTags(tags, "b"); err != nil || strings.Join(tags, " ") != "a c" {
		t.Errorf("RemoveTags = %v, %v", tags, err)
	}
	if _, err := RemoveTags(tags, "x"); err == nil {
		t.Error("a tag that is not there was removed")
	}
}

func TestHostNames(t *testing.T) {
	for name, want := range map[string]string{"Inst1.Example.com": "inst1.example.com", "a.": "a", "a_b": "a_b", "-a": "-a", "1.2.3.4": "1.2.3.4"} {
		if got, err := NormalizeHost(name); err != nil || got != want {
			t.Errorf("NormalizeHost(%q) = %s, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "a b", "a..b", "é", "a/b", "a;b", "$(a)", "a\n", "\xff", strings.Repeat("x", 256), "."} {
		if got, err := NormalizeHost(bad); err == nil || err.Error() != "Invalid hostname '"+bad+"'" {
			t.Errorf("NormalizeHost(%q) = %s, %v", bad, got, err)
		}
	}
}
