#!/usr/bin/perl
# harness.pl file ...: runs tests; a compiled test is named by its source file.
# At the end it prints the table of faults (regress/faults), the skipped tests
# with their reasons, the files that failed, and as the last line "N passed, N
# failed, N skipped".  A file that dies, ends non-zero, has a bad plan or has no
# test is a failure too.  A file that is skipped as a whole counts as one
# skipped test.  TEST_VERBOSE=1 shows every test.  Each line has the time that
# the file took.  A file that takes long is named every TICK seconds (default
# 30), with its last test.
use strict;
use warnings;
use IO::Select;
use TAP::Harness;

$| = 1;		# print each line at once, also to a pipe
my (%command, %skipped_whole, %tests, @run, @bad, @skipped);

for my $file (@ARGV) {
	my ($name, @args) = ($file);
	if ($file =~ m{([^/]+)\.c$}) {
		$name = "regress/obj/$1";
		if (-e "$name.failed" || !-x $name) {
			push @bad, [$file, "cannot be built"];
			next;
		}
		# A fuzz target reads its corpus.
		push @args, "regress/fuzz/corpus/$1" if $name =~ m{([^/]+)_fuzz$};
	} elsif (!-x $file) {
		push @bad, [$file, "is not executable"];
		next;
	}
	$command{$file} = ["./$name", @args];
	push @run, $file;
}

my $ticker = ticker(scalar @run, $ENV{TICK} // 30);
my $harness = TAP::Harness->new({
	verbosity => $ENV{TEST_VERBOSE} ? 1 : 0,
	timer => 1,
	exec => sub { return $command{$_[1]} },
});
$harness->callback(made_parser => sub {
	my ($parser, $job) = @_;
	my $file = ref $job eq 'ARRAY' ? $job->[0] : $job->description;
	print $ticker "file $file\n";
	$parser->callback(test => sub {
		my $t = shift;
		print $ticker "test " . $t->number . "\n";
		my $what = $t->description;
		$what =~ s/^- //;
		push @{$tests{$file}},
		    [$what, $t->has_skip ? 'skipped' : $t->is_ok];
		return unless $t->has_skip;
		push @skipped, [$file, $what eq '' ? "test " . $t->number : $what,
		    $t->explanation];
	});
	$parser->callback(plan => sub {
		my $plan = shift;
		# A "1..0" without a reason is not a skip: the file has no
		# tests.
		return unless $plan->has_skip && $plan->explanation;
		$skipped_whole{$file} = 1;
		push @skipped, [$file, "all", $plan->explanation];
	});
});

my ($passed, $failed) = (0, scalar @bad);
if (@run) {
	my $sum = $harness->runtests(@run);
	for my $file ($sum->descriptions) {
		my ($p) = $sum->parsers($file);
		my %skip = map { $_ => 1 } $p->skipped;
		my @why;
		$passed += grep { !$skip{$_} } $p->passed;
		$failed += $p->failed;
		push @why, "failed " . join(" ", $p->failed) if $p->failed;
		push @why, $p->parse_errors if $p->parse_errors;
		push @why, "has no test" if !$p->tests_run && !$skipped_whole{$file};
		if ($p->wait & 127) {
			push @why, "died of signal " . ($p->wait & 127);
		} elsif ($p->exit) {
			push @why, "ended with status " . $p->exit;
		}
		next unless @why;
		$failed++ unless $p->failed;
		push @bad, [$file, join("; ", @why)];
	}
}
close($ticker);
wait();
$failed += faults();
print "skipped: $_->[0]: $_->[1]: ", $_->[2] || "no reason given", "\n"
    for @skipped;
print "failed: $_->[0]: $_->[1]\n" for @bad;
printf "%d passed, %d failed, %d skipped\n", $passed, $failed, scalar @skipped;
exit($failed || !$passed ? 1 : 0);

# Starts a process that prints every so many seconds which file runs, for how
# long, and which test was its last.  Returns the pipe on which the caller
# reports files and tests.  The process ends when the pipe is closed.
sub
ticker
{
	my ($files, $every) = @_;
	my ($begin, $at, $file, $last, $buf) = (time(), 0, undef, 0, '');

	pipe(my $in, my $out) or die "pipe: $!\n";
	defined(my $pid = fork()) or die "fork: $!\n";
	if ($pid) {
		close($in);
		$out->autoflush(1);
		return ($out);
	}
	close($out);
	local $SIG{INT} = 'IGNORE';
	my $wait = IO::Select->new($in);
	my $next = time() + $every;
	while (1) {
		my $left = $next - time();
		if ($left > 0 && $wait->can_read($left)) {
			sysread($in, $buf, 4096, length($buf)) or exit(0);
			while ($buf =~ s/^(\w+) (.*)\n//) {
				$last = $2, next if $1 eq 'test';
				($file, $last, $begin) = ($2, 0, time());
				$next = $begin + $every;
				$at++;
			}
			next;
		}
		print "$file, $at of $files: ", time() - $begin,
		    " s, test $last was the last\n"
		    if defined $file && time() >= $next;
		$next = time() + $every if time() >= $next;
	}
}

# Prints the table of faults: for each row of regress/faults, whether the tests
# that keep the fault from coming back passed.  Returns the number of rows that
# name a test that does not exist.  A failed test is not counted here, because
# it is counted already.
sub
faults
{
	my $missing = 0;

	open(my $table, '<', 'regress/faults') or return (0);
	while (my $line = <$table>) {
		next if $line =~ /^(#|\s*$)/;
		chomp($line);
		my ($number, $file, $words) = split(/\s*\|\s*/, $line, 3);
		my $state = 'not run';
		if (!-e $file) {
			$state = 'NO SUCH FILE';
		} elsif ($skipped_whole{$file}) {
			$state = 'skipped';
		} elsif ($tests{$file}) {
			$state = fault_state($words, @{$tests{$file}});
		}
		if ($state =~ /^NO/) {
			$missing++;
			push @bad, ['regress/faults', "$number: $file: $words: $state"];
		}
		printf "fault %-4s %-12s %s: %s\n", $number, $state, $file, $words;
	}
	return ($missing);
}

# Returns the state of the tests with these words in their name.  It is "passed"
# only when all of them passed.
sub
fault_state
{
	my ($words, @all) = @_;
	my @found = grep { index($_->[0], $words) >= 0 } @all;

	# Tests that Test::More skips have no name.
	return (grep({ $_->[1] eq 'skipped' && $_->[0] eq '' } @all) ?
	    'skipped' : 'NO SUCH TEST') unless @found;
	return ('FAILED') if grep { !$_->[1] } @found;
	return ('skipped') if grep { $_->[1] eq 'skipped' } @found;
	return ('passed');
}
