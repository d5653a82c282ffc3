#!/usr/bin/perl
# spamgreydb's import and export without a daemon: an export restores
# everything, malformed lines are reported and skipped, a kill at any moment and
# a closed pipe do no harm, and the command waits for the lock.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Db;
use Fcntl qw(:flock);
use File::Path qw(remove_tree);
use JSON::PP;
use POSIX qw(:sys_wait_h SIGPIPE);
use Socket;
use Test::More;
use Time::HiRes qw(sleep);

my $later = time() + 86400;

sub afresh { remove_tree(dir() . '/state') }

sub
import_ok
{
	my ($file, $what) = @_;
	my ($status, $out, $err) = db('import', $file);

	is($status, 0, $what);
	is($out . ($err =~ s{^.*were left out because .*\n}{}r), '', '… quietly');
}

# every kind of entry, and text that would break a line
my $nasty = join('', map { "$_\n" }
    'GREY|192.0.2.1|h\x7ce\x5cl\x5cx41|<"a b"\x09@example.com>|<x\xc3\xa4@example.org>' .
	"|1|$later|$later|4294967295|7",
    "GREY|2001:db8::1|mail|<>|<you\@example.org>|1700000000|1700000300|$later|2|1",
    "WHITE|192.0.2.9|||1600000000|1600000001|$later|3|4",
    "WHITE|2001:db8:7::9|||1600000000|1600000001|$later|3|4|asked for by \\x7c Ann",
    "TRAPPED|192.0.2.9|$later|1600000005|1600000006|9|0|early-talker|",
    "TRAPPED|192.0.2.10|$later|1600000005|1600000006|9|0|spamtrap|trap\@example.org",
    'SPAMTRAP|trap@example.org|1600000000|1600000001|0|1|2|a comment',
    "STAMP|192.0.2.77|1600000000|1600000001|$later|0|0",
    "VISIT|192.0.2.0|1600000000|1600000001|$later|0|0");
import_ok(spit('nasty', $nasty), 'import of every kind');
my $export = db_ok('export');
is(join("\n", lines($export)), join("\n", lines($nasty)),
    'the export is what was imported');
my $json = db_ok('export', '-j');
unlike($json, qr/[^\x20-\x7e\n]/, 'JSON is ASCII');
my @objects = map { decode_json($_) } split(/\n/, $json);
is(scalar @objects, 9, '… an object an entry');
my ($g) = grep { $_->{address} eq '192.0.2.1' } @objects;
is($g->{helo}, 'h\x7ce\x5cl\x5cx41', '… its text is encoded as in a line');
is($g->{block}, 4294967295, '… its numbers are numbers');
my ($t) = grep { $_->{address} eq 'trap@example.org' } @objects;
is($t->{comment}, 'a comment', '… with its comment');
is((db_ok('list') =~ tr/\n//), 6, 'a list has one row a host, no stamps');
afresh();
import_ok(spit('export', $export), 'import into an empty database');
is(db_ok('export'), $export, 'it is restored exactly');
import_ok(dir() . '/export', 'import of the same again');
is(db_ok('export'), $export, 'changes nothing');
my ($status, $out, $err) = db_in(dir() . '/export', 'import', '-');
is($status, 0, 'import from standard input');
is(db_ok('export'), $export, 'is the same');

# merging
spit('in', "WHITE|192.0.2.9|||1500000000|1|" . ($later + 1) . "|1|9\n");
import_ok(dir() . '/in', 'import of a host that is there');
like(db_ok('export'), qr/^WHITE\|192\.0\.2\.9\|\|\|1500000000\|1600000001\|${\($later + 1)}\|3\|9$/m,
    'first the earlier, the others the later or higher');

# as OpenBSD's spamdb prints it
afresh();
spit('in', join('', map { "$_\n" } 'SPAMTRAP|Trap@Example.org',
    "TRAPPED|192.0.2.10|$later", "WHITE|192.0.2.1|||1|2|$later|1|0",
    "GREY|192.0.2.7|mx|<a\@example.com>|<b\@example.org>|1|$later|$later|1|0",
    "GREY|192.0.2.8|mx|<>|<b\@example.org>|1|2|3|1|0"));
import_ok(dir() . '/in', "spamdb's own lines");
is(db_ok() =~ tr/\n//, 4, 'all but the one that has expired');

# bad lines
my $bad = "# a comment\n\n" . "WHITE|192.0.2.1\n" x 30 .
    "SPAMTRAP|good\@example.org\r\nGREY|a\0b|c\n" . "x" x 20000 .
    "\nTRAPPED|192.0.2.11|$later";
($status, $out, $err) = db('import', spit('bad', $bad));
is($status, 1, 'a file with bad lines');
like($err, qr/line 3: .*line 22: /s, 'the first 20 are told by number');
unlike($err, qr/line 23: /, '… and no more of their kind');
like($err, qr/line 34: .*NUL.*line 35: it is too long/s,
    'a NUL and a line that is too long');
like($err, qr/2 entries imported, 32 bad lines/, 'and all are counted');
like(db_ok(), qr/^TRAPPED\|192\.0\.2\.11\|/m,
    'the last line needs no newline, and those around bad ones are in');
is((db('import', dir() . '/nowhere'))[0], 1, 'no such file');
import_ok('/dev/null', 'an empty file');

# a large file: many frames, and kills in the middle
afresh();
my $n = 30000;
open(my $big, '>', dir() . '/big') or die;
printf $big "GREY|10.%d.%d.1|mail|<me\@example.com>|<you\@example.org>|" .
    "1|$later|$later|1|0\n", $_ >> 8, $_ & 255 for 1 .. $n;
close($big);
for my $round (1 .. 6) {
	my $pid = db_start(dir() . '/big', undef, 'import', '-');
	sleep(0.03 * $round);
	kill('KILL', $pid);
	waitpid($pid, 0);
	($status) = db();
	is($status, 0, "killed in the import, $round: the next command works");
}
import_ok(dir() . '/big', "$n lines");
is(db_ok('list', 'grey') =~ tr/\n//, $n, 'are all there');

# a closed pipe
pipe(my $r, my $w) or die;
my $pid = db_start(undef, $w, 'list');
close($w);
my $line = <$r>;
close($r);
waitpid($pid, 0);
like($line, qr/^GREY\|/, 'a reader that takes one line');
is($? & 127, SIGPIPE, 'the command ends as if by SIGPIPE');
is(slurp(dir() . '/err') =~ s/^.*no daemon; .*\n//r, '', 'quietly');
is((db('list', 'white'))[0], 0, 'and the database is closed in order');
SKIP: {
	skip('a full disk for standard output: no /dev/full', 2)
	    if !-c '/dev/full';
	waitpid(db_start(undef, '/dev/full', 'list'), 0);
	is($? >> 8, 1, 'output that cannot be written');
	like(slurp(dir() . '/err'), qr/standard output: /, 'is said');
}

# a socket that a killed daemon left
my $path = dir() . '/sock';
socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
bind($s, pack_sockaddr_un($path)) or die;
listen($s, 1);
chmod(0777, $path);
close($s);
is((db('list', 'white'))[0], 0, 'a stale socket is no obstacle');
unlink($path);

# the lock
open(my $lock, '+<', dir() . '/state/lock') or die "no lock file: $!\n";
flock($lock, LOCK_EX) or die;
$pid = db_start(undef, undef, 'list', 'white');
sleep(0.5);
is(waitpid($pid, WNOHANG), 0, 'a lock that is held is waited for');
flock($lock, LOCK_UN);
waitpid($pid, 0);
is($?, 0, 'and taken when it is free');
flock($lock, LOCK_EX) or die;
($status, $out, $err) = db('list', 'white');
is($status, 1, 'a lock that stays');
like($err, qr{/state is in use .*nothing answers on \Q$path\E|nothing answers on},
    'the message names it');
flock($lock, LOCK_UN);

done_testing();
