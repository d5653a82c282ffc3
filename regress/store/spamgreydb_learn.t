#!/usr/bin/perl
# spamgreydb learn, list -r and what belongs to them, without a daemon: which
# relay is counted, dry runs, what follows, messages that are none, export and
# import of the counts.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Db;
use Fcntl;
use JSON::PP;
use Test::More;

my $none = qr/\A\z/;
my $n = 0;

# The message in a file; (status, output, errors) of learning it.
sub
learn
{
	my ($message, @args) = @_;

	return (db_in(spit('message' . $n++, $message), 'learn', @args));
}

# The address that is counted for these lines; the error when there is none.
sub
counted
{
	my ($status, $out, $err) = learn(join('', map { "Received: $_\n" } @_) .
	    "Subject: x\n\nbody\n", '-s', '-n', '-j');

	return ($err =~ s/\Aspamgreydb: (.*)\n\z/$1/r) if $status != 0;
	return (decode_json($out)->{address});
}

sub
passed
{
	my ($status, $out) = learn(join('', map { "Received: $_\n" } @_) . "\n",
	    '-s', '-n', '-j');

	return (join(', ', @{decode_json($out)->{passed_over} // []}));
}

# A terminal: our end and theirs; or nothing.
sub
terminal
{
	my $n = pack('i', 0);
	my ($tty, $their);

	return () if $^O ne 'linux' || !open($tty, '+<', '/dev/ptmx') ||
	    !ioctl($tty, 0x40045431, $n) ||	# TIOCSPTLCK
	    !ioctl($tty, 0x80045430, $n) ||	# TIOCGPTN
	    !sysopen($their, '/dev/pts/' . unpack('i', $n),
	    O_RDWR | O_NOCTTY);
	return ($tty, $their);
}

my $own = 'from mx.example.com ([192.0.2.7]) by mx.example.org with ESMTP id 1';
my $local = 'from localhost (localhost [127.0.0.1]) by mx.example.org (Postfix)';
my $inner = 'from mx.example.org (mx.example.org [10.0.0.5]) by ex (Postfix)';
my $victim = 'from victim ([198.51.100.66]) by mx.example.org with ESMTP id 1';
my $nobody = qr/no Received line names a relay that is not trusted/;
my $unclear = qr/does not say clearly/;

conf(<<'END');
hostname "mx.example.org"
learn { trusted { 203.0.113.0/24, 2001:db8:7::/48 } }
END

# the walk
is(counted($own), '192.0.2.7', 'one line');
is(counted($local, $inner, $own, $victim), '192.0.2.7',
    'ours and inner ones are passed over, what is below it does not count');
is(passed($local, $inner, $own), '127.0.0.1 loopback, 10.0.0.5 private',
    '… and it is said why');
is(counted('from backup (b [203.0.113.9]) by mx.example.org (Postfix)',
    'from x (y [2001:db8:7::1]) by backup (Postfix)',
    'from spam (z [IPv6:2001:db8:8::1]) by b2 (Postfix)', $victim),
    '2001:db8:8::1', 'trusted relays of both families');
is(counted($local, 'from other.example by ex with SMTP id 1', $victim),
    'Received line 2 does not say clearly from which address the message ' .
    'came: nothing is counted', '… and which one it is is said');
is(counted('by mx.example.org (Postfix, from userid 1000) id 1',
    '(qmail 1 invoked by uid 0)', $own), '192.0.2.7', 'within a host');
is(counted('from mx.example.org by ex with SMTP id 1', $own), '192.0.2.7',
    'our own name, where there is no address');
is(counted('from mx.example.org (evil [192.0.2.66]) by backup (Postfix)',
    $victim), '192.0.2.66', 'our own name with another\'s address is his');
like(counted("from $_ by mx.example.org with ESMTP", $victim), $unclear,
    'a HELO that is our name and hides the address')
    for 'mx.example.org(x ([192.0.2.66])',
    'localhost(a [192.0.2.3]) (evil [192.0.2.66])',
    'localhost (evil [192.0.2.66]x)';
like(counted('from other.example by ex with SMTP id 1', $victim), $unclear,
    'a line that nobody can read is the end');
like(counted($local, $inner), $nobody, 'nothing but ourselves');
like(counted(), $nobody, 'no lines');
like((learn("Subject: x\n\nReceived: $own\n", '-s'))[2], $nobody,
    'lines in the body are none');
is(counted((map { $local } 1 .. 99), $own), '192.0.2.7', '100 lines');
like(counted((map { $local } 1 .. 100), $own), $nobody, '… and no more');
is((learn("From x Mon\nreceived:\n $own\r\n\r\nbody\r\n", '-s', '-n'))[0], 0,
    'a mailbox line, folding and CRLF');
is((learn("X: " . ('y' x 300_000) . "\nReceived: $own\n\n", '-s'))[0], 1,
    'a header is read so far and no further');
is((learn("Received: $own\n\n" . ("body\n" x 400_000), '-s', '-n'))[0], 0,
    'a long body is read to its end');
my ($status, $out, $err) = learn('', '-s');
is($status, 1, 'no message');
like($err, qr/there is no message on standard input/, '… is said');
is(db_ok('list', '-r'), '', 'none of these counted anything');

# counting
my $m = "Received: $own\n\nbody\n";
is_deeply([learn($m, '-s')], [0, '', ''], 'learn says nothing');
is((learn($m, '-h', '-j'))[1], '{"address":"192.0.2.7","verdict":"good",' .
    '"good":1,"bad":1,"action":"count"}' . "\n", '… unless asked');
is((learn($m, '-s', '-n'))[1] =~ s/ +/ /gr, "address 192.0.2.7\nverdict bad\n" .
    "good 1\nbad 2\naction count\n", 'dry, in words');
learn("Received: from x ([IPv6:2001:db8:9::1]) by y\n\n", '-h');
my @rows = map { [split] } split(/\n/, db_ok('list', '-r'));
is(scalar @rows, 2, 'list -r: two hosts');
is("@{$rows[0]}[0 .. 2]", '192.0.2.7 1 1', 'address, good, bad');
like($rows[0][3], qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/, '… and when');
is("@{$rows[1]}[0 .. 2]", '2001:db8:9::1 1 0', 'IPv6');
SKIP: {
	my ($tty, $their) = terminal();
	skip('no terminal to be had here', 2) if !defined $tty;
	waitpid(db_start(undef, $their, 'list', '-r'), 0);
	sysread($tty, my $out, 8192);
	my @lines = split(/\r?\n/, $out);
	like($lines[0], qr/^address +good +bad +last counted$/,
	    'on a terminal the columns have names');
	is(scalar @lines, 3, '… and the lines follow');
}
like(db_ok('list', '-r', '--bad', '1'), qr/\A192\.0\.2\.7 .*\n\z/, '--bad');
is(db_ok('list', '-r', '--bad', '2'), '', '… more than there are');
like(db_ok('list', '-r', '2001:db8:9::/48'), qr/\A2001:db8:9::1 .*\n\z/,
    'a network');
is(db_ok('list', '-r', '--days', '1') =~ tr/\n//, 2, '--days');
my ($j) = map { decode_json($_) } split(/\n/, db_ok('list', '-r', '-j'));
is(join(' ', map { "$_=$j->{$_}" } qw(type address network good bad)),
    'type=REPUTE address=192.0.2.7 network=192.0.2.7 good=1 bad=1', '-j');
ok($j->{last} >= $j->{first} && $j->{expire} > $j->{last}, '… and its times');
like(db_ok('show', '192.0.2.7'), qr/^learned +1 good, 1 bad, the last /m,
    'show');
like(db_ok('stats'), qr/^entries repute +2$/m, 'stats');
is(db_ok(), '', 'spamdb\'s output has none of it');
is(db_ok('list'), '', 'nor has list');
is(db_ok('list', '-j'), '', 'nor has list -j');

# export, import, days
my $export = db_ok('export');
is($export =~ tr/\n//, 2, 'export has');
like($export, qr/^REPUTE\|192\.0\.2\.7\|\d+\|\d+\|\d+\|1\|1$/m, '… lines of it');
my $old = time() - 9 * 86400 - 60;
my $later = time() + 86400;
is((db('import', spit('old', "REPUTE|192.0.2.50|$old|$old|$later|7|0\n" .
    "REPUTE|192.0.2.51|$old|$old|1|7|0\n")))[0], 0, 'import');
is(db_ok('list', '-r') =~ tr/\n//, 3, 'one of them had expired');
is(db_ok('list', '-r', '--days', '9') =~ tr/\n//, 2, 'nine days');
is(db_ok('list', '-r', '--days', '10') =~ tr/\n//, 3, 'ten days');
is((db('delete', 'repute', '192.0.2.50'))[0], 0, 'delete repute');
is((db('delete', 'repute', '192.0.2.50'))[0], 1, '… once');
is((db('delete', '192.0.2.7'))[0], 0, 'delete takes them along');
is(db_ok('list', '-r') =~ tr/\n//, 1, 'one is left');
is((db('delete', '2001:db8:9::2'))[0], 0, 'by any address of the host');
is((db('import', spit('all', $export)))[0], 0, 'import of the export');
is(db_ok('export'), $export, 'is what there was');

# what follows
conf(<<'END');
hostname "mx.example.org"
learn {
	trap after 3 of bad 60% for 2h
	except { 192.0.2.128/25 }
}
END
learn($m, '-s');
is(db_ok(), '', 'two of three bad');
($status, $out) = learn($m, '-s', '-j');
is(decode_json($out)->{action}, 'trap', 'three of four: trapped');
like(db_ok(), qr/\ATRAPPED\|192\.0\.2\.7\|(\d+)\n\z/, '… it is');
like(db_ok('-j', '192.0.2.7'), qr/"reason":"learn"/, '… for this reason');
my ($end) = db_ok() =~ /(\d+)$/;
ok(abs($end - time() - 7200) < 600, '… for two hours');
for (1 .. 3) {
	($status, $out) = learn($m =~ s/192\.0\.2\.7/192.0.2.200/r, '-s', '-j');
}
$j = decode_json($out);
is("$j->{bad} $j->{action} $j->{why}", '3 spared except', 'except');

# whitelisted by a list, and trusted by a list
spit('friends', "192.0.2.0/24\n");
my $list = 'whitelist "friends" file "' . dir() . qq(/friends"\n);
conf($list . "learn { trap after 1 }\n");
($status, $out) = learn($m =~ s/192\.0\.2\.7/192.0.2.9/r, '-s', '-j');
is(decode_json($out)->{why}, 'whitelisted', 'whitelisted');
conf($list . "learn { trusted \"friends\" }\n");
is(counted($own, $victim), '198.51.100.66', 'a list that is trusted');
conf("learn { trusted \"friends\" }\n");
($status, $out, $err) = learn($m, '-s');
is($status, 1, 'a list that is not there');
like($err, qr/learn trusted: "friends" is not an address, /, '… is said');
done_testing();
