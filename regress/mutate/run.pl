#!/usr/bin/perl
# run.pl: changes the program by one patch of regress/mutate at a time, and runs
# the tests that must notice the change.  Run it from the top of a built tree, or
# by make mutants.
#	MUTANTS="sync pass-"	only mutants whose name has one of these words
#	SAMPLE=10		as many of them, chosen by chance
#	SEED=7			the choice that printed this seed
#	JOBS=2			so many mutants at the same time
#	LIMIT=60		seconds a test may take; the default is 20 and ten
#				times what it takes without a mutant
#	MUTATE_DIR=dir		the patches, if not regress/mutate
# A patch NAME.patch begins with these lines:
#	# what: what the program does wrong now, in a sentence
#	# kind: security, policy, storage, protocol or other
#	# test: FILE ARGUMENTS	must fail with it; one line for each such test
#	# equal: why		the change has no effect; it is not run
# and goes on with the change as diff -U1 writes it.  A mutant is killed if each
# of its tests fails or hangs.  The exit status is 1 if one of kind security is
# not killed, if less than 95 % of all are, or if one could not be tried.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use List::Util qw(shuffle);
use Time::HiRes qw(time sleep);

# The tests of a daemon that root starts need its users; see regress/run.sh.
if ($> == 0 && !$ENV{MUTATE_USERS}++ &&
    !(getpwnam('_spamgreyd') && getpwnam('_spamgreydb') && -d '/var/empty') &&
    system('unshare --mount true 2>/dev/null') == 0) {
	exec('unshare', '--mount', '--propagation', 'private', 'sh', '-c',
	    '. regress/lib/users.sh; users_make && exec "$@"', 'sh', $^X, $0);
}

$| = 1;
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};	# another make's
my $top = getcwd();
my %kinds = map { $_ => 1 } qw(security policy storage protocol other);
my $work = tempdir(CLEANUP => 1, TMPDIR => 1);
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit(1) };
my @mutants = chosen(map { mutant($_) }
    sort glob(($ENV{MUTATE_DIR} // "$top/regress/mutate") . '/*.patch'));
die "run.pl: there is no such mutant\n" unless @mutants;
my @tests = do { my %seen; grep { !$seen{$_}++ } map { @{$_->{test}} } @mutants };

# Without a mutant each test must pass.  What is built for this serves all.
my (%limit, %broken);
copy($top, "$work/base");
chdir("$work/base") or die "$work/base: $!\n";
if (!build(['all'], @tests)) {
	my @why = output();
	chdir($top);
	die "run.pl: the tree cannot be built:\n", @why;
}
for my $test (@tests) {
	my $begin = time();
	my $state = run($test, $ENV{LIMIT} // 600);
	$limit{$test} = $ENV{LIMIT} // 20 + 10 * (time() - $begin);
	next if $state eq 'SURVIVED';
	print "$test fails without a mutant\n";
	$broken{$test} = 1;
}
chdir($top) or die;

my $width = (sort { $b <=> $a } map { length($_->{name}) } @mutants)[0];
my (%busy, %sum, $unsafe, $untried, $killed);
my @free = 1 .. ($ENV{JOBS} // 2);
my @left = @mutants;
while (@left || %busy) {
	if (@left && @free) {
		my ($slot, $m) = (shift @free, shift @left);
		copy("$work/base", "$work/$slot") unless -d "$work/$slot";
		defined(my $pid = fork()) or die "fork: $!\n";
		$busy{$pid} = [$slot, $m];
		next if $pid;
		chdir("$work/$slot") or die;
		open(my $out, '>', "$work/$slot.state") or die;
		print $out try($m);
		close($out);
		restore();
		# Not exit: the work directories are the first process's.
		exec('true');
	}
	my ($slot, $m) = @{delete $busy{wait()}};
	push @free, $slot;
	open(my $in, '<', "$work/$slot.state") or die;
	while (my $line = <$in>) {
		chomp($line);
		my ($state, $seconds, $test) = split(/\t/, $line);
		printf "%-*s %-8s %-10s %5.1f s  %s\n", $width, $m->{name},
		    $m->{kind}, $state, $seconds, $test;
		$m->{bad} = 1 unless $state eq 'killed' || $state eq 'hangs';
		$untried++ if $state =~ /^[a-z]/ && $m->{bad};
	}
	$sum{$m->{kind}}{all}++;
	$m->{bad} ? $unsafe += $m->{kind} eq 'security' : $killed++;
	$sum{$m->{kind}}{killed}++ unless $m->{bad};
}
printf "%-8s %d of %d killed\n", $_, $sum{$_}{killed} // 0, $sum{$_}{all}
    for sort keys %sum;
printf "all      %d of %d killed, %.1f %%\n", $killed // 0, scalar(@mutants),
    100 * ($killed // 0) / @mutants;
exit($unsafe || $untried || ($killed // 0) < 0.95 * @mutants ? 1 : 0);

# Reads a patch and returns a mutant; nothing if the mutant is not to be run.
sub
mutant
{
	my $file = shift;
	my %m = (file => $file, test => [], objects => []);

	($m{name}) = $file =~ m{([^/]+)\.patch$};
	open(my $in, '<', $file) or die "$file: $!\n";
	while (<$in>) {
		last unless /^# (\w+): (.+)$/;
		if ($1 eq 'test') { push @{$m{test}}, $2 } else { $m{$1} = $2 }
	}
	while (<$in>) {
		next unless m{^\+\+\+ b/(\S+)\.c$};
		push @{$m{objects}}, 'out/' . ($1 =~ tr{/}{_}r) . '.o';
	}
	die "$file: what, kind or test is missing\n" unless $m{what} &&
	    $kinds{$m{kind} // ''} && ($m{equal} || @{$m{test}});
	return ($m{equal} ? () : \%m);
}

# Returns those that MUTANTS names, and of them only as many as SAMPLE says.
sub
chosen
{
	my @all = @_;
	my @words = split(' ', $ENV{MUTANTS} // '');
	my $seed = $ENV{SEED} // int(rand(1e6));

	@all = grep { my $m = $_;
	    grep { index($m->{name}, $_) >= 0 } @words } @all if @words;
	return (@all) unless $ENV{SAMPLE};
	print "SEED=$seed\n";
	srand($seed);
	@all = shuffle(@all);
	return (splice(@all, 0, $ENV{SAMPLE}));
}

# Applies a mutant in the current directory and runs its tests.  Returns lines:
# state, seconds and test, with a tab between.
sub
try
{
	my $m = shift;
	my ($begin, $lines) = (time(), '');

	# Nothing may have the time of the files before it.
	open(my $stamp, '>', '.mutate') or die;
	close($stamp);
	sleep(0.02);
	return ("does not apply\t0\t\n") unless logged('patch', '-p1', '-F0',
	    '-s', '-f', '-i', $m->{file});
	return ("does not compile\t0\t\n") unless build($m->{objects}, @{$m->{test}});
	for my $test (@{$m->{test}}) {
		my $state = $broken{$test} ? 'fails without' :
		    run($test, $limit{$test});
		$lines .= sprintf("%s\t%f\t%s\n", $state, time() - $begin, $test);
		$begin = time();
	}
	return ($lines);
}

# Makes every file that has changed since try() began as it was.
sub
restore
{
	open(my $find, '-|', 'find', '.', '!', '-type', 'd', '-newer', '.mutate')
	    or die;
	while (my $file = <$find>) {
		chomp($file);
		unlink($file);
		system('cp', '-p', "$work/base/$file", $file)
		    if -e "$work/base/$file";
	}
	close($find);
}

sub
copy
{
	my ($from, $to) = @_;

	mkdir($to) or die "$to: $!\n";
	system("cd '$from' && tar --exclude=./.git -cf - . | tar -C '$to' -xpf -")
	    == 0 or die "run.pl: cannot copy to $to\n";
}

# Runs a command; its output goes to a file.
sub
logged
{
	my @command = @_;

	defined(my $pid = fork()) or die "fork: $!\n";
	if ($pid == 0) {
		setpgrp();
		open(STDOUT, '>', '.mutate.out') && open(STDERR, '>&', \*STDOUT)
		    && open(STDIN, '<', '/dev/null') && exec(@command);
		exec('false');
	}
	my $hung = 0;
	local $SIG{ALRM} = sub { $hung = 1; kill('KILL', -$pid) };
	alarm($main::seconds // 0);
	waitpid($pid, 0);
	my $rc = $?;
	alarm(0);
	kill('KILL', -$pid) if $main::seconds;
	return ($hung ? undef : $rc == 0);
}

sub
output
{
	open(my $in, '<', '.mutate.out') or return ('');
	return (<$in>);
}

# Makes what the tests need: the test itself for C, and the programs for a script.
# The scripts of smtp and pass build drivers of their own; for them it is enough
# that what the patch changed (objects) compiles.
sub
build
{
	my ($objects, @tests) = @_;
	my @files = map { (split(' '))[0] } @tests;
	my @c = grep { /\.c$/ } @files;
	my @make = grep({ !/\.c$|^regress\/(smtp|pass)\// } @files) ? 'all' :
	    @$objects;

	return (0) if @c != @files && @make &&
	    !logged($ENV{MAKE} // 'make', '-s', @make);
	return (!@c || logged('sh', 'regress/build.sh', @c));
}

# Returns what became of the mutant by this test.
sub
run
{
	my ($test, $seconds) = @_;
	my ($file, @args) = split(' ', $test);
	my $name = $file;

	if ($file =~ m{([^/]+)\.c$}) {
		$name = "regress/obj/$1";
		push @args, "regress/fuzz/corpus/$1" if $name =~ m{([^/]+)_fuzz$};
	}
	local $main::seconds = int($seconds) + 1;
	my $good = logged("./$name", @args);
	return ('hangs') unless defined $good;
	return ($good && !grep({ /^not ok/ } output()) &&
	    grep({ /^ok/ } output()) ? 'SURVIVED' : 'killed');
}
