#!/usr/bin/perl
# Live sync between daemons, in network namespaces on one bridge.  What one adds
# or deletes appears at the others, in version 3, and in version 2 with a spamd
# that this test plays.  Also a network that loses, duplicates and reorders
# datagrams; replays, wrong keys and forbidden entries; multicast; reload.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Select;
use IO::Socket::IP;
use Socket qw(SOCK_DGRAM);
use Sync;
use Sys;
use Test::More;

private();
bridge(3);

my $keyfile = tmp() . '/sync.key';

# Waits until the matching lines of the nodes are these.
sub
shows
{
	my ($i, $re, $name) = @_;

	ok(eval { wait_for($name, sub { node_lines($i) =~ $re }, 30) }, $name)
	    or diag(node_lines($i), node_log($i));
}

sub
shows_not
{
	my ($i, $re, $name) = @_;

	ok(eval { wait_for($name, sub { node_lines($i) !~ $re }, 30) }, $name)
	    or diag(node_lines($i));
}

sub
count_is
{
	my ($i, $what, $n) = @_;

	ok(eval { wait_for("$what of node $i", sub {
		my %s = node_stats($i);
		($s{$what} // -1) == $n;
	}, 30) }, "node $i: $what is $n") or do {
		my %s = node_stats($i);
		diag("it is " . ($s{$what} // 'not there'));
	};
}

sub
ok_db
{
	my ($i, @args) = @_;
	my ($status, $out, $err) = node_db($i, @args);

	is($status, 0, "node $i: @args") or diag($out, $err);
}

# Two daemons, version 3.
node_conf($_, <<"END") for 1, 2;
listen on 10.9.0.$_ port 8025 listen on 2001:db8:9::$_ port 8025
key "$keyfile"
peer ${\($_ == 1 ? '10.9.0.2' : '2001:db8:9::1')}
END
node_start($_) for 1, 2;

like(clients(1, '192.0.2.1', '<a@example.com>', '<u@example.org>'),
    qr/^451 4\.7\.1 /, 'a new sender at the first');
shows(2, qr/^GREY\|192\.0\.2\.1\|mx\.example\.com\|<a\@example\.com>\|<u\@/m,
    'its tuple is at the second');
wait_for('the tuple to mature', sub {
	clients(2, '192.0.2.1', '<a@example.com>', '<u@example.org>');
	return (node_lines(2) =~ /^WHITE\|192\.0\.2\.1\|/m);
});
shows(1, qr/^WHITE\|192\.0\.2\.1\|/m, 'its retry at the second makes it '
    . 'WHITE at the first, and over IPv6');
ok(wait_for('both to be equal', sub { equal(undef, 1, 2) }),
    'the two are equal');
like(clients(2, '2001:db8:c:1::1', '<b@example.com>', '<u@example.org>'),
    qr/^451/, 'a client of IPv6 at the second');
shows(1, qr/^GREY\|2001:db8:c:1::1\|/m, 'its tuple is at the first');
like(clients(1, '192.0.2.2', '<c@example.com>', '<trap@example.org>'),
    qr/^354/, 'a spamtrap, into the tarpit');
shows(2, qr/^TRAPPED\|192\.0\.2\.2\|.*\|spamtrap\|trap\@example\.org$/m,
    'traps at the second too, and it knows why');
ok_db(1, 'trap', '198.51.100.1');
shows(2, qr/^TRAPPED\|198\.51\.100\.1\|/m, 'a trap by hand');
ok_db(2, '-d', '-t', '198.51.100.1');
shows_not(1, qr/198\.51\.100\.1/, 'and its deletion at the second');
ok_db(1, '-d', '192.0.2.1');
shows_not(2, qr/^WHITE\|192\.0\.2\.1\|/m, 'the deletion of a WHITE host');
shows(2, qr/^STAMP\|192\.0\.2\.1\|/m, 'with its stamp');
ok_db(1, '-T', '-a', 'joe@example.org');
shows(2, qr/^SPAMTRAP\|joe\@example\.org\|/m, 'a spamtrap by hand');
ok_db(2, '-T', '-d', 'joe@example.org');
shows_not(1, qr/^SPAMTRAP/m, 'and its deletion');
ok_db(1, 'add', '2001:db8:77::5');
shows(2, qr/^WHITE\|2001:db8:77::5\|/m, 'WHITE by hand');

my $long = 'x' x 900;
clients(1, '192.0.2.3', "<$long\@example.com>", "<$long\@example.org>",
    'h' x 900);
shows(2, qr/^GREY\|192\.0\.2\.3\|h{900}\|<x{900}\@example\.com>\|<x{900}\@/m,
    'a tuple longer than a packet');
ok(wait_for('both to be equal', sub { equal(undef, 1, 2) }),
    'the two are equal');
my %first = node_stats(1);
my %second = node_stats(2);
cmp_ok($first{'sync.sent'}, '<', 40, 'nothing goes round and round');
is($first{"sync.refused.$_"}, 0, "none refused: $_")
    for qw(key time replay version malformed entry);
is($first{'sync.peers-heard'}, 1, 'one peer is heard');

# Sends forbidden datagrams to the first daemon.
my $now = time();
my %white = (kind => 'W', ip => '203.0.113.9', last => $now, first => $now,
    pass => $now, expire => $now + 3000);
my $good = seal3(item3(%white), counter => 5);
my $taken = $first{'sync.taken'};
udp_to('10.9.0.1', $good);
shows(1, qr/^WHITE\|203\.0\.113\.9\|/m, 'a datagram that the test made');
count_is(1, 'sync.taken', $taken + 1);
udp_to('10.9.0.1', $good);
count_is(1, 'sync.refused.replay', 1);
udp_to('10.9.0.1', seal3(item3(%white, ip => '203.0.113.10'), counter => 6,
    key => "other\n"));
count_is(1, 'sync.refused.key', 1);
udp_to('10.9.0.1', seal3(item3(%white, ip => '203.0.113.10'), counter => 7,
    time => $now - 400));
count_is(1, 'sync.refused.time', 1);
udp_to('10.9.0.1', substr($good, 0, -3));
udp_to('10.9.0.1', seal3(item3(%white) . 'x', counter => 8));
udp_to('10.9.0.1', seal3(item3(%white, strings => ["a\nb"]), counter => 9));
udp_to('10.9.0.1', '');
count_is(1, 'sync.refused.malformed', 4);
udp_to('10.9.0.1', seal3(item3(%white, last => $now + 4000), counter => 10));
count_is(1, 'sync.refused.entry', 1);
udp_to('10.9.0.1', seal2(0, host2(2, $now, $now + 3000, '203.0.113.11'),
    $key));
count_is(1, 'sync.refused.version', 1);
srand(20260607);
for (1 .. 300) {
	my $d = $good;
	substr($d, int(rand(length($d))), 1) = chr(int(rand(256)))
	    for 1 .. 1 + int(rand(4));
	udp_to('10.9.0.1', $d);
	udp_to('10.9.0.1', join('', map { chr(int(rand(256))) } 1 ..
	    1 + int(rand(600)))) if $_ % 3 == 0;
}
udp_to('10.9.0.1', seal3(item3(%white, ip => '203.0.113.12'), counter => 11));
shows(1, qr/^WHITE\|203\.0\.113\.12\|/m, 'after all that it still listens');
unlike(node_lines(1), qr/203\.0\.113\.1[01]/, 'and has taken none of it');
my @lines = grep { /sync: refused/ } split(/\n/, node_log(1));
is(scalar(@lines), 1, 'one line a minute') or diag(@lines);
like($lines[0], qr/sync: refused from 10\.9\.0\.254: it came before/,
    'that names who and why');
udp_to('10.9.0.1', seal3(item3(%white, last => 0, gone => $now + 1, keep =>
    $now + 9000), counter => 12));
shows_not(1, qr/203\.0\.113\.9\|/, 'a deletion that the test made');
udp_to('10.9.0.1', seal3(item3(%white), counter => 13));
count_is(1, 'sync.taken', $taken + 3);
shows_not(1, qr/203\.0\.113\.9\|/, 'and a late assertion of before');

# After a restart, old datagrams are refused and new ones are accepted.
is(node_stop(1), 0, 'the first ends');
node_start(1);
ok_db(1, 'trap', '198.51.100.2');
shows(2, qr/^TRAPPED\|198\.51\.100\.2\|/m, 'a new epoch is heard');
%second = node_stats(2);
is($second{'sync.peers-heard'}, 1, 'as the same peer');

# A reload removes a peer and adds it again; the sockets stay.
node_conf(1, "listen on 10.9.0.1 listen on 2001:db8:9::1 key \"$keyfile\"");
ok_db(1, 'reload');
ok_db(1, 'trap', '198.51.100.3');
node_conf(1, "listen on 10.9.0.1 listen on 2001:db8:9::1 key \"$keyfile\" "
    . 'peer 10.9.0.2');
ok_db(1, 'reload');
ok_db(1, 'trap', '198.51.100.4');
shows(2, qr/^TRAPPED\|198\.51\.100\.4\|/m, 'a peer that came by a reload');
unlike(node_lines(2), qr/198\.51\.100\.3/, 'was not told before');
node_conf(1, '');
ok_db(1, 'reload');
node_conf(1, "listen on 10.9.0.1 key \"$keyfile\" peer 10.9.0.2");
wait_for('the processes without sync', sub {
	my ($status) = node_db(1, 'reload');
	return ($status == 0);
});
wait_for('the processes with sync', sub {
	my ($status) = node_db(1, 'trap', '198.51.100.5');
	return ($status == 0 && node_lines(2) =~ /198\.51\.100\.5/);
});
pass('the block may go and come');
is(end_nodes(), 0, 'both end');

# Version 2; the test plays spamd.
my $spamd = IO::Socket::IP->new(LocalHost => '10.9.0.254', LocalPort => 8025,
    Type => SOCK_DGRAM) or die "$@\n";
my $wait = IO::Select->new($spamd);
sub
spamd_hears
{
	$wait->can_read(30) or return ('');
	defined recv($spamd, my $d, 65536, 0) or return ('');
	return ($d);
}
node_conf(3, "listen on 10.9.0.3 key \"$keyfile\" peer 10.9.0.254 spamd");
node_start(3);
clients(3, '192.0.2.5', '<a@example.com>', '<u@example.org>');
my $d = spamd_hears();
my ($when) = unpack('x36N', $d);
cmp_ok(abs($when - time()), '<', 60, 'its timestamp');
is(unpack('H*', $d), unpack('H*', seal2(0, grey2($when, '192.0.2.5',
    '<a@example.com>', '<u@example.org>', 'mx.example.com'), $key)),
    'GREY as spamd sends it, to the octet');
clients(3, '192.0.2.6', '<a@example.com>', '<trap@example.org>');
$d = spamd_hears();
my ($type, $expire) = unpack('x32n x2 x4N', $d);
is($type, 3, 'TRAPPED');
is(unpack('H*', $d), unpack('H*', seal2(1, host2(3, unpack('x36N', $d),
    $expire, '192.0.2.6'), $key)), 'to the octet');
cmp_ok(abs($expire - time() - 86400), '<', 60, 'for a day');
ok_db(3, 'add', '192.0.2.7');
$d = spamd_hears();
is(unpack('H*', $d), unpack('H*', seal2(2, host2(2, unpack('x36 N', $d),
    unpack('x40 N', $d), '192.0.2.7'), $key)), 'WHITE, to the octet');
ok_db(3, 'add', '2001:db8:77::5');
ok_db(3, '-d', '192.0.2.7');
# (A new sender of this network, so it is no retry of the first tuple.)
clients(3, '192.0.2.8', '<b@example.com>', '<u@example.org>');
like(unpack('H*', spamd_hears()), qr/^0202....00000003/,
    'neither IPv6 nor a deletion is said in version 2');

# Datagrams of the reference.  They have expired; the time of a GREY entry is
# ignored.
my %vector = (
    grey => '020200740000000073f9277f73b8aae2752b085596af7abc256b5c3800000000'
	. '000100506553f100c000020100100010000f3c61406578616d706c652e6f7267'
	. '3e003c62406578616d706c652e6e65743e006d782e6578616d706c652e6f7267'
	. '0000000000000000000000000000000000000004',
    trapped => '02020034000000017bb4b1da07757c0c36ca4b3668aa5eba85553bbc'
	. '00000000000300106553f10065554280c000020100000004');
sub
spamd_says
{
	my ($data) = @_;
	my $to = Socket::pack_sockaddr_in(8025, Socket::inet_aton('10.9.0.3'));

	send($spamd, $data, 0, $to) or die "send: $!\n";
}
my %third = node_stats(3);
spamd_says(pack('H*', $vector{trapped}));
count_is(3, 'sync.known', $third{'sync.known'} + 1);
unlike(node_lines(3), qr/^TRAPPED\|192\.0\.2\.1\|/m,
    'a trap that is over is dropped');
node_conf(3, "listen on 10.9.0.3 key \"$keyfile\" peer 10.9.0.254 spamd",
    'allowed domains { "example.org" "example.net" }');
my $conf = slurp(tmp() . '/n3/spamgreyd.conf') =~
    s/^allowed domains \{ "example.org" \}\n//mr;
spit(tmp() . '/n3/spamgreyd.conf', $conf);
ok_db(3, 'reload');
spamd_says(pack('H*', $vector{grey}));
shows(3, qr/^GREY\|192\.0\.2\.1\|mx\.example\.org\|<a\@example\.org>\|<b\@example\.net>\|/m,
    'the GREY of the reference');
$now = time();
spamd_says(seal2(9, host2(3, $now, $now + 5000, '192.0.2.1'), $key));
shows(3, qr/^TRAPPED\|192\.0\.2\.1\|${\($now + 5000)}\|/m, 'a trap, as sent');
spamd_says(seal2(9, host2(2, $now, $now + 6000, '192.0.2.1'), $key));
shows(3, qr/^WHITE\|192\.0\.2\.1\|.*\|${\($now + 6000)}\|/m, 'WHITE, as sent');
like(node_lines(3), qr/^TRAPPED\|192\.0\.2\.1\|/m, 'which ends no trap');
spamd_says(seal2(3, host2(2, $now, $now + 9000, '192.0.2.1'), $key));
shows(3, qr/^WHITE\|192\.0\.2\.1\|.*\|${\($now + 9000)}\|/m, 'renewed');
spamd_says(seal2(3, grey2($now, '192.0.2.9', '<x@example.com>',
    '<trap@example.org>', 'h'), $key));
shows(3, qr/^TRAPPED\|192\.0\.2\.9\|/m, 'the trap test of a tuple is ours');
udp_to('10.9.0.3', seal2(3, host2(2, $now, $now + 9000, '192.0.2.20'),
    "other\n"));
count_is(3, 'sync.refused.key', 1);
spamd_says(seal2(3, grey2($now, '192.0.2.21', "<x>\nWHITE:9", '<y>', 'h'),
    $key));
count_is(3, 'sync.refused.malformed', 1);
ok(!$wait->can_read(0), 'nothing of it was sent back');
is(end_nodes(), 0, 'it ends');
close($spamd);

# Three daemons and a bad network (udprelay.pl): each sends its entries again
# and again until all have all.
my $seed = $ENV{SYNC_SEED} // 20260607;
relay_start($seed, 10, 10, 20, map {
	my $from = $_;
	map { "90$from$_=10.9.0.$_:8025" } grep { $_ != $from } 1 .. 3;
} 1 .. 3);
for my $i (1 .. 3) {
	node_forget($i);
	node_conf($i, "listen on 10.9.0.$i key \"$keyfile\"\n" . join("\n",
	    map { "peer 10.9.0.254 port 90$i$_" } grep { $_ != $i } 1 .. 3));
	node_start($i);
}
my $rounds = 0;
my $all = '^(?:TRAPPED\|198\.51\.100|WHITE\|203\.0\.113|GREY)';
sub
say_all
{
	for my $k (1 .. 10) {
		my $i = 1 + $k % 3;

		node_db($i, 'trap', "198.51.100.$k");
		node_db($i, 'add', "203.0.113.$k");
		clients($i, "192.0.2.$k", "<s$k\@example.com>",
		    '<u@example.org>') if $rounds == 0 || $k % 2;
	}
	$rounds++;
}
sub
hosts_of
{
	my ($i) = @_;
	my %h = map { /^(\w+\|[\d.]+)\|/ ? ($1 => 1) : () }
	    split(/\n/, node_lines($i, $all));

	return (scalar(grep { /^TRAPPED\|198|^WHITE\|203/ } keys %h));
}
while ($rounds < 40) {
	say_all();
	last if hosts_of(1) == 20 && hosts_of(2) == 20 && hosts_of(3) == 20;
}
is(hosts_of($_), 20, "node $_ has all hosts, after $rounds rounds of a bad "
    . 'network') for 1 .. 3;
for my $i (1 .. 3) {
	my %s = node_stats($i);

	cmp_ok($s{'sync.refused.replay'}, '>', 0,
	    "node $i refused what came twice");
	is($s{'sync.refused.malformed'} + $s{'sync.refused.key'} +
	    $s{'sync.refused.entry'}, 0, '… and nothing else');
}
diag('the network: ' . relay_end());
is(end_nodes(), 0, 'all three end');

# A full disk: entries are lost and counted, and accepted again later.
my $disk = "$ENV{SG_MNT}/disk";
mkdir($disk);
system('mount', '-t', 'tmpfs', '-o', 'size=64m,mode=755', 'tmpfs', $disk) == 0
    or die "mount\n";
node_conf(1, "listen on 10.9.0.1 key \"$keyfile\"", '', "$disk/state");
node_start(1);
my ($n, $c) = (0, 0);
sub
whites
{
	udp_to('10.9.0.1', seal3(join('', map {
		$n++;
		item3(%white, ip => '198.18.' . int($n / 250) . '.' .
		    $n % 250, last => time(), expire => time() + 3000)
	} 1 .. 20), counter => ++$c));
}
whites();
count_is(1, 'sync.taken', 20);
open(my $ballast, '>', "$disk/ballast") or die "ballast: $!\n";
while (defined(my $w = syswrite($ballast, "\0" x 4096))) {
	last if $w < 4096;
}
close($ballast);
wait_for('the disk to be full for it', sub {
	whites();
	my %now = node_stats(1);
	return ($now{'sync.lost'} > 0);
});
my %full = node_stats(1);
is($full{'database up'}, 0, 'the database is down');
unlink("$disk/ballast");
wait_for('the database to be up', sub {
	my %now = node_stats(1);
	return ($now{'database up'});
});
whites();
my $last = '198\.18\.' . int($n / 250) . '\.' . $n % 250;
shows(1, qr/^WHITE\|$last\|/m, 'and what comes then is taken');
unlike(node_log(1), qr/ died: /, 'nobody died of it');
is(end_nodes(), 0, 'it ends');

# Multicast: our group over IPv6, and spamd's over IPv4.
node_conf($_, "key \"$keyfile\" multicast \"eth0\"") for 1, 2;
node_conf(3, "key \"$keyfile\" multicast \"eth0\" "
    . 'multicast "eth0" ttl 2 spamd accept spamd');
node_start($_) for 1 .. 3;
ok_db(1, 'trap', '198.51.100.7');
shows($_, qr/^TRAPPED\|198\.51\.100\.7\|/m, "node $_ is in the group")
    for 2, 3;
my %s = node_stats(1);
is($s{'sync.sent'}, 1, 'one datagram for both');
is($s{'sync.refused.replay'}, 0, 'of which the sender hears nothing');
ok_db(3, 'trap', '198.51.100.8');
shows($_, qr/^TRAPPED\|198\.51\.100\.8\|/m, "node $_ hears the third")
    for 1, 2;
is(end_nodes(), 0, 'all three end');
node_conf($_, "key \"$keyfile\" multicast \"eth0\" spamd accept spamd")
    for 1, 2;
node_start($_) for 1, 2;
ok_db(1, 'trap', '198.51.100.9');
shows(2, qr/^TRAPPED\|198\.51\.100\.9\|/m, "spamd's group");
is(end_nodes(), 0, 'both end');

done_testing();
