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
use Fcntl;
use IO::Select;
use TAP::Formatter::File;
use TAP::Harness;
use TAP::Parser::Aggregator;

$| = 1;		# print each line at once, also to a pipe
my (%command, %limit, %skipped_whole, %last, %tests, @first, @then, @alone,
    @bad, @skipped);
my ($lib) = $0 =~ m{^(.*)/};
my @places = places();
# While TAP::Harness reads standard error of one file, it looks at no other.  So
# files write to the harness's own.
open(my $stderr, '>&', \*STDERR) or die "standard error: $!\n";
fcntl($stderr, F_SETFD, 0) or die "standard error: $!\n";
$ENV{REGRESS_STDERR} = fileno($stderr);
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
my $ticker = ticker(scalar @run, $ENV{TICK} // 30);
my $sum = TAP::Parser::Aggregator->new;
my $formatter = Lines->new({ verbosity => $ENV{TEST_VERBOSE} ? 1 : 0 });
$sum->start;
run($ENV{JOBS} || 3 * processors(), @first, @then);
run(1, @alone);
$sum->stop;

my ($passed, $failed) = (0, scalar @bad);
for my $file ($sum->descriptions) {
	my ($p) = $sum->parsers($file);
	my %skip = map { $_ => 1 } $p->skipped;
	my @why;
	$passed += grep { !$skip{$_} } $p->passed;
	$failed += $p->failed;
	push @why, "failed " . join(" ", $p->failed) if $p->failed;
	if ($p->exit == 124) {
		push @why, "hung: no end after $limit{$file} s; " .
		    ($last{$file} // 'no test') . " was the last";
	} elsif ($p->exit > 128) {
		push @why, "died of signal " . ($p->exit - 128);
	} elsif ($p->exit) {
		push @why, "ended with status " . $p->exit;
	}
	push @why, $p->parse_errors if $p->parse_errors;
	push @why, "has no test" if !$p->tests_run && !$skipped_whole{$file};
	next unless @why;
	$failed++ unless $p->failed;
	push @bad, [$file, join("; ", @why)];
}
close($ticker);
wait();
$failed += faults();
print "skipped: $_->[0]: $_->[1]: ", $_->[2] || "no reason given", "\n"
    for @skipped;
print "failed: $_->[0]: $_->[1]\n" for @bad;
printf "%d passed, %d failed, %d skipped\n", $passed, $failed, scalar @skipped;
exit($failed || !$passed ? 1 : 0);

# Runs files, so many at a time.
sub
run
{
	my ($jobs, @files) = @_;

	return unless @files;
	my $harness = TAP::Harness->new({
		jobs => $jobs,
		formatter => $formatter,
		exec => sub { return $command{$_[1]} },
	});
	$harness->callback(made_parser => \&watch);
	$harness->callback(after_test => sub { print $ticker "end $_[0][0]\n" });
	$harness->aggregate_tests($sum, @files);
}

# Notes what a file says.
sub
watch
{
	my ($parser, $job) = @_;
	my $file = ref $job eq 'ARRAY' ? $job->[0] : $job->description;

	print $ticker "file $file\n";
	# Of lines that it reads together TAP::Harness would look at the first
	# one only, until more come.
	$parser->_iterator->{chunk_size} = 1;
	$parser->callback(test => sub {
		my $t = shift;
		my $what = $t->description;
		$what =~ s/^- //;
		$last{$file} = "test " . $t->number;
		print $ticker "$last{$file} $file\n";
		$last{$file} .= " ($what)" if $what ne '';
		push @{$tests{$file}},
		    [$what, $t->has_skip ? 'skipped' : $t->is_ok];
		return unless $t->has_skip;
		push @skipped, [$file, $what eq '' ? "test " . $t->number : $what,
		    $t->explanation];
	});
	$parser->callback(comment => sub {
		$Line::took{$file} = [$1, $2] if shift->as_string =~
		    /^# took ([\d.]+) s, ([\d.]+) s of the processor$/;
	});
	$parser->callback(plan => sub {
		my $plan = shift;
		# A "1..0" without a reason is not a skip: the file has no
		# tests.
		return unless $plan->has_skip && $plan->explanation;
		$skipped_whole{$file} = 1;
		push @skipped, [$file, "all", $plan->explanation];
	});
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

# Starts a process that prints every so many seconds which files have been
# running for longer than that, and which test was the last of each.  Returns
# the pipe on which the caller reports files and tests.  The process ends when
# the pipe is closed.
sub
ticker
{
	my ($files, $every) = @_;
	my ($done, $buf, %begin, %seen) = (0, '');

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
			while ($buf =~ s/^(.*)\n//) {
				my ($what, $rest) = split(/ /, $1, 2);
				if ($what eq 'file') {
					$begin{$rest} = time();
				} elsif ($what eq 'end') {
					delete $begin{$rest};
					$done++;
				} else {
					my ($n, $file) = split(/ /, $rest, 2);
					$seen{$file} = $n;
				}
			}
			next;
		}
		for my $file (sort keys %begin) {
			my $age = time() - $begin{$file};
			next if $age < $every;
			print "$file: ", $age, " s, test ", $seen{$file} // 0,
			    " was the last ($done of $files files done)\n";
		}
		$next = time() + $every;
	}
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

# The formatter prints a line for each file when it ends, with the time that
# bounded.pl told.
package Lines;
our @ISA;
BEGIN { @ISA = 'TAP::Formatter::File' }
sub open_test { return (bless(shift->SUPER::open_test(@_), 'Line')) }

package Line;
our (@ISA, %took);
BEGIN { @ISA = 'TAP::Formatter::File::Session' }
sub
time_report
{
	my $took = $took{$_[0]->name} or return ('');

	return (sprintf(' %7.1f s %6.1f s CPU', @$took));
}
