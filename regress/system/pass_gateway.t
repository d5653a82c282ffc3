#!/usr/bin/perl
# The whole gateway with pass: a real Postfix outside is greylisted once and
# delivers in the session of its second visit.  Behind the gateway is an
# OpenSMTPD, then a Postfix, both with their usual configuration.  With nftables
# and with `firewall none', IPv4 and IPv6, in clear and with TLS.  No host can
# relay through it or avoid it.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Gate;
use Test::More;
use Time::HiRes qw(sleep);

private();

for my $need (qw(nft ip openssl)) {
	plan(skip_all => "needs $need") if (run('which', $need))[0] != 0;
}
my ($osroot, $why) = root('gw', 'opensmtpd');
plan(skip_all => "OpenSMTPD: $why") if !$osroot;
(my $outroot, $why) = root('out', 'postfix');
plan(skip_all => "Postfix: $why") if !$outroot;
(my $pfroot, $why) = root('gw2', 'postfix');
plan(skip_all => "Postfix: $why") if !$pfroot;

network();
my ($cert, $key) = certificate('mx.example.org', 'mx');

# --- the mail servers: both take only what they should, both stock otherwise
opensmtpd('gw', $osroot, <<'END');
listen on 127.0.0.1 port 25 hostname os.example.org
action "local" maildir "/home/user/Maildir"
match from any for domain { "example.org", "example.net" } action "local"
END
postfix_config($pfroot, 'myhostname=pf.example.org', 'inet_protocols=all',
    'inet_interfaces=loopback-only', 'mydestination=example.org, example.net',
    'mynetworks=127.0.0.0/8 [::1]/128', 'home_mailbox=Maildir/',
    'local_recipient_maps=', 'luser_relay=user', 'smtpd_tls_security_level=none');
must('chroot', $pfroot, 'postconf', '-MX', 'smtp/inet');
must('chroot', $pfroot, 'postconf', '-M', '2525/inet=2525 inet n - n - - smtpd');
run('chroot', $pfroot, 'useradd', '-m', '-s', '/bin/sh', 'user');
postfix('gw', $pfroot, 'start');
answers('gw', '127.0.0.1', 25);
answers('gw', '127.0.0.1', 2525);

sender($outroot, 'example.org' => '203.0.113.25',
    'example.net' => '2001:db8:1::25');

sub box { return (glob("$_[0]/home/user/Maildir/new/*")) }

# One mail: deferred once, and in the mailbox after the second visit.
sub
second_visit
{
	my ($name, $to, $root, $tls) = @_;
	my $before = () = box($root);
	my @d;

	maillog_clear();
	# a sender of its own: a tuple is the network's
	send_mail(($tls ? 'tls' : 'a') . '@sender.example.com', $to, $name);
	wait_for("$name: delivery", sub {
		@d = deliveries($to);
		return (grep { /status=sent/ } @d);
	}, 120);
	my @deferred = grep { /status=deferred/ } @d;
	is(scalar(@deferred), 1, "$name: exactly one refusal") or
	    diag(join("\n", @d));
	like($deferred[0] // '', qr/said: 451 4\.7\.1 .*DATA/,
	    "$name: the greylist text, at DATA");
	like($d[-1], qr/status=sent \(250 /,
	    "$name: the second visit delivers, with the MTA's own 250");
	wait_for("$name: the mail in the box",
	    sub { (() = box($root)) == $before + 1 });
	my ($new) = grep { slurp($_) =~ /^Subject: \Q$name\E$/m } box($root);
	ok(defined $new, "$name: it is the one that was sent");
	like(slurp($new // '/dev/null'), $tls ?
	    qr/^Received: from sender\.example\.com .*?with ESMTPS\s/ms :
	    qr/^Received: from sender\.example\.com .*?with ESMTP\s/ms,
	    "$name: our Received line says how it came");
	ok(wait_log(qr/^\w{16} front end .*verdict=handed/m),
	    "$name: front handed the session over");
}

sub
straight
{
	my ($name, $to, $root) = @_;
	my $before = () = box($root);

	maillog_clear();
	send_mail('b@sender.example.com', $to, $name);
	wait_for("$name: delivery", sub { deliveries($to) });
	is(join("\n", grep { !/status=sent/ } deliveries($to)), '',
	    "$name: no refusal any more");
	wait_for("$name: the mail in the box",
	    sub { (() = box($root)) == $before + 1 });
}

# No mail to other domains is accepted, and no mail for unknown recipients.
sub
no_relay
{
	my ($name, $from) = @_;
	my @r = from_out(from => $from, to => '203.0.113.25',
	    mail => 'x@relay.example.com', rcpt => ['victim@example.com']);

	like($r[-1], qr/^550 5\.7\.1 /, "$name: 550 for a foreign domain");
	for my $to ('@example.org:victim@example.com',
	    'victim%example.com@example.org', 'example.com!victim@example.org',
	    '"victim@example.com"@example.org') {
		@r = from_out(from => $from, to => '203.0.113.25',
		    mail => 'x@relay.example.com', rcpt => [$to]);
		like($r[-1], qr/^5\d\d /, "$name: refused: $to");
	}
}

my $common = <<"END";
allowed domains { "example.org", "example.net" }
tarpit { stutter no }
greylist { pass 1s }
tls certificate "$cert" key "$key"
limit { per-host 1000 per-network 1000 }
END

sub
pass_block
{
	my ($port) = @_;

	return ("pass {\n\tlisten on 0.0.0.0 port 8027\n" .
	    "\tlisten on :: port 8027\n\trelay to 127.0.0.1 port $port\n}\n");
}

# --- nftables, OpenSMTPD behind
nft_sample();
conf($common . "listen on 0.0.0.0 port 8025\nlisten on :: port 8025\n" .
    "firewall nftables table inet \"spamgrey\" set ip4 \"white4\" ip6 " .
    "\"white6\"\n" . pass_block(25));
start(wrap => [ns('gw')]);
log_mark();
sender_start();
second_visit('nft IPv4', 'user@example.org', $osroot);
ok(in_set('white4', '203.0.113.10'), 'nft IPv4: in the set');
second_visit('nft IPv6', 'user@example.net', $osroot);
ok(in_set('white6', '2001:db8:1::'), 'nft IPv6: in the set');
log_mark();
straight('nft, later', 'user@example.org', $osroot);
ok(wait_log(qr/^\w{16} pass end address=203\.0\.113\.10 .* dst=203\.0\.113\.25 port=25\b/m),
    '… by pass, whose log has the address that was called');
unlike(log_since(), qr/ front end /, '… not by front');
no_relay('nft', '203.0.113.10');

for my $to ('203.0.113.25', '2001:db8:1::25') {
	my ($status, $out) = run(ns('out'), $^X, '-MIO::Socket::IP',
	    '-MErrno', '-e', 'IO::Socket::IP->new(PeerHost => $ARGV[0],' .
	    ' PeerPort => $ARGV[1], Timeout => 2) and exit 1;' .
	    'print $!{ETIMEDOUT} ? "dropped" : "$!"', $to, 8027);
	is("$status $out", '0 dropped', "nft: $to port 8027 from outside");
}

# Without the rules that drop it: an unknown host connects to pass itself.
must(ns('gw'), 'nft', 'flush', 'chain', 'inet', 'spamgrey', 'input');
log_mark();
my @r = from_out(from => '203.0.113.14', to => '203.0.113.25', port => 8027,
    rcpt => ['user@example.org']);
like($r[0], qr/^421 4\.3\.2 /, 'a stranger straight at pass: 421');
is(scalar(@r), 1, '… and nothing else');
wait_log(qr/not-white/);
pass('… and the log says so');
is((stop())[0], 0, 'SIGTERM');
must(ns('gw'), 'nft', 'delete', 'table', 'inet', 'spamgrey');

# --- no firewall at all, Postfix behind; front has port 25
must('rm', '-rf', tmp() . '/state');
conf($common . "firewall none\nlisten on 203.0.113.25 port 25\n" .
    "listen on 2001:db8:1::25 port 25\n" . pass_block(2525));
start(wrap => [ns('gw')]);
log_mark();
second_visit('none IPv4', 'user@example.org', $pfroot);
second_visit('none IPv6', 'user@example.net', $pfroot);
straight('none, later', 'user@example.net', $pfroot);
no_relay('none', '203.0.113.10');
@r = from_out(from => '203.0.113.14', to => '203.0.113.25', port => 8027,
    rcpt => ['user@example.org']);
like($r[0], qr/^421 4\.3\.2 /, 'none: a stranger straight at pass: 421');

# --- the same under TLS, from hosts that are unknown
sender_stop();
must('chroot', $outroot, 'postconf', '-e', 'smtp_tls_security_level=encrypt',
    'smtp_bind_address=203.0.113.15', 'smtp_bind_address6=2001:db8:2::10');
sender_start();
second_visit('TLS IPv4', 'user@example.org', $pfroot, 1);
second_visit('TLS IPv6', 'user@example.net', $pfroot, 1);
is((stop())[0], 0, 'SIGTERM');

# --- a listener of front with a certificate of its own: pass has it too
my ($cert2, $key2) = certificate('other.example.org', 'other');
spit(tmp() . '/friends.txt', "203.0.113.16\n");
conf(<<"END" . pass_block(2525));
allowed domains { "example.org" }
firewall none
whitelist "friends" file "${\(tmp())}/friends.txt"
listen on 203.0.113.25 port 25 tls certificate "$cert2" key "$key2"
END
start(wrap => [ns('gw')]);
log_mark();
my (undef, $tls) = run(ns('out'), 'openssl', 's_client', '-starttls', 'smtp',
    '-connect', '203.0.113.25:25', '-bind', '203.0.113.16:0');
like($tls, qr/^subject=.*other\.example\.org/m,
    'handed over before the banner: STARTTLS with the listener\'s certificate');
wait_log(qr/^\w{16} pass end address=203\.0\.113\.16 .*tls=TLS/m);
pass('… by pass');
is((stop())[0], 0, 'SIGTERM');
run(ns('gw'), 'chroot', $pfroot, 'postfix', 'stop');
end_all();
done_testing();
