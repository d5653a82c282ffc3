#!/usr/bin/perl
# limit 900
# long
# torture
# The role fw with real nftables, in its own network namespaces, with the sample
# as the ruleset: changes of its sets, and real connections through it.  There are
# 20,000 hosts; make torture has 100,000, which nft(8) takes long to list.
# The harness runs it in a process namespace, as in a container: there the
# kernel's events have other process ids than getpid(2) returns, and fw must
# still recognise its own changes.
use strict;
use warnings;
use lib 'regress/fw';
use FwDrive;
use IPC::Open2;
use Test::More;
use Time::HiRes qw(sleep);

my ($gate, $world) = map { "fwt-$_-$$" } 'gate', 'world';
my $sample = 'spamgreyd/nftables.conf.sample';
my $dir = tmp();
my $n = ($ENV{TORTURE} // '') eq 'full' ? 100_000 : 20_000;
my $top = `pwd`;
chomp $top;

plan skip_all => 'nftables: not root' if $> != 0;
plan skip_all => 'nftables: no nft(8)'
    if system('nft --version >/dev/null 2>&1') != 0;
# Returns the first line of a command's output, or '' when it succeeds.
sub refused {
	my $text = `@_ 2>&1`;
	return $? == 0 ? '' : $text =~ /^(.+)$/m ? $1 : "status $?";
}
my $why = refused("ip netns add $gate");
plan skip_all => "nftables: no network namespaces here: $why" if $why ne '';

sub cleanup { system("ip netns del $_ 2>/dev/null") for $gate, $world }
END { my $st = $?; cleanup() if $dir; $? = $st }
$SIG{INT} = $SIG{TERM} = sub { exit 1 };

sub gate { return system(netns($gate), @_) }
sub nft { return gate('nft', @_) == 0 }
sub list_set { return scalar `@{[netns($gate)]} nft list set inet spamgrey $_[0] 2>&1` }
# What nft says of one host; to list a whole set takes long.
sub host {
	my ($set, $addr) = @_;
	return scalar `@{[netns($gate)]} nft get element inet spamgrey $set '{ $addr }' 2>&1`;
}
sub elements {
	my ($e) = list_set($_[0]) =~ /elements = \{(.*?)\}/s;
	return defined $e ? 1 + ($e =~ tr/,//) : 0;
}
sub hosts { return elements('white4') + elements('white6') }
sub nets { my ($e) = list_set($_[0]) =~ /elements = \{(.*?)\}/s; $e //= '';
    $e =~ s/\s+//g; return $e }

$why = refused(netns($gate), 'nft list ruleset');
plan skip_all => "nftables: nft(8) cannot list a ruleset: $why" if $why ne '';
build();
is(system('nft', '-c', '-f', $sample), 0, 'the sample is accepted by nft -c');

my $d = start($dir, netns => $gate, args => ['nft', 'spamgrey']);
like(ask($d), qr/no set `inet spamgrey white4': load .*nftables.conf.sample/,
    'no table: the file to load');
isnt(finish($d), 0, 'and the end');

$d = start($dir, netns => $gate, args => ['-a', 'nft', 'spamgrey']);
say_to($d, 'setlist 192.0.2.1 192.0.2.2');
ok(defined until_true(sub { logged($dir) =~ /load their file again/ }),
    'in place of one that died: it waits for the table');
ok(nft('-f', $sample), 'the sample loads');
like(ask($d, 'ready'), qr/^ready/, 'then it is filled');
is(hosts(), 2, 'with what belongs into it');
is(finish($d), 0, 'ends');
nft('delete', 'table', 'inet', 'spamgrey');

ok(nft('-f', $sample), 'the sample loads again');
ok(nft('add', 'element', 'inet', 'spamgrey', 'white4',
    '{ 203.0.113.99 timeout 1h }'), 'somebody adds a host');
ok(nft('add', 'element', 'inet', 'spamgrey', 'net6', '{ 2001:db8:aa::/48 }'),
    'and a network');
$d = start($dir, netns => $gate, args => ['nft', 'spamgrey',
    '198.51.100.0/24', '198.51.101.0/24', '198.51.100.7', '2001:db8:ffff::/48',
    '10.0.0.0/16', '128.0.0.0/1', '192.0.2.1']);
say_to($d, "set $n");
like(my $took = ready($d), qr/^ready \d+ ms/, "$n set");
diag($took);
is(elements('white4'), $n * 9 / 10, 'IPv4 hosts, the stranger gone');
is(elements('white6'), $n / 10, 'IPv6 hosts');
is(nets('net4'), '10.0.0.0/16,128.0.0.0/1', 'networks, none twice')
    or diag(list_set('net4'));
is(nets('net6'), '2001:db8:ffff::/48', 'IPv6 networks');
ok(host('white6', '2001:db8:0:9::') =~ qr/2001:db8:0:9:: timeout (36d|35d23h59m5\ds)/, 'an IPv6 host is its masked address, with its time');

like(my $each = ask($d, 'each add 1000 200000'), qr/^done 1000 /,
    '1,000 added one by one');
diag("added: $each");
is(hosts(), $n + 1000, 'all in');
like($each = ask($d, 'each del 1000 200000'), qr/^done 1000 /,
    '1,000 removed one by one');
diag("removed: $each");
is(hosts(), $n, 'all out');
like(ask($d, 'burst add 5000 200000'), qr/^done 5000 /, '5,000 at once');
like(ask($d, 'burst del 5000 200000'), qr/^done 5000 /, 'and away');
like(ask($d, 'del 192.0.2.200'), qr/^done/, 'one that is not there');
like(ask($d, 'add 192.0.2.7 600'), qr/^done/, 'a host for ten minutes');
ok(host('white4', '192.0.2.7') =~ qr/192\.0\.2\.7 timeout (10m|9m59s)/, 'has ten minutes');
like(ask($d, 'add 192.0.2.7 7200'), qr/^done/, 'and is renewed');
ok(host('white4', '192.0.2.7') =~ qr/192\.0\.2\.7 timeout (2h|1h59m59s)/, 'to two hours');
like(ask($d, 'add 192.0.2.9 400000000'), qr/^done/, 'a host for 12 years');
ok(host('white4', '192.0.2.9') =~ qr/192\.0\.2\.9 timeout 46(30|29)d/, 'has its time');
ask($d, 'del 192.0.2.9');
like(ask($d, 'add 192.0.2.8'), qr/^done/, 'a host for ever');
ok(host('white4', '192.0.2.8') =~ qr/192\.0\.2\.8[,\s]/, 'has no timeout');
is(stat_of($d, 'firewall-table'), $n + 2, 'the table is counted');
like(ask($d, 'add 192.0.2.6 -5'), qr/^done/, 'a host that has just ended');
ok(host('white4', '192.0.2.6') =~ qr/192\.0\.2\.6 timeout (1m|59s)/,
    'has a moment more, until store takes it back');
ask($d, 'del 192.0.2.6');
ask($d, 'del 192.0.2.7');
ask($d, 'del 192.0.2.8');

open my $f, '>', "$dir/reload" or die;
print $f "flush ruleset\ninclude \"$top/$sample\"\n";
close $f;
ok(nft('-f', "$dir/reload"), 'the ruleset is flushed and loaded again');
ok(defined($took = until_true(sub {
    logged($dir) =~ /changed by others: $n added/ })), 'refilled');
diag("flush ruleset to full: $took s");
is(hosts(), $n, 'all of them');
ok(defined until_true(sub { nets('net4') =~ /^10\.0\.0\.0/ }), 'networks too');

ok(nft('-f', "$dir/reload"), 'and once more');
like($each = ask($d, 'each add 100 300000'), qr/^done 100 /,
    'promotions while they are refilled');
diag("while refilled: $each");
like(ask($d, 'each del 100 300000'), qr/^done 100 /, 'and out again');
ok(defined until_true(sub { stat_of($d, 'firewall-table') == $n }),
    'and full again');
nft('delete', 'element', 'inet', 'spamgrey', 'white4', '{ 10.0.0.1 }');
ok(defined until_true(sub { host('white4', '10.0.0.1') =~ / 10\.0\.0\.1 / }),
    'one deleted behind our back is back');
nft('add', 'element', 'inet', 'spamgrey', 'white4', '{ 203.0.113.9 timeout 1h }');
ok(defined until_true(sub { host('white4', '203.0.113.9') =~ /No such file/ }),
    'one added behind our back is gone');
nft('flush', 'set', 'inet', 'spamgrey', 'net4');
ok(defined until_true(sub { nets('net4') =~ /^10\.0\.0\.0/ }),
    'networks flushed behind our back are back');

say_to($d, 'setlist 192.0.2.1 192.0.2.2 2001:db8:1:2::/64');
ok(defined until_true(sub { hosts() == 3 }), 'another set');
ask($d, 'nets 203.0.113.0/24 0.0.0.0/1 ::/0');
ok(defined until_true(sub { nets('net4') eq '0.0.0.0/1,203.0.113.0/24' }),
    'other whitelists') or diag(list_set('net4'));
is(nets('net6'), '::/0', 'all of IPv6');

# A blacklist's own sets.
nft('add', 'set', 'inet', 'spamgrey', 'spamd4', '{ type ipv4_addr; flags interval; }');
nft('add', 'set', 'inet', 'spamgrey', 'spamd6', '{ type ipv6_addr; flags interval; }');
nft('add', 'element', 'inet', 'spamgrey', 'spamd4', '{ 203.0.113.0/25, 203.0.113.128/25, 255.255.255.255 }');
ask($d, 'tables spamd 192.0.2.0/24 198.51.100.1 198.51.100.2 198.51.100.3 2001:db8::/32 0.0.0.0/8 255.255.255.0/24');
ok(defined until_true(sub { nets('spamd4') eq
    '0.0.0.0/8,192.0.2.0/24,198.51.100.1-198.51.100.3,255.255.255.0/24' }),
    'a list is in its sets, and what others put there is not')
    or diag(list_set('spamd4'));
is(nets('spamd6'), '2001:db8::/32', 'IPv6 too');
is(stat_of($d, 'firewall-list-networks'), 5, 'counted');
ask($d, 'tables spamd 192.0.2.0/25 198.51.100.1 198.51.100.2 198.51.100.3');
ok(defined until_true(sub { nets('spamd4') eq
    '192.0.2.0/25,198.51.100.1-198.51.100.3' && nets('spamd6') eq '' }),
    'another version of it') or diag(list_set('spamd4'));
log_like($dir, qr/table spamd: 1 networks added, 4 removed, 2 in the table/,
    'by its differences');
# The whole table is removed and the ruleset is loaded again, each time at once.
open $f, '>', "$dir/lists" or die;
print $f "include \"$top/$sample\"\n",
    map { "add set inet spamgrey spamd$_ { type ipv${_}_addr; flags interval; }\n" } 4, 6;
close $f;
my $slow = 0;
for my $way ('delete table inet spamgrey', 'delete table inet spamgrey',
    'flush ruleset', 'flush set inet spamgrey spamd4') {
	nft(split ' ', $way);
	# What is gone was noticed before it comes back.
	until_true(sub { nets('spamd4') eq '' }) if $way !~ /flush set/;
	nft('-f', "$dir/lists") if $way !~ /flush set/;
	my $took = until_true(sub { nets('spamd4') eq
	    '192.0.2.0/25,198.51.100.1-198.51.100.3' });
	ok(defined $took, "a blacklist's sets are filled again after $way");
	diag("$way to full: $took s");
	$slow++ if $took > 20;
}
is($slow, 0, 'and none of them waits half a minute');
ask($d, 'tables gone 192.0.2.0/25');
ok(defined until_true(sub { logged($dir) =~
    /table "gone": the set `spamgrey gone4' must exist/ }),
    'sets that are not there are named');
ok(defined until_true(sub { nets('spamd4') eq '' }),
    'emptied when no list names them');
ask($d, 'nets 203.0.113.0/24 0.0.0.0/1 ::/0');

nft('delete', 'table', 'inet', 'spamgrey');
like(ask($d, 'add 192.0.2.3'), qr/^refused/, 'no table: a promotion is not done');
ok(defined until_true(sub { logged($dir) =~ /load their file again/ }),
    'the log names the remedy');
nft('-f', $sample);
ok(defined until_true(sub { hosts() == 4 }),
    'loaded again: all are back, the promoted one too');

# A set of a fixed size.
nft('-f', "$dir/reload");
ok(defined until_true(sub { hosts() == 4 }), 'and after a flush');
is(finish($d), 0, 'ends');
is(hosts(), 4, 'the sets stay filled');
unlike(logged($dir), qr/refuses/, 'nothing was refused');

nft('delete', 'table', 'inet', 'spamgrey');
open $f, '>', "$dir/small" or die;
print $f <<'END';
table inet spamgrey {
	set white4 { type ipv4_addr; flags timeout; size 100; }
	set white6 { type ipv6_addr; flags timeout; }
	set net4 { type ipv4_addr; flags interval; }
	set net6 { type ipv6_addr; flags interval; }
}
END
close $f;
ok(nft('-f', "$dir/small"), 'a set of a fixed size');
$d = start($dir, netns => $gate, args => ['nft', 'spamgrey']);
say_to($d, 'set 500');
like(ready($d), qr/^ready/, 'more than it holds');
is(elements('white4'), 100, 'what fits is in');
is(elements('white6'), 50, 'and all of the other');
log_like($dir, qr/is full: raise or remove its `size'/, 'the log says so');
is(finish($d), 0, 'ends');
nft('delete', 'table', 'inet', 'spamgrey');
nft('add', 'table', 'inet', 'spamgrey');
nft('add', 'set', 'inet', 'spamgrey', 'white4', '{ type ipv4_addr; flags interval; }');
$d = start($dir, netns => $gate, args => ['nft', 'spamgrey']);
like(ask($d), qr/must be `type ipv4_addr; flags timeout;'/,
    'a set of another kind: what it must be');
finish($d);
nft('delete', 'table', 'inet', 'spamgrey');

# As the daemon runs it: empty root, another user, one capability, sandbox.
nft('-f', $sample);
$d = start($dir, netns => $gate, args => ['-d', 'nft', 'spamgrey', '192.0.2.0/24']);
say_to($d, 'set 1000');
like(ready($d), qr/^ready/, 'confined: filled');
like(ask($d, 'add 198.51.100.1 600'), qr/^done/, 'confined: one added');
is(hosts(), 1001, 'confined: all in');
nft('-f', "$dir/reload");
ok(defined until_true(sub { hosts() == 1001 }), 'confined: refilled');
like(ask($d, 'del 198.51.100.1'), qr/^done/, 'confined: one deleted');

# A world outside, and connections from it.
system("ip netns add $world && ip -n $world link set lo up && ip -n $gate link set lo up && " .
    "ip link add eth0 netns $gate type veth peer name eth0 netns $world && " .
    "ip -n $gate addr add 203.0.113.25/24 dev eth0 && ip -n $gate addr add 2001:db8:25::25/64 nodad dev eth0 && " .
    "ip -n $world addr add 203.0.113.1/24 dev eth0 && ip -n $world addr add 2001:db8:25::1/64 nodad dev eth0 && " .
    "ip -n $gate link set eth0 up && ip -n $world link set eth0 up") == 0
    or BAIL_OUT('no veth pair');

# Each port answers with its number; the server ends with its standard input.
my $server = <<'END';
my $sel = IO::Select->new(\*STDIN);
my %port;
for my $p (25, 587, 8025, 8027) {
	my $s = IO::Socket::IP->new(LocalHost => "::", LocalPort => $p,
	    Listen => 64, ReuseAddr => 1, V6Only => 0) or die "$p: $@";
	$sel->add($s);
	$port{$s} = $p;
}
print "up\n";
while (1) {
	for my $s ($sel->can_read) {
		exit 0 if $s == \*STDIN;
		my $c = $s->accept or next;
		print $c "$port{$s}\n";
	}
}
END
my $client = <<'END';
my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1]) or die $@;
print scalar <$s>;
END
my $pid = open2(my $srv_out, my $srv_in, netns($gate), $^X,
    '-MIO::Socket::IP', '-MIO::Select', '-e', "\$| = 1; $server");
is(scalar <$srv_out>, "up\n", 'a server behind the rules');

sub reached {
	my ($host, $port) = @_;
	open my $p, '-|', netns($world), $^X, '-MIO::Socket::IP', '-e',
	    $client, $host, $port or die;
	my $line = <$p> // 'nothing';
	chomp $line;
	return $line;
}

my ($v4, $v6) = ('203.0.113.25', '2001:db8:25::25');
is(reached($v4, 25), 8025, 'an unknown host reaches the front');
is(reached($v6, 25), 8025, 'over IPv6 too');
is(reached($v4, 587), 587, 'submission is untouched');
ask($d, 'add 203.0.113.1 600');
is(reached($v4, 25), 8027, 'a white host reaches the proxy');
is(reached($v6, 25), 8025, 'which says nothing of another address');
ask($d, 'add 2001:db8:25::/64 600');
is(reached($v6, 25), 8027, 'an IPv6 host by its /64');
ask($d, 'del 203.0.113.1');
is(reached($v4, 25), 8025, 'taken out: back to the front');
ask($d, 'nets 203.0.113.0/28');
ok(defined until_true(sub { nets('net4') eq '203.0.113.0/28' }),
    'a whitelist is loaded');
is(reached($v4, 25), 8027, 'a host of its network');
ask($d, 'nets');
until_true(sub { nets('net4') eq '' });
is(reached($v4, 25), 8025, 'and without it');
nft('add', 'element', 'inet', 'spamgrey', 'bypass4', '{ 203.0.113.1 }');
is(reached($v4, 25), 25, 'a host of the bypass set');

# A connection directly to 8025 is dropped, as the counter of the rule shows.
sub dropped {
	my $text = `@{[netns($gate)]} nft list chain inet spamgrey input`;
	my ($n) = $text =~ /counter packets (\d+) bytes \d+ drop/;
	return $n;
}
for my $host ($v4, $v6) {
	for my $port (8025, 8027) {
		my $before = dropped();
		my $c = fork() // die;
		if ($c == 0) {
			open STDOUT, '>', "$dir/direct";
			open STDERR, '>', '/dev/null';
			exec netns($world), $^X,
			    '-MIO::Socket::IP', '-e', $client, $host, $port;
		}
		ok(defined until_true(sub { dropped() > $before }),
		    "straight to $host port $port is dropped");
		kill 'KILL', $c;
		waitpid $c, 0;
		is(-s "$dir/direct", 0, 'and nothing answered');
	}
}

# Without a pass block, connections go to the mail server itself.
open my $in, '<', $sample or die;
my $rules = do { local $/; <$in> };
ok($rules =~ s/^\t\t(tcp dport 25 .* redirect to :8027\n)\t\t#(.* accept)$/\t\t#$1\t\t$2/m,
    'the sample has a variant without pass');
open $f, '>', "$dir/rules" or die;
print $f $rules;
close $f;
ok(nft('-f', "$dir/rules"), 'which loads');
is(reached($v4, 25), 8025, 'an unknown host reaches the front');
is(reached($v6, 25), 25, 'a white host the mail server');
close $srv_in;
waitpid $pid, 0;
is(finish($d), 0, 'ends');
cleanup();
done_testing();
