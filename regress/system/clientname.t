#!/usr/bin/perl
# The client's name: what XCLIENT tells the mail server when the name is known,
# when there is none, and when no answer comes in time.  Tests also what waits
# for the name and what does not, and a machine without a name server.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::IP;
use Sys;
use Mta;
use POSIX ();
use Test::More;

my ($passport, $sinkport, $dnsport, $noport) = (8027, 2525, 5353, 5399);
my $us = '198.51.100.1';
my ($named, $nameless, $forged, $silent, $again, $delegated, $renamed, $lie,
    $loop) = map { "198.51.100.$_" } 10 .. 18;

private();

my @children;
END {
	local $?;
	kill('KILL', @children) if @children;
}
system('ip', 'addr', 'add', "$_/32", 'dev', 'lo') == 0 or die
    for $us, $named, $nameless, $forged, $silent, $again, $delegated, $renamed,
    $lie, $loop;
my $arpa = '100.51.198.in-addr.arpa';
spit(tmp() . '/table', "10.$arpa PTR 300 mx.client.example\n" .
    "mx.client.example A 300 $named\n" .
    "12.$arpa PTR 300 mx.client.example\n13.$arpa drop\n14.$arpa drop\n" .
    # RFC 2317, and a DNAME on the way back
    "15.$arpa CNAME 300 15.0/27.$arpa\n" .
    "15.0/27.$arpa PTR 300 mx.small.example\nmx.small.example A 300 " .
    "$delegated\n" .
    "16.$arpa PTR 300 mx.old.example\nold.example DNAME 300 new.example\n" .
    "mx.new.example A 300 $renamed\n" .
    # what does not belong to the question
    "17.$arpa PTR 300 mx.lie.example\n17.$arpa owner 18.$arpa\n" .
    "mx.lie.example A 300 $lie\n" .
    "18.$arpa CNAME 300 19.$arpa\n19.$arpa CNAME 300 18.$arpa\n");

# A mail server that records its input and offers XCLIENT.
sub
xclient_sink
{
	my $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1',
	    LocalPort => $sinkport, Listen => 50, ReuseAddr => 1) or
	    die "sink: $!\n";
	my $pid = fork() // die "fork: $!\n";

	return ($pid) if $pid != 0;
	$SIG{CHLD} = 'IGNORE';
	while (1) {
		my $c = $listener->accept() or next;
		my $data = 0;
		next if fork();
		open(my $log, '>>', tmp() . '/told') or POSIX::_exit(1);
		syswrite($c, "220 sink ESMTP\r\n");
		while (my $line = <$c>) {
			syswrite($log, $line) if !$data;
			if ($data) {
				$data = 0 if $line eq ".\r\n";
				syswrite($c, "250 2.0.0 taken\r\n") if !$data;
			} elsif ($line =~ /^DATA/) {
				$data = 1;
				syswrite($c, "354 go on\r\n");
			} elsif ($line =~ /^EHLO/) {
				syswrite($c, "250-sink\r\n250 XCLIENT NAME " .
				    "ADDR\r\n");
			} elsif ($line =~ /^XCLIENT/) {
				syswrite($c, "220 sink ESMTP\r\n");
			} else {
				syswrite($c, "250 2.0.0 ok\r\n");
			}
		}
		POSIX::_exit(0);
	}
}
push(@children, xclient_sink(), background(tmp() . '/out', $^X,
    'regress/lib/dnsd.pl', $dnsport, tmp() . '/table', tmp() . '/asked'));
listening('the name server', $dnsport);

sub
configure
{
	my ($port, $more) = @_;

	conf("listen on 127.0.0.1 port 8025\n" .
	    "allowed domains { \"example.org\" }\nfirewall none\n" .
	    "resolver 127.0.0.1 port $port\n" .
	    "pass { listen on $us port $passport\n" .
	    "relay to 127.0.0.1 port $sinkport xclient\n$more }\n");
}
sub
again
{
	configure(@_);
	is((db('reload'))[0], 0, 'reload');
}
sub
mail
{
	my ($from) = @_;

	unlink(tmp() . '/told');
	return ((dialogue(from => $from, to => $us, port => $passport,
	    mail => 'hello', rcpt => ['you@example.org']))[-1] // '');
}
sub told { return (slurp(tmp() . '/told') =~ /^XCLIENT (.*)\r$/m ? $1 : '') }
sub asked { return (scalar(my @l = slurp(tmp() . '/asked') =~ /^\Q$_[0]\E /mg)) }

configure($dnsport, 'client-name 1s');
start();
db_ok('add', $named, $nameless, $forged, $silent, $again);
wait_for('a first session', sub { mail($named) =~ /^250/ });
is(told(), "NAME=mx.client.example ADDR=$named", 'a name');
wait_log(qr/ end address=\Q$named\E .* name=mx\.client\.example /);
db_ok('add', $delegated, $renamed, $lie, $loop);
for my $t ([$delegated, 'mx.small.example', 'a reverse zone by CNAME'],
    [$renamed, 'mx.old.example', 'a DNAME above the name'],
    [$lie, '[UNAVAILABLE]', 'a PTR record of another owner'],
    [$loop, '[TEMPUNAVAIL]', 'a loop of aliases']) {
	like(mail($t->[0]), qr/^250/, "$t->[2]: mail");
	is(told(), "NAME=$t->[1] ADDR=$t->[0]", "$t->[2]: the client's name");
}
my $n = asked("10.$arpa");
like(mail($named), qr/^250/, 'again');
is(asked("10.$arpa"), $n, '… from the cache');
like(mail($nameless), qr/^250/, 'a host without one');
is(told(), "NAME=[UNAVAILABLE] ADDR=$nameless", '… is one');
like(mail($forged), qr/^250/, 'a host with the name of another');
is(told(), "NAME=[UNAVAILABLE] ADDR=$forged", '… has none');
like(mail($silent), qr/^250/, 'nobody says in time: taken');
is(told(), "NAME=[TEMPUNAVAIL] ADDR=$silent", '… and it is said so');
log_mark();

# A waiting client may leave or send more, and the daemon may be reloaded.
again($dnsport, 'client-name 30s');
sub
waiting
{
	my ($from, $more) = @_;
	my $s = smtp(from => $from, to => $us, port => $passport) or
	    die "connect: $!\n";

	like(Sys::reply($s), qr/^220/, 'the banner waits for no name');
	print $s "EHLO client.example.com\r\n";
	$s->flush();
	like(Sys::reply($s), qr/^250/, 'nor does EHLO');
	print $s "MAIL FROM:<me\@example.com>\r\n" . ($more // '');
	$s->flush();
	return ($s);
}
my $s = waiting($again);
wait_for('the question', sub { asked("14.$arpa") > 0 });
close($s);
wait_log(qr/ end address=\Q$again\E .*reason=hangup/);
pass('it went: so does its session');
# (Clients that come during a question share it; another name server ends it.)
$s = waiting($again, "RCPT TO:<you\@example.org>\r\nDATA\r\n");
again($noport, 'client-name 30s');
like(Sys::reply($s), qr/^250/, 'another name server: MAIL goes on');
like(Sys::reply($s), qr/^250/, '… and RCPT behind it');
like(Sys::reply($s), qr/^354/, '… and DATA');
print $s "Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n";
$s->flush();
like(Sys::reply($s), qr/^250/, '… and the message');
close($s);
like(mail($nameless), qr/^250/, 'no name server there: taken');
is(told(), "NAME=[TEMPUNAVAIL] ADDR=$nameless", '… nobody could say');

# A filter is told at the beginning of the session, so the banner waits.
again($dnsport, "client-name 1s\nmodule milter { server 127.0.0.1 port " .
    "$noport\non-error accept }");
like(mail($named), qr/^250/, 'with a filter: a host with a name');
is(told(), "NAME=mx.client.example ADDR=$named", '… has it');
like(mail($silent), qr/^250/, '… and one whose name nobody tells');
again($dnsport, 'client-name no');
like(mail($named), qr/^250/, 'client-name no: taken');
is(told(), "NAME=[UNAVAILABLE] ADDR=$named", '… without a name');
is((stop())[0], 0, 'SIGTERM');
done_testing();
