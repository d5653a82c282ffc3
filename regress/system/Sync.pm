# Several daemons that sync.  Each has its own network namespace, on one bridge
# with the test (10.9.0.254, 2001:db8:9::fe).  The test makes and reads
# datagrams of both versions with its own code, independently of the program.
#	node N: 10.9.0.N, 2001:db8:9::N, interface "eth0"
package Sync;

use strict;
use warnings;
use Digest::SHA qw(hmac_sha1 hmac_sha256 sha1_hex);
use Exporter qw(import);
use IO::Socket::IP;
use IPC::Open2;
use POSIX ();
use Socket qw(:all);
use Sys;
use Test::More;

our @EXPORT = qw(bridge node_conf node_start node_stop node_forget node_db node_lines
    node_stats node_log clients must equal grey2 host2 seal2 seal3 item3
    udp_to end_nodes $key relay_start relay_end);

our $key = "secret\n";
my (%node, %client, $relay_in, $relay_out, $relay_pid);

sub
must
{
	my ($status, $out, $err) = run(@_);

	die "@_: $out$err\n" if $status != 0;
	return ($out);
}

sub
bridge
{
	my ($n) = @_;

	must('ip', 'link', 'add', 'br0', 'type', 'bridge',
	    'mcast_snooping', '0');
	must('ip', 'addr', 'add', '10.9.0.254/24', 'dev', 'br0');
	must('ip', 'addr', 'add', '2001:db8:9::fe/64', 'dev', 'br0', 'nodad');
	must('ip', 'link', 'set', 'br0', 'up');
	for my $i (1 .. $n) {
		must('ip', 'netns', 'add', "n$i");
		must('ip', 'link', 'add', "v$i", 'type', 'veth', 'peer',
		    'name', 'eth0', 'netns', "n$i");
		must('ip', 'link', 'set', "v$i", 'master', 'br0', 'up');
		must('ip', '-n', "n$i", 'addr', 'add', "10.9.0.$i/24", 'dev',
		    'eth0');
		must('ip', '-n', "n$i", 'addr', 'add', "2001:db8:9::$i/64",
		    'dev', 'eth0', 'nodad');
		must('ip', '-n', "n$i", 'link', 'set', $_, 'up')
		    for qw(lo eth0);
		# The addresses of IPv6 clients.
		must('ip', '-n', "n$i", 'addr', 'add', "2001:db8:c:$_\::1/64",
		    'dev', 'lo', 'nodad') for 1 .. 9;
		must('ip', '-n', "n$i", 'addr', 'add', "192.0.2.$_/32", 'dev',
		    'lo') for 1 .. 40;
	}
	spit(tmp() . '/sync.key', $key);
	chmod(0600, tmp() . '/sync.key');
}

# Writes a node's configuration: what all need, the block sync, and more; and
# the place of its database, if that is another one.
sub
node_conf
{
	my ($i, $sync, $more, $state) = @_;
	my $dir = tmp() . "/n$i";

	mkdir($dir);
	$sync = "sync {\n$sync\n}" if $sync ne '';
	spit("$dir/spamgreyd.conf", <<"END");
hostname "mx$i.example.org"
state directory "${\($state // "$dir/state")}"
control socket "$dir/sock"
firewall none
allowed domains { "example.org" }
spamtrap { "trap\@example.org" }
tarpit { stutter no }
greylist { pass 1s }
listen on 0.0.0.0 port 25
listen on :: port 25
$sync
${\($more // '')}
END
}

sub
node_start
{
	my ($i, @wrap) = @_;
	my $dir = tmp() . "/n$i";
	my $log = "$dir/log";
	my $from = -s $log // 0;
	my $pid = fork();

	if ($pid == 0) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', $log);
		open(STDERR, '>>', $log);
		POSIX::close(9);
		exec('nsenter', "--net=/run/netns/n$i", @wrap, $Sys::daemon,
		    '-d', '-f', "$dir/spamgreyd.conf") or POSIX::_exit(127);
	}
	$node{$i} = { pid => $pid, log => $log };
	wait_for("node $i to be ready", sub {
		if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
			diag(slurp($log));
			die "node $i ended at its start\n";
		}
		return (plain(substr(slurp($log), $from)) =~ /^ready$/m);
	});
}

sub
node_stop
{
	my ($i) = @_;

	kill('TERM', $node{$i}{pid});
	waitpid($node{$i}{pid}, 0);
	my $status = $?;
	delete $node{$i};
	return ($status);
}

# Removes the database of a stopped node.
sub node_forget { run('rm', '-rf', tmp() . "/n$_[0]/state") }

sub node_log { return (plain(slurp($node{$_[0]}{log}))) }

sub
node_db
{
	my ($i, @args) = @_;
	my $dir = tmp() . "/n$i";

	return (run($Sys::command, '-f', "$dir/spamgreyd.conf", @args));
}

# Returns its export, sorted, because the order of GREY entries on disk differs
# between nodes.
sub
node_lines
{
	my ($i, $re) = @_;
	my ($status, $out, $err) = node_db($i, 'export');

	die "export of node $i: $err" if $status != 0;
	return (join('', sort grep { !defined $re || /$re/ }
	    map { "$_\n" } split(/\n/, $out)));
}

sub
node_stats
{
	my ($i) = @_;
	my ($status, $out, $err) = node_db($i, 'stats');

	die "stats of node $i: $err" if $status != 0;
	return (map { /^(.*?)[:\s]\s*(-?\d+)$/ ? ($1 => $2) : () }
	    split(/\n/, $out));
}

# Sends one mail, and returns the reply to DATA.
sub
clients
{
	my ($i, $src, $from, $to, $helo) = @_;

	if (!$client{$i}) {
		my $pid = open2(my $out, my $in, 'nsenter',
		    "--net=/run/netns/n$i", $^X,
		    "$Sys::top/regress/lib/smtpclient.pl");
		$in->autoflush(1);
		$client{$i} = [$in, $out, $pid];
	}
	my ($in, $out) = @{$client{$i}};
	print $in join("\t", $src, $from, $to, $helo // 'mx.example.com'),
	    "\n";
	my $line = <$out>;
	chomp($line);
	return ($line);
}

# Returns whether all nodes have the same lines.
sub
equal
{
	my ($re, @nodes) = @_;
	my %seen;

	$seen{node_lines($_, $re)} = 1 for @nodes;
	return (keys %seen == 1);
}

sub
udp_to
{
	my ($host, $data, $port) = @_;
	my $s = IO::Socket::IP->new(PeerHost => $host,
	    PeerPort => $port // 8025, Type => SOCK_DGRAM) or
	    die "$host: $@\n";

	send($s, $data, 0);
}

# Datagrams of version 2, made as the reference (spamd) makes them.
sub
seal2
{
	my ($counter, $body, $k) = @_;
	my $len = 32 + length($body);
	my $d = pack('CCnN', 2, 2, $len, $counter) . "\0" x 24 . $body;

	substr($d, 8, 20) = hmac_sha1($d, $k eq '' ? '' : sha1_hex($k));
	return ($d);
}

sub
grey2
{
	my ($when, $ip, $from, $to, $helo) = @_;
	my $strings = "$from\0$to\0$helo\0";
	my $len = 18 + length($strings);
	my $pad = -$len % 16;

	return (pack('nnNa4nnn', 1, $len + $pad, $when, inet_aton($ip),
	    length($from) + 1, length($to) + 1, length($helo) + 1) . $strings .
	    "\0" x $pad . pack('nn', 0, 4));
}

sub
host2
{
	my ($type, $when, $expire, $ip) = @_;

	return (pack('nnNNa4nn', $type, 16, $when, $expire, inet_aton($ip), 0,
	    4));
}

# Datagrams of version 3, made from lib/sync/v3.h and lib/sync/mergeio.h.
sub time40 { return (pack('CN', $_[0] >> 32, $_[0] & 0xffffffff)) }

sub
item3
{
	my (%o) = @_;
	my $addr = inet_pton($o{ip} =~ /:/ ? AF_INET6 : AF_INET, $o{ip});
	my $flags = (length($addr) == 16 ? 1 : 0) | ($o{last} ? 2 : 0) |
	    ($o{gone} ? 8 : 0);
	my $b = pack('C', $flags) . $addr;

	$b .= join('', map { time40($_) } $o{last}, $o{first}, $o{pass},
	    $o{expire}) . pack('NN', 1, 1) if $o{last};
	$b .= time40($o{gone}) . time40($o{keep}) if $o{gone};
	$b .= pack('C', $o{reason} // 8) if $o{kind} eq 'T';
	$b .= join('', map { pack('n/a', $_) } @{$o{strings} // ['']});
	return ($o{kind} . pack('n/a', $b));
}

sub
seal3
{
	my ($body, %o) = @_;
	my $len = 68 + length($body);
	my $d = pack('CCnQ>Q>Q>Q>', 3, 0, $len, $o{id} // 4711, $o{epoch} // 1,
	    $o{counter}, $o{time} // time()) . "\0" x 32 . $body;

	substr($d, 36, 32) = hmac_sha256($d, hmac_sha256(
	    'spamgreyd sync version 3', $o{key} // $key));
	return ($d);
}

sub
relay_start
{
	$relay_pid = open2($relay_out, $relay_in, $^X,
	    "$Sys::top/regress/lib/udprelay.pl", @_);
	my $line = <$relay_out> // '';
	die "no relay: $line" if $line ne "ready\n";
}

sub
relay_end
{
	close($relay_in);
	my $line = <$relay_out> // '';
	waitpid($relay_pid, 0);
	chomp($line);
	return ($line);
}

sub
end_nodes
{
	for my $c (values %client) {
		close($c->[0]);
		waitpid($c->[2], 0);
	}
	%client = ();
	my $bad = 0;
	$bad |= node_stop($_) for sort keys %node;
	return ($bad);
}

1;
