#!/usr/bin/perl
# bounded.pl SECONDS PROGRAM ARGUMENT ...: runs a test file in a process group of
# its own.  Nothing that it started is left when it ends, when its time is over
# (exit status 124; SIGALRM says that it is), or when this program is interrupted
# or loses its parent.
# At the end it prints the time and the processor time as a TAP comment.
# Processes that left the group are found by a word in their environment.  The
# harness also gives the file a process namespace where it may; then the kernel
# ends them.
use strict;
use warnings;
use POSIX qw(:sys_wait_h setpgid);
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);

my ($limit, @command) = @ARGV;
my $mark = "REGRESS_FILE=$$." . time();
my $parent = getppid();
my $begin = now();
my $stop = 0;

pipe(my $in, my $out) or die "pipe: $!\n";
$SIG{CHLD} = sub { syswrite($out, "x") };
$SIG{$_} = sub { $stop = 1; syswrite($out, "x") } for qw(INT TERM HUP);
$SIG{ALRM} = sub { $limit = 0; syswrite($out, "x") };
defined(my $pid = fork()) or die "fork: $!\n";
if ($pid == 0) {
	setpgid(0, 0);
	$SIG{CHLD} = 'DEFAULT';
	$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP ALRM);
	$ENV{REGRESS_FILE} = "$1" if $mark =~ /=(.*)/;
	open(STDIN, '<', '/dev/null');
	exec(@command) or POSIX::_exit(127);
}
setpgid($pid, $pid);

my $status;
while (!ended()) {
	if ($stop || getppid() != $parent) {
		end_all();
		exit(130);
	}
	if (now() - $begin >= $limit) {
		kill('TERM', -$pid);
		for (1 .. 50) {
			last if ended();
			sleep(0.1);
		}
		end_all();
		exit(124);
	}
	# A signal's byte ends the wait, even if it came before it.
	my $left = $limit - (now() - $begin);
	vec(my $bits = '', fileno($in), 1) = 1;
	sysread($in, my $buf, 512)
	    if select($bits, undef, undef, $left < 1 ? $left : 1) > 0;
}
end_all();
my (undef, undef, $user, $system) = times();
printf "# took %.2f s, %.2f s of the processor\n", now() - $begin,
    $user + $system;
exit($status & 127 ? 128 + ($status & 127) : $status >> 8);

sub now { return (clock_gettime(CLOCK_MONOTONIC)) }

sub
ended
{
	return (1) if defined $status;
	return (0) if waitpid($pid, WNOHANG) != $pid;
	$status = $?;
	return (1);
}

# Kills what is left of the group, and all processes with the mark.
sub
end_all
{
	kill('KILL', -$pid);
	while (my @left = marked()) {
		kill('KILL', @left);
		sleep(0.01);
	}
}

# Returns the running processes that have the mark in their environment.
sub
marked
{
	my @found;

	for my $dir (glob('/proc/[0-9]*')) {
		open(my $f, '<', "$dir/environ") or next;
		local $/;
		my $text = <$f> // '';
		push(@found, $dir =~ s/\D//gr)
		    if index("\0$text", "\0$mark\0") >= 0;
	}
	return (@found);
}
