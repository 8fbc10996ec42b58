package cli

import "testing"

// Try runs a command line of a program with these commands on the master of a cluster.
func Try(t *testing.T, commands Commands, words ...string) (status int, out, errs string) {
	t.Helper()
	env, stdout, stderr := testEnv(t)
	beMaster(t, env)
	status = env.main(commands, nil, append([]string{"gnt-thing"}, words...))
	return status, stdout.String(), stderr.String()
}
