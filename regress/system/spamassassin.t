#!/usr/bin/perl
# The whole daemon with a real spamd, Debian's rules and some of the test's own
# with exact scores: the sum of several modules' points, each part of it in the
# log, and users' own thresholds from a real MariaDB.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Mta;
use Spamd;
use Test::More;

my ($passport, $sinkport, $dnsport) = (8027, 2525, 5353);
my $us = '198.51.100.1';

private();

my ($root, $why) = spamd_root('sa');
plan(skip_all => "spamd: $why") if !$root;
my @hosts = map { "198.51.100.$_" } 10 .. 19;
for my $a ($us, @hosts) {
	system('ip', 'addr', 'add', "$a/32", 'dev', 'lo') == 0 or die;
}
my @children;
END {
	local $?;
	Spamd::spamd_end() if $ENV{SG_PRIVATE};
	kill('KILL', @children) if @children;
}
sub child { push(@children, background(tmp() . '/out', @_)) }
sub
table
{
	my $arpa = '100.51.198.in-addr.arpa';

	# Names of all but of the last three that nobody has.
	spit(tmp() . '/table', "10.100.51.198.bl.test A 300 127.0.0.2\n" .
	    "11.100.51.198.good.test A 300 127.0.5.3\n" .
	    join('', map { "$_.$arpa PTR 300 host$_.example.net\n" .
		"host$_.example.net A 300 198.51.100.$_\n" } 10 .. 16) .
	    "17.$arpa PTR 300 host10.example.net\n18.$arpa drop\n");
}
table();
push(@children, mail_sink($sinkport));
child($^X, 'regress/lib/dnsd.pl', $dnsport, tmp() . '/table');
listening('the name server', $dnsport);

# --- spamd

# Rules that match a word of the subject, and only these of Debian's rules, so
# that a score is exact.
my @local = (spamd_only('GTUBE', 'RDNS_NONE'), 'score RDNS_NONE 1.5');
for my $score (-3, 3, 6, 7, 12, 14) {
	my $name = 'SGTEST_' . ($score < 0 ? 'M' : '') . abs($score);
	push(@local, "header $name Subject =~ /\\bpoints$score\\b/",
	    "score $name $score");
}
# The trace line that only spamd sees.
push(@local, 'header SGTEST_TRACE Received =~ /by mx\.example\.org/',
    'score SGTEST_TRACE 0.001');
spamd_local(@local);

# --- mails
sub
mail
{
	my ($from, $subject, %o) = @_;

	return (ordinary_mail($subject, from => $from, to => $us,
	    port => $passport, %o));
}
sub mark { return (mail_last() =~ /^(X-Spamgreyd:[^\r\n]*(?:\r\n\s[^\r\n]*)*)/m ? $1 =~ s/\r\n\s+/ /gr : '') }

sub
configure
{
	my ($module, $more) = @_;

	conf("listen on 127.0.0.1 port 8025\n" .
	    "allowed domains { \"example.org\" }\nfirewall none\n" .
	    "resolver 127.0.0.1 port $dnsport\non spam log\n" .
	    "pass { listen on $us port $passport\n" .
	    "relay to 127.0.0.1 port $sinkport\nmark at 4\n" .
	    ($more // "reject at 10\n") .
	    'module dnsbl { zone "bl.test" { 127.0.0.2 points 4 } ' .
	    'zone "good.test" { 127.0.x.3 points -5 } budget 5s }' . "\n" .
	    "module spamassassin { $module }\n}\n");
}
sub
again
{
	configure(@_);
	is((db('reload'))[0], 0, 'reload: ' . $_[0] =~ s/\n/ /gr);
}

my $gtube = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL' .
    '*C.34X';
my ($plain, $listed, $good) = @hosts[6, 0, 1];
my ($forged, $silent, $nameless) = @hosts[7, 8, 9];
spamd_start();
configure('server 127.0.0.1');
start();
db_ok('add', @hosts);
wait_for('a first session', sub { mail($plain, 'hello') =~ /^250/ });
is(mark(), '', 'an ordinary mail is not marked');
like(mail($plain, 'hello', body => [$gtube]), qr/^550 /, 'GTUBE is refused');
wait_log(qr/ spamassassin=1000 spamassassin-why=GTUBE,\\x20SGTEST_TRACE /);

# Points of several modules.
like(mail($listed, 'hello'), qr/^250/, 'DNSBL 4 alone: taken');
like(mark(), qr/score=4 .*dnsbl=4 /, '… marked');
like(mail($plain, 'points7'), qr/^250/, 'SpamAssassin 7 alone: taken');
like(mark(), qr/score=7 .*spamassassin=7 \(SGTEST_7, SGTEST_TRACE\)/,
    '… marked with its part and symbols');
like(mark(), qr/SGTEST_TRACE/, '… it saw our trace line');
unlike(mail_last(), qr/\(Postfix\)/, '… which nobody else sees');
log_mark();
like(mail($listed, 'points7'), qr/^550 /, 'both: refused at 10');
wait_log(qr/points=11 dnsbl=4 dnsbl-why=\S+ spamassassin=7 spamassassin-why=SGTEST_7,\\x20SGTEST_TRACE /);
pass('… and the log has each part');
log_mark();
like(mail($good, 'points14'), qr/^550 /,
    'SpamAssassin 14 with DNSWL -5: refused, by itself');
wait_log(qr/ message .*outcome=refused .*dnsbl=-5 dnsbl-why=\S+ spamassassin=14 spamassassin-why=SGTEST_14,\\x20SGTEST_TRACE /);
pass('… and the log has each part');
like(mail($good, 'points7'), qr/^250/, '7 with -5: taken');
is(mark(), '', '… not marked');
again('server 127.0.0.1', "reject at 12\n");
like(mail($listed, 'points7'), qr/^250/, '12 for the cautious: 4 and 7 taken');
like(mail($plain, 'points12'), qr/^550 /, '… and 12 refused');

# The client's name, for spamd and in our own trace field.
again('server 127.0.0.1');
like(mail($plain, 'points7'), qr/^250/, 'a host with a name');
like(mark(), qr/spamassassin=7 \(SGTEST_7, SGTEST_TRACE\)/, '… has it there');
like(mail_last(), qr/^Received: from client\.example\.com \(host16\.example\.net \[198\.51\.100\.16\]\)\r$/m,
    '… and in our trace');
wait_log(qr/ end address=198\.51\.100\.16 .* name=host16\.example\.net helo=/);
for ([$nameless, 'none'], [$forged, 'one that is not its own'],
    [$silent, 'one that nobody tells in time']) {
	my ($host, $what) = @$_;

	like(mail($host, 'points7'), qr/^250/, "a host with a name, $what");
	like(mark(), qr/spamassassin=8\.5 \(RDNS_NONE, SGTEST_7, SGTEST_TRACE\)/,
	    '… has none there');
	like(mail_last(),
	    qr/^Received: from client\.example\.com \(\[\Q$host\E\]\)\r$/m,
	    '… and none in our trace');
}
again('server 127.0.0.1', "reject at 10\nclient-name no\n");
like(mail($plain, 'points7'), qr/^250/, 'client-name no: taken');
like(mark(), qr/spamassassin=8\.5 \(RDNS_NONE, SGTEST_7, SGTEST_TRACE\)/,
    '… and nobody has a name');

# Other requests to spamd.
again("server 127.0.0.1\nask check");
like(mail($plain, 'points6'), qr/^250/, 'CHECK: taken');
like(mark(), qr/score=6 .*spamassassin=6 \(\)/, '… marked, no symbols');
again("server 127.0.0.1\nask headers");
my @forged = ('X-Spam-Flag: NO', 'X-Spam-Own: 1', 'x-spam-Report: none',
    "\tat all", 'X-Spam-Status: No, score=-100 tests=GOOD');
like(mail($plain, 'points6', head => \@forged), qr/^250/, 'HEADERS: taken');
like(mark(), qr/score=6 .*spamassassin=6 \(SGTEST_6, SGTEST_TRACE\)/,
    '… marked with symbols');
like(mail_last(), qr/^X-Spam-Flag: YES\r$/m,
    '… and spamd\'s own fields');
unlike(mail_last(), qr/X-Spam-Flag: NO|-Own|Report|at all|GOOD/i,
    '… not forged ones');
like(mail($plain, 'hello', head => \@forged), qr/^250/, 'HEADERS of ham');
is(mark(), '', '… not marked');
like(mail_last(), qr/^X-Spam-Status: No, score=0\.0 /m,
    '… spamd\'s own status');
unlike(mail_last(), qr/X-Spam-Flag|-Own|Report|at all|GOOD/i,
    '… and nothing forged');
again("server 127.0.0.1\nmax-size 2K");
like(mail($plain, 'points14', body => [('x' x 70) x 100]), qr/^250/,
    'larger than max-size: taken');
is(mark(), '', '… and not looked at');
cmp_ok(counter('module.spamassassin.too-large'), '>=', 1, '… counted');

# spamd does not answer
again("server 127.0.0.1\ntimeout 2s");
spamd_stop();
like(mail($plain, 'points14'), qr/^250/, 'spamd stopped: goes on');
again("server 127.0.0.1\ntimeout 2s\non-error tempfail");
like(mail($plain, 'points14'), qr/^451 4\.3\.0/, '… or is put off');
spamd_go();
wait_for('spamd', sub { mail($plain, 'points14') =~ /^550/ });
pass('it goes on: looked at again');
spamd_end();
like(mail($plain, 'hello'), qr/^451 4\.3\.0/, 'killed: put off');

# --- Debian's spamd on a socket, as the manual says it
my $manual = slurp('spamgreyd/spamgreyd.conf.5');
my ($options) = $manual =~ m{/etc/default/spamd\n\.Bd.*\nOPTIONS="(.*)"\n};
my ($path) = ($options // '') =~ /--socketpath=(\S+)/;
ok($path, "the manual has spamd's options");
like($manual, qr/^socket "\Q$path\E"$/m, '… and the same socket for the module');
spamd_unix($path, split(' ', $options));
again("socket \"$root$path\"");
like(mail($plain, 'points7'), qr/^250/, "the manual's socket: spamd is asked");
like(mark(), qr/spamassassin=7 \(SGTEST_7, SGTEST_TRACE\)/, '… and answers');
chmod(0600, "$root$path");
like(mail($plain, 'points12'), qr/^550/, '… also when root alone may connect');
spamd_end();

# --- users' own thresholds, with the manual's lines as they are
my $run = "$root/run/mysqld";
mkdir($run);
mkdir("$root/srv/db");
my ($uid, $gid) = slurp("$root/etc/passwd") =~ /^mysql:[^:]*:(\d+):(\d+):/m;
chown($uid, $gid, $run, "$root/srv/db");
my ($st, $out, $err) = run('chroot', $root, 'mariadb-install-db', '--no-defaults',
    '--user=mysql', '--datadir=/srv/db', '--skip-test-db',
    '--auth-root-authentication-method=normal');
is($st, 0, 'a database') or diag($out, $err);
child('chroot', $root, 'mariadbd', '--no-defaults', '--user=mysql',
    '--datadir=/srv/db', '--socket=/run/mysqld/mysqld.sock',
    '--skip-networking', '--pid-file=/run/mysqld/pid',
    '--innodb-buffer-pool-size=16M');

# Runs what a user types at its prompt.
sub
sql
{
	spit("$root/tmp/sql", shift);
	return (run('chroot', $root, 'sh', '-c', 'mariadb -N < /tmp/sql'));
}
wait_for('MariaDB', sub { (sql('SELECT 1'))[0] == 0 }, 120);
chmod(0755, $run);

# The lines of the manual from the one that begins so to the end of its block.
sub
lines
{
	my ($begin) = @_;
	my ($lines) = $manual =~ /^(\Q$begin\E.*?)^\.Ed/ms;

	ok($lines, "the manual has: " . $begin =~ tr{\n}{ }r);
	return ($lines // '');
}
($st, $out, $err) = sql(lines('CREATE DATABASE'));
is($st, 0, "the manual's lines, as pasted") or diag($err);
is((sql("USE sa; INSERT INTO userpref (username, preference, value) VALUES " .
    "('bob\@example.org', 'required_score', '4'), " .
    "('carl\@example.org', 'required_score', '20')"))[0], 0, 'more users');
my $users = lines('user_scores_dsn');
spamd_local(@local, split(/\n/, $users));
spamd_start('-q');
again("server 127.0.0.1\nuser recipient\nflagged spam", "reject at 50\n");
like(mail($plain, 'points6', rcpt => ['ann@example.org']), qr/^250/,
    'a score of 6 for one whose threshold is 8: taken');
like(mail($plain, 'points6', rcpt => ['bob@example.org']),
    qr/^550 5\.7\.1 .*spam/, '… and refused for one with 4');
my @replies;
like(mail($plain, 'points6', rcpt => ['ann@example.org', 'bob@example.org'],
    replies => \@replies), qr/^250/, 'to both: taken for the first');
like($replies[1], qr/^452 4\.5\.3/, '… and the second gets its own turn');

my ($recipe) = $manual =~ /decides whatever it is, write\n\.Bd[^\n]*\n(.*?)^\.Ed/ms;
ok($recipe, 'the manual has how a higher threshold counts');
again("server 127.0.0.1\nuser recipient\nflagged spam", "reject at 10\n");
log_mark();
like(mail($plain, 'points14', rcpt => ['carl@example.org']),
    qr/^550 5\.7\.1 The message was rejected as spam: 14 points, limit 10 \(content 14\)/,
    'reject at comes before his threshold; no rule is told');
again("server 127.0.0.1\n$recipe", "reject at 10\n");
like(mail($plain, 'points14', rcpt => ['carl@example.org']), qr/^250/,
    'as the manual says it: a score of 14 for a user with 20 is taken');
like(mail($plain, 'points6', rcpt => ['bob@example.org']),
    qr/^550 5\.7\.1 .*spam/, '… and one of 6 for a user with 4 refused');

# --- users' own Bayes data, by the manual's lines
my $tables = lines("USE sa;\nSOURCE");
my ($sqlfile) = $tables =~ /^SOURCE (\S+);/m;
SKIP: {
	skip("the package came without $sqlfile", 5) if !-e "$root$sqlfile";
	($st, $out, $err) = sql($tables);
	is($st, 0, 'the tables, and the grant') or diag($err);
	spamd_local(@local, split(/\n/, lines('use_bayes 1')));
	spit("$root/srv/spam", "From: a\@example.com\nSubject: watches\n" .
	    "Message-ID: <1\@example.com>\n\nCheap replica watches for you\n");
	($st, $out, $err) = run('chroot', $root, 'sh', '-c',
	    'HOME=/tmp sa-learn --spam -u ann@example.org /srv/spam');
	is($st, 0, 'sa-learn') or diag($out, $err);
	($st, $out, $err) = sql('SELECT username, spam_count FROM sa.bayes_vars');
	like($out, qr/^ann\@example\.org\s+1$/m, 'one message learnt for one user');
	($st, $out, $err) = sql('SELECT COUNT(*) FROM sa.bayes_token');
	cmp_ok($out, '>', 5, 'and its words are there');
}
is((stop())[0], 0, 'SIGTERM');
done_testing();
