#!/usr/bin/perl
# The whole circle with real programs: nftables sends white hosts to pass, where
# a real clamd scans their mail before a real Postfix gets it.  A host that
# sends a virus is removed from the set, and its next connection goes to front:
# it is tarpitted with `on virus trap', or greylisted once with the default,
# demote.  A whitelisted host stays.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use MIME::Base64;
use Sys;
use Gate;
use Clam;
use Test::More;

private();

for my $need (qw(nft ip)) {
	plan(skip_all => "needs $need") if (run('which', $need))[0] != 0;
}
my ($outroot, $why) = root('out', 'postfix');
plan(skip_all => "Postfix: $why") if !$outroot;
(my $pfroot, $why) = root('gw', 'postfix');
plan(skip_all => "Postfix: $why") if !$pfroot;
(my $clamroot, $why) = clam_root('clam');
plan(skip_all => "clamd: $why") if !$clamroot;
END { local $?; Clam::clam_end() if $ENV{SG_PRIVATE} }

network();
nft_sample();
clam_start();

# --- Postfix behind
postfix_config($pfroot, 'myhostname=pf.example.org', 'inet_protocols=all',
    'inet_interfaces=loopback-only', 'mydestination=example.org',
    'mynetworks=127.0.0.0/8', 'home_mailbox=Maildir/',
    'local_recipient_maps=', 'luser_relay=user',
    'smtpd_tls_security_level=none');
must('chroot', $pfroot, 'postconf', '-MX', 'smtp/inet');
must('chroot', $pfroot, 'postconf', '-M', '2525/inet=2525 inet n - n - - smtpd');
run('chroot', $pfroot, 'useradd', '-m', '-s', '/bin/sh', 'user');
postfix('gw', $pfroot, 'start');
answers('gw', '127.0.0.1', 2525);

my $mx = '203.0.113.25';
my ($trapped, $demoted, $forwarder) = map { "203.0.113.$_" } 11 .. 13;
my $zip = encode_base64(eicar_zip(), "\r\n");
my $virus = spit(tmp() . '/virus', <<"END" =~ s/\r?\n/\r\n/gr);
Subject: virus
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: application/zip; name="a.zip"
Content-Transfer-Encoding: base64

$zip
--b--
END
my $good = spit(tmp() . '/good', "Subject: good\r\n\r\nhello\r\n");
spit(tmp() . '/partners.txt', "$forwarder\n");

# Sends a mail to port 25, and returns the last reply.
sub
mail
{
	my ($from, $file) = @_;

	return ((from_out(from => $from, to => $mx, rcpt => ['user@example.org'],
	    file => $file))[-1]);
}
sub box { return (scalar(() = glob("$pfroot/home/user/Maildir/new/*"))) }

# Returns in how many reads the first n bytes come.
sub
pace
{
	my ($from, $n) = @_;
	my ($status, $out) = run(ns('out'), $^X, '-MIO::Socket::IP', '-e',
	    'my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => 25,' .
	    'LocalHost => $ARGV[1]) or die; my $all = 0;' .
	    'while ($all < $ARGV[2]) { my $n = sysread($s, my $x, 512) or last;' .
	    '$all += $n; print "x"; }', $mx, $from, $n);

	return (length($out));
}

sub
configure
{
	conf(<<"END");
allowed domains { "example.org" }
listen on 0.0.0.0 port 8025
listen on :: port 8025
firewall nftables table inet "spamgrey" set ip4 "white4" ip6 "white6"
tarpit { stutter 1s for 1s }
greylist { pass 1s }
whitelist "partners" file "${\(tmp())}/partners.txt"
limit { per-host 1000 per-network 1000 }
$_[0]
pass {
	listen on 0.0.0.0 port 8027
	listen on :: port 8027
	relay to 127.0.0.1 port 2525
	module clamav { socket "${\(Clam::socket_path())}" }
}
END
}

# --- on virus trap
configure('on virus trap');
start(wrap => [ns('gw')]);
db_ok('add', $trapped, $demoted);
ok(in_set('white4', $trapped), 'a white host is in the set');
log_mark();
like(mail($trapped, $good), qr/^250 /, '… and its mail is Postfix\'s');
wait_log(qr/ pass end address=\Q$trapped\E .*delivered=1/);
wait_for('the mail in the box', sub { box() == 1 });
like(mail($trapped, $virus), qr/^550 5\.7\.1 .*Eicar-Test-Signature/,
    'a virus: refused by its name');
wait_for('the set to lose the host', sub { !in_set('white4', $trapped) });
log_mark();
cmp_ok(pace($trapped, 6), '>=', 3,
    'the next connection meets the tarpit: one octet after another');
wait_log(qr/ front end address=\Q$trapped\E .*verdict=trapped .*trap=virus/);
pass('… for the virus');
log_mark();
like(mail($forwarder, $virus), qr/^550 5\.7\.1 .*Eicar-Test-Signature/,
    'a virus by a whitelisted forwarder: refused');
like(mail($forwarder, $good), qr/^250 /, '… and its next mail taken');
wait_log(qr/ clamav found=virus /);
wait_log(qr/ pass end address=\Q$forwarder\E .*delivered=1/);
unlike(log_since(), qr/ store (?:trap|demote) | front end /,
    '… the virus is only logged');
ok(in_set('net4', $forwarder), '… and it is in its set');

# --- the default: a second virus within a day demotes
configure('');
is((db('reload'))[0], 0, 'reload: the default');
like(mail($demoted, $virus), qr/^550 /, 'a first virus');
like(mail($demoted, $good), qr/^250 /, '… the host goes on');
ok(in_set('white4', $demoted), '… in the set');
log_mark();
like(mail($demoted, $virus), qr/^550 /, 'a second virus');
wait_log(qr/ store demote address=\Q$demoted\E event=virus/);
wait_for('the set to lose the host', sub { !in_set('white4', $demoted) });

# Its next good mail, from a real mail server.
sender($outroot, 'example.org' => $mx);
must('chroot', $outroot, 'postconf', '-e', "smtp_bind_address=$demoted",
    'inet_protocols=ipv4');
sender_start();
my $has = box();
send_mail('a@sender.example.com', 'user@example.org', 'after');
my @d;
wait_for('delivery', sub {
	@d = deliveries('user@example.org');
	return (grep { /status=sent/ } @d);
}, 120);
is(scalar(grep { /status=deferred/ } @d), 1,
    'its next good mail is greylisted once') or diag(join("\n", @d));
like($d[0], qr/said: 451 4\.7\.1 /, '… with the greylist text');
wait_for('the mail in the box', sub { box() == $has + 1 });
wait_for('the set to have the host', sub { in_set('white4', $demoted) });
maillog_clear();
send_mail('b@sender.example.com', 'user@example.org', 'later');
wait_for('delivery', sub { deliveries('user@example.org') });
is(join("\n", grep { !/status=sent/ } deliveries('user@example.org')), '',
    '… and the one after it not at all');

# --- Postfix never got the end of a virus, so its queue has none
wait_for('all mails in the box', sub { box() == $has + 2 });
like(slurp($_), qr/^Subject: (?:good|after|later)$/m, 'a good mail')
    for glob("$pfroot/home/user/Maildir/new/*");
is(scalar(() = maillog($pfroot) =~ /\/qmgr\[\d+\]: \w+: from=.*queue active/g), box(),
    'Postfix had the end of no other message');
is((stop())[0], 0, 'SIGTERM');
run(ns('gw'), 'chroot', $pfroot, 'postfix', 'stop');
end_all();
done_testing();
