#!/usr/bin/perl
# harness.pl file ...: runs tests; a compiled test is named by its source file.
# At the end it prints the table of faults (regress/faults), the skipped tests
# with their reasons, the files that failed, and as the last line "N passed, N
# failed, N skipped".  A file that dies, ends non-zero, does not end, has a bad
# plan or has no test is a failure too.  A file that is skipped as a whole counts
# as one skipped test.  Each line has the time that the file took, and its
# processor time.  Files run beside each other, and where the system permits,
# each has a network of its own and a /tmp in memory.
#	JOBS=N		files at a time (default 3 a processor)
#	LIMIT_FACTOR=N	each file gets N times its time
#	TEST_VERBOSE=1	shows every test
#	TICK=N		a file that takes long is named every N seconds
#			(default 30), with its last test
#	VALGRIND=yes	runs compiled tests with valgrind, and no others
# Lines in the head of a file ("# limit 900" or "/* limit 900 */") say how:
#	limit N		it may take N seconds (default 300)
#	alone		at the end, with no other file beside it
#	long		among the first
#	disk		/tmp is the machine's, on its disk
#	no valgrind	not with VALGRIND=yes
use strict;
use warnings;
use IO::Select;
use List::Util qw(max);
use POSIX ();
use TAP::Parser;

$| = 1;		# print each line at once, also to a pipe
my (%command, %limit, %skipped_whole, %tests, @first, @then, @alone, @bad,
    @skipped);
my ($lib) = $0 =~ m{^(.*)/};
my @places = places();
my @valgrind = qw(valgrind --quiet --error-exitcode=99 --leak-check=full
    --errors-for-leak-kinds=definite --suppressions=regress/valgrind.supp);

for my $file (@ARGV) {
	my ($name, @args) = ($file);
	my %says = head($file);
	next if $ENV{VALGRIND} && ($file !~ /\.c$/ || $says{'no valgrind'});
	if ($file =~ m{([^/]+)\.c$}) {
		$name = "regress/obj/$1";
		if (!-x $name) {
			push @bad, [$file, "cannot be built"];
			next;
		}
		# A fuzz target reads its corpus.
		push @args, "regress/fuzz/corpus/$1" if $name =~ m{([^/]+)_fuzz$};
	} elsif (!-x $file) {
		push @bad, [$file, "is not executable"];
		next;
	}
	$limit{$file} = ($says{limit} // 300) * ($ENV{LIMIT_FACTOR} || 1);
	$command{$file} = [$^X, "$lib/bounded.pl", $limit{$file},
	    place(%says), $ENV{VALGRIND} ? @valgrind : (), "./$name", @args];
	push @{$says{alone} ? \@alone : $says{long} ? \@first : \@then}, $file;
}

my @run = (@first, @then, @alone);
my $every = $ENV{TICK} // 30;
my $done = 0;
my ($passed, $failed) = (0, scalar @bad);
run($ENV{JOBS} || 3 * processors(), @first, @then);
run(1, @alone);
$failed += faults();
print "skipped: $_->[0]: $_->[1]: ", $_->[2] || "no reason given", "\n"
    for @skipped;
print "failed: $_->[0]: $_->[1]\n" for @bad;
printf "%d passed, %d failed, %d skipped\n", $passed, $failed, scalar @skipped;
exit($failed || !$passed ? 1 : 0);

# Runs files, so many at a time.  What they write is only kept here, so that one
# that is silent, or in the middle of a line, keeps no other waiting.
sub
run
{
	my ($jobs, @files) = @_;
	my $select = IO::Select->new;
	my (%running, %of);	# by file; which file a pipe belongs to
	my $next = time() + $every;

	while (@files || %running) {
		while (@files && keys(%running) < $jobs) {
			my $file = shift(@files);
			my $r = $running{$file} = start($file);
			$of{$_} = $file for @{$r->{pipes}};
			$select->add(@{$r->{pipes}});
		}
		for my $pipe ($select->can_read(max(0, $next - time()))) {
			my $file = $of{$pipe};
			my $r = $running{$file};
			my $which = $pipe == $r->{pipes}[0] ? 'out' : 'err';
			next if sysread($pipe, $r->{$which}, 65536,
			    length($r->{$which}));
			$select->remove($pipe);
			delete($of{$pipe});
			next if --$r->{open};
			waitpid($r->{pid}, 0);
			delete($running{$file});
			ended($file, $?, $r);
		}
		next if time() < $next;
		$next = time() + $every;
		tick($running{$_}, $_) for sort keys(%running);
	}
}

# Says of a file that takes long how far it is.
sub
tick
{
	my ($r, $file) = @_;
	my $age = time() - $r->{begin};
	my ($n) = $r->{out} =~ /.*^(?:not )?ok (\d+)/ms;

	print "$file: $age s, test ", $n // 0,
	    " was the last ($done of ${\scalar @run} files done)\n"
	    if $age >= $every;
}

# Starts a file: its process, the pipes from it, and what came from them.
sub
start
{
	my ($file) = @_;

	pipe(my $out, my $to) && pipe(my $err, my $error) or
	    die "pipe: $!\n";
	defined(my $pid = fork()) or die "fork: $!\n";
	if ($pid == 0) {
		open(STDOUT, '>&', $to) && open(STDERR, '>&', $error) or
		    POSIX::_exit(126);
		exec(@{$command{$file}}) or POSIX::_exit(127);
	}
	return ({ pid => $pid, pipes => [$out, $err], open => 2, out => '',
	    err => '', begin => time() });
}

# Counts the tests of a file that has ended, and prints its line, what it wrote
# to standard error, and with TEST_VERBOSE=1 all of its tests.
sub
ended
{
	my ($file, $status, $r) = @_;
	# (it wants at least one line)
	my $p = TAP::Parser->new({ tap => $r->{out} || "\n" });
	my ($last, $took, $nskipped) = ('no test', '', 0);
	my @why;

	while (my $l = $p->next) {
		if ($l->is_test) {
			($last, my $skip) = test($file, $l);
			$nskipped += $skip;
		} elsif ($l->is_plan && $l->has_skip && $l->explanation) {
			# A "1..0" without a reason is not a skip: the file has
			# no tests.
			$skipped_whole{$file} = 1;
			push @skipped, [$file, "all", $l->explanation];
		} elsif ($l->as_string =~
		    /^# took ([\d.]+) s, ([\d.]+) s of the processor$/) {
			$took = sprintf(' %7.1f s %6.1f s CPU', $1, $2);
		}
		print $l->as_string, "\n" if $ENV{TEST_VERBOSE};
	}
	$passed += $p->passed - $nskipped;
	$failed += $p->failed;
	push @why, "failed " . join(" ", $p->failed) if $p->failed;
	push @why, how_ended($status, $limit{$file}, $last);
	push @why, $p->parse_errors if $p->parse_errors;
	push @why, "has no test" if !$p->tests_run && !$skipped_whole{$file};
	$failed++ if @why && !$p->failed;
	push @bad, [$file, join("; ", @why)] if @why;
	print $file, ' ', '.' x (50 - length($file)), @why ? ' FAILED' :
	    $skipped_whole{$file} ? ' skipped' : ' ok', $took, "\n",
	    $r->{err};
	$done++;
}

# Notes a test.  Returns its number and name, and whether it was skipped.
sub
test
{
	my ($file, $t) = @_;
	my $what = $t->description =~ s/^- //r;
	my $skip = $t->has_skip ? 1 : 0;

	push @{$tests{$file}}, [$what, $skip ? 'skipped' : $t->is_ok];
	push @skipped, [$file, $what eq '' ? "test " . $t->number : $what,
	    $t->explanation] if $skip;
	return ("test " . $t->number . ($what ne '' ? " ($what)" : ''), $skip);
}

# Returns why the end of a file is a failure, or nothing.
sub
how_ended
{
	my ($status, $seconds, $last) = @_;
	my $exit = $status & 127 ? 128 + ($status & 127) : $status >> 8;

	return () if $exit == 0;
	return ("hung: no end after $seconds s; $last was the last")
	    if $exit == 124;
	return ("died of signal " . ($exit - 128)) if $exit > 128;
	return ("ended with status $exit");
}

# Returns what the head of a file says of how to run it.
sub
head
{
	my ($file) = @_;
	my %says;

	open(my $f, '<', $file) or return;
	while (my $line = <$f>) {
		$says{$1} = $2 // 1 if $line =~
		    m{^(?:\#|/\*) (limit|alone|long|disk|no valgrind)(?: (\d+))?( \*/)?$};
		$says{network} = 1 if $line =~ /^\t?private\(/;
		last if $. == 40;
	}
	return (%says);
}

# Returns the words of unshare(1) that give a file its namespaces, if it may have them.
sub
places
{
	my @words = qw(unshare --mount --pid --net --fork --kill-child
	    --mount-proc --propagation private);

	return () if $> != 0 || $^O ne 'linux';
	return (system("@words ip link show lo >/dev/null 2>&1") == 0 ? @words :
	    ());
}

# Returns the words that run a file with these lines in its head in its place.
sub
place
{
	my (%says) = @_;

	return () unless @places;
	return (grep({ $_ ne '--net' || !$says{network} } @places),
	    'sh', "$lib/place.sh", $says{disk} ? 'disk' : 'memory',
	    $says{network} ? 'host' : 'network');
}

sub
processors
{
	my ($n) = `getconf _NPROCESSORS_ONLN 2>/dev/null ||
	    getconf NPROCESSORS_ONLN 2>/dev/null` =~ /^(\d+)/;

	return ($n || 1);
}

# Prints the table of faults: for each row of regress/faults whose file ran, whether the tests
# that keep the fault from coming back passed.  Returns the number of rows that
# name a test that does not exist.  A failed test is not counted here, because
# it is counted already.
sub
faults
{
	my ($missing, $absent) = (0, 0);

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
		if ($state eq 'not run') {
			$absent++;
			next;
		}
		printf "fault %-4s %-12s %s: %s\n", $number, $state, $file, $words;
	}
	print "$absent faults: the files did not run\n" if $absent;
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
