#!/usr/bin/perl
# spamgreydb in words, without a daemon: list, show, add, delete, trap, expire,
# stats and their JSON; what needs a daemon says so.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Db;
use JSON::PP;
use POSIX ();
use Test::More;

sub
check
{
	my ($args, $want, $out, $what) = @_;
	my ($status, $got, $err) = db(@$args);

	is($status, $want, "$what: status");
	like($got, $out, "$what: output") if defined $out;
	return ($err);
}

# Every line is an object by itself.
sub json { return (map { decode_json($_) } split(/\n/, db_ok(@_))) }

# How many lines it prints.
sub count { return (db_ok(@_) =~ tr/\n//) }

my $none = qr/\A\z/;
my $later = time() + 86400;

sub
grey
{
	my ($ip, $from, $to) = @_;

	return ("GREY|$ip|mail.example.com|<$from>|<$to>|" . time() .
	    "|$later|$later|1|0\n");
}

sub iso { return (POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime($_[0]))) }

# for, permanent, comment
{
	my $row = sub { return ((grep { /^\w+\|\Q$_[0]\E\|/ }
	    split(/\n/, db_ok('list')))[0] // '') };
	my $now = time();

	check(['add', '192.0.2.9', 'for', '7d', 'comment', 'on probation'], 0,
	    $none, 'add for a week');
	my $until = (split(/\|/, $row->('192.0.2.9')))[6];
	ok($until >= $now + 7 * 86400 && $until <= time() + 7 * 86400,
	    'which is its expiry');
	check(['show', '192.0.2.9'], 0, qr/on probation/, 'show has the comment');
	check(['add', '192.0.2.9'], 0, $none, 'renewed');
	check(['show', '192.0.2.9'], 0, qr/on probation/, 'the comment stays');
	check(['trap', '192.0.2.9', '198.51.100.9', 'permanent'], 0, $none,
	    'trap for ever');
	is($row->('198.51.100.9'), 'TRAPPED|198.51.100.9|9223372036854775807', 'no expiry');
	check(['expire'], 0, undef, 'expire');
	is($row->('198.51.100.9'), 'TRAPPED|198.51.100.9|9223372036854775807', '… is for others');
	check(['trap', 'x@example.org', 'comment', "old\ncustomer"], 0, $none,
	    'a spamtrap with a comment');
	check(['add', '192.0.2.9', 'for', 'ever'], 2, $none, 'for ever');
	check(['delete', '192.0.2.9', '198.51.100.9', 'x@example.org'], 0, $none,
	    'and away');
}

# add, trap, delete
check(['add', '192.0.2.1', '2001:db8::1'], 0, $none, 'add');
check(['whitelist', '192.0.2.2'], 0, $none, 'whitelist');
is(count('list', 'white'), 3, 'three are WHITE');
check(['trap', '192.0.2.2', '198.51.100.1', 'Trap@example.org'], 0, $none,
    'trap both kinds');
is(join(' ', map { (split(/\|/))[0] } lines(db_ok('list'))),
    'SPAMTRAP TRAPPED TRAPPED WHITE WHITE', 'TRAPPED hides WHITE');
is(count('list', 'white'), 2, 'also where only WHITE is asked');
like(check(['add', 'word'], 2, $none, 'add a word'), qr/word: not an IP/,
    '… is named');
check(['delete', '192.0.2.99'], 1, $none, 'delete what is not there');
check(['delete', 'nobody@example.org', '192.0.2.1'], 1, $none,
    'delete with one of two there');
check(['192.0.2.1'], 1, $none, 'which is gone');
check(['delete', 'trapped', '192.0.2.2'], 0, $none, 'delete one type');
check(['192.0.2.2'], 0, qr/^WHITE\|192\.0\.2\.2\|/, 'the other stays');
check(['delete', 'white', 'TRAP@example.org'], 0, $none,
    'a mail address has one type only');

# list
my $in = grey('203.0.113.5', 'x@example.com', 'you@example.org') .
    grey('203.0.113.200', 'y@example.com', 'you@example.org') .
    grey('2001:db8:5::7', 'z@example.com', 'you@example.org');
check(['import', spit('in', $in)], 0, $none, 'import');
my @rows = lines($in);
is(join("\n", lines(db_ok('list', 'grey'))), join("\n", @rows), 'list grey');
is(db_ok('list', '203.0.113.0/24') =~ tr/\n//, 2, 'a network');
is(db_ok('list', '203.0.113.128/25') =~ tr/\n//, 1, 'half of it');
like(db_ok('list', '203.0.113.5'), qr/\AGREY\|203\.0\.113\.5\|.*\n\z/,
    'an address: the tuple that it made');
like(db_ok('list', 'white', '2001:db8::/32'), qr/\AWHITE\|2001:db8::1\|.*\n\z/,
    'an IPv6 network and a type');
like(db_ok('list', '2001:db8::ffff'), qr/\AWHITE\|2001:db8::1\|/,
    'an IPv6 address is its /64');
is(db_ok('list', '0.0.0.0/0') =~ tr/\n//, 4, 'all of IPv4');
is(db_ok('list', 'trapped', '192.0.2.0/24'), '', 'none: no output');

# JSON
my @j = json('list', '-j');
is(scalar @j, 6, 'list -j: an object an entry');
my ($g) = grep { $_->{address} eq '203.0.113.5' } @j;
is($g->{type}, 'GREY', 'its type');
is($g->{network}, '203.0.113.0', 'its network');
is($g->{from}, '<x@example.com>', 'its sender');
is($g->{expire}, $later, 'its expiry, a number');
my ($t) = json('-j', '198.51.100.1');
is($t->{reason}, 'manual', '-j with a key: the reason of a trap');
check(['trap', '192.0.2.2'], 0, $none, 'trap a WHITE host');
is(scalar(grep { $_->{address} eq '192.0.2.2' } json('-j')), 2,
    '-j has both of TRAPPED over WHITE');

# show
like(db_ok('show', '192.0.2.2'), qr/^state +trapped \(over white\)$/m,
    'show: TRAPPED over WHITE');
like(db_ok('show', '192.0.2.2'), qr/^reason +manual$/m, 'why');
like(db_ok('show', '198.51.100.200'), qr/^state +unknown$/m, 'an unknown one');
my $show = db_ok('show', '203.0.113.77');
like($show, qr/^network +203\.0\.113\.0\/24$/m, 'its network');
like($show, qr/^state +unknown$/m, 'a host that only shares the network');
is(scalar(() = $show =~ /^neighbour /mg), 2,
    'the tuples are told as its neighbours\'');
unlike($show, qr/^[#=]/m, 'what is for programs is not for people');
like($show, qr/^next visit +\S.*\ncommand +to let it in: spamgreydb add 203\.0\.113\.77\n\z/m,
    'what comes next, and the command that changes it, are last');
$show = db_ok('show', '203.0.113.5');
like($show, qr/^state +grey$/m, 'the host of a tuple');
is(scalar(() = $show =~ /^tuple /mg), 1, 'has its own one');
like(db_ok('show', '2001:db8::1'), qr/^why +by hand: .*^command +to send it back: spamgreydb delete white 2001:db8::1\n\z/ms,
    'a WHITE host: why, and how it is sent back');
my $then = time();
my $last = $then + 9000;
my $tuples = '';
for my $t (['192.0.2.200', 0, $last], ['198.18.1.1', 600, $last],
    ['198.18.2.1', 600, $then - 5]) {
	$tuples .= "GREY|$t->[0]|h|<t\@example.com>|<you\@example.org>|" .
	    ($then - $t->[1]) . "|$t->[2]|$last|1|0\n";
}
check(['import', spit('in', $tuples . "TRAPPED|198.18.3.1|$last\n")], 0, $none,
    'import tuples of all ages, and a trap');
like(db_ok('show', '192.0.2.200'), qr/, passes from \d{4}-\S+ \S+ UTC \(in/,
    'a tuple that is too early');
like(db_ok('show', '198.18.1.1'), qr/, passes at the next attempt,/,
    'one that is mature');
like(db_ok('show', '198.18.2.1'), qr/, passed \d{4}-\S+ \S+ UTC \(\d+s ago\),/,
    'one that passed');
unlike(db_ok('show', '198.18.3.1'), qr/^since/m,
    'since when spamd trapped a host nobody knows');
check(['delete', '192.0.2.200', '198.18.1.1', '198.18.2.1', '198.18.3.1'], 0,
    $none, 'they go');
my ($s) = json('show', '-j', '192.0.2.2');
is($s->{state}, 'trapped (over white)', 'show -j: state');
is(join(' ', map { $_->{type} } @{$s->{entries}}), 'TRAPPED WHITE',
    'its entries');
is($s->{trapped_reason}, 'manual', 'a key for each fact: why it is trapped');
is($s->{white_reason}, 'manual', '… and why WHITE');
is($s->{command}, 'spamgreydb delete trapped 192.0.2.2', '… what lets it in');
is($s->{white_until}, (grep { $_->{type} eq 'WHITE' } @{$s->{entries}})[0]{expire},
    '… times are numbers');
is($s->{white_until_iso}, iso($s->{white_until}), '… and ISO 8601');
($s) = json('show', '-j', '203.0.113.5');
is($s->{tuples}, 1, 'the tuples of the host itself');
is($s->{neighbours}, 1, 'and of its neighbours');
is(join(' ', map { "$_->{address} " . ($_->{own} ? 1 : 0) }
    sort { $a->{address} cmp $b->{address} } @{$s->{entries}}),
    '203.0.113.200 0 203.0.113.5 1', 'which is whose');
my ($mine) = grep { $_->{own} } @{$s->{entries}};
is($mine->{passes_at}, $mine->{first} + 180, 'passes_at of a tuple');
is($mine->{passes_at_iso}, iso($mine->{passes_at}), 'as text too');
cmp_ok(abs($s->{passes_at} - $mine->{passes_at}), '<', 60,
    'passes_at of the host: the first of its network');
spit('white.txt', "198.51.100.0/24\n");
conf('whitelist "partners" file "' . dir() . "/white.txt\"\n");
($s) = json('show', '-j', '198.51.100.7');
is($s->{state}, 'whitelisted', 'an address of a list');
is("@{$s->{whitelist}}", 'partners', 'which list');
unlink(dir() . '/white.txt');
my ($status, $out, $err) = db('show', '198.51.100.7');
is($status, 0, 'a list that is missing is no obstacle');
like($err, qr/white\.txt/, 'but is said');
conf('');

# delete forgets all of a host
my $soon = time() + 3600;
check(['add', '203.0.113.5'], 0, $none, 'add a host with a tuple');
check(['delete', '203.0.113.5'], 0, $none, 'delete it');
is(db_ok('list', '203.0.113.0/24') =~ tr/\n//, 1, 'its tuple is gone too');

# expire: the entries' time comes by itself
my $end = time() + 2;
check(['import', spit('in', "TRAPPED|192.0.2.50|$end\n" .
    "WHITE|192.0.2.51|||1|2|$end|1|1\nTRAPPED|192.0.2.52|$later\n")], 0,
    $none, 'two entries for two seconds');
my $before = count('list', '-j');
my $expired = 0;
for (1 .. 100) {
	$expired += (json('expire', '-j'))[0]->{expired};
	last if $expired >= 2;
	select(undef, undef, undef, 0.2);
}
is($expired, 2, 'expire deletes them when it is over');
is(count('list', '-j'), $before - 2, 'they are not there');
check(['192.0.2.52'], 0, qr/^TRAPPED/, 'one that is not over is');
check(['expire'], 0, $none, 'nothing to expire is no error');
check(['expire', '--clock-ok'], 0, $none, '--clock-ok');

# stats
($s) = json('stats', '-j');
is($s->{'entries trapped'}, 3, 'stats: entries by type');
like(db_ok('stats'), qr/^entries trapped +3$/m, 'the same as text');

# what needs a daemon
for my $args (['reload'], ['log', 'verbose']) {
	like(check($args, 1, $none, "@$args"), qr/no daemon is running/,
	    '… needs a daemon');
}

# by mail address
check(['import', spit('in', grey('192.0.2.77', 'one@example.com', 'rcpt@example.net') .
    grey('192.0.2.78', 'two@example.com', 'else@example.net'))], 0, $none, 'two tuples');
is(db_ok('list', 'RCPT@example.net') =~ tr/\n//, 1, 'list by a recipient');
is(db_ok('list', 'two@example.com') =~ tr/\n//, 1, 'list by a sender');
is(db_ok('list', '@example.net') =~ tr/\n//, 2, 'list by a domain');
like(db_ok('show', 'rcpt@example.net') =~ tr/\n/ /r,
    qr/^GREY\|192\.0\.2\.77\|.* spamtrap +no tuples +1 /,
    'show of a recipient');
is((json('show', '-j', 'two@example.com'))[0]{entries}[0]{address}, '192.0.2.78',
    'show -j of a sender');

# what is said
like(check(['lsit'], 1, $none, 'a mistyped command'), qr/did you mean: list/,
    '… the near ones are named');
check(['add', '192.0.2.79', 'for', '7d'], 0, $none, 'a week');
like(check(['add', '192.0.2.79', 'for', '2h'], 0, $none, 'two hours'),
    qr/192\.0\.2\.79: shortened: it was WHITE until \S+, now it is until/,
    'a shorter time is said');
is(check(['add', '192.0.2.79', 'for', '3d'], 0, $none, 'three days'), '',
    'a longer one is not');
db('list');
my $state = dir() . '/state';
is($Db::err_whole, "spamgreydb: no daemon; read from $state\n", 'no daemon: it is said');
db();
is($Db::err_whole, '', "… but not with spamdb's options");
for my $help ('-h', '--help', 'help') {
	($status, $out, $err) = db_raw($help);
	is($status, 0, "$help: exit 0");
	like($out, qr/^usage: spamgreydb/, "$help prints the usage");
}
check(['version'], 0, qr/protocol \d+/, 'version');
check(['status'], 1, qr/^daemon +not running$/m, 'status without a daemon');
check(['stop'], 1, $none, 'stop without a daemon');
my $past = time() - 10;
($s) = json('import', '-j', spit('in', "\xef\xbb\xbfWHITE|192.0.2.91|||1|2|$past|1|1\r\n" .
    "WHITE|192.0.2.92|||1|2|9223372036854775807|1|1\r\n"));
is("$s->{imported} $s->{expired} $s->{bad}", '1 1 0',
    'expired entries are not counted as imported');
is($s->{bad}, 0, 'a byte order mark at the head of an import');
like(db_ok('list', '192.0.2.92'), qr/\|9223372036854775807\|1\|1$/, 'for ever goes in and out');
($status, $out, $err) = db('convert', '/nonexistent');
is("$status $out", '1 ', 'convert prints nothing for a missing file');
($status, $out) = db('convert', spit('rc', "spamd_flags=\"-G 5:4:800\"\n"), '/nonexistent');
is("$status $out", '1 ', '… nor when one of two is missing');
($status, $out) = db('convert', '/bin/true');
is("$status $out", '1 ', '… nor for a program');
($s) = json('convert', '-j', dir() . '/rc');
like($s->{configuration}, qr/^greylist/m, 'convert -j');

# no database
conf('');
spit('conf', slurp(dir() . '/conf') =~ s/^state directory.*/'state directory "' . dir() . '\/none"'/mer);
like(check(['list'], 1, $none, 'no daemon and no database'), qr/no database in/, '… is said');
ok(!-e dir() . '/none', 'reading makes no directory');
conf('');

# configuration
spit('conf', "no such thing\n");
like(check(['list'], 1, $none, 'a bad configuration file'), qr/conf:1: /,
    '… is told by line');
unlink(dir() . '/conf');
check(['list'], 1, $none, 'a file that was named and is missing');

done_testing();
