#!/usr/bin/perl
# limit 900
# long
# The whole daemon with a real clamd.  A virus in any packing is refused with
# its name before the mail server has the whole message.  Content that clamd
# cannot examine is marked.  The host that sent it loses its place.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use MIME::Base64;
use Sys;
use Mta;
use Clam;
use Test::More;

my ($frontport, $passport, $sinkport) = (8025, 8027, 2525);
my $us = '198.51.100.1';

private();

my ($root, $why) = clam_root('clam');
plan(skip_all => "clamd: $why") if !$root;
my @hosts = map { "198.51.100.$_" } 10 .. 19;
for my $a ($us, @hosts) {
	system('ip', 'addr', 'add', "$a/32", 'dev', 'lo') == 0 or die;
}
my $sink = mail_sink($sinkport);
END { local $?; kill('KILL', $sink) if $sink; Clam::clam_end() if $ENV{SG_PRIVATE} }
clam_start();

# --- mails

sub lines { return (join("\r\n", @_) . "\r\n") }
my @head = ('From: <me@example.com>', 'To: <you@example.org>', 'Subject: x');
sub plain { return (lines(@head, '', @_)) }
# Makes a part in base64 with lines of that length; a function may change them.
sub
attached
{
	my ($octets, $name, $edit) = @_;
	my $b64 = encode_base64($octets, "\r\n");

	$b64 = $edit->($b64) if $edit;
	return (lines('Content-Type: application/octet-stream; name="' . $name .
	    '"', 'Content-Transfer-Encoding: base64',
	    "Content-Disposition: attachment; filename=\"$name\"", '') . $b64);
}
sub
multipart
{
	my ($boundary, @parts) = @_;

	return (lines("Content-Type: multipart/mixed; boundary=\"$boundary\"",
	    '') . join('', map { "--$boundary\r\n$_" } @parts) .
	    "--$boundary--\r\n");
}
sub mixed { return (lines(@head, 'MIME-Version: 1.0') . multipart(@_)) }
my $text = lines('Content-Type: text/plain', '', 'hello');
my %virus = (
	'EICAR plain' => plain(eicar()),
	'EICAR in base64' => mixed('b1', $text,
	    attached(eicar(), 'eicar.com')),
	'EICAR in a zip' => mixed('b1', $text,
	    attached(eicar_zip(), 'a.zip')),
	'EICAR in nested MIME' => mixed('b1', $text, multipart('b2', $text,
	    multipart('b3', $text, attached(eicar(), 'eicar.com')))),
	'EICAR in a mail in a mail' => mixed('b1', $text,
	    lines('Content-Type: message/rfc822', '') . mixed('b2', $text,
	    attached(eicar_zip(), 'a.zip'))),
	'EICAR in base64 with broken lines' => mixed('b1', $text,
	    attached(eicar(), 'eicar.com', sub {
		my $b = $_[0] =~ s/\s//gr;
		join('', map { "$_\r\n" . ($_ =~ /[Aa]/ ? "\r\n" : '') }
		    $b =~ /(.{1,7})/g);
	    })),
);

# Sends a whole mail, and returns the last reply.
sub
mail
{
	my ($from, $message, %o) = @_;
	my $s = smtp(from => $from, to => $us, port => $o{port} // $passport) or
	    return ("connect: $!");
	my $r = Sys::reply($s);

	unlink(tmp() . '/mail');
	for my $line ('EHLO client.example.com', 'MAIL FROM:<me@example.com>',
	    "RCPT TO:<${\($o{rcpt} // 'you@example.org')}>", 'DATA') {
		return ($r) if $r !~ /^[23]/;
		print $s "$line\r\n";
		$s->flush();
		$r = Sys::reply($s);
	}
	return ($r) if $r !~ /^354/;
	print $s $message =~ s/^\./../mgr, ".\r\n";
	$s->flush();
	$r = Sys::reply($s);
	close($s);
	return ($r);
}
sub dots { return (scalar(() = slurp(tmp() . '/sink.log') =~ /^DOT$/mg)) }
sub reload { is((db('reload'))[0], 0, "reload: $_[0]") }
sub marked { return (mail_last() =~ /^X-Spamgreyd/m ? 1 : 0) }

my $socket = Clam::socket_path();
my %way = (FILDES => "socket \"$socket\"", INSTREAM => 'server 127.0.0.1');
spit(tmp() . '/partners.txt', "$hosts[8]\n");
sub
configure
{
	my ($module, $top) = @_;

	conf("listen on $us port $frontport\n" .
	    "allowed domains { \"example.org\" }\nfirewall none\n" .
	    "tarpit { stutter no }\ngreylist { pass 1s }\n" .
	    "whitelist \"partners\" file \"${\(tmp())}/partners.txt\"\n" .
	    ($top // '') . "\npass { listen on $us port $passport\n" .
	    "relay to 127.0.0.1 port $sinkport\nscan 20s\n" .
	    "module clamav { $module }\n}\n");
}

configure($way{FILDES}, 'on virus log');
start();
db_ok('add', @hosts);
wait_for('a first session', sub {
	return (mail($hosts[0], plain('hello')) =~ /^250/);
});
ok(!marked(), 'a clean mail is delivered as it is');
my $found = 0;
for my $how (sort keys %way) {
	configure($way{$how}, 'on virus log');
	reload($how);
	my $before = dots();
	for my $name (sort keys %virus) {
		log_mark();
		like(mail($hosts[0], $virus{$name}),
		    qr/^550 5\.7\.1 .*Eicar-Test-Signature/,
		    "$how: $name: refused by its name");
		wait_log(qr/ clamav found=virus name=Eicar-Test-Signature\S* .*\n(?:.*\n)*.* message .*outcome=refused/);
		$found++;
	}
	like(mail($hosts[0], plain(our_virus())),
	    qr/^550 5\.7\.1 .*Spamgreyd\.Test-1/, "$how: a virus of our own");
	$found++;
	like(mail($hosts[0], plain('x' x 70, ('hello') x 20000)), qr/^250/,
	    "$how: a clean one of some size");
	ok(!marked(), '… not marked');
	# (Whatever came late of the others is before it.)
	is(dots(), $before + 1, '… and the MTA saw the end of this one alone');
}
wait_for('the viruses to be counted',
    sub { counter('module.clamav.virus') == $found });
like(mail($hosts[0], $virus{'EICAR plain'}, rcpt =>
    'postmaster@mx.example.org'), qr/^550 5\.7\.1 .*Eicar/,
    'a virus for postmaster is one');

# --- what cannot be examined
# A file in a zip with a password.  clamd looks only at the flag for that.
my $locked = eicar_zip();
$locked =~ s/(PK\x03\x04..)(.)/$1 . chr(ord($2) | 1)/se;
$locked =~ s/(PK\x01\x02....)(.)/$1 . chr(ord($2) | 1)/se;
my $encrypted = mixed('b1', $text, attached($locked, 'a.zip'));
configure($way{FILDES}, 'on virus log');
reload('as it was');
like(mail($hosts[0], $encrypted), qr/^250/, 'an encrypted zip: taken');
ok(marked(), '… and marked');
like(mail_last(), qr/^X-Spamgreyd\S*:.*(?:\r\n\s.*)*Heuristics\.Encrypted/m,
    '… with what clamd said');
configure($way{FILDES} . "\nencrypted virus", 'on virus log');
reload('encrypted virus');
like(mail($hosts[0], $encrypted), qr/^550 5\.7\.1 .*Heuristics\.Encrypted/,
    'an encrypted zip: refused');
configure($way{INSTREAM} . "\nmax-size 10K", 'on virus log');
reload('max-size');
like(mail($hosts[0], plain(('hello') x 4000)), qr/^250/,
    'larger than max-size: taken');
ok(marked(), '… and marked');

# --- clamd does not answer
configure("$way{FILDES}\ntimeout 2s", 'on virus log');
reload('timeout');
kill('STOP', clam_pid());
my $before = dots();
log_mark();
like(mail($hosts[0], plain('hello')), qr/^451 4\.3\.0/,
    'clamd stopped: put off');
wait_log(qr/ clamav error=\S*timeout:\\x20no\\x20answer/);
pass('… by its own time, not the budget');
kill('CONT', clam_pid());
like(mail($hosts[0], plain('hello')), qr/^250/, 'it goes on: delivered');
is(dots(), $before + 1, '… and of the other one the MTA has nothing');
clam_end();
log_mark();
like(mail($hosts[0], plain('hello')), qr/^451 4\.3\.0/, 'killed: put off');
wait_log(qr/ clamav error=\S*clamd\.ctl\S*refused/);
configure("$way{FILDES}\non-error accept", 'on virus log');
reload('on-error accept');
like(mail($hosts[0], plain('hello')), qr/^250/, 'on-error accept: delivered');
configure("$way{FILDES}\non-error mark", 'on virus log');
reload('on-error mark');
like(mail($hosts[0], plain('hello')), qr/^250/, 'on-error mark: delivered');
ok(marked(), '… marked');
wait_for('the failures to be counted',
    sub { counter('scan.clamav.failed') >= 4 });
configure("socket \"/nowhere/clamd\"\n$way{INSTREAM}\n$way{FILDES}",
    'on virus log');
reload('three servers');
unlink($socket);
clam_start();
like(mail($hosts[0], plain(our_virus())), qr/^550/,
    'started again, and its socket made anew: the second answers');
configure($way{FILDES}, 'on virus log');
reload('one');
like(mail($hosts[0], plain(our_virus())), qr/^550/, '… and the socket');

# --- what happens to the host

# Log lines of the whitelisted host since the mark.
sub
logged_only
{
	my ($on) = @_;

	like(mail($hosts[8], plain('hello')), qr/^250/,
	    "whitelisted, on virus $on: its next mail is delivered at once");
	wait_log(qr/^(\w{16}) pass clamav found=virus .*\n(?:.*\n)*\1 pass end address=\Q$hosts[8]\E .*host=whitelisted .*events=virus/m);
	wait_log(qr/ pass end address=\Q$hosts[8]\E .*delivered=1/);
	unlike(log_since(), qr/ store (?:trap|demote) /,
	    '… and the virus is logged, no more');
}

configure($way{FILDES}, 'on virus trap');
reload('on virus trap');
my $bad = $virus{'EICAR in a zip'};
like(mail($hosts[1], $bad), qr/^550/, 'a virus');
wait_for('the trap', sub { db_ok('show', $hosts[1]) =~ /trapped/i });
like(mail($hosts[1], plain('hello')), qr/^421/, '… pass is closed to it');
like(mail($hosts[1], plain('hello'), port => $frontport), qr/^450/,
    '… and its next connection meets the tarpit');
log_mark();
like(mail($hosts[8], $bad), qr/^550/, 'a virus of a whitelisted forwarder');
logged_only('trap');

configure($way{FILDES});
reload('the default');
like(mail($hosts[2], $bad), qr/^550/, 'a first virus');
like(mail($hosts[2], plain('hello')), qr/^250/, '… its good mail is taken');
like(mail($hosts[2], $bad), qr/^550/, 'a second one');
wait_for('its place to go', sub {
	db_ok('list', 'white', $hosts[2]) eq '' });
like(mail($hosts[2], plain('hello')), qr/^421/, '… demoted: not by pass');
like(mail($hosts[2], plain('hello'), port => $frontport), qr/^451/,
    '… its next good mail is greylisted');
wait_for('the retry', sub {
	mail($hosts[2], plain('again'), port => $frontport) =~ /^250/ });
like(mail_last(), qr/again/, '… once: the retry is delivered');
like(mail($hosts[2], plain('more')), qr/^250/, '… and pass is open again');

log_mark();
for my $n (1 .. 3) {
	like(mail($hosts[8], $bad), qr/^550/, "a forwarder's virus $n");
}
logged_only('the default');
is((stop())[0], 0, 'SIGTERM');
done_testing();
