#!/usr/bin/perl
# The daemon's life: start, stop, reload, deaths of children, privileges,
# syslog, and its messages when something is missing.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Socket;
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

sub
greylisted
{
	my ($what, %o) = @_;

	like(smtp_code(port => $port, %o), qr/^451 4\.7\.1 .*\r\n\z/s, $what);
}

sub
dump_has
{
	my ($re) = @_;

	return (db_ok() =~ $re);
}

sub
descriptors
{
	my ($process) = @_;
	my @open = glob("/proc/$process/fd/*");

	return (scalar(@open));
}

# -n
conf($base);
my ($status, $out, $err) = run($Sys::daemon, '-n', '-f', $Sys::conf);
is($status, 0, '-n: a good file');
my $bad = spit(tmp() . '/bad.conf', "hostname \"mx.example.org\"\n" .
    "listen on nowhere port 25\n\nno such keyword\n");
($status, $out, $err) = run($Sys::daemon, '-n', '-f', $bad);
is($status, 1, '-n: a bad file');
like($err, qr/bad\.conf:2: .*bad\.conf:4: /s, '… with all its errors by line');
($status, $out, $err) = run($Sys::daemon, '-n', '-f', '/nonexistent/file');
is($status, 1, '-n: no file');
like($err, qr{/nonexistent/file}, '… is named');

# missing users
my $nobody = spit(tmp() . '/passwd', join('', grep { !/^_spamgreyd/ }
    map { "$_\n" } split(/\n/, slurp('/etc/passwd'))));
($status, $out, $err) = run('unshare', '--mount', 'sh', '-c',
    "mount --bind $nobody /etc/passwd && exec '$Sys::daemon' -d -f '$Sys::conf'");
is($status, 1, 'without its users the daemon does not start');
like($err, qr/user _spamgreyd is missing.*make install/, '… and says what makes them');

# privilege and sandbox
start();
my %r = roles();
is(join(' ', sort keys %r), 'front fw store', 'the processes');
is(join(' ', grep { slurp("/proc/$r{$_}/cmdline") !~
    /^spamgreyd: $_( \d+)?\0+\z/ } sort keys %r), '',
    'titles of processes without trash');
my %user = (front => '_spamgreyd', fw => '_spamgreyd',
    store => '_spamgreydb');
my %dir = (front => '/var/empty', fw => '/var/empty',
    store => tmp() . '/state');
for my $role (sort keys %r) {
	my %st = slurp("/proc/$r{$role}/status") =~ /^(\w+):\s*(.*?)\s*$/mg;
	my ($uid, $gid) = (getpwnam($user{$role}))[2, 3];
	is($st{Uid}, join("\t", ($uid) x 4), "$role: its user");
	is($st{Gid}, join("\t", ($gid) x 4), "$role: its group");
	is($st{Groups}, $gid, "$role: no other group");
	is($st{CapEff} . $st{CapPrm}, '0' x 32, "$role: no capabilities");
	is($st{NoNewPrivs}, 1, "$role: no new privileges");
	is($st{Seccomp}, 2, "$role: in its sandbox");
	is(readlink("/proc/$r{$role}/root"), $dir{$role}, "$role: its root");
}
my $owner = (getpwnam('_spamgreydb'))[2];
is((stat(tmp() . '/state'))[2] & 07777, 0700, 'state directory: mode');
is((stat(tmp() . '/state'))[4], $owner, 'state directory: owner');
is((stat(tmp() . '/sock'))[2] & 07777, 0660, 'control socket: mode');
is((stat(tmp() . '/sock'))[5], (getpwnam('_spamgreydb'))[3],
    'control socket: group');
greylisted('a mail is greylisted');
ok(dump_has(qr/^GREY\|127\.0\.0\.1\|sender\.example\.com\|<me\@example\.com>\|<you\@example\.org>\|/m),
    'and in the database');

my @lines = split(/\n/, slurp($Sys::log));
is(scalar(grep { !/^\w{3} [ \d]\d \d\d:\d\d:\d\d spamgreyd\[\d+\]: \S/ } @lines),
    0, 'each line of -d has its time and program');

# a second daemon
($status, $out, $err) = run($Sys::daemon, '-d', '-f', $Sys::conf);
isnt($status, 0, 'a second daemon does not start');
like($err, qr/\Q@{[tmp()]}\E.*(locked|running)/, '… and says why');
greylisted('the first goes on');

# reload
my $old = smtp(port => $port);
like(scalar(<$old>), qr/^220 mx\.example\.org /, 'a session begins');
log_mark();
conf($base . "no such keyword\n");
kill('HUP', $Sys::pid);
wait_log(qr/stays/);
log_like(qr/spamgreyd\.conf:\d+: /,
    'a reload with a bad file says where');
($status, $out, $err) = db('reload');
is($status, 1, 'reload by command: exit 1');
like($out . $err, qr/spamgreyd\.conf:\d+: /, '… and says where');
greylisted('the old configuration stays in force');
log_mark();
conf($base =~ s/example\.org"/example.org" "example.net"/r .
    "listen on 127.0.0.1 port 8026\n");
spit($Sys::conf, slurp($Sys::conf) =~ s/mx\.example\.org/mx2.example.org/r);
($status, $out, $err) = db('reload');
is($status, 0, 'reload with a good file: exit 0');
my $s = smtp(port => $port);
like(scalar(<$s>), qr/^220 mx2\.example\.org /, 'a new session has it');
close($s);
$s = smtp(port => 8026);
like(scalar(<$s>), qr/^220 mx2\.example\.org /, 'a new listener is there');
close($s);
print $old "EHLO a.example\r\n";
$old->flush();
like(scalar(<$old>), qr/^250[- ]mx\.example\.org/,
    'a session keeps the configuration it began with');
close($old);
conf($base);
kill('HUP', $Sys::pid);
wait_for('the listener to be closed', sub { !smtp(port => 8026) });
pass('a listener that is gone from the file is closed');

# A reload is confirmed when all processes have the new configuration, but not
# when one cannot use it.
spit($Sys::conf, slurp($Sys::conf) =~ s/mx\.example\.org/mx3.example.org/r);
my $stopped = role_pid('front');
kill('STOP', $stopped);
($status, $out, $err) = db('reload');
kill('CONT', $stopped);
isnt($status, 0, 'a process that is stopped: not confirmed');
like($out . $err, qr/front has not taken it after 10 s/, '… and named');
wait_for('front to have taken it', sub {
	return ((dialogue(port => $port))[0] =~ /mx3/);
});
is((db('reload'))[0], 0, 'the next one is confirmed');
conf($base);
is((db('reload'))[0], 0, 'and what was before');

# Each configuration comes with the descriptors of its listeners.
my $front = role_pid('front');
my $had = descriptors($front);
db_ok('reload') for 1 .. 5;
wait_for('front to let go of what it had', sub {
	return (descriptors($front) <= $had);
});
pass('after reloads front has no more descriptors than before');

# deaths of children
for my $role (qw(front store fw)) {
	log_mark();
	my $was = role_pid($role);
	kill('KILL', $was);
	wait_log(qr/^\Q$role\E.* died: signal 9/m);
	wait_log(qr/^ready$/m);
	isnt(role_pid($role), $was, "$role killed: a new set is there");
	greylisted('… and works', mail => "$role\@example.com");
}
ok(dump_has(qr/store\@example\.com/), 'nothing was lost');

# kill -9 of the parent: the next start needs no help
my @orphans = values(%{{roles()}});
kill('KILL', $Sys::pid);
waitpid($Sys::pid, 0);
wait_for('the children to end', sub {
	!grep { -d "/proc/$_" } @orphans
});
pass('the children end with the parent');
ok(-S tmp() . '/sock', 'the socket is left behind');
($status, $out, $err) = db();
is($status, 0, 'the command works on the database itself');
like($out, qr/front\@example\.com/, '… and finds the entries');
start();
greylisted('a start after that needs no hand');

# stop, under load
my $load = program('killload');
my $tuples = tmp() . '/tuples';
my $child = fork();
if ($child == 0) {
	open(STDOUT, '>', tmp() . '/load.out');
	exec($load, '-r', 300, '-o', $tuples, '-d', 30, $port) or
	    POSIX::_exit(127);
}
wait_for('load', sub { -s $tuples && -s $tuples > 20000 });
my $took;
($status, $took) = stop();
is($status, 0, 'SIGTERM: exit 0');
diag(sprintf('SIGTERM to the end: %.2f s', $took));
cmp_ok($took, '<', torture_or(1, 5), '… at once');
kill('TERM', $child);
waitpid($child, 0);
ok(!-e tmp() . '/sock', 'the socket is gone');
my %have = map { $_ => 1 } map { join('|', (split(/\|/))[1, 3, 4]) }
    grep { /^GREY/ } split(/\n/, db_ok());
my @promised = map { (split(/ /))[2] } split(/\n/, slurp($tuples));
my @lost = grep { !$have{$_} } @promised;
cmp_ok(scalar(@promised), '>', 100, 'tuples were promised meanwhile');
is(scalar(@lost), 0, '… and all ' . @promised . ' are there')
    or diag("lost: @lost[0 .. ($#lost < 5 ? $#lost : 5)]");

start();
($status) = stop('INT');
is($status, 0, 'SIGINT: exit 0');

# restart
conf($base . "restart no\n");
start();
log_mark();
kill('KILL', role_pid('store'));
wait_for('the daemon to end', sub { !alive() });
is($? >> 8, 1, 'restart no: the daemon ends with 1');
like(log_since(), qr/^store died: signal 9.*restart no/ms, '… and says why');
conf($base . "restart 2 per 1m\n");
start();
for my $n (1 .. 3) {
	log_mark();
	kill('KILL', role_pid('front'));
	last if $n == 3;
	wait_log(qr/^ready$/m);
}
wait_for('the daemon to end', sub { !alive() });
is($? >> 8, 1, 'restart 2 per 1m: the third death ends it with 1');
like(log_since(), qr/more than 2 restarts/, '… and says why');
undef $Sys::pid;

# a port that is taken
conf($base);
my $taken = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => $port,
    Listen => 1, ReuseAddr => 1);
($status, $out, $err) = run($Sys::daemon, '-d', '-f', $Sys::conf);
isnt($status, 0, 'a port that another has');
like($err, qr/127\.0\.0\.1 port $port/, '… is named');
close($taken);

# the directory can be moved while stopped
conf($base, state => tmp() . '/moved');
rename(tmp() . '/state', tmp() . '/moved') or die;
start();
ok(dump_has(qr/front\@example\.com/), 'a moved state directory');
stop();

# in the background, with syslog
my $dev = "$ENV{SG_MNT}/dev";
mkdir($dev);
for my $f (qw(null zero full random urandom)) {
	spit("$dev/$f", '');
	system('mount', '--bind', "/dev/$f", "$dev/$f") == 0 or die;
}
system('mount', '--rbind', $dev, '/dev') == 0 or die;
socket(my $syslog, AF_UNIX, SOCK_DGRAM, 0) or die;
bind($syslog, pack_sockaddr_un('/dev/log')) or die "/dev/log: $!";
chmod(0666, '/dev/log');
conf($base =~ s/firewall none/firewall nftables/r);
($status, $out, $err) = run($Sys::daemon, '-f', $Sys::conf);
is($status, 1, 'without -d: what cannot start ends with 1');
like($err, qr/^spamgreyd: .*there is no set/m, '… and says why to who started it');
conf($base);
($status, $out, $err) = run($Sys::daemon, '-f', $Sys::conf);
is($status, 0, 'without -d it goes into the background');
unlike($err, qr/^(?!.*warning: )./m, '… and says no more than its warnings');
greylisted('… and is ready when the command has ended');
my @syslog;
sub
syslog_has
{
	my ($re) = @_;

	wait_for("syslog line $re", sub {
		my $line;
		while (defined(recv($syslog, $line, 4096, MSG_DONTWAIT))) {
			push(@syslog, $line);
		}
		return (grep { $_ =~ $re } @syslog);
	});
	return (1);
}
ok(syslog_has(qr/^<30>.*spamgreyd\S*: ready/), 'and writes to syslog as daemon.info');
greylisted('and works');
# syslogd restarts and has a new socket
close($syslog);
unlink('/dev/log');
socket($syslog, AF_UNIX, SOCK_DGRAM, 0) or die;
bind($syslog, pack_sockaddr_un('/dev/log')) or die "/dev/log: $!";
chmod(0666, '/dev/log');
@syslog = ();
greylisted('a session after syslogd started anew', mail => 'new@example.com');
ok(syslog_has(qr/127\.0\.0\.1/), '… is in its log');
my ($background) = map { m{/proc/(\d+)/} ? $1 : () } grep {
    slurp($_) =~ /^\S*spamgreyd\0/ && slurp($_) !~ /\0-x\0/ &&
    slurp($_) !~ /^spamgreyd: / } glob('/proc/[0-9]*/cmdline');
ok($background, 'the background daemon');
kill('TERM', $background);
ok(syslog_has(qr/: ended/), 'SIGTERM ends it');
wait_for('its end', sub { !-d "/proc/$background" ||
    slurp("/proc/$background/stat") =~ /\) Z / });

# as an ordinary user, who perhaps cannot read the tree
my $home = tmp() . '/home';
mkdir($home);
chmod(0755, $home);
chown((getpwnam('nobody'))[2, 3], $home);
conf($base, dir => $home);
system('cp', $Sys::daemon, "$home/spamgreyd") == 0 or die;
$Sys::daemon = "$home/spamgreyd";
start(wrap => ['setpriv', '--reuid=nobody', '--clear-groups']);
like(log_text(), qr/not started as root/, 'an ordinary user: it says so');
greylisted('… and works');
%r = roles();
is(join(' ', sort keys %r), 'front fw store', '… with the same processes');
($status, $took) = stop();
is($status, 0, '… and ends');
done_testing();
