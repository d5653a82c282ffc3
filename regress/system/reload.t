#!/usr/bin/perl
# A reload that needs new processes: the command waits until they work.  If they
# do not, it fails with the reason, and the old configuration is in force again.
use strict;
use warnings;
use FindBin;
use IO::Socket::UNIX;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

my $port = 8025;
my $base = <<"END";
listen on 127.0.0.1 port $port
firewall none
allowed domains { "example.org" }
tarpit { stutter no }
greylist { pass 1h }
END
my ($status, $out, $err);

# Writes a configuration with that name in the banner.
sub
named
{
	my ($name, $text) = @_;

	conf($text);
	spit($Sys::conf, slurp($Sys::conf) =~ s/mx\.example\.org/$name/r);
}

sub
greets
{
	my ($name, $what, $at) = @_;
	my $s = smtp(port => $at // $port);

	like($s ? scalar(<$s>) : '', qr/^220 \Q$name\E /, $what);
}

# Returns how many processes of a role are running.
sub
at_work
{
	my ($role) = @_;

	return (scalar(grep { slurp($_) =~ /^spamgreyd: $role\b/ &&
	    slurp($_ =~ s/cmdline/stat/r) =~ /\) \S $Sys::pid / }
	    glob('/proc/[0-9]*/cmdline')));
}

# The reload fails with a reason, and the old configuration works.
sub
fails
{
	my ($what, $why) = @_;

	log_mark();
	($status, $out, $err) = db('reload');
	is($status, 1, "$what: exit 1");
	like($err, qr/$why.*; the previous configuration is in force again$/m,
	    '… with the reason');
	like(log_since(), qr/$why.*^the processes do not start with the new configuration/ms,
	    '… which the log has too');
	unlike(log_since(), qr/configuration reloaded/, '… and no success');
	greets('one.example.org', '… the configuration before is in force');
	is(at_work('front'), 2, '… with its processes');
}

conf($base);
start();
my $was = role_pid('store');
log_mark();
named('one.example.org', "${base}front 2\n");
($status, $out, $err) = db('reload');
is($status, 0, 'new processes that start: exit 0');
unlike($out . $err, qr/^(?!.*warning: )./m, '… without a word');
like(log_since(), qr/^configuration reloaded\n(.*\n)*ready$/m,
    '… when all are ready');
is(at_work('front'), 2, '… they are there');
isnt(role_pid('store'), $was, '… and others than before');
greets('one.example.org', '… with the new configuration');

# One process cannot start, then two of them.
named('two.example.org', ($base =~ s/firewall none/firewall nftables/r) .
    "front 3\nlisten on 127.0.0.1 port 8026\n");
fails('no set for the firewall', qr/there is no set/);
ok(!smtp(port => 8026), '… and its listener is closed');

# The parent itself cannot start them.
spit(tmp() . '/state/spool', '');
named('two.example.org', "${base}front 2\npass { listen on 127.0.0.1 port 8027\n" .
    "relay to 127.0.0.1 port 8028\n}\n");
fails('a spool that is a file', qr{state/spool});
unlink(tmp() . '/state/spool');

# A port that is in use is refused before any process ends.
my $taken = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 8026,
    Listen => 1, ReuseAddr => 1);
$was = role_pid('store');
named('two.example.org', "${base}front 1\nlisten on 127.0.0.1 port 8026\n");
($status, $out, $err) = db('reload');
is($status, 1, 'a port that is taken: exit 1');
like($err, qr/127\.0\.0\.1 port 8026/, '… named');
like($err, qr/the old configuration stays in force/, '… and what is in force');
is(role_pid('store'), $was, '… with the same processes');
close($taken);

# A reload by a signal, for which no command waits; then a command during it.
named('three.example.org', "${base}front 1\n");
log_mark();
kill('HUP', $Sys::pid);
wait_log(qr/^new configuration: restarting the processes$/m);
($status, $out, $err) = db('reload');
is($status, 0, 'a reload while the processes start for another one: exit 0');
unlike($err, qr/^(?!.*warning: )./m, '… without a word');
greets('three.example.org', '… and it is in force');

# A later death is an ordinary one, and the configuration stays.
log_mark();
kill('KILL', role_pid('front'));
wait_log(qr/^ready$/m);
greets('three.example.org', 'a death later takes no configuration back');

# Several commands at a time.
named('four.example.org', "${base}front 2\n");
my @child;
for my $n (1 .. 4) {
	my $child = fork();
	if ($child == 0) {
		my ($s) = db('reload');
		POSIX::_exit($s);
	}
	push(@child, $child);
}
my @status = map { waitpid($_, 0); $? >> 8 } @child;
is("@status", '0 0 0 0', 'four commands at a time: each has its outcome');
greets('four.example.org', '… in force');

# The old configuration does not start either: the daemon ends.
stop();
system('cp', $Sys::daemon, tmp() . '/spamgreyd') == 0 or die;
$Sys::daemon = tmp() . '/spamgreyd';
conf("${base}restart no\n");
start();
unlink($Sys::daemon);
named('five.example.org', "${base}front 3\n");
($status, $out, $err) = db('reload');
is($status, 1, 'a daemon that ends over it: exit 1');
like($err, qr/the daemon has ended; its log says why$/m, '… and it is said');
wait_for('its end', sub { !alive() });
like(log_text(), qr/restart no: the daemon ends/, '… in the log too');
undef $Sys::pid;

# What the command asks a daemon whose store ends.  The test plays the daemon.
use constant { HELLO => 128, RELOAD => 138, CTL_END => 143, OUTCOME => 156 };
my ($version) = slurp("$Sys::top/lib/proto/control.h") =~
    /^#define PROTO_VERSION\s+(\d+)/m;

sub
frame_read
{
	my ($s) = @_;

	read($s, my $head, 16) == 16 or return;
	my ($len, $type) = unpack('LS', $head);
	read($s, my $body, $len - 16);
	return ($type, $body);
}

sub
frame_write
{
	my ($s, $type, $body) = @_;

	print $s pack('LSSQ', 16 + length($body), $type, 0, 1) . $body;
	$s->flush();
}

# Each row: the request, and the status of the answer; undef: no answer.
sub
played
{
	my ($what, $want, @rows) = @_;
	my $sock = tmp() . '/sock';
	unlink($sock);
	my $l = IO::Socket::UNIX->new(Local => $sock, Listen => 5) or die;
	my ($s, %ticket, @asked);
	my $child = fork();

	if ($child == 0) {
		POSIX::_exit((db('reload'))[0]);
	}
	for my $row (@rows) {
		if (!$s) {
			$s = $l->accept();
			frame_read($s);
			frame_write($s, HELLO, pack('L', $version));
		}
		my ($type, $body) = frame_read($s);
		push(@asked, $type);
		$ticket{$body} = 1;
		if (defined $row->[1]) {
			frame_write($s, CTL_END, pack('CLS/a*', $row->[1], 0,
			    "text\0"));
		} else {
			close($s);
			undef $s;
		}
	}
	waitpid($child, 0);
	is($? >> 8, $want, $what);
	is("@asked", join(' ', map { $_->[0] } @rows), '… by these questions');
	is(scalar(keys %ticket), 1, '… with one ticket');
}

played('a store that ends: the next one knows', 0, [RELOAD, undef],
    [OUTCOME, 4], [OUTCOME, undef], [OUTCOME, 4], [OUTCOME, 0]);
played('… that it failed', 1, [RELOAD, undef], [OUTCOME, 1]);
played('a store that ends before it reads: it is asked for again', 0,
    [RELOAD, undef], [OUTCOME, 2], [RELOAD, undef], [OUTCOME, 4],
    [OUTCOME, 0]);
done_testing();
