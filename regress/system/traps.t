#!/usr/bin/perl
# Greytraps, allowed domains and the low-priority MX as a site of spamd uses
# them: its spamd.alloweddomains, traps of spamdb, and a reload that adds and
# removes one, which spamd does not have.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

my $port = 8025;
my $domains = tmp() . '/spamd.alloweddomains';
my $traps = tmp() . '/traps';

# As spamd(8) describes it: comments, blank lines, white space around.
my $allowed = "\xef\xbb\xbf\@marked.example\r\n" . <<'END';
# The domains that we take mail for

@example.com
  example.org  
	Joe.Doe@Example.NET
@UPPER.example
END

sub
configure
{
	my (%o) = @_;

	spit($domains, $o{domains} // $allowed);
	spit($traps, $o{traps} // "trap\@example.org\n");
	conf(<<"END" . ($o{more} // ''));
listen on 127.0.0.1 port $port
${\($o{lowmx} // 'listen on 127.0.0.1 port 8035 low-priority-mx')}
firewall none
greylist { pass 10m  match ip4 /32 }
tarpit { stutter no }
allowed domains file "$domains" ${\($o{trap} // 'trap after 1 in 1h')}
spamtrap file "$traps"
END
}

sub
reload
{
	my ($what, %o) = @_;

	configure(%o);
	my ($status, $out, $err) = db('reload');
	is($status, 0, "reload: $what") or diag($err);
}

my $n = 0;
# Each question has its own client address.
sub
host
{
	$n++;
	return (sprintf('127.2.%d.%d', int($n / 200), $n % 200 + 1));
}

# Returns the outcome of a mail to that recipient: grey, trapped or the reply.
sub
fate
{
	my ($rcpt, %o) = @_;
	my $ip = $o{from} // host();
	my $reply = smtp_code(port => $o{port} // $port, from => $ip,
	    rcpt => [$rcpt]);
	my ($row) = (db($ip))[1] =~ /^(GREY|TRAPPED)\|/m;

	return ($reply =~ /^451 4\.7\.1/ && ($row // '') ne 'TRAPPED' ?
	    'grey' : $reply =~ /^450 / && ($row // '') eq 'TRAPPED' ?
	    'trapped' : $reply);
}

sub
trapped
{
	my ($ip) = @_;

	return (db_ok() =~ /^TRAPPED\|\Q$ip\E\|/m ? 1 : 0);
}

# Returns the reason in the words of `list'.
sub
reason
{
	my ($ip) = @_;

	return (db_ok('export') =~ /^TRAPPED\|\Q$ip\E\|(?:[^|]*\|)*?(spamtrap|domain|low-priority-mx)\|/m ?
	    $1 : 'not trapped');
}

configure();
start();

# --- spamd.alloweddomains, unchanged
for my $t (['you@example.com', 'grey', '@example.com is that domain'],
    ['YOU@EXAMPLE.COM', 'grey', 'in any case'],
    ['you@sub.example.com', 'trapped', 'not a subdomain of it'],
    ['you@example.org', 'grey', 'example.org is that domain'],
    ['you@notexample.org', 'trapped', 'not what only ends in it'],
    ['you@sub.example.org', 'trapped', 'nor its subdomains, without a dot'],
    ['joe.doe@example.net', 'grey', 'a full address'],
    ['jane.doe@example.net', 'trapped', 'and no other there'],
    ['ajoe.doe@example.net', 'trapped', 'nor one that only ends in it'],
    ['you@upper.example', 'grey', 'a domain in upper case'],
    ['you@marked.example', 'grey', 'behind a byte order mark, before CRLF'],
    ['you@elsewhere.example', 'trapped', 'a domain that is not ours'],
    ['you@example.com.elsewhere.example', 'trapped', 'that begins as ours'],
    ['example.com@elsewhere.example', 'trapped', 'that has ours as its user'],
    ['postmaster', 'grey', '<postmaster>'],
    ['postmaster@mx.example.org', 'grey', 'postmaster of this machine'],
    ['abuse@example.com', 'grey', 'abuse of a domain of ours']) {
	is(fate($t->[0]), $t->[1], "allowed domains: $t->[2]");
}

# --- greytraps
my $ip = host();
is(fate('trap@example.org', from => $ip), 'trapped', 'a greytrap');
is(reason($ip), 'spamtrap', '… is the reason');
my ($until) = db_ok() =~ /^TRAPPED\|\Q$ip\E\|(\d+)$/m;
cmp_ok(abs($until - time() - 86400), '<', 300, '… for 24 hours');
is(fate('you@example.com', from => $ip), 'trapped',
    'the host is trapped for whatever it sends');
my ($again) = db_ok() =~ /^TRAPPED\|\Q$ip\E\|(\d+)$/m;
is($again, $until, 'which does not make it longer');
is(fate('TRAP@Example.Org'), 'trapped', 'in any case');
is(fate('trap@example.com'), 'grey', 'the same name elsewhere is none');
is((db('-T', '-a', 'Other@Example.com'))[0], 0, 'spamdb -T -a');
like(db_ok(), qr/^SPAMTRAP\|other\@example\.com$/m, '… in lower case');
is(fate('oTHER@example.com'), 'trapped', '… traps');
is((db('-T', '-d', 'other@example.com'))[0], 0, 'spamdb -T -d');
is(fate('other@example.com'), 'grey', '… and no more');
is((db('-T', '-a', 'kept@example.com'))[0], 0, 'one that is kept');

# A trap hides a WHITE entry while it lasts, but does not remove it.
$ip = host();
is((db('-a', $ip))[0], 0, 'a WHITE host');
is(fate('trap@example.org', from => $ip), 'trapped', '… that hits a trap');
like(db_ok('export'), qr/^WHITE\|\Q$ip\E\|/m, '… has not lost that');
like((db('show', $ip))[1], qr/TRAPPED/i, '… but is TRAPPED while it lasts');

# --- reload
my ($dropped, $kept, $domain) = (host(), host(), host());
is(fate('trap@example.org', from => $dropped), 'trapped', 'for a trap');
is(fate('kept@example.com', from => $kept), 'trapped', 'for another');
is(fate('you@later.example', from => $domain), 'trapped', 'for a domain');
log_mark();
reload('another trap in its place', traps => "# none\nnew\@example.org\n");
wait_for('who was trapped for it to go', sub { !trapped($dropped) });
pass('a dropped trap: who was trapped for it is let go');
is(fate('trap@example.org', from => $dropped), 'grey', '… and greylisted');
is(fate('new@example.org'), 'trapped', 'the new one traps');
is(fate('kept@example.com'), 'trapped', 'spamdb\'s are not the file\'s');
ok(trapped($kept), 'nor does who was trapped for them go');
ok(trapped($domain), 'nor who asked for a domain that is not ours');
reload('a domain more, one less', traps => "new\@example.org\n",
    domains => "\@example.org\nlater.example\n");
wait_for('the host that was right', sub { !trapped($domain) });
pass('a new domain: who was trapped for it is let go');
is(fate('you@later.example', from => $domain), 'grey', '… and greylisted');
is(fate('you@example.com'), 'trapped', 'the dropped one is not ours');
ok(trapped($kept), 'a spamtrap stays one, whatever its domain');

# a file with a mistake changes nothing, and the message has its line
my $before = () = db_ok('list', 'trapped') =~ /^TRAPPED/mg;
for my $bad (["one\@example.org\nno address\n", undef, qr/\Q$traps\E:2: /],
    ["\@example.org\n", undef, qr/\Q$traps\E:1: /],
    [undef, "example.org\nexample .com\n", qr/\Q$domains\E:2: /],
    [undef, 'example.org ' . 'x' x 2000 . "\n", qr/\Q$domains\E:1: /]) {
	configure(traps => $bad->[0], domains => $bad->[1]);
	my ($status, $out, $err) = db('reload');
	is($status, 1, 'a bad file is refused');
	like($out . $err, $bad->[2], '… and named, with its line');
}
# (the command reads the file too; this one has not been reloaded)
configure();
is(fate('new@example.org'), 'trapped', 'the configuration in force stays');
is(fate('you@later.example'), 'grey', '… with its domains');
is(() = db_ok('list', 'trapped') =~ /^TRAPPED/mg, $before + 1,
    '… and nobody was let go');
unlink($domains);
is((db('reload'))[0], 1, 'no file is an error, not an empty list');
reload('without both', domains => "# none\n", traps => "\n");
is(fate('you@anything.example'), 'grey', 'no allowed domain: no test');
is(fate('new@example.org'), 'grey', 'no trap');

# --- the low-priority MX.  In the first hour after the start, and until visits
# are known for `grey' time, no host is trapped for it; policy_trap_test has the
# rest.
$ip = host();
is(fate('you@example.org', from => $ip, port => 8035), 'grey',
    'low-priority MX first, soon after the start: no trap');
is(fate('you@example.org', from => $ip), 'grey', 'and at the primary');
is(fate('kept@example.com', port => 8035), 'trapped', 'a greytrap there too');
# A reload removes it and adds it again.  Visits at the primary MX are recorded
# only while there is one.
sub visits { return (db_ok('stats') =~ /^entries visit +(\d+)$/m ? $1 : -1) }
my $visits = visits();
cmp_ok($visits, '>', 0, 'visits at the primary are kept');
reload('without a low-priority MX', lowmx => '');
is((dialogue(port => 8035))[0] =~ /^connect: /, 1, '… its port is closed');
fate('you@example.org');
is(visits(), $visits, '… and visits are not noted');
reload('with it again');
$ip = host();
is(fate('you@example.org', from => $ip, port => 8035), 'grey',
    '… it is served, and traps nobody before it knows the primary\'s visits');
is(visits(), $visits, 'a visit there is none at the primary');
is(fate('you@example.org', from => $ip), 'grey', '… at which it is one');
wait_for('the visit', sub { visits() > $visits });

# --- without spamd's number: not the first domain traps, the third does
reload('the default number of domains', trap => '');
$ip = host();
is(fate('you@one.example', from => $ip), 'grey', 'a foreign domain');
is(fate('me@sub.one.example', from => $ip), 'grey', '… that one again');
is(fate('you@two.example', from => $ip), 'grey', '… a second');
is(fate('you@three.example', from => $ip), 'trapped',
    'three foreign domains trap');
is(reason($ip), 'domain', '… for that reason');
reload('as before');

# --- over a restart
is((stop())[0], 0, 'SIGTERM');
start();
ok(trapped($kept), 'a restart keeps who is trapped');
is(fate('kept@example.com'), 'trapped', 'and the traps');
is((stop())[0], 0, 'SIGTERM');
done_testing();
