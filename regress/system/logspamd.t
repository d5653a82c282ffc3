#!/usr/bin/perl
# `log spamd': the log has the lines of OpenBSD's spamd, equal byte by byte,
# beside our own events.  In syslog they have spamd's name.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

my $port = 8025;
my $black = spit(tmp() . '/black', "127.9.0.0/16\n");
my $base = <<"END";
listen on 127.0.0.1 port $port
firewall none
allowed domains { "example.org" }
spamtrap { "trap\@example.org" }
greylist { pass 1s  match ip4 /32 }
tarpit { stutter no }
blacklist "first" file "$black"
blacklist "a-list-with-a-name-that-is-longer-than-most-of-the-others" file "$black"
blacklist "and-another-one-with-a-long-name-as-well" file "$black"
END

# Makes a session and returns its lines, first front's, then store's, because
# the two processes log separately.
sub
session
{
	my ($ip, $want, $what, %o) = @_;
	my (@front, @store);

	log_mark();
	smtp_code(port => $port, from => $ip, %o);
	wait_log(qr/^spamd: \Q$ip\E: disconnected after /m);
	wait_for("as many lines for: $what", sub {
		my @lines = grep { s/^spamd: // && /(?<![\d.])\Q$ip\E\b/ }
		    split(/^/, log_since());

		@store = grep { /^(?:new|updated|Trapping|whitelisting) / }
		    @lines;
		@front = grep { !/^(?:new|updated|Trapping|whitelisting) / }
		    @lines;
		return (@lines >= ($want =~ tr/\n//));
	});
	# The seconds are the machine's.
	s/(disconnected after )\d+/${1}N/ for @front;
	is(join('', @front, @store), $want, $what);
}

# Off
conf($base);
start(args => ['-v']);
like(smtp_code(port => $port, from => '127.1.0.1'), qr/^451 /, 'a mail');
wait_log(qr/ front end address=127\.1\.0\.1 /);
unlike(log_text(), qr/spamd: |connected \(|\(GREY\)|new entry/,
    'nothing of spamd\'s unless it is wanted');

# A reload turns it on: not verbose
conf($base . "log spamd\n");
is((db('log', 'brief'))[0], 0, 'brief');
is((db('reload'))[0], 0, 'reload');
session('127.1.0.2', <<'END', 'a greylisted host, not verbose');
127.1.0.2: connected (1/0)
127.1.0.2: disconnected after N seconds.
new entry 127.1.0.2 from <me@example.com> to <you@example.org>, helo sender.example.com
END
is((db('log', 'verbose'))[0], 0, 'verbose');
wait_for('a retry that passes', sub { smtp_code(port => $port,
    from => '127.1.0.2') =~ /accepted now/ });
wait_log(qr/^spamd: whitelisting 127\.1\.0\.2 in \Q${\tmp()}\E\/state$/m);
pass('whitelisting');
log_like(qr/^spamd: updated entry 127\.1\.0\.2 from <me\@example\.com> to <you\@example\.org>, helo sender\.example\.com\nspamd: whitelisting 127\.1\.0\.2 in /m,
    'behind the line of its entry');
session('127.1.0.3', <<'END', 'verbose: each RCPT', rcpt => ['one@example.org', 'two@example.org']);
127.1.0.3: connected (1/0)
(GREY) 127.1.0.3: <me@example.com> -> <one@example.org>
(GREY) 127.1.0.3: <me@example.com> -> <two@example.org>
127.1.0.3: disconnected after N seconds.
new entry 127.1.0.3 from <me@example.com> to <one@example.org>, helo sender.example.com
new entry 127.1.0.3 from <me@example.com> to <two@example.org>, helo sender.example.com
END
session('127.1.0.4', <<'END', 'a host that is trapped', rcpt => ['trap@example.org']);
127.1.0.4: connected (1/0)
(GREY) 127.1.0.4: <me@example.com> -> <trap@example.org>
127.1.0.4: Subject: x
127.1.0.4: Body: x
127.1.0.4: disconnected after N seconds. lists: spamd-greytrap
Trapping 127.1.0.4 for tuple 127.1.0.4 sender.example.com <me@example.com> <trap@example.org>
new greytrap entry 127.1.0.4 from <me@example.com> to <trap@example.org>, helo sender.example.com
END
session('127.1.0.4', <<'END', 'and comes again');
127.1.0.4: connected (1/1), lists: spamd-greytrap
(BLACK) 127.1.0.4: <me@example.com> -> <you@example.org>
127.1.0.4: Subject: x
127.1.0.4: Body: x
127.1.0.4: disconnected after N seconds. lists: spamd-greytrap
END
session('127.9.0.1', <<'END', 'a blacklisted host: tags are cut');
127.9.0.1: connected (1/1), lists: first a-list-with-a-name-that-is-longer-than-most-of-the-others ...
(BLACK) 127.9.0.1: <me@example.com> -> <you@example.org>
127.9.0.1: Subject: x
127.9.0.1: Body: x
127.9.0.1: disconnected after N seconds. lists: first a-list-with-a-name-that-is-longer-than-most-of-the-others ...
END
# A client cannot add a line to the log, or one that looks like spamd's.
session('127.1.0.5', <<'END', 'hostile text is encoded', helo => 'x|spamd:\\"[2J\\', mail => 'a|b\\c@example.com');
127.1.0.5: connected (1/0)
(GREY) 127.1.0.5: <a\x7cb\x5cc@example.com> -> <you@example.org>
127.1.0.5: disconnected after N seconds.
new entry 127.1.0.5 from <a\x7cb\x5cc@example.com> to <you@example.org>, helo x\x7cspamd:\x5c\x22[2J\x5c
END
log_like(qr/^[0-9a-f]{16} front end address=127\.1\.0\.5 /m,
    'our own line is there too');
unlike(log_text(), qr/^spamd: listening/m, 'it listened before that');
is((stop())[0], 0, 'SIGTERM');
log_mark();
start();
log_like(qr/^spamd: listening for incoming connections\.$/m,
    'listening');

# Without -v, the lines of spamd -v are missing, for a trapped host, too.
session('127.1.0.4', <<'END', 'trapped, not verbose');
127.1.0.4: connected (1/1), lists: spamd-greytrap
127.1.0.4: disconnected after N seconds. lists: spamd-greytrap
END
is((stop())[0], 0, 'SIGTERM');

# In syslog
my $dev = "$ENV{SG_MNT}/dev";
mkdir($dev);
for my $f (qw(null zero full random urandom)) {
	spit("$dev/$f", '');
	system('mount', '--bind', "/dev/$f", "$dev/$f") == 0 or die;
}
system('mount', '--rbind', $dev, '/dev') == 0 or die;
use Socket qw(AF_UNIX SOCK_DGRAM MSG_DONTWAIT pack_sockaddr_un);
socket(my $syslog, AF_UNIX, SOCK_DGRAM, 0) or die;
bind($syslog, pack_sockaddr_un('/dev/log')) or die "/dev/log: $!";
chmod(0666, '/dev/log');
my @got;
sub
syslog_has
{
	my ($re, $what) = @_;

	wait_for("syslog line $re", sub {
		my $line;
		while (defined(recv($syslog, $line, 4096, MSG_DONTWAIT))) {
			push(@got, $line);
		}
		return (grep { $_ =~ $re } @got);
	});
	pass($what);
}
is((run($Sys::daemon, '-f', $Sys::conf))[0], 0, 'in the background');
my $stamp = qr/[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d/;
syslog_has(qr/^<28>$stamp spamd\[\d+\]: listening for incoming connections\.$/,
    'daemon.warning: listening');
smtp_code(port => $port, from => '127.1.0.6');
syslog_has(qr/^<30>$stamp spamd\[\d+\]: 127\.1\.0\.6: connected \(1\/0\)$/,
    'daemon.info: connected');
syslog_has(qr/^<31>$stamp spamd\[\d+\]: new entry 127\.1\.0\.6 from <me\@example\.com> to <you\@example\.org>, helo sender\.example\.com$/,
    'daemon.debug: new entry');
syslog_has(qr/^<30>$stamp spamd\[\d+\]: 127\.1\.0\.6: disconnected after \d+ seconds\.$/,
    'daemon.info: disconnected');
syslog_has(qr/^<30>$stamp spamgreyd\[\d+\]: [0-9a-f]{16} front end address=127\.1\.0\.6 /,
    'ours under our name');
my ($background) = map { m{/proc/(\d+)/} ? $1 : () } grep {
    slurp($_) =~ /^\S*spamgreyd\0/ && slurp($_) !~ /\0-x\0/ &&
    slurp($_) !~ /^spamgreyd: / } glob('/proc/[0-9]*/cmdline');
ok($background, 'the background daemon');
kill('TERM', $background);
wait_for('its end', sub { !-d "/proc/$background" });

# The manual's table has each line of the reference.
my ($table) = slurp('spamgreyd/spamgreyd-spamd.7') =~
    /^\.Ss The log\n(.*?)^\.(?:Ss|Sh)/ms;
for my $line ('listening for incoming connections.', 'connected (',
    'disconnected after', '(GREY)', '(BLACK)', 'Subject:', 'Body:',
    'new entry', 'updated entry', 'greytrap entry', 'Trapping',
    'for trying', 'whitelisting') {
	like($table // '', qr/\Q$line\E/, "the manual has: $line");
}
done_testing();
