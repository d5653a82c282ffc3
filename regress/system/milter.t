#!/usr/bin/perl
# limit 900
# long
# The whole daemon with real milters: opendkim, which verifies a signature with
# a key from a file and adds a header field, and clamav-milter with a real
# clamd. Both at once, over TCP and unix sockets; stopped, killed and started
# again.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use POSIX ();
use Sys;
use Mta;
use Clam;
use Test::More;

my ($frontport, $passport) = (8025, 8027);
my $us = '198.51.100.1';
my $host = '198.51.100.10';

private();
my ($root, $why) = root('milter', 'opendkim', 'opendkim-tools',
    'clamav-milter');
plan(skip_all => "milters: $why") if !$root;
my ($clam, $clamwhy) = clam_root('clam');
for my $a ($us, $host) {
	system('ip', 'addr', 'add', "$a/32", 'dev', 'lo') == 0 or die;
}
my $store = tmp() . '/store';
my ($sink, $sinkport) = sink_start($store);
my %filters;
END {
	local $?;
	kill('KILL', grep { defined } values %filters, $sink) if
	    $ENV{SG_PRIVATE};
	Clam::clam_end() if $ENV{SG_PRIVATE};
}

# --- the filters

chmod(0777, "$root/run") or die;
mkdir("$root/srv/dkim");
system('chroot', $root, 'opendkim-genkey', '-b', '1024', '-d', 'example.com',
    '-s', 'sel', '-D', '/srv/dkim') == 0 or die "opendkim-genkey\n";
my $record = join('', slurp("$root/srv/dkim/sel.txt") =~ /"([^"]*)"/g);
# (opendkim-testmsg signs with SHA-1: the key must not forbid it)
$record =~ s/h=sha256;\s*//;
spit("$root/srv/dkim/keys", "sel._domainkey.example.com $record\n");
spit("$root/srv/dkim/conf", <<'END');
Mode v
Socket local:/run/opendkim.sock
UMask 0
UserID nobody
TestPublicKeys /srv/dkim/keys
AlwaysAddARHeader yes
AuthservID mx.example.org
On-BadSignature reject
RequireSafeKeys no
TemporaryDirectory /tmp
END
system('chmod', '-R', 'a+rX', "$root/srv/dkim") == 0 or die;
my $socket = "$root/run/opendkim.sock";

sub
dkim_start
{
	unlink($socket);
	$filters{dkim} = background(tmp() . '/opendkim.out', 'chroot', $root,
	    'opendkim', '-f', '-x', '/srv/dkim/conf');
	wait_for('opendkim', sub {
		waitpid($filters{dkim}, POSIX::WNOHANG()) == 0 or
		    die 'opendkim: ' . slurp(tmp() . '/opendkim.out');
		IO::Socket::UNIX->new(Peer => $socket);
	});
}

sub
filter_end
{
	my ($name) = @_;

	kill('KILL', $filters{$name});
	waitpid($filters{$name}, 0);
	delete($filters{$name});
}

# --- mails

my $plain = join("\r\n", 'From: <me@example.com>', 'To: <you@example.org>',
    'Subject: a line', "\tand another", 'Date: Mon, 23 Nov 2026 10:00:00 +0000',
    'Message-ID: <1@example.com>', '', 'hello', '.dots', 'bye', '');

sub
signed
{
	my ($mail) = @_;

	spit("$root/srv/dkim/mail", $mail);
	my ($status, $out, $err) = run('chroot', $root, 'sh', '-c',
	    'opendkim-testmsg -C -d example.com -s sel -k ' .
	    '/srv/dkim/sel.private < /srv/dkim/mail');
	$status == 0 or die "opendkim-testmsg: $err\n";
	return ($out =~ s/\r?\n/\r\n/gr);
}

# Sends these mails in one session, and returns the last reply of each.
sub
mails
{
	my $s = smtp(from => $host, to => $us, port => $passport) or
	    return ("connect: $!");
	my $r = Sys::reply($s);
	my @last;

	print $s "EHLO client.example.com\r\n";
	$s->flush();
	Sys::reply($s);
	for my $mail (@_) {
		for my $line ('MAIL FROM:<me@example.com>',
		    'RCPT TO:<you@example.org>', 'DATA') {
			print $s "$line\r\n";
			$s->flush();
			$r = Sys::reply($s);
			last if $r !~ /^[23]/;
		}
		if ($r =~ /^354/) {
			print $s $mail =~ s/^\./../mgr, ".\r\n";
			$s->flush();
			$r = Sys::reply($s);
		}
		push(@last, $r);
	}
	close($s);
	return (@last);
}
# Returns what the mail server got since the last call.
my %seen;
sub
delivered
{
	my @new = grep { !$seen{$_}++ } glob("$store/*");

	return (join('', map { slurp($_) } @new));
}

sub
configure
{
	my (@modules) = @_;

	conf("listen on $us port $frontport\n" .
	    "allowed domains { \"example.org\" }\nfirewall none\n" .
	    "tarpit { stutter no }\npass { listen on $us port $passport\n" .
	    "relay to 127.0.0.1 port $sinkport\nscan 20s\n" .
	    join("\n", @modules) . "\n}\n");
}

my $dkim = "module milter \"opendkim\" { socket \"$socket\" command 10s }";
dkim_start();
configure($dkim);
start();
db_ok('add', $host);
wait_for('a first session', sub { return ((mails($plain))[0] =~ /^250/) });
my $got = delivered();
like($got, qr/^Authentication-Results: mx\.example\.org;/m,
    'opendkim speaks of a mail without a signature');
unlike($got, qr/dkim=pass/, '… and finds none good');
my $mail = signed($plain);
like($mail, qr/^DKIM-Signature:/m, 'a signed mail');
my @r = mails($mail);
like($r[0], qr/^250/, '… is taken');
$got = delivered();
like($got, qr/^Authentication-Results: mx\.example\.org;(?:\r?\n\s.*)*\s*dkim=pass/m,
    '… and found good');
like($got, qr/^Received:(?:.*\r?\n)(?:\s.*\r?\n)*Authentication-Results:/m,
    '… which stands below our trace line');
(my $body = $plain) =~ s/.*?\r\n\r\n//s;
ok(index($got =~ s/\r?\n/\r\n/gr, "\r\n\r\n$body") >= 0,
    '… with its body as it was');
(my $spoiled = $mail) =~ s/^hello/jello/m or die;
@r = mails($mail, $spoiled, $mail);
like($r[0], qr/^250/, 'one session: a good one');
like($r[1], qr/^5\d\d 5\.7\.\d+ /, '… a bad signature is refused');
like($r[2], qr/^250/, '… and a good one again');
is(() = delivered() =~ /dkim=pass/g, 2, '… and so they were delivered');
is(counter('module.milter.opendkim.refused'), 1, 'counted by its name');
cmp_ok(counter('scan.milter.opendkim.asked'), '>=', 4, '… and asked');

# --- it is not there
log_mark();
filter_end('dkim');
@r = mails($mail);
like($r[0], qr/^451 4\.3\.0/, 'killed: put off');
wait_log(qr/ milter\.opendkim error=\S*(?:refused|No)/);
dkim_start();
@r = mails($mail);
like($r[0], qr/^250/, 'started again: taken');
kill('STOP', $filters{dkim});
log_mark();
@r = mails($mail);
like($r[0], qr/^451 4\.3\.0/, 'stopped: put off');
wait_log(qr/ milter\.opendkim error=timeout:\\x20no\\x20answer\\x20/);
pass('… by its own time');
kill('CONT', $filters{dkim});
wait_for('it to go on', sub { return ((mails($mail))[0] =~ /^250/) });
filter_end('dkim');
configure("module milter \"opendkim\" { socket \"$socket\" on-error accept }");
is((db('reload'))[0], 0, 'reload: on-error accept');
delivered();
wait_for('killed, on-error accept: taken', sub {
	return ((mails($mail))[0] =~ /^250/);
});
unlike(delivered(), qr/^Authentication-Results/m, '… as it came');

# --- two of them
SKIP: {
	skip("clamd: $clamwhy", 7) if !$clam;
	clam_start();
	dkim_start();
	my $port = mta_port();
	spit("$root/srv/clamav-milter.conf", <<"END");
MilterSocket inet:$port\@127.0.0.1
ClamdSocket tcp:127.0.0.1:$Clam::port
User nobody
Foreground yes
OnInfected Reject
RejectMsg found %v here
AddHeader Replace
LogFile /tmp/clamav-milter.log
END
	chmod(0644, "$root/srv/clamav-milter.conf");
	$filters{clam} = background(tmp() . '/clamav-milter.out', 'chroot',
	    $root, 'clamav-milter', '-c', '/srv/clamav-milter.conf');
	listening('clamav-milter', $port);
	configure($dkim, "module milter \"clamav\" { server 127.0.0.1 port $port }");
	is((db('reload'))[0], 0, 'reload: two milters');
	wait_for('both to be asked', sub {
		return ((mails($plain))[0] =~ /^250/ &&
		    counter('module.milter.clamav.calls') > 0);
	});
	delivered();
	@r = mails($mail, signed($plain =~ s/hello/eicar()/er), $mail);
	like($r[0], qr/^250/, 'a clean mail');
	like($r[1], qr/^550 5\.7\.1 found Eicar-Test-Signature\S* here/,
	    'a virus, with the words of the filter');
	like($r[2], qr/^250/, '… and a clean one again');
	$got = delivered();
	is(() = $got =~ /dkim=pass/g, 2, 'one filter has its header');
	is(() = $got =~ /^X-Virus-Status: Clean/mg, 2, '… the other too');
	is(counter('module.milter.clamav.refused'), 1, 'counted by name');
}
my ($status) = stop();
is($status, 0, 'a clean end');
done_testing();
