package nodefacts

import (
	"slices"
	"testing"
)

func TestLoginTroubles(t *testing.T) {
	for text, want := range map[string][]string{
		"=== sshd\nmaxsessions 10\npermitrootlogin without-password\npubkeyauthentication yes\nsubsystem sftp /usr/lib/sftp-server\n=== noise\n": nil,
		"=== sshd\n=== noise\n": nil, // there is no sshd to ask, as where it was built into something else
		"=== sshd\nmaxsessions 4\npermitrootlogin no\npubkeyauthentication no\n=== noise\nWelcome \n": {
			"sshd does not let root log in (PermitRootLogin no)", "sshd takes no public keys (PubkeyAuthentication no)",
			"sshd allows 4 sessions on a connection, 8 are needed (MaxSessions)", "sshd has no sftp subsystem", "the shell of root prints something by itself: Welcome"},
		"": nil, "garbage": nil,
	} {
		if got := ParseLogin([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}
