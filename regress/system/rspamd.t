#!/usr/bin/perl
# The real rspamd behind the whole daemon, with Debian's rules and some of the
# test's own: each action, what it changes of the header, and that it was told
# who sends what to whom.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Sys;
use Mta;
use Test::More;

my ($passport, $sinkport, $dnsport, $rport) = (8027, 2525, 5353, 11333);
my $us = '198.51.100.1';

# A mail server that takes everything and keeps the last message.
sub
sink
{
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    LocalPort => $sinkport, Listen => 50, ReuseAddr => 1) or
	    die "sink: $!\n";

	$SIG{CHLD} = 'IGNORE';
	while (1) {
		my $c = $listener->accept() or next;
		my ($data, $text) = (0, '');
		next if fork();
		syswrite($c, "220 sink ESMTP\r\n");
		while (my $line = <$c>) {
			if ($data && $line eq ".\r\n") {
				spit(tmp() . '/mail', $text);
				($data, $text) = (0, '');
				syswrite($c, "250 2.0.0 taken\r\n");
			} elsif ($data) {
				$text .= $line;
			} elsif ($line =~ /^DATA/i) {
				$data = 1;
				syswrite($c, "354 go on\r\n");
			} elsif ($line =~ /^EHLO/i) {
				syswrite($c, "250-sink\r\n250-SIZE 100000000" .
				    "\r\n250 8BITMIME\r\n");
			} else {
				syswrite($c, "250 2.0.0 ok\r\n");
			}
		}
		POSIX::_exit(0);
	}
}

if (@ARGV && $ARGV[0] eq 'sink') {
	sink();
	exit(1);
}
private();

my ($root, $why) = root('rs', 'rspamd', 'redis-server');
plan(skip_all => "rspamd: $why") if !$root;
my @hosts = map { "198.51.100.$_" } 10 .. 12;
for my $a ($us, @hosts) {
	system('ip', 'addr', 'add', "$a/32", 'dev', 'lo') == 0 or die;
}
my @children;
END { local $?; kill('KILL', @children) if @children }
sub child { push(@children, background(tmp() . '/out', @_)) }
spit(tmp() . '/table', '');
child($^X, $0, 'sink');
child($^X, 'regress/lib/dnsd.pl', $dnsport, tmp() . '/table');
listening('the sink', $sinkport);
listening('the name server', $dnsport);

# --- rspamd

# A map each: of words of the subject, and of what it is told of the session.
my $etc = "$root/etc/rspamd";
my $maps = '';
sub
map_of
{
	my ($name, $type, $text, $more) = @_;

	spit("$etc/$name.map", "$text\n");
	$maps .= "$name { type = \"$type\"; map = \"/etc/rspamd/$name.map\"; " .
	    "$more }\n";
}
for my $score (50, 70, 100) {
	map_of("SG_POINTS$score", 'header', "/points$score/",
	    "header = \"Subject\"; regexp = true; score = $score;");
}
map_of('SG_SOFT', 'header', '/softly/', 'header = "Subject"; regexp = true; ' .
    'prefilter = true; action = "soft reject"; ' .
    'message = "Come back another day";');
map_of('SG_IP', 'ip', $hosts[0], 'score = 0.01;');
map_of('SG_HELO', 'helo', 'client.example.com', 'score = 0.01;');
map_of('SG_FROM', 'from', 'me@example.com', 'score = 0.01;');
map_of('SG_RCPT', 'rcpt', 'you@example.org', 'score = 0.01;');
for my $f (['multimap.conf', $maps],
    ['options.inc', "dns { nameserver = [\"127.0.0.1:$dnsport\"]; }\n" .
    "enable_test_patterns = true;\n"],
    ['worker-normal.inc', "bind_socket = \"127.0.0.1:$rport\"; count = 2;\n"],
    ['worker-proxy.inc', "enabled = false;\n"],
    ['worker-controller.inc', "bind_socket = \"127.0.0.1:11334\";\n"],
    ['worker-fuzzy.inc', "enabled = false;\n"],
    ['logging.inc', "type = \"console\";\n"],
    ['milter_headers.conf', 'use = ["x-spam-status"];' . "\n"],
    ['actions.conf', "greylist = 35; add_header = 40; rewrite_subject = 60; " .
    "reject = 90; subject = \"[spam] %s\";\n"]) {
	spit("$etc/local.d/$f->[0]", $f->[1]);
}
my ($uid, $gid) = slurp("$root/etc/passwd") =~ /^_rspamd:[^:]*:(\d+):(\d+):/m;
mkdir("$root/run/rspamd");
mkdir("$root/var/lib/rspamd");
chown($uid, $gid, "$root/run/rspamd", "$root/var/lib/rspamd");
my $rspamd;
sub
rspamd_start
{
	$rspamd = background(tmp() . '/rspamd.out', 'chroot', $root, 'rspamd',
	    '-f', '-u', '_rspamd', '-g', '_rspamd');
	push(@children, $rspamd);
	wait_for('rspamd', sub {
		waitpid($rspamd, POSIX::WNOHANG()) == 0 or
		    die 'rspamd: ' . slurp(tmp() . '/rspamd.out');
		my $s = IO::Socket::INET->new("127.0.0.1:$rport") or return (0);
		print $s "GET /ping HTTP/1.0\r\n\r\n";
		local $/;
		return ((<$s> // '') =~ /pong/);
	}, 120);
}

# --- mails
sub
mail
{
	my ($from, $subject, %o) = @_;
	my $s = smtp(from => $from, to => $us, port => $passport) or
	    return ("connect: $!");
	my $r = Sys::reply($s);
	my @rcpt;

	unlink(tmp() . '/mail');
	for my $line ('EHLO client.example.com', 'MAIL FROM:<me@example.com>',
	    (map { "RCPT TO:<$_>" } @{$o{rcpt} // ['you@example.org']}),
	    'DATA') {
		last if $r !~ /^[23]/ && !@rcpt;
		print $s "$line\r\n";
		$s->flush();
		$r = Sys::reply($s);
		push(@rcpt, $r) if $line =~ /^RCPT/;
	}
	@{$o{replies}} = @rcpt if $o{replies};
	return ($r) if $r !~ /^354/;
	my $t = gmtime();
	$t =~ s/^(\w+) (\w+) +(\d+) (\S+) (\d+)$/$1, $3 $2 $5 $4 +0000/;
	print $s join("\r\n", 'From: Me <me@example.com>',
	    'To: You <you@example.org>', "Subject: $subject", "Date: $t",
	    'Message-ID: <' . int(rand(1e9)) . '.x@example.com>',
	    'MIME-Version: 1.0', 'Content-Type: text/plain; charset=us-ascii',
	    @{$o{head} // []}, '', @{$o{body} // ['This is the text of a mail' .
	    ' that nobody could object to.', 'Regards']}, '.', '');
	$s->flush();
	$r = Sys::reply($s);
	close($s);
	return ($r);
}
sub mark { return (slurp(tmp() . '/mail') =~ /^(X-Spamgreyd:[^\r\n]*(?:\r\n\s[^\r\n]*)*)/m ? $1 =~ s/\r\n\s+/ /gr : '') }

sub
configure
{
	my ($module, $more) = @_;

	conf("listen on 127.0.0.1 port 8025\n" .
	    "allowed domains { \"example.org\" }\nfirewall none\n" .
	    "on spam log\n" .
	    "pass { listen on $us port $passport\n" .
	    "relay to 127.0.0.1 port $sinkport\n" . ($more // '') .
	    "module rspamd { $module }\n}\n");
}
sub
again
{
	configure(@_);
	is((db('reload'))[0], 0, 'reload: ' . $_[0] =~ s/\n/ /gr);
}

my $gtube = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL' .
    '*C.34X';
my $us_host = $hosts[0];
rspamd_start();
configure('server 127.0.0.1');
start();
db_ok('add', @hosts);
wait_for('a first session', sub { mail($us_host, 'hello') =~ /^250/ });
is(mark(), '', 'an ordinary mail is not marked');
log_mark();
like(mail($us_host, 'hello'), qr/^250/, 'and taken');
wait_log(qr/ pass rspamd action=no\S*action score=\S+ symbols=/);
for my $symbol ('IP', 'HELO', 'FROM', 'RCPT') {
	like(log_since(), qr/symbols=\S*\bSG_$symbol\b/,
	    "it was told the client's $symbol");
}
like(mail($us_host, 'hello', body => [$gtube]), qr/^550 5\.7\.1 /,
    'GTUBE is refused');
like(mail($us_host, 'points100'), qr/^550 5\.7\.1 .*spam/, 'reject');
like(mail($us_host, 'softly'), qr/^451 4\.7\.1 Come back another day/,
    'soft reject, with its words');
like(mail($us_host, 'points50', head => ['X-Spam-Status: No, honestly']),
    qr/^250/, 'add header: taken');
like(mark(), qr/rspamd=unwanted \(add header/, '… marked');
like(slurp(tmp() . '/mail'), qr/^X-Spam-Status: Yes/m, '… its field is there');
unlike(slurp(tmp() . '/mail'), qr/honestly/, '… a forged one is not');
like(mail($us_host, 'points70'), qr/^250/, 'rewrite subject: taken');
like(slurp(tmp() . '/mail'), qr/^Subject: \[spam\] points70\r$/m,
    '… with another subject');
again("server 127.0.0.1\nscore points", "reject at 45\n");
like(mail($us_host, 'points50'), qr/^550 .*rspamd=5\d/,
    'score points: refused by ours');
again("server 127.0.0.1\nmax-size 2K");
like(mail($us_host, 'points100', body => [('x' x 70) x 100]), qr/^250/,
    'larger than max-size: taken');
again("server 127.0.0.1\ntimeout 2s\non-error tempfail");
my @tree = ($rspamd, split(' ',
    slurp("/proc/$rspamd/task/$rspamd/children")));
kill('STOP', @tree);
like(mail($us_host, 'hello'), qr/^451 4\.3\.0/, 'stopped: put off');
kill('CONT', @tree);
wait_for('rspamd', sub { mail($us_host, 'points100') =~ /^550/ });
kill('KILL', @tree);
waitpid($rspamd, 0);
like(mail($us_host, 'hello'), qr/^451 4\.3\.0/, 'killed: put off');
again("server 127.0.0.1");
like(mail($us_host, 'hello'), qr/^250/, 'by default it goes on');
cmp_ok(counter('module.rspamd.failed'), '>=', 2, 'failures are counted');
is((stop())[0], 0, 'SIGTERM');
done_testing();
