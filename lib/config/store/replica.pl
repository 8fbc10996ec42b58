# The copy of the configuration on a candidate; see candidate.go.
# No modules: they cost more than all the rest.
# As long as a file is open that was replaced, its blocks are not given back. That takes longer than the rename.
our $replaced;
sub rest { undef $replaced }

sub serve {
	my ($do, $dir, $staged, @rest) = @_;
	umask 077;
	chdir $dir or die "$dir: $!\n";
	return show(have()) if $do eq 'ask';
	$staged =~ /\A\.config\.toml\.staged\.(\d+)\.\d+\.[0-9a-f]+\z/ or die "$staged is no name of a staged configuration\n";
	return stage($staged, $1, @rest) if $do eq 'stage';
	return commit($staged, @rest) if $do eq 'commit';
	die "$do is nothing to do here\n";
}

# The first lines and the last one of this node's file, and the file, or nothing. Through one opening: it may be replaced meanwhile.
sub have {
	open my $file, '<', 'config.toml' or $! == 2 ? return : die "config.toml: $!\n"; # 2: it is not there
	defined sysread $file, my $start, 4096 or die "config.toml: $!\n";
	my ($head) = $start =~ /\A((?:.*\n){0,6})/;
	my $end = (-s $file || 0) - 512;
	sysseek $file, $end > length $head ? $end : length $head, 0;
	defined sysread $file, my $tail, 512 or die "config.toml: $!\n";
	my ($last) = $tail =~ /([^\n]*\n?)\z/;
	return ($head, $last, $file);
}

sub show {
	my ($head, $last) = @_;
	print defined $head ? "$head$last" : "absent\n";
	return 0;
}

sub stage {
	my ($staged, $epoch, $size, $digest, $base, $runs) = @_;
	# What transactions left that never ended; that of a later master is about to be put in place.
	opendir my $dir, '.' or die "the data directory: $!\n";
	for (readdir $dir) {
		unlink $_ if /\A\.config\.toml\.staged\.(\d*)/ && !($1 ne '' && $1 > $epoch);
	}
	closedir $dir;
	my (undef, $last, $old) = have();
	my @runs = defined $runs ? split /,/, $runs : $size;
	my $unread = 0;
	/\A\d+\z/ and $unread += $_ for @runs;
	open my $file, '>', $staged or die "$staged: $!\n";
	eval {
		!defined $base || defined $last && $last eq "digest = '$base'\n" or die "the configuration here is another one\n";
		keep($file, $staged, $size, $digest, $old, \$unread, @runs);
		close $file or die "$staged: $!\n";
		1;
	} or do {
		my $why = $@;
		unlink $staged;
		die $why unless defined $base;
		while ($unread > 0) {
			$unread -= read(STDIN, my $rest, $unread < 131072 ? $unread : 131072) || last;
		}
		show(have());
		return 69;
	};
	return show(have());
}

# Writes the new version, run by run; it must end with the digest of all lines before, and be that one.
sub keep {
	my ($file, $staged, $size, $digest, $old, $unread, @runs) = @_;
	my $sum = library('Digest::SHA') && Digest::SHA::newSHA('Digest::SHA', 256);
	my $last = "digest = '$digest'\n";
	my $end = '';
	for my $run (@runs) {
		my ($from, $left) = $run =~ /\A(?:=(\d+)\+)?(\d+)\z/ or die "$run is no run of a version\n";
		sysseek $old, $from, 0 if defined $from;
		while ($left > 0) {
			my $want = $left < 131072 ? $left : 131072;
			my $piece;
			my $got = defined $from ? sysread $old, $piece, $want : read STDIN, $piece, $want;
			$got or die "the configuration was cut off on its way here\n";
			$$unread -= $got unless defined $from;
			for (my $at = 0; $at < $got;) {
				$at += syswrite($file, $piece, $got - $at, $at) // die "$staged: $!\n";
			}
			$left -= $got;
			$end .= $piece;
			my $done = substr $end, 0, length $end > length $last ? length($end) - length $last : 0, '';
			$sum->add($done) if $sum;
		}
	}
	durable($file, $staged);
	my $is = $sum ? $sum->hexdigest : substr sum($staged, $size - length $last), 0, 64;
	$end eq $last && $is eq $digest or die "the configuration was cut off on its way here\n";
}

# The sum of the first bytes of a file, where perl has no function for it: that one is not in perl-base.
sub sum {
	my ($file, $bytes) = @_;
	return `head -c $bytes $file | sha256sum`;
}

sub prepare {
	library('IO') or die "perl has no fsync: $@\n";
}

sub durable {
	my ($file, $name) = @_;
	prepare();
	IO::Handle::sync($file) or die "$name: $!\n";
}

# Loads the compiled half of a module. The half in perl is what costs, and so does XSLoader where it does not know who calls.
sub library {
	my ($module) = @_;
	return 1 if $main::loaded{$module};
	my $name = "auto/$module/" . ($module =~ /(\w+)\z/)[0] . '.so';
	$name =~ s/::/\//g;
	require XSLoader;
	for (@INC) {
		next unless -f "$_/$name";
		return $main::loaded{$module} = eval qq(#line 1 "$_/replica.pl"\nXSLoader::load('$module'); 1);
	}
	return 0;
}

sub commit {
	my ($staged, $epoch, $serial, $digest, $mode) = @_;
	open my $lock, '>>', '.config.toml.lock' or die ".config.toml.lock: $!\n";
	local $SIG{ALRM} = sub { die "somebody has held .config.toml.lock for 10 seconds\n" };
	alarm 10;
	my $locked = flock $lock, 2; # LOCK_EX
	alarm 0;
	$locked or die ".config.toml.lock: $!\n";
	(my ($head, $last), $replaced) = have();
	if (defined $head) {
		my ($has_epoch, $has_serial) = $head =~ /\A.*\n.*\nepoch = (\d{1,18})\nserial = (\d{1,18})\n/;
		my ($has_digest) = $last =~ /\Adigest = '([^']{64})'\n?\z/;
		my $refusal = 0;
		# The last line counts where it decides: that a file whose first lines are older is whole was seen moments ago, by stage.
		if (defined $has_epoch && ($has_epoch < $epoch || $has_epoch == $epoch && $has_serial < $serial)) {
			# It is replaced.
		} elsif (!defined $has_epoch || !defined $has_digest) {
			$refusal = 65 if $mode ne 'repair';
		} elsif ($has_epoch > $epoch || $has_serial > $serial) {
			$refusal = 66;
		} elsif ($has_digest ne $digest) {
			$refusal = 67;
		} else {
			unlink $staged;
			return 0;
		}
		if ($refusal) {
			show($head, $last);
			return $refusal;
		}
	}
	sysopen my $dir, '.', 0 or die "the data directory: $!\n";
	prepare();
	rename $staged, 'config.toml' or die "$staged: $!\n";
	return 0 if eval { durable($dir, 'the data directory'); 1 };
	print STDERR $@;
	return 70;
}
