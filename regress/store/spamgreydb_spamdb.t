#!/usr/bin/perl
# spamgreydb as spamdb: options, output and exit status as those of OpenBSD's
# spamdb, with the differences that the manual names.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Db;
use Test::More;

# A command, its status, and what it prints on which stream.
sub
check
{
	my ($args, $want, $out, $what) = @_;
	my ($status, $got, $err) = db(@$args);

	is($status, $want, "$what: status");
	like($got, $out, "$what: output") if defined $out;
	return ($err);
}

my ($white, $trap) = (36 * 86400, 86400);
my $none = qr/\A\z/;
my $from = time();

check([], 0, $none, 'an empty database');
check(['192.0.2.1', 'a@example.org', '192.0.2.2'], 3, $none,
    'three keys that are not there');

# -a
check(['-a', '192.0.2.1'], 0, $none, '-a ip, new');
my @f = split(/\|/, db_ok());
is(scalar @f, 9, 'WHITE has nine fields');
is("@f[0 .. 3]", 'WHITE 192.0.2.1  ', 'its first four');
ok($f[4] >= $from && $f[4] <= time(), 'first is now');
is($f[5], $f[4], 'pass is first');
is($f[6], $f[4] + $white, 'expire is 36 days later');
is($f[7], 1, 'block 1');
is($f[8], "0\n", 'passed 0');
check(['-a', '192.0.2.1'], 0, $none, '-a ip again');
check([], 0, qr/^WHITE\|192\.0\.2\.1\|\|\|$f[4]\|\d+\|\d+\|1\|1\n\z/,
    'the pass count goes up, first and block stay');

# -t, and the last type flag
check(['-t', '-a', '192.0.2.1'], 0, $none, '-t -a of a WHITE host');
check([], 0, qr/\ATRAPPED\|192\.0\.2\.1\|(\d+)\n\z/, 'one row, TRAPPED');
my ($expire) = db_ok() =~ /\|(\d+)$/;
ok($expire >= $from + $trap && $expire <= time() + $trap, 'for 24 hours');
check(['-a', '192.0.2.1'], 0, $none, '-a of a TRAPPED host');
check([], 0, qr/\AWHITE\|192\.0\.2\.1\|\|\|.*\n\z/, 'one row, WHITE');
check(['-d', '192.0.2.1'], 0, $none, '-d of it');
check(['-t', '-a', '192.0.2.9'], 0, $none, '-t -a of a new host');
check(['-a', '192.0.2.9'], 0, $none, '-a of it');
check([], 0, qr/\AWHITE\|192\.0\.2\.9\|\|\|.*\n\z/, 'it is WHITE');
check(['-t', '-d', '192.0.2.9'], 0, $none, '-t -d deletes a WHITE entry');
check(['-G', '-a', '192.0.2.1'], 2, $none, '-G -a');
check(['-G', '-t', '-a', '192.0.2.1'], 0, $none, '-G -t -a');
check([], 0, qr/\ATRAPPED\|192\.0\.2\.1\|\d+\n\z/, 'adds TRAPPED');
check(['-T', '-d', '192.0.2.1'], 0, $none, '-T -d deletes a TRAPPED entry');
check([], 0, $none, 'nothing is left');
check(['-d', '-a', '192.0.2.1'], 0, $none, '-d -a adds');
check(['-a', '-d', '192.0.2.1'], 0, $none, '-a -d deletes');
check([], 0, $none, 'nothing is left');

# what is no key
for my $bad ('192.0.2', '192.0.2.0/24', 'a@example.org', '') {
	like(check(['-a', $bad], 1, $none, "-a '$bad'"), qr/not an IP address/,
	    '… says so');
	check(['-t', '-a', $bad], 1, $none, "-t -a '$bad'");
}
check(['-a', 'x', '192.0.2.1', 'y', '192.0.2.2'], 2, $none,
    'two of four keys are bad');
check(['192.0.2.1', '192.0.2.2'], 0,
    qr/\AWHITE\|192\.0\.2\.1\|.*\nWHITE\|192\.0\.2\.2\|.*\n\z/,
    'the good ones were added, and are found');
check(['192.0.2.2', '192.0.2.3'], 1, qr/\AWHITE\|192\.0\.2\.2\|.*\n\z/,
    'one of two is found');
check(['-d', '192.0.2.1', '192.0.2.3', '192.0.2.2', '192.0.2.4'], 2, $none,
    '-d: two of four are not there');
check([], 0, $none, 'the others are gone');
my @many = map { "10.0." . ($_ >> 8) . "." . ($_ & 255) } 1 .. 300;
check(['-d', @many], 254, $none, '300 failures are not 300 - 256');

# usage
for my $args (['-t'], ['-T'], ['-G'], ['-t', '192.0.2.1'], ['-x']) {
	like(check($args, 1, $none, "@$args"), qr/^usage: /m, '… is the usage');
}
check(['-a'], 2, $none, '-a without keys');
check(['-d', '-t'], 2, $none, '-d -t without keys');

# spamtraps
check(['-T', '-a', 'Trap@Example.ORG', '<b@example.org>'], 0, $none, '-T -a');
is(join(' ', lines(db_ok())),
    'SPAMTRAP|b@example.org SPAMTRAP|trap@example.org',
    'stored in lower case, without brackets');
check(['-T', '-a', 'word', 'c@example.org'], 255, $none,
    '-T -a of a word ends at once');
check(['-T', '-a', '192.0.2.1', 'c@example.org'], 255, $none,
    '-T -a of an address too');
check(['c@example.org'], 1, $none, 'the key behind it was not tried');
check(['TRAP@example.org'], 0, qr/\ASPAMTRAP\|trap\@example\.org\n\z/,
    'found in any case');
check(['-d', 'TRAP@example.org'], 0, $none, 'deleted in any case');
check(['-d', 'trap@example.org'], 1, $none, 'once');
check(['-T', '-d', '<b@example.org>'], 0, $none, 'deleted with brackets');

# GREY
my $later = time() + 86400;
spit('grey', join('', map {
	"GREY|192.0.2.7|helo|<a$_\@example.com>|<b\@example.org>|1|$later|$later|1|0\n"
} 'x' .. 'z') . "GREY|192.0.3.70|helo|<ax\@example.com>|<b\@example.org>|1|$later|$later|1|0\n");
check(['import', dir() . '/grey'], 0, $none, 'four tuples');
check(['192.0.2.7'], 1, $none, 'a tuple is not found by its address');
check(['-d', '192.0.2.7'], 1, $none, '-d touches no tuple');
check(['-t', '-d', '192.0.2.7'], 1, $none, '-t -d neither');
check(['-dG', '192.0.2.7', '192.0.2.7'], 0, $none, '-dG: one an argument');
is(scalar(grep { /^GREY\|192\.0\.2\.7\|/ } lines(db_ok())), 1, 'one is left');
check(['-d', '-G', '192.0.2.7', '192.0.2.7'], 1, $none,
    'one more than there are');
check(['-dG', 'b@example.org'], 1, $none, '-dG of a mail address');
check([], 0, qr/\AGREY\|192\.0\.3\.70\|.*\n\z/, 'another host keeps its own');
check(['-dG', '192.0.3.70'], 0, $none, 'which goes by its address');

# IPv6
check(['-a', '2001:db8::25'], 0, $none, '-a of an IPv6 address');
check([], 0, qr/\AWHITE\|2001:db8::25\|\|\|.*\n\z/, 'printed in full');
check(['2001:db8::1'], 0, qr/\AWHITE\|2001:db8::25\|/, 'found by its /64');
check(['2001:db8:0:1::25'], 1, $none, 'and by no other');
check(['-d', '2001:db8::ffff'], 0, $none, 'deleted by its /64');
check([], 0, $none, 'nothing is left');

done_testing();
