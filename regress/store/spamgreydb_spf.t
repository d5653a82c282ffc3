#!/usr/bin/perl
# spamgreydb spf against a name server, and list --pools.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Db;
use IO::Socket::INET;
use JSON::PP;
use Test::More;

my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'udp') or
    die "socket: $!\n";
my $port = $s->sockport();
close($s);
my $long = join(' ', map { "ip4:10.$_.0.0/16" } 0 .. 99);
my $big = join(' ', map { "ip4:10.1.$_.0/24" } 0 .. 127);
$big .= ' x=' . 'x' x (4341 - length("v=spf1 $big x= -all"));
spit('zone', <<"END");
example.org TXT 300 something else
example.org TXT 300 v=spf1 mx include:_spf.example.net ip4:192.0.2.0/25 -all
example.org MX 300 10 mx1.example.org
example.org MX 300 20 mx2.example.org
mx1.example.org A 300 198.51.100.1
mx1.example.org AAAA 300 2001:db8::25
mx2.example.org CNAME 300 elsewhere.example
_spf.example.net TXT 300 v=spf1 ip4:192.0.2.128/25 ~all
long.example TXT 300 v=spf1 $long -all
big4341.example TXT 300 v=spf1 $big -all
twice.example TXT 300 v=spf1 redirect=nullmx.example redirect=nullmx.example
exptwice.example TXT 300 v=spf1 exp=a.example ip4:192.0.2.1 exp=a.example -all
nullmx.example MX 300 0 .
nullmx.example TXT 300 v=spf1 mx ip4:192.0.2.1 -all
open.example TXT 300 v=spf1 +all
hostile.example TXT 300 v=spf1 exists:%{i}\\|x.example ip4:192.0.2.1
other.example TXT 300 v=spf2.0/pra
down.example servfail
broken.example garbage
big.example truncate
big.example TXT 300 v=spf1 ip4:192.0.2.7 -all
alias.example CNAME 300 nullmx.example
lie.example TXT 300 v=spf1 ip4:192.0.2.66 -all
lie.example owner other.example
mxlie.example TXT 300 v=spf1 mx ip4:192.0.2.1 -all
mxlie.example MX 300 10 mx.mxlie.example
mx.mxlie.example A 300 192.0.2.66
mx.mxlie.example owner other.example
loop.example CNAME 300 loop.example
END
our $dns;		# (a lexical would be closed, and waited for, before END)
my $pid = open($dns, '-|', $^X, 'regress/lib/dnsd.pl', $port,
    dir() . '/zone') or die "dnsd.pl: $!\n";
END { local $?; kill('TERM', $pid) if $pid }
is(scalar(<$dns>), "ready\n", 'a name server');

sub
spf
{
	return (db('spf', '--server', "127.0.0.1:$port", @_));
}

my ($status, $out, $err) = spf('example.org');
is("$status $err", '0 ', 'spf');
is($out, <<'END', 'the networks, as a list file has them');
# example.org
192.0.2.0/24
198.51.100.1
2001:db8::25
END
is((spf('nullmx.example'))[1], "# nullmx.example\n192.0.2.1\n",
    'a domain without mail servers');
is((spf('alias.example'))[1], "# alias.example\n192.0.2.1\n",
    'a record behind an alias');
is((spf('mxlie.example'))[1], "# mxlie.example\n192.0.2.1\n",
    'an address of another owner does not count');
is((spf('long.example'))[1], "# long.example\n10.0.0.0/10\n10.64.0.0/11\n" .
    "10.96.0.0/14\n", 'a record in several strings, by TCP');
is((spf('big4341.example'))[1], "# big4341.example\n10.1.0.0/17\n",
    'a record of 4,341 bytes');
is((spf('big.example'))[1], "# big.example\n192.0.2.7\n", 'a cut answer');
like((spf('hostile.example'))[1], qr/^# hostile\.example: exists:%\{i\}\S*x7cx\.example /m,
    'a note has no stranger octets');
for my $t (['open.example', qr/open\.example: allows every address/],
    ['other.example', qr/other\.example: has no SPF record/],
    ['missing.example', qr/missing\.example: has no SPF record/],
    ['down.example', qr/down\.example: no name server answers/],
    ['broken.example', qr/broken\.example: no name server answers/],
    ['lie.example', qr/lie\.example: has no SPF record/],
    ['twice.example', qr/its SPF record has redirect= twice/],
    ['exptwice.example', qr/its SPF record has exp= twice/],
    ['loop.example', qr/loop\.example: no name server answers/],
    ['a b', qr/a b: not a domain/]) {
	($status, $out, $err) = spf($t->[0]);
	is("$status$out", '1', "$t->[0]: 1, and nothing printed");
	like($err, $t->[1], '… but why');
}
($status, $out, $err) = spf('open.example', 'nullmx.example');
is($status, 1, 'one of two');
is($out, "# nullmx.example\n192.0.2.1\n", 'the other is printed');
is_deeply(decode_json((spf('-j', 'example.org'))[1]), {
	domain => 'example.org', notes => [],
	networks => ['192.0.2.0/24', '198.51.100.1', '2001:db8::25']
}, 'JSON');
($status, $out) = db_in(spit('domains',
    "# ours\n\n example.org # why\nnullmx.example\n"), 'spf',
    '--server', "127.0.0.1:$port", '-');
is("$status " . join(' ', grep { /^#/ } split(/\n/, $out)),
    '0 # example.org # nullmx.example', 'domains from standard input');
is((db('spf'))[0], 2, 'no domain');
($status, undef, $err) = db('spf', '--server', 'x y', 'example.org');
is($status, 1, 'a bad server');
like($err, qr/x y: .*a server must be an address, for example 192/, '… and what one is');
# The sample's names are ones.
for my $name (grep { !/^\s*(#|$)/ } split(/\n/,
    slurp('spamgreydb/pools.sample'))) {
	like($name, qr/^[a-z0-9._-]+$/, "sample: $name");
}

# --- pools
my $now = time();
my $later = $now + 86400;
my $n = 0;
sub
grey
{
	my ($ip, $from, $to) = @_;
	my $first = $now - 1000 + $n++;

	return ("GREY|$ip|mail.example.com|<$from>|<$to>|$first|$later|$later|" .
	    "1|0\n");
}
($status) = db_in(spit('tuples', join('',
    (map { grey("192.0.$_.1", 'a@Pool.example', 'x@example.org') } 1 .. 5),
    grey('192.0.1.9', 'a@pool.example', 'x@example.org'),
    (map { grey("198.51.$_.1", 'b@pool.example', "y$_\@example.org") } 1 .. 9),
    (map { grey("2001:db8:$_\::1", 'c+tag@v6.example', 'x@example.org') }
	1 .. 3),
    (map { grey("203.0.$_.1", 'd@two.example', 'x@example.org') } 1 .. 2),
    (map { grey("10.0.$_.1", '', 'x@example.org') } 1 .. 9),
    grey('10.1.0.1', "e\@bad\\x7c.example", 'x@example.org'))), 'import', '-');
is($status, 0, 'tuples');
is(db_ok('list', '--pools'), join('', map { "$_\n" }
    'POOL|pool.example|5|1|' . ($now - 1000) . '|' . ($now - 996),
    'POOL|v6.example|3|1|' . ($now - 985) . '|' . ($now - 983)),
    'who comes from three networks or more');
is(db_ok('list', '--pools', '--networks', '4') =~ tr/\n//, 1, 'or four');
is(db_ok('list', '--pools', '--networks', '2') =~ tr/\n//, 3, 'or two');
is(db_ok('list', '--pools', '2001:db8::/32') =~ tr/\n//, 1, 'of a network');
is(decode_json((split(/\n/, db_ok('list', '--pools', '-j')))[0])->{networks},
    5, 'JSON');
is((db('list', '--pools', '-r'))[0], 2, '--pools with -r');
is((db('list', '--networks', '3'))[0], 2, '--networks without --pools');
done_testing();
