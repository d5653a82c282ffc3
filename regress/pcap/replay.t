#!/usr/bin/perl
# spamgreyd -r: captures in place of the tracked interface.  A real one of
# OpenBSD, the other systems' layouts made here, damaged ones, and what comes
# of each host by what it was before.
use strict;
use warnings;
use lib 'regress/lib';
use Capture;
use File::Temp qw(tempdir);
use Test::More;

my $top = `pwd`;
chomp $top;
-x 'spamgreyd/spamgreyd' or die "build first\n";
# As root it becomes the database's user, which there has to be.
if ($> == 0 && !defined(getpwnam('_spamgreydb'))) {
	exec('sh', 'regress/system/private.sh', $^X, $0) or die "sh: $!\n";
}
my $dir = tempdir(CLEANUP => 1);
chmod(0755, $dir);
my $conf = "$dir/conf";
my ($out, $err, $status);

sub
spit
{
	my ($file, $text) = @_;
	open(my $f, '>:raw', $file) or die "$file: $!\n";
	print $f $text;
	close($f) or die "$file: $!\n";
	return ($file);
}

sub
slurp
{
	open(my $f, '<:raw', $_[0]) or return ('');
	local $/;
	return (<$f> // '');
}

sub
run
{
	my @cmd = @_;
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		open(STDOUT, '>', "$dir/out") or die;
		open(STDERR, '>', "$dir/err") or die;
		exec(@cmd) or exit(127);
	}
	waitpid($pid, 0);
	$status = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
	($out, $err) = (slurp("$dir/out"), slurp("$dir/err"));
	return ($status);
}

# A configuration with a state directory of its own, empty.
my $state = 0;
sub
fresh
{
	my ($track, $more) = @_;

	$state++;
	spit("$dir/black", "198.51.100.66\n");
	spit($conf, <<"END" . ($more // ''));
hostname "mx.example.org"
state directory "$dir/state$state"
control socket "$dir/sock"
firewall none
blacklist "ours" file "$dir/black"
track $track
END
}

sub replay { return (run("$top/spamgreyd/spamgreyd", '-f', $conf, '-r', $_[0])) }
sub db { return (run("$top/spamgreydb/spamgreydb", '-f', $conf, @_)) }
# The hosts that are WHITE, in order.
sub
white
{
	db();
	return (join(' ', sort map { /^WHITE\|([^|]+)/ ? $1 : () }
	    split(/\n/, $out)));
}

my $ours = 'pflog0 mta { 203.0.113.25, 2001:db8::25 }';

# --- the real one
fresh($ours);
is(replay('regress/pcap/pflog-openbsd.pcap'), 0, 'the real capture is read');
is($out, <<'END', 'inbound and outbound, IPv4 and IPv6, and nothing else');
inbound 203.0.113.2 unknown 1
inbound 2001:db8::1 unknown 1
inbound 203.0.113.8 unknown 1
outbound 192.0.2.1 white 1
inbound 203.0.113.6 unknown 1
inbound 203.0.113.7 unknown 1
outbound 203.0.113.1 white 1
END
like($err, qr/: 11 packets; 7 connections .* 5 in and 2 out.* 2 white, /,
    'and its summary');
is(white(), '192.0.2.1 203.0.113.1', 'only whom we called is WHITE');
is(replay('regress/pcap/pflog-openbsd.pcap'), 0, 'once more');
like($out, qr/^outbound 192\.0\.2\.1 extended 1$/m, 'then they are extended');

# --- what a host was before
fresh($ours);
db('add', '203.0.113.2');
db('add', '2001:db8::1');
db('trap', '192.0.2.1');
db('add', '203.0.113.7');
db('trap', '203.0.113.7');
db('add', '203.0.113.1');
db('-d', '203.0.113.1');
replay('regress/pcap/pflog-openbsd.pcap');
like($out, qr/^inbound 203\.0\.113\.2 extended 1$/m, 'a white one lives on');
like($out, qr/^inbound 2001:db8::1 extended 1$/m, 'IPv6 too');
like($out, qr/^outbound 192\.0\.2\.1 trapped 1$/m,
    'a trapped one gets nothing, though we called it');
like($out, qr/^inbound 203\.0\.113\.7 trapped 1$/m, 'nor one trapped over '
    . 'WHITE');
like($out, qr/^outbound 203\.0\.113\.1 demoted 1$/m,
    'a demoted one does not come back by our own mail');
is(white(), '2001:db8::1 203.0.113.2', 'nobody is let go');
like($out, qr/^TRAPPED\|192\.0\.2\.1\|/m, 'still TRAPPED');
like($out, qr/^TRAPPED\|203\.0\.113\.7\|/m, 'the other too');
like($out, qr/^WHITE\|203\.0\.113\.2\|.*\|1\|1$/m, 'its pass count grew');

# --- the other layouts, of our own making
for my $os (qw(openbsd freebsd14 freebsd13)) {
	fresh($ours);
	my @r = map { record(pflog($_->[1], os => $os, %{$_->[0]})) } (
	    [{}, tcp_packet(from => '198.51.100.1', to => '203.0.113.25')],
	    [{ dir => 'out' }, tcp_packet(from => '203.0.113.25',
	    to => '192.0.2.7')],
	    [{ dir => 'out' }, tcp_packet(from => '2001:db8::25',
	    to => '2001:db8:7::7')],
	    [{ dir => 'out' }, tcp_packet(from => '2001:db8::25', exthdrs => 2,
	    to => '2001:db8:8::8')],
	    [{ dir => 'out', blocked => 1 }, tcp_packet(from => '203.0.113.25',
	    to => '192.0.2.8')],
	    [{ dir => 'out' }, tcp_packet(from => '203.0.113.25', flags => 'SA',
	    to => '192.0.2.9')],
	    [{ dir => 'out' }, tcp_packet(from => '203.0.113.25', dport => 587,
	    to => '192.0.2.10')],
	    [{ dir => 'out' }, tcp_packet(from => '10.1.1.1',
	    to => '192.0.2.11')],
	    [{ dir => 'in' }, tcp_packet(from => '203.0.113.25',
	    to => '192.0.2.12')],
	    [{ dir => 'out' }, tcp_packet(from => '203.0.113.25', frag => 3,
	    to => '192.0.2.13')],
	    [{ dir => 'out' }, tcp_packet(from => '203.0.113.25', proto => 17,
	    to => '192.0.2.14')],
	    [{ dir => 'out' }, tcp_packet(from => '203.0.113.25',
	    to => '127.0.0.1')],
	    [{ dir => 'out' }, tcp_packet(from => '203.0.113.25',
	    to => '198.51.100.66')]);
	my $file = spit("$dir/$os.pcap", capture(PFLOG, @r));
	is(replay($file), 0, "$os: read");
	is($out, <<'END', "$os: the events") or diag($err);
inbound 198.51.100.1 unknown 1
outbound 192.0.2.7 white 1
outbound 2001:db8:7::7 white 1
outbound 2001:db8:8::8 white 1
outbound 198.51.100.66 blacklisted 1
END
	is(white(), '192.0.2.7 2001:db8:7::7 2001:db8:8::8',
	    "$os: the WHITE set");
}

# --- NFLOG: the direction by hook, by interfaces, by address
fresh('nflog 5 mta { 203.0.113.25 2001:db8::/64 }');
my @n = map { record(nflog($_->[1], %{$_->[0]})) } (
    [{ hook => 0, indev => 2 }, tcp_packet(from => '198.51.100.1',
    to => '203.0.113.25')],
    [{ hook => 4, outdev => 2 }, tcp_packet(from => '203.0.113.25',
    to => '192.0.2.20')],
    [{ hook => 3, outdev => 2 }, tcp_packet(from => '2001:db8::99',
    to => '2001:db8:20::1')],
    [{ hook => 4, indev => 3, outdev => 2 }, tcp_packet(from => '203.0.113.25',
    to => '192.0.2.21')],
    [{ hook => 2, indev => 3, outdev => 2 }, tcp_packet(from => '203.0.113.25',
    to => '192.0.2.22')],
    [{ hook => 2, indev => 2, outdev => 3 }, tcp_packet(from => '198.51.100.2',
    to => '203.0.113.25')],
    [{ outdev => 2 }, tcp_packet(from => '203.0.113.25',
    to => '192.0.2.23')],
    [{ hook => 4, indev => 3, outdev => 2 }, tcp_packet(from => '10.1.1.1',
    to => '192.0.2.24')],
    [{ hook => 3, outdev => 2 }, tcp_packet(from => '10.1.1.1',
    to => '192.0.2.25')],
    [{ hook => 0, indev => 2 }, tcp_packet(from => '203.0.113.25',
    to => '192.0.2.26')]);
is(replay(spit("$dir/nflog.pcap", capture(NFLOG, @n))), 0, 'NFLOG: read');
is($out, <<'END', 'NFLOG: the events') or diag($err);
inbound 198.51.100.1 unknown 1
outbound 192.0.2.20 white 1
outbound 2001:db8:20::1 white 1
outbound 192.0.2.21 white 1
outbound 192.0.2.22 white 1
inbound 198.51.100.2 unknown 1
outbound 192.0.2.23 white 1
inbound 10.1.1.1 unknown 1
END
like($err, qr/, 2 not ours,/, 'NFLOG: forged and foreign ones');

# --- one interface, and inbound only
my @if = map { record(pflog($_->[1], %{$_->[0]})) } (
    [{ dir => 'out', ifname => 'em0' }, tcp_packet(from => '203.0.113.25',
    to => '192.0.2.30')],
    [{ dir => 'out', ifname => 'em1' }, tcp_packet(from => '203.0.113.25',
    to => '192.0.2.31')],
    [{ ifname => 'em1' }, tcp_packet(from => '192.0.2.32',
    to => '203.0.113.25')]);
my $if = spit("$dir/if.pcap", capture(PFLOG, @if));
fresh("$ours interface em1");
replay($if);
is($out, "outbound 192.0.2.31 white 1\ninbound 192.0.2.32 unknown 1\n",
    'interface em1: nothing of em0');
fresh("$ours outbound no");
db('add', '192.0.2.32');
replay($if);
is($out, "inbound 192.0.2.32 extended 1\n", 'outbound no: inbound alone');

# --- many times the same host: one entry, one write
fresh($ours);
replay(spit("$dir/many.pcap", capture(PFLOG, (record(pflog(tcp_packet(
    from => '203.0.113.25', to => '192.0.2.40'), dir => 'out'))) x 500)));
is($out, "outbound 192.0.2.40 white 500\n", 'one word for 500 connections');

# --- damaged ones
fresh($ours);
my $real = slurp('regress/pcap/pflog-openbsd.pcap');
is(replay(spit("$dir/cut", substr($real, 0, -7))), 0,
    'the last record cut short: 0');
is(scalar(() = $out =~ /\n/g), 6, 'and the others are taken');
like($err, qr/and one that is cut short/, 'it is said');
is(replay(spit("$dir/cut2", substr($real, 0, 24 + 9))), 0,
    'cut within a record\'s header: 0');
is($out, '', 'nothing in it');
is(replay(spit("$dir/empty", substr($real, 0, 24))), 0, 'a header alone: 0');
is(replay(spit("$dir/none", '')), 1, 'an empty file: 1');
like($err, qr/not a capture file/, 'no capture');
is(replay(spit("$dir/text", "hello\n" x 100)), 1, 'a text: 1');
run('sh', '-c', "'$top/spamgreyd/spamgreyd' -f '$conf' -r - <'$dir/cut'");
is($status, 0, 'from standard input');
is(scalar(() = $out =~ /\n/g), 6, 'the same');
is(replay("$dir/missing"), 1, 'no such file: 1');
like($err, qr/missing: No such file/, 'by its name');
is(replay(spit("$dir/ether", capture(1, record('x' x 60)))), 1,
    'frames of Ethernet: 1');
like($err, qr/link type 1 .*not PFLOG or NFLOG/, 'which it says');
my $good = record(pflog(tcp_packet(from => '203.0.113.25',
    to => '192.0.2.50'), dir => 'out'));
is(replay(spit("$dir/garbage", capture(PFLOG, $good,
    record('x' x 40), record(''), record("\x64\x02" . "\0" x 98),
    record(substr(pflog(tcp_packet(from => '203.0.113.25',
    to => '192.0.2.51'), dir => 'out'), 0, 130)), $good))), 0,
    'records of garbage: 0');
is($out, "outbound 192.0.2.50 white 2\n", 'the good ones are taken');
like($err, qr/, 4 malformed;/, 'the others counted');
is(replay(spit("$dir/length", capture(PFLOG, $good, pack('VVVV', 0, 0,
    0x7fffffff, 0x7fffffff) . 'x' x 200))), 1, 'an impossible length: 1');
is($out, "outbound 192.0.2.50 extended 1\n", 'what is before it is taken');

# --- the machine's own addresses
fresh('pflog0');
replay('regress/pcap/pflog-openbsd.pcap');
unlike($out, qr/outbound/, 'without mta: 203.0.113.25 is not this machine');
like($err, qr/, 2 not ours,/, 'and they are counted as not ours');

# --- no daemon beside it
fresh($ours);
replay('regress/pcap/pflog-openbsd.pcap');	# makes the lock
my $locker = open(my $lock, '-|', $^X, '-e', <<"END") or die;
use Fcntl ':flock';
open(F, '>>', "$dir/state$state/lock") or die;
flock(F, LOCK_EX); \$| = 1; print "locked\n"; sleep 1000;
END
<$lock>;
is(replay('regress/pcap/pflog-openbsd.pcap'), 1, 'while a daemon runs: 1');
like($err, qr/: locked by process .*-r works only while no daemon runs/, 'and why') or
    diag($err);
kill('KILL', $locker);
close($lock);

# --- an hour of a busy site, in one file
hour();
done_testing();

# Made from a fixed seed: 20,000 connections of an hour, time going back now
# and then; who is to be WHITE afterwards is known beforehand.
sub
hour
{
	my $seed = 4711;
	my $random = sub {
		$seed = ($seed * 1103515245 + 12345) & 0x7fffffff;
		return (($seed >> 8) % $_[0]);
	};
	my (%want, @r, $import);

	fresh($ours);
	my $now = time();
	# 200 white hosts, every tenth trapped as well
	for my $i (0 .. 199) {
		$want{"198.18.0.$i"} = 1;
		$import .= "WHITE|198.18.0.$i|||" . join('|', $now, $now,
		    $now + 86400, 1, 0) . "\n";
		$import .= "TRAPPED|198.18.0.$i|" . ($now + 86400) . "\n"
		    if $i % 10 == 0;
	}
	# 50 trapped ones that we write to all the same
	$import .= "TRAPPED|198.18.9.$_|" . ($now + 86400) . "\n" for 0 .. 49;
	db('import', spit("$dir/import", $import));
	is($status, 0, 'an hour: the state before');
	for my $i (1 .. 20000) {
		my $t = 1700000000 + int($i * 3600 / 20000) -
		    ($random->(50) == 0 ? $random->(600) : 0);
		my $kind = $random->(10);
		my ($o, %p) = ({});
		if ($kind < 3) {		# a white one comes by
			%p = (from => '198.18.0.' . $random->(200),
			    to => '203.0.113.25');
		} elsif ($kind < 5) {		# an unknown one
			%p = (from => '198.19.' . $random->(256) . '.' .
			    $random->(256), to => '203.0.113.25');
		} elsif ($kind < 8) {		# we write to somebody
			my $to = $random->(4) == 0 ?
			    sprintf('2001:db8:1:%x::1', 1 + $random->(500)) :
			    '192.0.2.' . $random->(250);
			%p = (from => $to =~ /:/ ? '2001:db8::25' :
			    '203.0.113.25', to => $to);
			$o = { dir => 'out' };
			$want{$to} = 1;
		} elsif ($kind == 8) {		# … to a trapped one
			%p = (from => '203.0.113.25',
			    to => '198.18.9.' . $random->(50));
			$o = { dir => 'out' };
		} else {			# somebody else's, or blocked
			%p = (from => '10.0.0.' . $random->(200),
			    to => '198.18.20.' . $random->(200));
			$o = $random->(2) ? { dir => 'out' } :
			    { blocked => 1 };
		}
		push(@r, record(pflog(tcp_packet(%p), %$o), time => $t));
	}
	my $file = spit("$dir/hour.pcap", capture(PFLOG, @r));
	is(replay($file), 0, 'an hour: read');
	diag($err =~ s/^.*hour\.pcap: //sr);
	db('list', 'white');
	my @white = sort map { /^WHITE\|([^|]+)/ ? $1 : () } split(/\n/, $out);
	# a host trapped over WHITE has one row, TRAPPED
	my @want = sort grep { !/^198\.18\.0\.\d*0$/ } keys %want;
	is(scalar(@white), scalar(@want), 'an hour: as many WHITE as expected');
	is("@white", "@want", 'an hour: exactly those');
	diag("the WHITE set (", scalar(@white), "): @white");
	db();
	is(scalar(() = $out =~ /^TRAPPED\|/mg), 70,
	    'an hour: all the trapped ones still are');
}
