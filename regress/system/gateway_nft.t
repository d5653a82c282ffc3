#!/usr/bin/perl
# A whole gateway: nftables sends unknown hosts to spamgreyd and all others to a
# real OpenSMTPD.  A real Postfix outside sends mail, over IPv4, over IPv6, and
# with IPv6 only.
#
#	namespace out			namespace gw
#	Postfix, swaks, clients --veth-- nftables, spamgreyd, OpenSMTPD
#	203.0.113.10 to .13		203.0.113.25
#	2001:db8:1::10, :2::10 …	2001:db8:1::25
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Gate;
use Test::More;
use Time::HiRes qw(sleep);

private();

for my $need (qw(nft ip)) {
	plan(skip_all => "needs $need") if (run('which', $need))[0] != 0;
}
my ($gwroot, $why) = root('gw', 'opensmtpd');
plan(skip_all => "OpenSMTPD: $why") if !$gwroot;
(my $outroot, $why) = root('out', 'postfix');
plan(skip_all => "Postfix: $why") if !$outroot;

network();
nft_sample(\&without_pass);

# --- OpenSMTPD behind the gateway
opensmtpd('gw', $gwroot, <<'END');
listen on 0.0.0.0 port 25 hostname mta.example.org
listen on :: port 25 hostname mta.example.org
action "local" maildir "/home/user/Maildir"
match from any for domain { "example.org", "example.net" } action "local"
END
answers('gw', '203.0.113.25', 25);

# --- Postfix outside: one MX address for each domain
sender($outroot, 'example.org' => '203.0.113.25',
    'example.net' => '2001:db8:1::25');

# After the first refusal.  Postfix tries again only when it is told to.
sub
mail_refused
{
	my ($name, $to, $set, $elem) = @_;

	wait_for("$name: a refusal", sub { deliveries($to) });
	ok(!in_set($set, $elem), "$name: not in the set after the first");
}

# One mail on its whole way: two deferrals, then OpenSMTPD has it.  `pass 1s' has
# passed before.
sub
mail_passes
{
	my ($name, $to, $mta, $set, $elem) = @_;
	my @d;

	wait_for("$name: delivery", sub {
		must(ns('out'), 'chroot', $outroot, 'postqueue', '-f');
		@d = deliveries($to);
		return (grep { /status=sent/ } @d);
	}, 120);
	my @deferred = grep { /status=deferred/ } @d;
	is(scalar(@deferred), 2, "$name: exactly two refusals") or
	    diag(join("\n", @d));
	is(scalar(grep { /\[\Q$mta\E\](:25)? said: 451 4\.7\.1 .*DATA/ }
	    @deferred), 2, "$name: both the greylist text, at DATA") or
	    diag(join("\n", @d));
	ok(in_set($set, $elem), "$name: in the set after the second");
	like($d[-1], qr/status=sent \(250 .*Message accepted/,
	    "$name: the third connection is OpenSMTPD's");
}

my ($cert, $key) = certificate('mx.example.org', 'mx');
my $common = <<"END";
firewall nftables table inet "spamgrey" set ip4 "white4" ip6 "white6"
allowed domains { "example.org", "example.net" }
tarpit { stutter 1s for 2s }
greylist { pass 1s }
tls certificate "$cert" key "$key"
limit { per-host 1000 per-network 1000 }
END
conf($common . "listen on 0.0.0.0 port 8025\nlisten on :: port 8025\n");
start(wrap => [ns('gw')]);
my %r = roles();
like(slurp("/proc/$r{fw}/status"), qr/^CapEff:\s+0*1000$/m,
    'fw keeps CAP_NET_ADMIN alone');

# --- 1. Postfix over IPv4 and IPv6
must('chroot', $outroot, 'postconf', '-e', 'minimal_backoff_time=1h',
    'maximal_backoff_time=1h');
sender_start();
send_mail('a@sender.example.com', 'user@example.org', 'four');
send_mail('b@sender.example.com', 'user@example.net', 'six');
mail_refused('IPv4', 'user@example.org', 'white4', '203.0.113.10');
mail_refused('IPv6', 'user@example.net', 'white6', '2001:db8:1::');
sleep(2);
mail_passes('IPv4', 'user@example.org', '203.0.113.25', 'white4',
    '203.0.113.10');
mail_passes('IPv6', 'user@example.net', '2001:db8:1::25', 'white6',
    '2001:db8:1::');
wait_for('the mails', sub {
	(() = glob("$gwroot/home/user/Maildir/new/*")) == 2
});
pass('both mails are in the mailbox');
my @got = sort map { slurp($_) =~ /^Subject: (.*)$/m } 
    glob("$gwroot/home/user/Maildir/new/*");
is("@got", 'four six', 'and are the ones sent');
my $list = db_ok();
like($list, qr/^WHITE\|203\.0\.113\.10\|\|\|\d+\|\d+\|\d+\|1\|1$/m,
    'the database: WHITE, once put off, once passed');
like($list, qr/^WHITE\|2001:db8:1::10\|/m, 'the database: the IPv6 host');
my ($status, $out, $err) = db('show', '203.0.113.10');
like($out, qr/WHITE/i, 'show says so');

# The next mail has no delay.
send_mail('c@sender.example.com', 'user@example.org', 'later');
wait_for('the second mail', sub {
	grep { /status=sent/ && /from|to/ } (deliveries('user@example.org'))[3]
	    // ()
});
is(scalar(deliveries('user@example.org')), 4,
    'the next mail from there goes straight through');

# --- 2. the set has the host before the reply goes out
conf($common =~ s/stutter 1s for 2s/stutter no/r .
    "listen on 0.0.0.0 port 8025\nlisten on :: port 8025\n");
is((db('reload'))[0], 0, 'reload: no stutter, so that seconds can be told');
my %two = (from => '203.0.113.11', to => '203.0.113.25',
    mail => 'x@two.example.com', rcpt => ['user@example.org']);
my @replies = from_out(%two);
like($replies[-1], qr/^451 4\.7\.1/, 'another host: greylisted');
wait_log(qr/^\w{16} front end address=203\.0\.113\.11 .* dst=203\.0\.113\.25 port=25\b/m);
pass('the log has the address that it called');
ok(!in_set('white4', '203.0.113.11'), '… and not in the set');
sleep(1.2);
# fw is stopped: the reply waits for its answer, for a second at most.
log_mark();
kill('STOP', $r{fw});
my $t = now();
@replies = from_out(%two);
my $took = now() - $t;
kill('CONT', $r{fw});
like($replies[-1], qr/^451 /, 'with the firewall process stopped: an answer');
cmp_ok($took, '>=', 1, '… but only after waiting for it');
diag(sprintf('%.2f s', $took));
ok(wait_log(qr/\bfw\b/), '… and the log says so');
wait_for('the set', sub { in_set('white4', '203.0.113.11') });
pass('when it goes on, the host is in the set');

my %three = (%two, from => '203.0.113.12', mail => 'x@three.example.com');
from_out(%three);
sleep(1.2);
@replies = from_out(%three);
ok(in_set('white4', '203.0.113.12'), 'the set has the host when the reply is there');
like($replies[-1], qr/^451 /, '… which is a 451, without pass');
@replies = from_out(%three);
like($replies[0], qr/^220 mta\.example\.org/, 'the next connection is the MTA\'s');

# --- 3. others change the set
must(ns('gw'), 'nft', 'flush', 'set', 'inet', 'spamgrey', 'white4');
wait_for('the refill', sub { in_set('white4', '203.0.113.12') });
pass('a flushed set is filled again');
must(ns('gw'), 'nft', '-f', tmp() . '/nftables.conf');
wait_for('the refill', sub { in_set('white4', '203.0.113.12') &&
    in_set('white6', '2001:db8:1::') });
pass('and after the rules were loaded anew');
is((db('trap', '203.0.113.12'))[0], 0, 'trap a host');
wait_for('it to leave the set', sub { !in_set('white4', '203.0.113.12') });
pass('a trapped host leaves the set');

# --- 4. STARTTLS
SKIP: {
	skip('STARTTLS: no swaks', 2) if (run('which', 'swaks'))[0] != 0;
	skip('STARTTLS: no Net::SSLeay', 2)
	    if (run($^X, '-MNet::SSLeay', '-e', '1'))[0] != 0;
	($status, $out, $err) = run(ns('out'), 'swaks', '--server',
	    '203.0.113.25', '--local-interface', '203.0.113.13', '-tls',
	    '--from', 'tls@example.com', '--to', 'user@example.org', '--helo',
	    'tls.example.com', '--timeout', '60');
	like($out, qr/TLS started with cipher TLSv1\.[23]/, 'swaks: STARTTLS')
	    or diag($out . $err);
	like($out, qr/451 4\.7\.1/, '… and greylisted inside of it');
}

# --- 5. no host can avoid the redirect
for my $to ('203.0.113.25', '2001:db8:1::25') {
	for my $p (8025 .. 8027) {
		($status, $out) = run(ns('out'), $^X, '-MIO::Socket::IP',
		    '-MErrno', '-e', 'IO::Socket::IP->new(PeerHost => $ARGV[0],'
		    . ' PeerPort => $ARGV[1], Timeout => 2) and exit 1;'
		    . 'print $!{ETIMEDOUT} ? "dropped" : "$!"', $to, $p);
		is("$status $out", '0 dropped', "$to port $p from outside");
	}
}

# --- 6. many hosts
my $load = program('killload');
my @load = (ns('gw'), $load, '-f', '-n', 300, '-s', 300, '-r', 300, 8025);
($status, $out) = run(@load);
like($out, qr/ grey 300 /, '300 hosts in 300 networks: greylisted');
sleep(1.5);
($status, $out) = run(@load);
is(scalar(() = db_ok('list', 'white', '127.0.0.0/8') =~ /^WHITE/mg), 300,
    '… and all WHITE at the second visit');
my $set = must(ns('gw'), 'nft', '-j', 'list', 'set', 'inet', 'spamgrey',
    'white4');
is(scalar(() = $set =~ /"127\.\d+\.\d+\.1"/g), 300, '… and in the set');
($status) = stop();
is($status, 0, 'SIGTERM');

# --- 7. no IPv4 at all
sender_stop();
must('ip', '-n', $_, '-4', 'addr', 'flush', 'scope', 'global') for qw(out gw);
must('ip', '-n', $_, 'addr', 'del', '127.0.0.1/8', 'dev', 'lo') for qw(out gw);
is(must('ip', '-n', 'gw', '-4', 'addr') . must('ip', '-n', 'out', '-4', 'addr'),
    '', 'no IPv4 address is left');
must('chroot', $outroot, 'postconf', '-e', 'inet_protocols=ipv6',
    'smtp_bind_address6=2001:db8:2::10');
must('rm', '-rf', tmp() . '/state');
maillog_clear();
conf($common . "listen on :: port 8025\n");
start(wrap => [ns('gw')]);
sender_start();
send_mail('d@sender.example.com', 'user@example.net', 'only six');
mail_refused('without IPv4', 'user@example.net', 'white6', '2001:db8:2::');
sleep(2);
mail_passes('without IPv4', 'user@example.net', '2001:db8:1::25', 'white6',
    '2001:db8:2::');
($status) = stop();
is($status, 0, 'SIGTERM');
end_all();
done_testing();
