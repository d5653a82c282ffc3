#!/usr/bin/perl
# torture
# Messages a second from Postfix's smtp-source to its smtp-sink, with nothing
# between them, with HAProxy as a TCP proxy, with Postfix's before-queue proxy
# (smtpd_proxy_filter), and with pass without modules.  They run in turns, so
# that only the ratios count.  Sender and sink use the same processors.  Where
# their part is so large that HAProxy, which only copies, hardly reaches 3 times
# Postfix' rate, no proxy can reach that; the processor time of a message shows
# the difference everywhere.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../system";
use Sys;
use Mta;
use POSIX ();
use Test::More;

private();

my $messages = torture_or(10000, 1500);
my $sessions = 20;
my $size = 4096;
my $rounds = 3;
my $rounds_max = 10;

my ($root, $no) = postfix_root('bench', 'haproxy');
plan(skip_all => "Postfix, HAProxy: $no") if !$root;

my ($sink, $behind) = smtp_sink($root, undef);
my %to = (direct => $behind);

# --- HAProxy
$to{HAProxy} = mta_port();
spit("$root/etc/haproxy.cfg", <<"END");
defaults
	mode tcp
	timeout connect 10s
	timeout client 60s
	timeout server 60s
listen mail
	bind 127.0.0.1:$to{HAProxy}
	server mta 127.0.0.1:$behind
END
my %cpu;
my $haproxy = background(tmp() . '/haproxy.out', 'chroot', $root, 'haproxy',
    '-db', '-f', '/etc/haproxy.cfg');
listening('HAProxy', $to{HAProxy});
$cpu{HAProxy} = sub { cpu_of($haproxy) };

# --- Postfix, without limits that a single client would reach
$to{Postfix} = postfix_start($root, mta_port(), '-o',
    "smtpd_proxy_filter=127.0.0.1:$behind", '-o',
    'smtpd_client_connection_count_limit=0', '-o',
    'smtpd_recipient_restrictions=permit_mynetworks,reject', '-o',
    'smtpd_authorized_xforward_hosts=127.0.0.0/8');

my ($master) = slurp("$root/var/spool/postfix/pid/master.pid") =~ /(\d+)/;
$cpu{Postfix} = sub { cpu_tree($master) };

# --- pass
$to{pass} = pass_start($behind);
my $pass = role_pid('pass') // die "no pass\n";
$cpu{pass} = sub { cpu_of($pass) };

# Returns the processor time of a process with all threads, in seconds.
sub
cpu_of
{
	my ($ns) = 0;

	for my $file (glob("/proc/$_[0]/task/*/schedstat")) {
		slurp($file) =~ /^(\d+)/ and $ns += $1;
	}
	return ($ns / 1e9);
}

# The same of a process and its children, running and ended.
sub
cpu_tree
{
	my ($top) = @_;
	my $ticks = 0;

	for my $file (glob('/proc/[0-9]*/stat')) {
		my ($who, $rest) = slurp($file) =~ /^(\d+) .*\) \S (.*)/s or
		    next;
		my @f = split(/ /, $rest);
		$ticks += $f[10] + $f[11] if $f[0] == $top || $who == $top;
		$ticks += $f[12] + $f[13] if $who == $top;
	}
	return ($ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK()));
}

# Returns the messages a second; each must have been accepted.
my %spent;

sub
rate
{
	my ($what, @args) = @_;
	my $cpu = $cpu{$what} ? $cpu{$what}->() : 0;
	my $t = now();
	my ($status, $out, $err) = run('chroot', $root, 'smtp-source', '-s',
	    $sessions, '-m', $messages, '-l', $size, '-f', 'me@example.com',
	    '-t', 'you@example.org', @args, "127.0.0.1:$to{$what}");
	my $took = now() - $t;

	is("$status $out$err", '0 ', "$what: $messages messages")
	    or BAIL_OUT("smtp-source through $what");
	push(@{$spent{$what}}, ($cpu{$what}->() - $cpu) / $messages * 1e6)
	    if $cpu{$what};
	return ($messages / $took);
}

sub best { return ((sort { $b <=> $a } @_)[0]) }

# Whether each message has a session of its own, or several share one.
sub
compare
{
	my ($how, @args) = @_;
	my @names = qw(direct HAProxy Postfix pass);
	my (%rates, %best);

	%spent = ();
	for my $round (1 .. $rounds_max) {
		push(@{$rates{$_}}, rate($_, @args)) for @names;
		%best = map { $_ => best(@{$rates{$_}}) } @names;
		# More rounds where something else has the processors.
		last if $round >= $rounds &&
		    $best{pass} >= ratio_want(0.7) * $best{HAProxy} &&
		    ($best{pass} >= ratio_want(3) * $best{Postfix} ||
		    0.7 * $best{HAProxy} < 3 * $best{Postfix});
	}
	my %us = map { $_ => (sort { $a <=> $b } @{$spent{$_}})[0] }
	    @names[1 .. $#names];
	diag("$how, messages a second: " . join(', ', map {
		sprintf('%s %.0f', $_, $best{$_}) } @names));
	diag("$how, us of processor time a message: " . join(', ', map {
		sprintf('%s %.0f', $_, $us{$_}) } @names[1 .. $#names]));
	ratio_ok($best{pass} / $best{HAProxy}, 0.7, "$how: of HAProxy's");
	ratio_ok($us{Postfix} / $us{pass}, 3,
	    "$how: processor time of Postfix's proxy, of pass'");
	my ($is, $can) = map { $best{$_} / $best{Postfix} } qw(pass HAProxy);
	SKIP: {
		skip(sprintf("$how: 3 times Postfix's proxy: HAProxy itself " .
		    'is at %.1f times here', $can), 1)
		    if $is < ratio_want(3) && 0.7 * $can < 3;
		ratio_ok($is, 3, "$how: of Postfix's proxy");
	}
}

compare('a message a session');
compare('many in a session', '-d');
is((stop())[0], 0, 'SIGTERM');
postfix_kill($root);
done_testing();
