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
cost_begin();
sessions($n, 'counted');
cost_ok(cost_end(), $n, {
	front => { calls => 31.5, sends => 2, receives => 1.1,
	    allocations => 15.5, copied => 700 },
	store => { calls => 7.5, sends => 1, receives => 1.1, syncs => 1.1,
	    allocations => 12.5, copied => 2500 },
	parent => { calls => 5.5 },
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
	store => { calls => 0.3, sends => 0.02, syncs => 0.02 },
}, 'RCPT at the same time');
@clients = ();

# Hosts in the tarpit: what each of their bytes costs.
my $held = 50;
@clients = map {
	smtp(port => $port, from => '127.128.' . ($_ + 1) . '.1') or
	    die "connect: $!\n" } 1 .. $held;
# Each one has its first byte, so all are in the wheel.
for my $s (@clients) {
	sysread($s, my $byte, 1) or die "no byte: $!\n";
}
cost_begin();
for my $s (@clients) {
	for (1 .. 30) {
		sysread($s, my $byte, 1) or die "no byte: $!\n";
	}
}
my $cost = cost_end();
my $bytes = $cost->{front}{out};
cmp_ok($bytes, '>=', $held * 20, 'bytes were stuttered');
cost_ok($cost, $bytes, {
	front => { calls => 1.05, allocations => 0.01 },
}, 'a byte of a held one');
@clients = ();

is((stop())[0], 0, 'SIGTERM');
done_testing();
