#!/usr/bin/perl
# The tracker in the whole daemon: real connections through nftables' `log
# group' and libpcap's nflog device, with the daemon as root, its users and
# sandbox.
#
#	namespace out			namespace gw
#	clients, mail servers --veth--	nftables, spamgreyd
#	203.0.113.10 to .19		203.0.113.25
#	2001:db8:1::10 …		2001:db8:1::25
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Gate;
use Test::More;

private();
for my $need (qw(nft ip)) {
	plan(skip_all => "needs $need") if (run('which', $need))[0] != 0;
}
network();
nft_sample(\&without_pass);
plan(skip_all => 'nftables: no log group in this kernel')
    if (run(ns('gw'), 'nft', 'list', 'chain', 'inet', 'spamgrey',
    'postrouting'))[1] !~ /log group 5/;

# Clients and servers outside: listens on port 25 of each address and closes
# each connection; makes a connection from an address or to it.
sub
listener
{
	my ($ns, @addr) = @_;
	my $script = tmp() . '/listen.pl';

	spit($script, <<'END');
use IO::Socket::IP;
use IO::Select;
my %l;
for my $a (@ARGV) {
	my $s = IO::Socket::IP->new(LocalHost => $a, LocalPort => 25,
	    Listen => 128, ReuseAddr => 1) or die "$a: $@";
	$l{$s} = 1;
	push(@all, $s);
}
open(F, '>', "$ENV{SG_TMP}/listening.$ARGV[0]");
close(F);
my $sel = IO::Select->new(@all);
while (my @r = $sel->can_read()) { close($_->accept()) for @r }
END
	background(tmp() . '/listen.log', ns($ns), $^X, $script, @addr);
	wait_for("listener at $addr[0]", sub { -e tmp() . "/listening.$addr[0]" });
}

# Makes count connections in namespace ns between two addresses, port 25.
sub
connects
{
	my ($ns, $from, $to, $count) = @_;

	my ($status, $out, $err) = run(ns($ns), $^X, '-MIO::Socket::IP', '-e',
	    'my ($f, $t, $n) = @ARGV; for (1 .. $n) { ' .
	    'my $s = IO::Socket::IP->new(LocalHost => $f, PeerHost => $t, ' .
	    'PeerPort => 25, Timeout => 10); $ok += defined $s } print $ok',
	    $from, $to, $count // 1);
	return ($out);
}

# Returns a counter of `stats'.
sub
figure
{
	my ($name) = @_;
	my $out = db_ok('stats');

	return ($out =~ /^\Q$name\E[:=\s|]+(-?\d+)$/m ? $1 : undef);
}

sub white { return (join(' ', sort map { /^WHITE\|([^|]+)/ ? $1 : () }
    split(/\n/, db_ok()))) }

sub
expiry
{
	my ($ip) = @_;

	return (db_ok() =~ /^WHITE\|\Q$ip\E\|\|\|\d+\|\d+\|(\d+)\|\d+\|(\d+)$/m ?
	    ($1, $2) : ());
}

my $base = <<'END';
firewall nftables table inet "spamgrey" set ip4 "white4" ip6 "white6"
listen on 0.0.0.0 port 8025
listen on :: port 8025
allowed domains { "example.org" }
END

listener('out', '203.0.113.10', '203.0.113.14', '203.0.113.16',
    '203.0.113.11', '203.0.113.12',
    '2001:db8:2::10');
listener('gw', '203.0.113.25', '2001:db8:1::25');
conf($base . "track nflog 5\n");
start(wrap => [ns('gw')]);
log_mark();
wait_for('the tracker', sub { log_text() =~ /^track: reading nflog group 5$/m });
my $track = role_pid('track');
ok($track, 'the role runs');
my $st = slurp("/proc/$track/status");
like($st, qr/^CapEff:\s+0+$/m, 'without any capability');
unlike($st, qr/^Uid:\s+0\b/m, 'and not as root');
like($st, qr/^Seccomp:\s+2$/m, 'in its sandbox');
like($st, qr/^NoNewPrivs:\s+1$/m, 'with no way back');
ok(!readlink("/proc/$track/root") || readlink("/proc/$track/root") eq
    '/var/empty', 'in the empty directory');

# --- outbound
is(connects('gw', '203.0.113.25', '203.0.113.10'), 1, 'our mail goes out');
wait_for('whom we called', sub { white() eq '203.0.113.10' });
pass('makes its target WHITE');
wait_for('the set', sub { in_set('white4', '203.0.113.10') });
pass('which is in the firewall\'s set');
wait_log(qr/ store tracked address=203\.0\.113\.10 white$/m);
is(connects('gw', '2001:db8:1::25', '2001:db8:2::10'), 1, 'over IPv6');
wait_for('IPv6', sub { white() eq '2001:db8:2::10 203.0.113.10' });
wait_for('the IPv6 set', sub { in_set('white6', '2001:db8:2::') });
pass('IPv6 too');
db_ok('trap', '203.0.113.11');
connects('gw', '203.0.113.25', '203.0.113.11');
wait_for('the trapped one', sub { (figure('track.trapped') // 0) == 1 });
is(white(), '2001:db8:2::10 203.0.113.10', 'a trapped one gets nothing');
like(db_ok(), qr/^TRAPPED\|203\.0\.113\.11\|/m, 'and stays TRAPPED');

# --- inbound
db_ok('add', '203.0.113.12');
wait_for('a white host in the set', sub { in_set('white4', '203.0.113.12') });
my ($e1, $n1) = expiry('203.0.113.12');
is(connects('out', '203.0.113.12', '203.0.113.25', 3), 3,
    'a white host comes by');
wait_for('its pass count', sub { ((expiry('203.0.113.12'))[1] // 0) > $n1 });
pass('it is extended');
cmp_ok((expiry('203.0.113.12'))[0], '>=', $e1, 'to no less than it had');
my $told = figure('track.told');
my $seen = figure('track.seen');
connects('out', '203.0.113.12', '203.0.113.25', 20);
wait_for('twenty more', sub { figure('track.seen') >= $seen + 20 });
is(figure('track.told'), $told, 'store does not hear of each connection');
is(figure('track.lost'), 0, 'and none is lost');
ok(defined figure('track.kernel-drops'), 'the kernel\'s drops are counted');

# --- more than it can read: the kernel drops, and it goes on
spit(tmp() . '/flood.nft', <<'END');
table inet flood {
	chain output {
		type filter hook output priority filter; policy accept;
		udp dport 9 log group 5
	}
}
END
must(ns('gw'), 'nft', '-f', tmp() . '/flood.nft');
my $flooded = role_pid('track');
my $other = figure('track.other');
kill('STOP', $flooded);
must(ns('gw'), $^X, '-MSocket', '-e', 'socket(S, AF_INET, SOCK_DGRAM, 0); ' .
    'my $to = sockaddr_in(9, inet_aton("203.0.113.25")); ' .
    'send(S, "x" x 1200, 0, $to) for 1 .. 5000');
kill('CONT', $flooded);
wait_for('the kernel\'s drops', sub { figure('track.kernel-drops') > 0 });
cmp_ok(figure('track.other'), '>', $other, 'a flood: what came is read');
connects('gw', '203.0.113.25', '203.0.113.14');
wait_for('one after the flood', sub { white() =~ /203\.0\.113\.14/ });
is(role_pid('track'), $flooded, 'by the same process');
must(ns('gw'), 'nft', 'delete', 'table', 'inet', 'flood');

# --- its death
my %before = roles();
log_mark();
kill('KILL', $before{track});
wait_log(qr/^track died: signal 9 .*it is started again$/m);
wait_log(qr/^track: reading nflog group 5$/m);
my %after = roles();
isnt($after{track}, $before{track}, 'killed: another one');
for my $r (qw(front store fw)) {
	is($after{$r}, $before{$r}, "the same $r as before");
}
db_ok('delete', '203.0.113.10');
connects('gw', '203.0.113.25', '203.0.113.10');
wait_for('the demoted one', sub { (figure('track.demoted') // 0) >= 1 });
unlike(white(), qr/203\.0\.113\.10/, 'what was deleted does not come back');

# --- reload: removed, added, another group, an address
log_mark();
conf($base);
is((db('reload'))[0], 0, 'reload without track');
wait_for('its end', sub { !role_pid('track') });
is(role_pid('store'), $before{store}, 'and no other ends');
log_mark();
conf($base . "track nflog 5 mta 203.0.113.99\n");
is((db('reload'))[0], 0, 'reload with it, and another MTA');
wait_log(qr/^track: reading nflog group 5$/m);
wait_for('the new one', sub { defined figure('track.not-ours') });
my $white = white();
connects('gw', '203.0.113.25', '203.0.113.13');
wait_for('what is not ours', sub { figure('track.not-ours') >= 1 });
is(white(), $white, 'nothing for another machine\'s mail');
log_mark();
conf($base . "track nflog 6\n");
is((db('reload'))[0], 0, 'reload: group 6');
wait_log(qr/^track: reading nflog group 6$/m);
wait_log(qr/^configuration reloaded$/m);
is(role_pid('store'), $before{store}, 'the rest is as it was');
unlike(log_text(), qr/track died: exit/, 'that is no death');

# --- one interface of all, and an address that came later
log_mark();
conf($base . "track nflog 5 interface lo\n");
is((db('reload'))[0], 0, 'reload: group 5, of lo alone');
wait_log(qr/^track: reading nflog group 5$/m);
wait_log(qr/^configuration reloaded$/m);
wait_for('its figures', sub { defined figure('track.elsewhere') });
connects('gw', '203.0.113.25', '203.0.113.15');
wait_for('what went elsewhere', sub { figure('track.elsewhere') >= 1 });
unlike(white(), qr/203\.0\.113\.15/, 'is not counted');
must('ip', '-n', 'gw', 'addr', 'add', '203.0.113.26/24', 'dev', 'gw0');
my $same = role_pid('track');
log_mark();
conf($base . "track nflog 5 interface gw0\n");
is((db('reload'))[0], 0, 'reload: of gw0');
wait_log(qr/^configuration reloaded$/m);
connects('gw', '203.0.113.26', '203.0.113.16');
wait_for('whom the new address called', sub { white() =~ /203\.0\.113\.16/ });
is(role_pid('track'), $same, 'in the same process');

# --- what it cannot open
log_mark();
conf($base . "track pflog7\n");
is((db('reload'))[0], 0, 'reload: an interface that is not there');
wait_log(qr/^track pflog7: .*needs a start as root, and the interface.*; trying again every 30 s$/m);
is(role_pid('store'), $before{store}, 'the rest runs on');
is((db('stats'))[0], 0, 'and answers');
is((stop())[0], 0, 'the daemon ends');
log_mark();
start(wrap => [ns('gw')]);
pass('a start without the interface is a start');
wait_for('the reason', sub {
    log_since() =~ /^track pflog7: .*trying again every 30 s$/m });
is((stop())[0], 0, 'and it ends');
unlike(log_text(), qr/malformed|sent a malformed message|build/, 'no bad word');
done_testing();
