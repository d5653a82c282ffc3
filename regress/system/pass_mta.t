#!/usr/bin/perl
# limit 900
# long
# How real mail servers learn the client's address, and TLS to them: Postfix
# with XCLIENT and both versions of PROXY, OpenSMTPD with PROXY v2, the client's
# own source address (transparent), STARTTLS with a right and a wrong
# certificate.  The test compares the logs of the servers.
#
#	namespace out		namespace gw		namespace mta
#	203.0.113.10 … --veth-- spamgreyd --veth--	Postfix, OpenSMTPD
#				203.0.113.25		192.0.2.2
#				192.0.2.1
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Gate;
use Test::More;

private();

for my $need (qw(nft ip openssl)) {
	plan(skip_all => "needs $need") if (run('which', $need))[0] != 0;
}
my ($pfroot, $why) = root('mta', 'postfix');
plan(skip_all => "Postfix: $why") if !$pfroot;
(my $osroot, $why) = root('gw', 'opensmtpd');
plan(skip_all => "OpenSMTPD: $why") if !$osroot;

network();
must('ip', 'netns', 'add', 'mta');
must('ip', 'link', 'add', 'gw1', 'netns', 'gw', 'type', 'veth', 'peer', 'name',
    'mta0', 'netns', 'mta');
must('ip', '-n', 'mta', 'link', 'set', 'lo', 'up');
for (['gw', 'gw1', 1], ['mta', 'mta0', 2]) {
	my ($n, $if, $host) = @$_;
	must('ip', '-n', $n, 'link', 'set', $if, 'up');
	must('ip', '-n', $n, 'addr', 'add', "192.0.2.$host/24", 'dev', $if);
	must('ip', '-n', $n, 'addr', 'add', "2001:db8:99::$host/64", 'dev', $if,
	    'nodad');
}
# Packets to the client's address go back through the gateway …
must('ip', '-n', 'mta', 'route', 'add', 'default', 'via', '192.0.2.1');
must('ip', '-n', 'mta', '-6', 'route', 'add', 'default', 'via',
    '2001:db8:99::1');
# … which takes those of its own sockets, as the manual says.
for my $f ('-4', '-6') {
	must('ip', '-n', 'gw', $f, 'rule', 'add', 'fwmark', '1', 'lookup', '100');
	must('ip', '-n', 'gw', $f, 'route', 'add', 'local', 'default', 'dev',
	    'lo', 'table', '100');
}
spit(tmp() . '/tproxy.nft', <<'END');
table inet keepaddr {
	chain prerouting {
		type filter hook prerouting priority mangle; policy accept;
		iifname "gw1" meta l4proto tcp socket transparent 1 meta mark set 1
	}
}
END
must(ns('gw'), 'nft', '-f', tmp() . '/tproxy.nft');

# There is no name server, and a question fails at once.
spit("$_/etc/resolv.conf", "nameserver 127.0.0.1\n") for $pfroot, $osroot;

# --- Postfix with a server for each way; its certificate is mta.example.org's
my ($cert, $key) = certificate('mta.example.org', 'mta');
must('cp', $cert, "$pfroot/etc/postfix/mta.crt");
must('cp', $key, "$pfroot/etc/postfix/mta.key");
postfix_config($pfroot, 'myhostname=mta.example.org', 'inet_protocols=all',
    'inet_interfaces=all', 'mydestination=example.org', 'mynetworks=127.0.0.0/8',
    'home_mailbox=Maildir/', 'local_recipient_maps=', 'luser_relay=user',
    'smtpd_authorized_xclient_hosts=192.0.2.1',
    'smtpd_tls_cert_file=/etc/postfix/mta.crt',
    'smtpd_tls_key_file=/etc/postfix/mta.key', 'smtpd_tls_security_level=may',
    'smtpd_tls_loglevel=1');
must('chroot', $pfroot, 'postconf', '-MX', 'smtp/inet');
must('chroot', $pfroot, 'postconf', '-M',
    '2501/inet=2501 inet n - n - - smtpd',
    '2502/inet=2502 inet n - n - - smtpd ' .
    '-o smtpd_upstream_proxy_protocol=haproxy',
    '2503/inet=2503 inet n - n - - smtpd -o smtpd_authorized_xclient_hosts=',
    '2504/inet=2504 inet n - n - - smtpd -o smtpd_tls_security_level=none');
run('chroot', $pfroot, 'useradd', '-m', '-s', '/bin/sh', 'user');
postfix('mta', $pfroot, 'start');
answers('mta', '192.0.2.2', 2501);
my $oslog = opensmtpd('mta', $osroot, <<'END');
listen on 0.0.0.0 port 2601 hostname os.example.org proxy-v2
listen on 0.0.0.0 port 2602 hostname os.example.org
action "local" maildir "/home/user/Maildir"
match from any for domain "example.org" action "local"
END
answers('mta', '192.0.2.2', 2602);

my $running;
# Sends one mail from there with that relay, and returns the last reply; the
# first one if pass cannot know the mail server.
sub
through
{
	my ($relay, $from, $to, $unknown) = @_;

	conf(<<"END");
allowed domains { "example.org" }
tarpit { stutter no }
whitelist "out" file "${\(tmp())}/out.txt"
firewall none
listen on 127.0.0.1 port 8025
pass {
	listen on 203.0.113.25 port 25
	listen on 2001:db8:1::25 port 25
	relay to $relay
}
END
	log_mark() if $running;
	if ($running) {
		is((db('reload'))[0], 0, "reload: $relay");
	} else {
		start(wrap => [ns('gw')]);
		$running = 1;
	}
	# The MTA is asked what it offers in the background: until it has said
	# so once, everybody is told 421.
	my @r;
	wait_for('pass to know the MTA', sub {
		@r = from_out(from => $from, to => $to // '203.0.113.25',
		    helo => 'client.example.com', rcpt => ['user@example.org']);
		return ($unknown || $r[-1] !~ /^421 4\.3\.2 .*reachable yet/);
	});
	return ($r[-1]);
}
spit(tmp() . '/out.txt', "203.0.113.0/24\n2001:db8::/32\n");

# --- our Received line
like(through('192.0.2.2 port 2501', '203.0.113.10'), qr/^250 .*queued as/,
    'Postfix, nothing said: delivered');
wait_for('Postfix to log it', sub {
	maillog($pfroot) =~ /connect from (\S+\[192\.0\.2\.1\]|unknown\[192)/ });
pass('Postfix sees the gateway\'s address');
wait_for('the mail', sub { glob("$pfroot/home/user/Maildir/new/*") });
my ($mail) = glob("$pfroot/home/user/Maildir/new/*");
like(slurp($mail), qr/^Received: from client\.example\.com \(\[203\.0\.113\.10\]\)\s+by mx\.example\.org/m,
    '… and the client\'s in our Received line');

# --- the client's address
for my $c (
    ['XCLIENT', '192.0.2.2 port 2501 xclient', '203.0.113.11', undef,
	qr/client=unknown\[203\.0\.113\.11\]/],
    ['XCLIENT, IPv6', '192.0.2.2 port 2501 xclient', '2001:db8:3::10',
	'2001:db8:1::25', qr/client=unknown\[2001:db8:3::10\]/],
    ['PROXY v1', '192.0.2.2 port 2502 proxy-protocol v1', '203.0.113.12', undef,
	qr/client=unknown\[203\.0\.113\.12\]/],
    ['PROXY v2', '192.0.2.2 port 2502 proxy-protocol v2', '203.0.113.13', undef,
	qr/client=unknown\[203\.0\.113\.13\]/],
    ['PROXY v2, IPv6', '192.0.2.2 port 2502 proxy-protocol v2',
	'2001:db8:4::10', '2001:db8:1::25', qr/client=unknown\[2001:db8:4::10\]/],
    ['transparent', '192.0.2.2 port 2501 transparent', '203.0.113.14', undef,
	qr/client=unknown\[203\.0\.113\.14\]/],
    ['PROXY v2 and STARTTLS', '192.0.2.2 port 2502 proxy-protocol v2 starttls',
	'203.0.113.18', undef, qr/client=unknown\[203\.0\.113\.18\]/],
    ['transparent and STARTTLS', '192.0.2.2 port 2501 transparent starttls',
	'203.0.113.19', undef, qr/client=unknown\[203\.0\.113\.19\]/],
    ['transparent, IPv6', '2001:db8:99::2 port 2501 transparent',
	'2001:db8:3::10', '2001:db8:1::25', qr/client=unknown\[2001:db8:3::10\]/],
) {
	my ($name, $relay, $from, $to, $re) = @$c;
	spit("$pfroot/var/log/maillog", '');
	unlink(glob("$pfroot/home/user/Maildir/new/*"));
	like(through($relay, $from, $to), qr/^250 .*queued as/,
	    "Postfix, $name: delivered") or diag(log_since());
	wait_for("Postfix, $name: its log", sub { maillog($pfroot) =~ $re });
	pass("Postfix, $name: its log has the client");
	wait_for("Postfix, $name: the mail", sub {
		glob("$pfroot/home/user/Maildir/new/*") });
	my ($got) = glob("$pfroot/home/user/Maildir/new/*");
	like(slurp($got), qr/^Received: from client\.example\.com \(unknown \[(IPv6:)?\Q$from\E\]\)/m,
	    "Postfix, $name: its Received line has the client's name and address");
}
like(through('192.0.2.2 port 2601 proxy-protocol v2', '203.0.113.15'),
    qr/^250 /, 'OpenSMTPD, PROXY v2: delivered') or diag(log_since());
wait_for('OpenSMTPD\'s log', sub {
	slurp($oslog) =~ /smtp connected address=203\.0\.113\.15/ });
pass('OpenSMTPD, PROXY v2: its log has the client');

# --- a configured feature that the mail server does not have ends in 451, or in
# 421 if pass therefore knows nothing of the mail server, but never in silence
for my $c (
    ['XCLIENT not offered', '192.0.2.2 port 2503 xclient', qr/^451 4\./, qr/XCLIENT/],
    ['XCLIENT to OpenSMTPD', '192.0.2.2 port 2602 xclient', qr/^451 4\./, qr/XCLIENT/],
    ['STARTTLS not offered', '192.0.2.2 port 2504 starttls', qr/^421 4\./, qr/STARTTLS/],
    ['another name', '192.0.2.2 port 2501 starttls verify ' .
	"\"other.example.org\" ca \"$cert\"", qr/^421 4\./, qr/certificate|name|verif/i],
    ['unknown issuer', '192.0.2.2 port 2501 starttls verify ' .
	'"mta.example.org"', qr/^421 4\./, qr/certificate|verif/i],
    ['nobody there', '192.0.2.2 port 2599', qr/^421 4\./, qr/refused/i],
) {
	my ($name, $relay, $code, $re) = @$c;
	like(through($relay, '203.0.113.16', undef, '421 4.3.2' =~ $code), $code, "$name: refused");
	wait_log($re);
	pass("$name: the log says why");
}

# --- TLS
for my $c (['required', '192.0.2.2 port 2501 starttls'],
    ['tried', '192.0.2.2 port 2501 starttls try'],
    ['verified', '192.0.2.2 port 2501 starttls verify "mta.example.org" ' .
	"ca \"$cert\""],
    ['and XCLIENT', '192.0.2.2 port 2501 xclient starttls']) {
	my ($name, $relay) = @$c;
	spit("$pfroot/var/log/maillog", '');
	like(through($relay, '203.0.113.17'), qr/^250 .*queued as/,
	    "STARTTLS $name: delivered") or diag(log_since());
	wait_for("STARTTLS $name: Postfix's log", sub {
		maillog($pfroot) =~ /TLS connection established from/ });
	pass("STARTTLS $name: Postfix says so");
}
like(through('192.0.2.2 port 2504 starttls try', '203.0.113.18'),
    qr/^250 .*queued as/, 'STARTTLS tried, not offered: in clear');

# --- several targets: the first that answers
like(through('{ 192.0.2.2 port 2599, 192.0.2.2 port 2501 }', '203.0.113.18'),
    qr/^250 .*queued as/, 'the second target when the first is down');

# --- an MTA with STARTTLS, a listener of ours without
eval { wait_for('its line', sub { log_text() =~ /STARTTLS.*listen/i }) };
like(log_text(), qr/STARTTLS.*listen/i,
    'that the MTA offers STARTTLS and no listener of ours does is logged');
is((stop())[0], 0, 'SIGTERM');
run(ns('mta'), 'chroot', $pfroot, 'postfix', 'stop');
end_all();
done_testing();
