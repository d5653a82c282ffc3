#!/usr/bin/perl
# spamgreydb and a running daemon: the control socket, who may use it, malformed
# clients (which do no harm), reload, restarts; and root without a daemon, where
# the files still belong to _spamgreydb.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../system";
use Socket qw(:all);
use Sys;
use Test::More;
use Time::HiRes qw(sleep);

private();

my $port = free();
my $base = <<"END";
listen on 127.0.0.1 port $port
firewall none
allowed domains { "example.org" }
learn { trusted { 198.51.100.0/24 }  trap after 2 }
tarpit { stutter no }
END
my $later = time() + 86400;
my ($user, $group) = (getpwnam('_spamgreydb'))[2, 3];

# A port that nobody has.
sub
free
{
	my $s = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0,
	    Listen => 1) or die;

	return ($s->sockport);
}

# The command as another user.
sub
db_as
{
	my ($uid, $gid, @args) = @_;

	return (run('setpriv', "--reuid=$uid", "--regid=$gid",
	    '--clear-groups', $Sys::command, '-f', $Sys::conf, @args));
}

# Frames as lib/ipc has them.
sub frame { return (pack('LSSQ', 16 + length($_[2]), $_[0], 0, $_[1]) . $_[2]) }
my %type = (HELLO => 128, LIST => 129, ADD => 131, SHOW => 133, EXPIRE => 134,
    IMPORT => 135, IMPORT_END => 136, STATS => 137, ENTRY => 140, END => 143);
my ($version) = slurp("$Sys::top/lib/proto/control.h") =~
    /^#define PROTO_VERSION\s+(\d+)/m;
sub hello { return (frame($type{HELLO}, 0, pack('L', $_[0] // $version))) }

sub
client
{
	socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
	connect($s, pack_sockaddr_un(tmp() . '/sock')) or die "connect: $!\n";
	return ($s);
}

# Sends all and reads until the end or until there is enough.
sub
talk
{
	my ($bytes, $want) = @_;
	my $s = client();
	my $got = '';

	local $SIG{PIPE} = 'IGNORE';
	syswrite($s, $bytes);
	while (!defined $want || length($got) < $want) {
		my $n = sysread($s, $got, 65536, length($got));
		last if !$n;
	}
	return ($got);
}

# [type, id, body] of each
sub
frames
{
	my ($bytes) = @_;
	my @f;

	while (length($bytes) >= 16) {
		my ($len, $type, $flags, $id) = unpack('LSSQ', $bytes);
		last if $len < 16 || $len > length($bytes);
		push(@f, [$type, $id, substr($bytes, 16, $len - 16)]);
		$bytes = substr($bytes, $len);
	}
	return (@f);
}

# root, no daemon
conf($base);
chmod(0600, $Sys::conf);
my $state = tmp() . '/state';
my ($status, $out, $err) = db('add', '192.0.2.1');
is("$status $out$err", "0 spamgreydb: no daemon; changed in $state\n",
    'root without a daemon: add');
is((stat($state))[2] & 07777, 0700, 'the state directory: mode');
my @wrong = grep { (lstat($_))[4] != $user } $state, "$state/lock",
    glob("$state/db $state/db/*");
is("@wrong", '', '… and all in it is _spamgreydb\'s');
my $in = spit(tmp() . '/in', "WHITE|192.0.2.2|||1|2|$later|1|0\n");
chmod(0600, $in);
is((db('import', $in))[0], 0, 'a file that only root can read is imported');
my $before = db_ok();
is($before =~ tr/\n//, 2, 'two hosts');

# a daemon
start();
is(db_ok(), $before, 'the daemon prints the same');
log_mark();
is((db('-a', '192.0.2.3'))[0], 0, '-a');
ok(wait_log(qr/ store control uid=0 add type=white key=192\.0\.2\.3$/m),
    'the log says who did it');
like(db_ok('show', '192.0.2.3'), qr/^state +white$/m, 'show');
like(db_ok('stats'), qr/^front\.connections-total +\d+$/m,
    "stats has front's counters");
is((db('-t', '-a', 'word', '192.0.2.4'))[0], 1, 'a bad key is counted');
is((db('-d', '192.0.2.4', '192.0.2.4'))[0], 1, '-d twice');
is((db('expire'))[0], 0, 'expire');
is((db('import', $in))[0], 0, 'import');

# learn
my $mail = spit(tmp() . '/mail', <<'END');
Received: from b (b.example.org [198.51.100.7]) by mx.example.org (Postfix)
Received: from x ([203.0.113.7]) by b.example.org (Postfix) with ESMTP

body
END
my @learn = ('sh', '-c', '"$0" -f "$1" learn "$2" < "$3"', $Sys::command,
    $Sys::conf);
log_mark();
is_deeply([run(@learn, '-s', $mail)], [0, '', ''], 'learn');
ok(wait_log(qr/ store control uid=0 learn address=203\.0\.113\.7 verdict=bad good=0 bad=1 action=count$/m),
    'the log says what was counted');
log_mark();
is_deeply([run(@learn, '-s', $mail)], [0, '', ''], 'learn again');
ok(wait_log(qr/ learn address=203\.0\.113\.7 .* bad=2 action=trap$/m),
    '… which traps');
like(db_ok('list', '-r'), qr/\A203\.0\.113\.7 +0 +2 \S+\n\z/, 'list -r');
like(db_ok('203.0.113.7'), qr/\ATRAPPED\|/, 'it is trapped');
is((db('delete', '203.0.113.7'))[0], 0, 'and deleted');
is(db_ok('list', '-r'), '', '… with what was counted');
is((db('log', 'verbose'))[0], 0, 'log verbose');
is((db('log', 'brief'))[0], 0, 'log brief');

# who may
($status, $out, $err) = db_as($user, $group, 'list');
is($status, 1, 'a configuration that the user cannot read');
chmod(0644, $Sys::conf);
chmod(0755, tmp());
is((db_as($user, $group, 'list'))[0], 0, 'user and group _spamgreydb');
log_mark();
is((db_as($user, $group, 'add', '192.0.2.5'))[0], 0, '… may write too');
ok(wait_log(qr/control uid=$user add/), 'and are in the log');
($status, $out, $err) = db_as(65534, 65534, 'list');
is($status, 1, 'somebody else may not');
like($err, qr{/sock: Permission denied; be root}, '… and is told');

# reload
is((db('reload'))[0], 0, 'reload');
spit($Sys::conf, slurp($Sys::conf) . "no such keyword\n");
($status, $out, $err) = db('-a', '192.0.2.3');
is($status, 1, 'the command needs a good file itself');
my $good = tmp() . '/good.conf';
spit($good, slurp($Sys::conf) =~ s/no such keyword\n//r);
($status, $out, $err) = run($Sys::command, '-f', $good, 'reload');
is($status, 1, 'reload of a bad file');
like($err, qr/spamgreyd\.conf:\d+: .*in force/s, '… with its errors');
conf($base);
is((db('reload'))[0], 0, 'reload of a good one again');

# strange clients
my %r = roles();
my $hello = hello();
my @strange = (
	['nothing', ''],
	['half a header', substr($hello, 0, 7)],
	['a length below its header', pack('LSSQ', 3, 128, 0, 0)],
	['a length above all', pack('LSSQ', 0xffffffff, 128, 0, 0)],
	['text', "GET / HTTP/1.0\r\n\r\n" x 100],
	['a request before the greeting', frame($type{STATS}, 1, '')],
	['two greetings', hello() . hello()],
	['a message of front', hello() . frame(64, 1, 'x' x 64)],
	['an answer', hello() . frame($type{END}, 1, "\0" x 9)],
	['an empty add', hello() . frame($type{ADD}, 1, '')],
	['a string past its end', hello() . frame($type{ADD}, 1,
	    pack('CCq', 2, 0, 0) . pack('S', 60000) . 'x')],
	['a string with no end', hello() . frame($type{IMPORT}, 1,
	    pack('S', 3) . 'abc')],
	['a list of 200 bits', hello() . frame($type{LIST}, 1,
	    pack('C', 0) . "\0" x 16 . pack('C', 200))],
	['a list of unknown types', hello() . frame($type{LIST}, 1,
	    pack('C', 0x80) . "\0" x 17)],
	['a show of no address', hello() . frame($type{SHOW}, 1, 'x' x 15)],
	['an import in an import', hello() . frame($type{IMPORT}, 1, '') .
	    frame($type{IMPORT}, 2, '')],
	['a list in an import', hello() . frame($type{IMPORT}, 1, '') .
	    frame($type{LIST}, 2, "\0" x 18)]
);
for my $c (@strange) {
	my ($what, $bytes) = @$c;
	my $s = client();
	local $SIG{PIPE} = 'IGNORE';
	syswrite($s, $bytes);
	shutdown($s, SHUT_WR);
	1 while sysread($s, my $buf, 65536);
	is((db('192.0.2.1'))[0], 0, "after $what it works");
}
my @f = frames(talk(hello(99)));
is(scalar @f, 2, 'another version gets an answer and its end');
is(unpack('L', $f[0][2]), $version, '… the version');
is(unpack('C', $f[1][2]), 5, '… and that it is another');
@f = frames(talk(hello() . frame($type{SHOW}, 7, "\0" x 10 . "\xff\xff" .
    inet_aton('192.0.2.1')) . frame($type{EXPIRE}, 8, "\0"), 1) );
is($f[0][0], $type{HELLO}, 'requests behind each other');

# 32 that say nothing: one more command comes through all the same
my @silent = map { client() } 1 .. 40;
is((db('192.0.2.1'))[0], 0, 'silent clients do not shut others out');
undef @silent;

# one that asks and does not read
my $n = 50000;
open(my $big, '>', tmp() . '/big') or die;
printf $big "GREY|10.%d.%d.1|mail%d.example.com|<me\@example.com>|" .
    "<you\@example.org>|1|$later|$later|1|0\n", $_ >> 8, $_ & 255, $_
    for 1 .. $n;
close($big);
is((db('import', tmp() . '/big'))[0], 0, "import of $n");
my @slow = map { client() } 1 .. 5;
for my $s (@slow) {
	syswrite($s, hello() . frame($type{LIST}, 1, "\0" x 18));
}
is(db_ok('list', 'grey') =~ tr/\n//, $n,
    'while five do not read theirs, others get all');
undef @slow;
is((db('192.0.2.1'))[0], 0, 'they go away in the middle');

# an import that is killed, and one that is cut off in a frame
for my $round (1 .. 3) {
	my $child = fork();
	if ($child == 0) {
		open(STDOUT, '>', '/dev/null');
		exec($Sys::command, '-f', $Sys::conf, 'import', tmp() . '/big');
	}
	sleep(0.05 * $round);
	kill('KILL', $child);
	waitpid($child, 0);
	is((db('192.0.2.1'))[0], 0, "an import killed, $round");
}
my %now = roles();
is(join(' ', map { "$_ $now{$_}" } sort keys %now),
    join(' ', map { "$_ $r{$_}" } sort keys %r),
    'through all that the same processes ran');

# the store dies: the command waits for the next one
kill('KILL', role_pid('store'));
($status, $out, $err) = db('192.0.2.1');
is($status, 0, 'a command while the store restarts') or diag($err);
wait_for('the store again', sub { role_pid('store') });

# all die: the socket and the lock that are left are no obstacle
%r = roles();
kill('KILL', $Sys::pid, values %r);
waitpid($Sys::pid, 0);
ok(-S tmp() . '/sock', 'a socket is left behind');
is((db('192.0.2.1'))[0], 0, 'the command opens the database itself');
is(db_ok('list', 'grey') =~ tr/\n//, $n, 'with all that was in it');
undef $Sys::pid;

# with another socket in its file it cannot find the daemon
start();
my $other = spit(tmp() . '/other.conf', slurp($Sys::conf) =~
    s{control socket ".*"}{control socket "/nonexistent/sock"}r);
($status, $out, $err) = run($Sys::command, '-f', $other, 'list');
is($status, 1, 'a daemon that holds the lock, and another socket');
like($err, qr{/state is in use by process \d+.*/nonexistent/sock}s,
    '… is explained');
stop();

done_testing();
