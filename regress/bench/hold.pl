#!/usr/bin/perl
# Connections that are held: how many; memory by their number; front's processor time of
# a stuttered byte beside that of the limit server, which writes the same; and
# sessions a second beside them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../system";
use Bench;
use List::Util qw(sum0);
use Mta;
use Peers;
use POSIX ();
use Sys;
use Time::HiRes qw(sleep);

private();

my $rounds = short() ? 1 : 3;
my $window = short() ? 1 : 4;
my $held = short() ? 3000 : 15000;
my @steps = short() ? (1000, 3000) : (1000, 5000, 10000, 15000, 19000);
my @peer_steps = short() ? (200, 500) : (1000, 2000, 4000);
my $load = bench_program('smtp_load');
my ($holds, $tag) = (0, 0);

# Opens so many connections from the sources 127.(128 + n) and holds them.
# Returns the process and its output.
sub
hold
{
	my ($port, $count, $net, @args) = @_;
	my $file = tmp() . '/hold' . $holds++;
	my $pid = background($file, $load, 'hold', '-b', 128 + $net, '-n',
	    $count, '-s', POSIX::ceil($count / 37), '-d', 3600, @args,
	    '127.0.0.1', $port);

	wait_for("$count connections", sub { slurp($file) =~ /^opened/m }, 300);
	return ($pid, $file);
}

# Ends them.  Each must have been held.
sub
release
{
	my ($pid, $file, $count) = @_;

	kill('TERM', $pid);
	waitpid($pid, 0);
	my ($n) = slurp($file) =~ /^held=(\d+)/m;
	die "only $n of $count connections were held\n" if $n != $count;
}

# Returns the octets that came up to now.
sub
octets
{
	my ($pid, $file) = @_;
	my $from = -s $file;

	kill('USR1', $pid);
	wait_for('the octets', sub {
		substr(slurp($file), $from) =~ /^octets=\d+\n/m });
	substr(slurp($file), $from) =~ /^octets=(\d+)/m;
	return ($1);
}

# Records the memory of a server by the connections that it holds.  pids:
# returns its processes.  Returns the resident memory of the first one in KiB,
# added by each.
sub
memory
{
	my ($name, $port, $pids, $at, @args) = @_;
	my ($open, @holders, $first) = (0);
	my ($empty) = $pids->();
	my $empty_rss = rss($empty);
	my $before = memory_of($pids->());

	for my $n (@$at) {
		push(@holders, [hold($port, $n - $open, scalar(@holders),
		    @args), $n - $open]);
		$open = $n;
		sleep(short() ? 1 : 3);
		point('memory', $name, $n,
		    (memory_of($pids->()) - $before) / 1024);
	}
	$first = (rss($empty) - $empty_rss) / $open;
	release(@$_) for @holders;
	return ($first);
}

sub
front_start
{
	my ($fronts) = @_;
	my $list = spit(tmp() . '/black', "127.128.0.0/9\n");

	conf(<<"END");
listen on 127.0.0.1 port 8025
front $fronts
firewall none
tarpit { stutter 1s for 0s }
limit { per-host 50 per-network 200 }
blacklist "all" file "$list" message "Your address %A is on our list"
END
	start();
	smtp_code(port => 8025, from => '127.0.0.1');
	# That one must not be taken for a descriptor that front always has.
	all_closed(8025);
}

# Returns the processes of role front.
sub
fronts
{
	return (grep { slurp("/proc/$_/cmdline") =~ /^spamgreyd: front / }
	    split(' ', slurp("/proc/$Sys::pid/task/$Sys::pid/children")));
}

# Returns how many descriptors a process has more than at the first call.
my %always;

sub
sockets
{
	my ($pid) = @_;
	my $n = () = glob("/proc/$pid/fd/*");

	return ($n - ($always{$pid} //= $n));
}

# --- how many in two processes, and memory

front_start(2);
sockets($_) for fronts();
my $many = 2 * $steps[-1];
my @four = map { [hold(8025, $many / 4, $_)] } 0 .. 3;
my ($until, $accepted) = (now() + 30, 0);
while ($accepted < $many && now() < $until) {
	sleep(1);
	$accepted = sum0(map { sockets($_) } fronts());
}
for (@four) {
	kill('TERM', $_->[0]);
	waitpid($_->[0], 0);
}
measured('hold.two', $accepted) if !short();
stop();
front_start(1);
my $each = memory('spamgreyd', 8025, sub {
	my %r = roles();
	return ($r{front}, $Sys::pid, grep { $_ != $r{front} } values(%r));
}, \@steps);
measured('hold.one', $steps[-1]) if !short();
measured('hold.memory', $each);
my ($limit, $port) = limit_start('-s');
memory('limit server', $port, sub { $limit }, \@steps);
limit_stop($limit);
for (peers_start('postscreen', 'OpenSMTPD')) {
	my ($name, $to, @args) = @$_;
	my $root = peer_root($name);

	# (what is for sessions is not for holding)
	@args = () if $args[0] ne '-c';
	memory($name, $to, sub { root_pids($root) }, \@peer_steps, @args);
	peer_stop($name);
}

# --- processor time, and sessions beside

# Returns [ns of an octet, sessions a second] while this process holds them.
sub
beside
{
	my ($pid, $to) = @_;
	my @h = hold($to, $held, 0);

	sleep(1);
	my ($cpu, $octets) = (cpu_of($pid), octets(@h));
	sleep($window);
	my $ns = (cpu_of($pid) - $cpu) * 1e9 / (octets(@h) - $octets);
	my ($status, $out, $err) = run($load, '-c', 50, '-d', $window / 2, '-t',
	    'b' . $tag++, '127.0.0.1', 8025);
	my %r = ($out =~ /^(\w+)=(\S+)$/mg);

	$status == 0 && $r{grey} == $r{sessions} or
	    die "not every session was greylisted: $out$err";
	release(@h, $held);
	return ([$ns, $r{rate}]);
}

($limit, $port) = limit_start('-s');
my $front = role_pid('front');
my %r = interleave($rounds, [front => sub { beside($front, 8025) }],
    [limit => sub { beside($limit, $port) }]);
limit_stop($limit);
stop();

my %ns = map { $_ => [map { $_->[0] } @{$r{$_}}] } keys(%r);
my %rate = map { $_ => [map { $_->[1] } @{$r{$_}}] } keys(%r);
table("$held blacklisted connections held, a byte a second to each",
    ['held by', 'ns of processor time a byte, median', 'quartiles',
    'sessions a second of front meanwhile, median', 'quartiles'],
    map {
	my $who = $_;
	[$who eq 'front' ? 'spamgreyd' : 'limit server', map {
		(number(median(@$_)), join(' to ', map { number($_) }
		    quartiles(@$_))) } $ns{$who}, $rate{$who}]
    } qw(front limit));
measured('hold.cpu', ratios(@ns{qw(front limit)}));
measured('hold.beside', ratios(@rate{qw(front limit)}));
