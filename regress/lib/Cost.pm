# What sessions cost, counted so that no neighbour on the machine disturbs it:
# the system calls of the daemon's processes, the bytes that they read and
# write, the syncs of the database, and what they ask of the C library
# (regress/cost/count.c).  Use it with Sys, in private.sh:
#
#	cost_start();			the daemon, with the counter loaded
#	cost_begin();			strace looks at all of its processes
#	... a number of sessions ...
#	my $cost = cost_end();		{ role => counts }
#	cost_ok($cost, $sessions, { front => { calls => 17.5 }, ... }, 'name');
#
# The counts of a role, for all sessions together:
#	calls		system calls, without waits that ended by time alone
#			(their number depends on how long the sessions took)
#	call		{ name => number of such calls }
#	read, written	bytes of descriptors that were open at cost_begin: of the
#			channels between processes, of files and of the log
#	sends, receives	calls that did so on channels: a message, or a batch
#	in, out		bytes of clients and servers: of TCP, and of descriptors
#			that came later
#	syncs		fsync and fdatasync
#	allocations, allocated	calls of malloc and its kind, and bytes
#	faults		pages that the kernel had to give, or to map
#	copies, copied	calls of memcpy and memmove, and bytes; those that the
#			compiler makes in place are not seen
#
#	my $before = cost_held();	{ role => bytes that it has not freed }
#	... a number of sessions ...
#	cost_held_ok($before, { pass => 20_000 }, 'name');	it grew by no more
package Cost;

use strict;
use warnings;
use Exporter qw(import);
use FindBin;
use lib "$FindBin::Bin/../system";
use POSIX ();
use Sys;
use Test::More;

our @EXPORT = qw(cost_start cost_begin cost_end cost_ok cost_held cost_held_ok
    cost_program);

my @library = qw(allocations allocated copies copied held);
my %reads = map { $_ => 1 } qw(read readv pread64 recvfrom recvmsg);
my %writes = map { $_ => 1 } qw(write writev pwrite64 pwritev sendto sendmsg
    sendfile splice);
my (%strace, %known, %before, $counts);

# Builds a program of regress/bench or the like, and returns its path.
sub
cost_program
{
	my ($source) = @_;

	system('sh', 'regress/build.sh', $source) == 0 or
	    die "cannot build $source\n";
	$source =~ m{([^/]+)\.c$};
	return ("$Sys::top/regress/obj/$1");
}

# The daemon of conf(), with the counter of the C library.  The test is skipped
# where nothing can be counted.
sub
cost_start
{
	my $library = tmp() . '/count.so';
	my ($status) = run('strace', '-qq', '-o', '/dev/null', 'true');

	plan(skip_all => 'needs strace, and the right to use it')
	    if $status != 0;
	plan(skip_all => 'a sanitizer has a malloc of its own')
	    if slurp($Sys::daemon) =~ /__(?:asan|tsan|msan)_init/;
	($status, undef, my $err) = run($ENV{CC} // 'cc', '-std=c11',
	    '-D_GNU_SOURCE', '-O2', '-fno-builtin', '-shared', '-fPIC', '-o',
	    $library, 'regress/cost/count.c');
	$status == 0 or die "count.c: $err\n";
	$counts = tmp() . '/counts';
	mkdir($counts) or die "$counts: $!\n";
	return (start(wrap => ['env', "COST_COUNTS=$counts",
	    "LD_PRELOAD=$library"]));
}

# role => process, the parent among them.
sub processes { return (roles(), parent => $Sys::pid) }

sub
library
{
	my ($pid) = @_;
	my %n;

	@n{@library} = unpack('Q4q', slurp("$counts/$pid"));
	($n{faults}) = slurp("/proc/$pid/stat") =~ /\) \S(?: \S+){6} (\d+)/;
	return (\%n);
}

# role => bytes that the process has not freed.
sub
cost_held
{
	my %pid = processes();

	wait_for('all to be done', sub {
		return (asleep(values %pid) && asleep(values %pid)) });
	return ({ map { ($_ => library($pid{$_})->{held}) } keys %pid });
}

# Tests that no process holds more than before: by role so many bytes more, and
# 24 KB those that are not named, for buffers that had to grow.  What still ends
# now is waited for.
sub
cost_held_ok
{
	my ($before, $most, $what) = @_;
	my $end = now() + 15;
	my ($now, @over);

	do {
		$now = cost_held();
		@over = grep { $now->{$_} - $before->{$_} >
		    ($most->{$_} // 24576) } sort keys %$now;
	} while (@over && now() < $end);
	diag("$what, bytes more: " . join(', ', map {
	    "$_ " . ($now->{$_} - $before->{$_}) } sort keys %$now));
	is("@over", '', "$what: no process holds much more");
}

# number => what it is, of all descriptors but those of TCP.
sub
descriptors
{
	my ($pid) = @_;
	my %tcp = map { ("socket:[$_]" => 1) } (slurp('/proc/net/tcp') .
	    slurp('/proc/net/tcp6')) =~ /^\s*\d+:(?:\s+\S+){8}\s+(\d+)/mg;
	my %fds = map { m{(\d+)$} ? ($1 => readlink($_) // '') : () }
	    glob("/proc/$pid/fd/*");

	return ({ map { ($_ => $fds{$_}) } grep { !$tcp{$fds{$_}} } keys %fds });
}

sub
cost_begin
{
	my %pid = processes();

	(%strace, %known, %before) = ();
	for my $role (keys %pid) {
		my $child = fork() // die "fork: $!\n";
		if ($child == 0) {
			exec('strace', '-qq', '-f', '-s0', '-o',
			    tmp() . "/trace.$role", '-p', $pid{$role}) or
			    POSIX::_exit(127);
		}
		$strace{$role} = $child;
		wait_for("strace of $role", sub {
			!grep { slurp("$_/status") !~ /^TracerPid:\s+[1-9]/m }
			    glob("/proc/$pid{$role}/task/*");
		});
		$known{$role} = descriptors($pid{$role});
	}
	$before{$_} = library($pid{$_}) for keys %pid;
}

# One line of strace: the counts of its call.
sub
count_line
{
	my ($n, $fds, $line) = @_;
	my ($name, $args, $result) = $line =~ /^(?:\d+\s+)?(?:<\.\.\.\s)?(\w+)
	    (?:\(|\sresumed>)(.*)\)\s+=\s(-?\d+)/x or return;

	return if $name =~ /^(?:epoll_p?wait|poll|restart_syscall|futex)$/ &&
	    $result == 0;
	$n->{calls}++;
	$n->{call}{$name}++;
	$n->{syncs}++ if $name =~ /^f(?:data)?sync$/;
	return if $result <= 0 || $args !~ /^(\d+)/;
	my $fd = $fds->{$1};
	if ($reads{$name}) {
		$n->{defined $fd ? 'read' : 'in'} += $result;
		$n->{receives}++ if ($fd // '') =~ /^socket/;
	} elsif ($writes{$name}) {
		$n->{defined $fd ? 'written' : 'out'} += $result;
		$n->{sends}++ if ($fd // '') =~ /^socket/;
	}
}

# 1: all of them sleep.  A process that has something to read does not.
sub
asleep
{
	return (!grep { slurp("/proc/$_/stat") !~ /\) S / } @_);
}

sub
cost_end
{
	my %pid = processes();
	my %cost;

	# One that slept when it was looked at may have been woken by another
	# before that slept too: only the second look is sure.
	wait_for('all to be done', sub {
		return (asleep(values %pid) && asleep(values %pid)) });
	for my $role (keys %strace) {
		my $now = library($pid{$role});
		kill('INT', $strace{$role});
		waitpid($strace{$role}, 0);
		my %n = (call => {}, map { $_ => 0 } qw(calls read written
		    sends receives in out syncs));
		$n{$_} = $now->{$_} - $before{$role}{$_} for keys %$now;
		count_line(\%n, $known{$role}, $_)
		    for split(/\n/, slurp(tmp() . "/trace.$role"));
		$cost{$role} = \%n;
	}
	return (\%cost);
}

# Prints what each of so many sessions cost, and tests the ceilings: role =>
# { count => the most that a session may cost }.  A count "call.NAME" is that
# system call's; "other" are all calls that have no ceiling by name.
sub
cost_ok
{
	my ($cost, $sessions, $ceilings, $what) = @_;

	for my $role (grep { $cost->{$_}{calls} } sort keys %$cost) {
		my $n = $cost->{$role};
		my $calls = delete $n->{call};
		diag("$what, $role: " . join(', ', map {
		    sprintf('%s %.2f', $_, $n->{$_} / $sessions) }
		    grep { $n->{$_} } sort keys %$n));
		diag('  ' . join(', ', map {
		    sprintf('%s %.2f', $_, $calls->{$_} / $sessions) }
		    sort { $calls->{$b} <=> $calls->{$a} || $a cmp $b }
		    grep { $calls->{$_} * 100 > $sessions } keys %$calls));
		$n->{"call.$_"} = $calls->{$_} for keys %$calls;
	}
	for my $role (sort keys %$ceilings) {
		$cost->{$role}{other} = $cost->{$role}{calls};
		$cost->{$role}{other} -= $cost->{$role}{$_} // 0
		    for grep { /^call\./ } keys %{$ceilings->{$role}};
		for my $count (sort keys %{$ceilings->{$role}}) {
			my $is = ($cost->{$role}{$count} // 0) / $sessions;

			cmp_ok($is, '<=', $ceilings->{$role}{$count},
			    "$what, $role: $count");
		}
	}
}

1;
