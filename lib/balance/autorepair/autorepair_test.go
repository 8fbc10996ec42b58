package autorepair

import (
	"slices"
	"testing"
	"time"

	"gantry/lib/balance"
)

var now = time.Unix(1_700_000_000, 0).UTC()

// made is a cluster of four nodes in one group: well, offline, drained, offline.
func made(i *balance.Instance) *balance.Cluster {
	c := &balance.Cluster{Groups: []*balance.Group{{Name: "default"}}, Instances: []*balance.Instance{i}}
	for k, offline := range []bool{false, true, true, true} {
		c.Nodes = append(c.Nodes, &balance.Node{Index: k, Offline: offline})
	}
	return c
}

func lost(n *balance.Node) bool { return n.Index == 1 || n.Index == 3 }

func TestTheNearestTagDecidesAndTheLeastDestructiveOfOneObject(t *testing.T) {
	const p = "ganeti:watcher:autorepair:"
	for name, tt := range map[string]struct {
		cluster, group, instance []string
		want                     string
	}{
		"nothing":                      {nil, nil, nil, "ArNotEnabled"},
		"other tags":                   {[]string{"ganeti:watcher:autorepair", p + "everything"}, nil, []string{"web"}, "ArNotEnabled"},
		"cluster":                      {[]string{p + "migrate"}, nil, nil, "ArEnabled ArMigrate"},
		"least destructive":            {[]string{p + "reinstall", p + "fix-storage"}, nil, nil, "ArEnabled ArFixStorage"},
		"group before cluster":         {[]string{p + "fix-storage"}, []string{p + "reinstall"}, nil, "ArEnabled ArReinstall"},
		"instance before group":        {nil, []string{p + "reinstall"}, []string{p + "failover"}, "ArEnabled ArFailover"},
		"suspended for ever":           {[]string{p + "reinstall"}, nil, []string{p + "suspend"}, "ArSuspended Forever"},
		"for ever, written with colon": {nil, nil, []string{p + "suspend:"}, "ArSuspended Forever"},
		"suspended before enabled":     {nil, nil, []string{p + "failover", p + "suspend:1999999999"}, "ArSuspended (Until Wed May 18 03:33:19 UTC 2033)"},
		"the latest suspension":        {nil, []string{p + "suspend:1999999999", p + "suspend:1800000000"}, nil, "ArSuspended (Until Wed May 18 03:33:19 UTC 2033)"},
		"suspension over":              {nil, nil, []string{p + "failover", p + "suspend:1600000000"}, "ArEnabled ArFailover"},
		"over, and nothing nearer":     {[]string{p + "migrate"}, nil, []string{p + "suspend:1600000000"}, "ArEnabled ArMigrate"},
		"no time":                      {[]string{p + "migrate"}, nil, []string{p + "suspend:soon"}, "ArEnabled ArMigrate"},
	} {
		t.Run(name, func(t *testing.T) {
			c := made(&balance.Instance{Tags: tt.instance})
			c.Tags, c.Groups[0].Tags = tt.cluster, tt.group
			if got := PolicyFor(c, c.Instances[0], now).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestWhatIsBrokenFollowsFromTheNodes(t *testing.T) {
	const none = balance.None
	for name, tt := range map[string]struct {
		template           balance.Template
		primary, secondary int
		want               string
	}{
		"mirrored, well":                        {balance.DRBD, 0, 0, ""},
		"mirrored, secondary offline":           {balance.DRBD, 0, 1, "ArFixStorage"},
		"mirrored, secondary drained":           {balance.DRBD, 0, 2, "ArFixStorage"},
		"mirrored, primary offline":             {balance.DRBD, 1, 0, "ArFailover"},
		"mirrored, primary drained":             {balance.DRBD, 2, 0, "ArFailover"},
		"mirrored, both offline":                {balance.DRBD, 1, 3, "ArReinstall"},
		"data is on a drained secondary":        {balance.DRBD, 1, 2, "ArFailover"},
		"data is on a drained primary":          {balance.DRBD, 2, 1, "ArFixStorage"},
		"mirrored without a secondary":          {balance.DRBD, 1, none, ""},
		"plain, well":                           {balance.Plain, 0, none, ""},
		"plain, offline":                        {balance.Plain, 1, none, "ArReinstall"},
		"plain, drained: the data is still had": {balance.Plain, 2, none, ""},
		"another template":                      {balance.RBD, 1, none, ""},
	} {
		t.Run(name, func(t *testing.T) {
			i := &balance.Instance{Template: tt.template, Primary: tt.primary, Secondary: tt.secondary}
			got := ""
			if kind, broken := Detect(made(i), i, lost); broken {
				got = kind.String()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			i.Forthcoming = true
			if kind, broken := Detect(made(i), i, lost); broken {
				t.Errorf("%s of an instance that does not exist yet", kind)
			}
		})
	}
}

func TestTagsTellTheStateOfRepairs(t *testing.T) {
	const pending, result = "ganeti:watcher:autorepair:pending:", "ganeti:watcher:autorepair:result:"
	for name, tt := range map[string]struct {
		tags     []string
		want     Status
		repair   string
		obsolete []string
		fails    string
	}{
		"none": {want: Healthy},
		"damaged ones": {tags: []string{pending + "failover:a:1", pending + "failover:a:soon:7", pending + "failover:a:1:x", pending + "dance:a:1:7",
			pending + "failover:a:1:-7", result + "failover:a:1:maybe:7", result + "failover:a:1::7", pending + "failover:a:1:success:7"}, want: Healthy},
		"going on":          {tags: []string{pending + "failover:a:5:7+8"}, want: Pending, repair: pending + "failover:a:5:7+8"},
		"no permission":     {tags: []string{result + "reinstall:a:5:enoperm:"}, want: Healthy, repair: result + "reinstall:a:5:enoperm:"},
		"failed":            {tags: []string{result + "failover:a:5:failure:7"}, want: Failed, repair: result + "failover:a:5:failure:7"},
		"result of pending": {tags: []string{pending + "failover:a:5:7", result + "failover:a:6:success:7"}, want: Healthy, repair: result + "failover:a:6:success:7"},
		"older and newer": {tags: []string{pending + "failover:a:9:7", result + "failover:b:6:success:4", result + "failover:c:7:success:5"},
			want: Pending, repair: pending + "failover:a:9:7", obsolete: []string{result + "failover:c:7:success:5", result + "failover:b:6:success:4"}},
		"the first failure stays": {tags: []string{result + "failover:b:9:failure:8", result + "failover:a:6:failure:7"},
			want: Failed, repair: result + "failover:a:6:failure:7"},
		"two go on": {tags: []string{pending + "failover:b:9:8", pending + "failover:a:6:7"}, fails: `An unfinished repair was found in instance web: ` +
			`found tag "ganeti:watcher:autorepair:pending:failover:b:9:8", but older pending tag "ganeti:watcher:autorepair:pending:failover:a:6:7"exists.`},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Read(&balance.Instance{Name: "web", Tags: tt.tags})
			if tt.fails != "" {
				if err == nil || err.Error() != tt.fails {
					t.Errorf("error %v\nwant  %s", err, tt.fails)
				}
				return
			}
			repair := ""
			if s.Repair != nil {
				repair = s.Repair.Tag()
			}
			if err != nil || s.Status != tt.want || repair != tt.repair || !slices.Equal(s.Obsolete, tt.obsolete) {
				t.Errorf("got %s, %s, %q, %v\nwant %s, %s, %q", s.Status, repair, s.Obsolete, err, tt.want, tt.repair, tt.obsolete)
			}
		})
	}
}

func TestAChangeLeavesTheTagBeforeItBehindAsItWasWritten(t *testing.T) {
	const old = "ganeti:watcher:autorepair:pending:failover:a:0x10:7"
	s, err := Read(&balance.Instance{Tags: []string{old}})
	if err != nil {
		t.Fatal(err)
	}
	s = s.Become(Failed, New(Failover, "a", now, []int{7}, Failure))
	if want := "ganeti:watcher:autorepair:result:failover:a:1700000000:failure:7"; s.Repair.Tag() != want || !slices.Equal(s.Obsolete, []string{old}) {
		t.Errorf("got %s without %q, want %s without %s", s.Repair.Tag(), s.Obsolete, want, old)
	}
}
