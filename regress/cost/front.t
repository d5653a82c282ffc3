#!/usr/bin/perl
# What a session costs the daemon, in system calls, bytes, allocations and syncs
# of the database: a greylisted one, many that ask at the same time, and one that
# is held in the tarpit.  The ceilings are a little above what there is, so that
# one system call more for each session fails.  (Cost.pm has the counts.)
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../system";
use Cost;
use Sys;
use Test::More;

private();

my $port = 8025;
my $load = cost_program('regress/bench/smtp_load.c');
my $list = spit(tmp() . '/black', "127.128.0.0/9\n");

conf(<<"END");
listen on 127.0.0.1 port $port
firewall none
tarpit { stutter 20ms for 0s }
limit { per-host 200 per-network 200 }
blacklist "all" file "$list" message "Your address %A is on our list"
END
cost_start();

# Sessions one after the other.
sub
sessions
{
	my ($n, $tag) = @_;
	my ($status, $out, $err) = run($load, '-c', 1, '-n', $n, '-t', $tag,
	    '127.0.0.1', $port);

	"$status $err" eq '0 ' or die "smtp_load: $err\n";
	like($out, qr/^grey=$n$/m, "$n sessions were greylisted");
}

# Buffers grow before anything is counted.
sessions(100, 'first');
my $n = 300;
# The numbers of closed descriptors come again, and must not be taken for those
# of front's own.
all_closed($port);
cost_begin();
sessions($n, 'counted');
cost_ok(cost_end(), $n, {
	# The five commands, each read and answered; store's answer and what it
	# has said before the client is accepted; a line to the log, alone when
	# no other follows at once.
	front => { 'call.accept4' => 2.1, 'call.recvfrom' => 6.1,
	    'call.sendto' => 6.1, 'call.recvmsg' => 2.1, 'call.sendmsg' => 2.1,
	    'call.epoll_wait' => 7.2, 'call.epoll_ctl' => 2.1,
	    'call.close' => 1.1, other => 0.1,
	    allocations => 15.5, copied => 700 },
	store => { 'call.epoll_wait' => 1.1, 'call.recvmsg' => 1.1,
	    'call.sendmsg' => 1.1, 'call.pwrite64' => 2.1, syncs => 1.1,
	    other => 1.1, allocations => 13.5, copied => 2900 },
	parent => { 'call.epoll_wait' => 1.1, 'call.recvmsg' => 1.1,
	    'call.write' => 1.1, other => 0.1 },
}, 'greylisted');

# The processes stand still while all clients send their RCPT, so that each
# finds all of it at once.
sub
stand_still
{
	my ($do) = @_;
	my @pids = map { role_pid($_) } qw(front store);

	kill('STOP', @pids);
	$do->();
	# Front first, until it has read all and sleeps.
	kill('CONT', $pids[0]);
	wait_for('front to have asked store', sub {
		my @queued = grep { $_ ne '00000000' }
		    slurp('/proc/net/tcp') =~ /^\s*\d+: [0-9A-F]{8}:
		    ${\sprintf('%04X', $port)}\ \S+\ 01\ [0-9A-F]{8}:(\w+)/gmx;
		return (!@queued && slurp("/proc/$pids[0]/stat") =~ /\) S /);
	});
	kill('CONT', $pids[1]);
}

# One client for each, at its RCPT.
my $clients = 100;
my @clients = map {
	my $s = smtp(port => $port, from => '127.0.' . ($_ + 1) . '.1') or
	    die "connect: $!\n";
	Sys::reply($s);
	for my $line ("EHLO client.test", "MAIL FROM:<batch.$_\@a.example>") {
		print $s "$line\r\n";
		$s->flush();
		Sys::reply($s);
	}
	$s;
} 1 .. $clients;
cost_begin();
stand_still(sub {
	for my $s (@clients) {
		print $s "RCPT TO:<someone\@example.org>\r\n";
		$s->flush();
	}
});
is((grep { Sys::reply($_) =~ /^250 / } @clients), $clients,
    "$clients clients were answered");
cost_ok(cost_end(), $clients, {
	front => { calls => 2.3, sends => 0.1 },
	store => { calls => 0.3, sends => 0.03, syncs => 0.03 },
}, 'RCPT at the same time');
@clients = ();

# Hosts in the tarpit: what each of their bytes costs.  Their connections are
# counted too, a few calls for at least 30 bytes.
my $held = 50;
all_closed($port);
cost_begin();
@clients = map {
	smtp(port => $port, from => '127.128.' . ($_ + 1) . '.1') or
	    die "connect: $!\n" } 1 .. $held;
for my $s (@clients) {
	for (1 .. 30) {
		sysread($s, my $byte, 1) or die "no byte: $!\n";
	}
}
my $cost = cost_end();
my $bytes = $cost->{front}{out};
cmp_ok($bytes, '>=', $held * 30, 'bytes were stuttered');
cost_ok($cost, $bytes, {
	front => { 'call.sendto' => 1.01, other => 0.4, allocations => 0.2 },
}, 'a byte of a held one');
@clients = ();

is((stop())[0], 0, 'SIGTERM');
done_testing();
