
# How the perl of a script goes on: see kept.go.
sub answer {
	my $status = eval { serve(@_) };
	return $status if defined $status;
	print STDERR $@;
	return 1;
}
exit answer(@ARGV) unless caller;
chomp(my ($key, $log, $script) = map { scalar <STDIN> } 1 .. 3);
while (defined(my $call = <STDIN>)) {
	$call =~ /\A\Q$key\E (.*)\n\z/ or die "this is no call of the script\n";
	my ($stamp, $shown, @words) = split /\0/, $1, -1;
	if ($log ne '' && open my $file, '>>', $log) {
		print $file "$stamp pid=$$ INFO RunCmd $script $shown\n";
		close $file; # before anything is done: by itself it would close at the end of the loop
	}
	my $status = answer(@words);
	print "\n$key $status\n";
	print STDERR "\n$key\n";
	$| = 1; # all at once, now
	$| = 0;
	rest() if defined &rest; # what nobody need wait for
}
