#!/usr/bin/perl
# Modules in the whole daemon, in pass' sandbox and root directory: a pause, DNS
# lists from a name server, points of several modules, a reload that changes
# them all during sessions, and their counters.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use Sys;
use Mta;
use Test::More;

my ($dnsport, $passport, $sinkport) = (5353, 8027, 2525);
my $us = '198.51.100.1';

my @children;
END { kill('KILL', @children) if @children }
sub
child
{
	my $child = fork() // die "fork: $!\n";

	return (push(@children, $child)) if $child != 0;
	open(STDOUT, '>', '/dev/null');
	exec(@_) or POSIX::_exit(127);
}

private();

sub
table
{
	spit(tmp() . '/table.new', join('', @_));
	rename(tmp() . '/table.new', tmp() . '/table');
}

# Sends a mail from that address, and returns the reply that ended it.
sub
mail
{
	my ($from, %o) = @_;

	unlink(tmp() . '/mail');
	return (smtp_code(from => $from, to => $us, port => $passport, %o));
}
sub marked { return (mail_last() =~ /^X-Spamgreyd:/m ? 1 : 0) }

my @hosts = map { "198.51.100.$_" } 10 .. 19;
for my $a ($us, @hosts) {
	system('ip', 'addr', 'add', "$a/32", 'dev', 'lo') == 0 or die;
}
table("10.100.51.198.bl.test A 300 127.0.0.2\n",
    "11.100.51.198.bl.test A 300 127.0.0.3\n",
    "12.100.51.198.bl.test A 300 127.0.0.2\n",
    "12.100.51.198.good.test A 300 127.0.5.2\n",
    "14.100.51.198.bl.test servfail\n",
    "15.100.51.198.bl.test A 300 127.0.0.2\n",
    "15.100.51.198.bl.test truncate\n");
push(@children, mail_sink($sinkport));
child($^X, 'regress/lib/dnsd.pl', $dnsport, tmp() . '/table');
wait_for('the servers', sub {
	return (IO::Socket::INET->new("127.0.0.1:$sinkport") &&
	    IO::Socket::INET->new("127.0.0.1:$dnsport"));
});

my $base = "listen on 127.0.0.1 port 8025\nallowed domains { example.org }\n" .
    "resolver 127.0.0.1 port $dnsport\n" .
    "pass { listen on $us port $passport\nrelay to 127.0.0.1 port $sinkport\n";
my $dnsbl = 'module dnsbl { zone "bl.test" { 127.0.0.2 points 4, ' .
    '127.0.0.3 points 20 } zone "good.test" { 127.0.x.2 points -3 } ' .
    "reject at 15 budget 5s }\n";
conf($base . $dnsbl . "}\n");
start();
db_ok('add', @hosts);
wait_for('a first session', sub { return (mail($hosts[9]) =~ /^250/) });
ok(!marked(), 'no list has it: no mark');

# The answers of DNS lists.
like(mail($hosts[0]), qr/^250/, 'a list has it: taken');
like(mail_last(), qr/^X-Spamgreyd: score=4 mark=4 reject=10; dnsbl=4 \(bl\.test 127\.0\.0\.2\)\r$/m,
    '… and marked');
like(mail($hosts[1]), qr/^550 5\.7\.1 Your address \Q$hosts[1]\E is listed by bl\.test/,
    'reject at');
like(mail($hosts[1], rcpt => ['postmaster@mx.example.org']), qr/^250/,
    '… but not for postmaster');
like(mail($hosts[2]), qr/^250/, 'a good list takes points away');
ok(!marked(), '… no mark');
like(mail($hosts[4]), qr/^250/, 'SERVFAIL: taken');
ok(!marked(), '… no mark');
like(mail($hosts[5]), qr/^250/, 'an answer over TCP');
ok(marked(), '… is one');
is(counter('module.dnsbl.refused'), 1, 'refusals are counted');
is(counter('module.dnsbl.spared'), 1, '… and whom they spared');
cmp_ok(counter('module.dnsbl.failed'), '>=', 1, '… and failures');

# A reload: other modules, but a running session keeps those that it began with.
my $open = smtp(from => $hosts[6], to => $us, port => $passport);
like(Sys::reply($open), qr/^220/, 'a session from before');
conf($base . "module greet_pause { wait 3s teaser \"wait\" }\n" .
    "module protocol { helo-own-name points 1.5 helo-bare-ip points 0.5 " .
    "pipelining reject }\n" . $dnsbl =~ s/reject at 15//r . "}\n");
log_mark();
my ($status) = db('reload');
is($status, 0, 'reload: more modules');
print $open "EHLO mx.example.org\r\n";
like(Sys::reply($open), qr/^250/, '… it goes on');
close($open);
my $t = now();
my $s = smtp(from => $hosts[6], to => $us, port => $passport);
my $banner = Sys::reply($s);
like($banner, qr/^220-mx\.example\.org wait\r\n220 mx\.example\.org/,
    'greet_pause: a teaser and the banner');
cmp_ok(now() - $t, '>=', 2.99, '… after the pause');
print $s "EHLO x.example.com\r\n";
like(Sys::reply($s), qr/^250/, '… and on it goes');
print $s "QUIT\r\n";
close($s);
$s = smtp(from => $hosts[6], to => $us, port => $passport);
unlike(Sys::reply($s), qr/wait/, 'a host that has waited does not again');
close($s);
is(counter('module.greet_pause.remembered'), 1, '… as is counted');
log_mark();
$s = smtp(from => $hosts[7], to => $us, port => $passport);
print $s "EHLO x.example.com\r\n";
$s->flush();
like(Sys::reply($s) . Sys::reply($s), qr/554 5\.5\.1 Protocol error: data received/,
    'who talks in the pause is refused');
is(Sys::reply($s), '', '… and closed');
ok(wait_log(qr/pass early-talker address=\Q$hosts[7]\E/), '… and it is logged');

like(mail($hosts[1], helo => $hosts[1]), qr/^550 5\.7\.1 Mail from your address/,
    'points of all modules, refused at RCPT');
like(mail($hosts[0], helo => 'mx.example.org'), qr/^250/, 'points of two');
like(mail_last(), qr/^X-Spamgreyd: score=5\.5 .*protocol=1\.5 \(helo-own-name\);\s+dnsbl=4/ms,
    '… both are told');
$s = smtp(from => $hosts[0], to => $us, port => $passport);
Sys::reply($s);
print $s "EHLO x.example.com\r\nNOOP\r\n";
$s->flush();
like(Sys::reply($s), qr/^554 5\.5\.0 /, 'EHLO and not waiting: refused');
like(Sys::reply($s), qr/^250/, '… what comes after it is not');
close($s);
is(counter('module.protocol.pipelining'), 1, '… and counted');

# log-only: everything is logged, nothing is done.
conf($base . 'module protocol { log-only helo-own-name reject }' . "\n" .
    $dnsbl =~ s/dnsbl \{/dnsbl { log-only/r . "}\n");
($status) = db('reload');
is($status, 0, 'reload: log-only');
log_mark();
like(mail($hosts[1], helo => 'mx.example.org'), qr/^250/, '… all is taken');
ok(!marked(), '… unmarked');
ok(wait_log(qr/protocol log-only stage=helo reply=550/), '… it is told');
ok(wait_log(qr/dnsbl log-only points=20/), '… with points');

# The name server is gone: mail goes on.
kill('KILL', pop(@children));
conf($base . $dnsbl . "}\n");
($status) = db('reload');
is($status, 0, 'reload');
like(mail($hosts[8]), qr/^250/, 'no name server: mail goes on');
my ($code) = (stop())[0];
is($code, 0, 'it ends');
done_testing();
