#!/usr/bin/perl
# limit 900
# long
# Bulk sync of databases without a daemon.  In place of ssh, a program runs the
# command in the other directory.  Tests what is exchanged and printed,
# interruption and continuation, broken and hostile peers, and how many bytes a
# few differences among many entries take.
use strict;
use warnings;
use lib 'regress/system';
use POSIX ();
use Sys;
use Test::More;

private();
my $dir = tmp();
my $now = time();
my $later = $now + 80000;

sub conf_of { return ("$dir/$_[0]/spamgreyd.conf") }

# Makes a machine: a configuration and an empty database.
sub
machine
{
	my ($name, $more) = @_;

	mkdir("$dir/$name");
	run('rm', '-rf', "$dir/$name/state");
	spit(conf_of($name), <<"END" . ($more // ''));
hostname "$name.example.org"
state directory "$dir/$name/state"
control socket "$dir/$name/sock"
firewall none
END
}

sub on { my ($name, @args) = @_; return (run($Sys::command, '-f',
    conf_of($name), @args)) }

sub
on_ok
{
	my ($status, $out, $err) = on(@_);

	die "@_: $out$err" if $status != 0;
	return ($out);
}

sub
script
{
	my ($name, $text) = @_;

	spit("$dir/$name", "#!/bin/sh\n$text");
	chmod(0755, "$dir/$name");
	return ("$dir/$name");
}

sub
import
{
	my ($name, @lines) = @_;

	on_ok($name, 'import', spit("$dir/import", join('', map { "$_\n" }
	    @lines)));
}

# Returns a word for a number, because a tuple's key folds digits.
sub
word
{
	my ($i) = @_;
	my $s = '';

	do {
		$s .= chr(97 + $i % 26);
		$i = int($i / 26);
	} while ($i > 0);
	return ($s);
}

sub
tuple
{
	my ($i, $to, $block) = @_;

	return (sprintf('GREY|10.%d.%d.%d|mail.%s.example.com|<%s@example.com>'
	    . '|<%s@example.org>|%d|%d|%d|%d|0', ($i >> 16) & 255,
	    ($i >> 8) & 255, $i & 255, word($i), word($i), $to // 'user',
	    $now - 100, $later, $later, $block // 1));
}

# ssh's first argument is the name of the host, then the command to run.
my $rsh = script('rsh', <<"END");
name=\$1
shift 2
echo "\$*" >>$dir/rsh.args
exec $Sys::command -f $dir/\${name#*@}/spamgreyd.conf "\$@"
END

sub export_of { return (on_ok($_[0], 'export')) }

sub
same
{
	my ($name, @machines) = @_;
	my %seen = map { export_of($_) => 1 } @machines;

	is(scalar(keys %seen), 1, $name);
}

machine($_) for qw(a b c);
import('a', map { tuple($_) } 1 .. 2000);
import('b', map { tuple($_) } 1000 .. 3000);
my @same24 = map { tuple($_ * 256 * 256 + 7) =~ s/10\.\d+\.\d+/10.200.0/r }
    1 .. 200;
import('a', @same24);
import('b', reverse(@same24));
on_ok('a', 'trap', '192.0.2.1', 'comment', 'by hand | of a');
on_ok('b', 'trap', '192.0.2.1', 'for', '7d');
on_ok('b', 'add', '2001:db8::1', 'permanent', 'comment', 'partner');
on_ok('a', 'trap', 'Joe@example.org');
on_ok('b', 'delete', 'grey', '10.0.4.176');		# 1200
on_ok('c', 'add', '192.0.2.77');

# A dry run.
my ($status, $out, $err) = on('a', 'sync', '--dry-run', '-e', $rsh, 'b');
is("$status $err", '0 ', 'dry run');
is($out, "b: would take 1001, give 1000 and merge 2\n",
    'what it would do: the deletion is merged');
my $before = export_of('a');
($status, $out) = on('a', 'sync', '-n', '-j', '-e', $rsh, 'root@b');
like($out, qr/^\{"host":"root\@b","dry":true,"take":1001,"give":1000,"merge":2,"sent":\d+,"received":\d+\}$/,
    'and as JSON');
is(export_of('a'), $before, 'nothing was done');
is(slurp("$dir/rsh.args"), "sync --server\n" x 2, 'what ssh is told to run');

# Two machines.
($status, $out, $err) = on('a', 'sync', '-e', $rsh, 'b');
is("$status $err", '0 ', 'sync');
like($out, qr/^b: 1003 taken, 1001 given; \d+ bytes sent, \d+ received; the same now\n$/,
    'taken and given');
same('the same octets', 'a', 'b');
like(export_of('b'), qr/^SPAMTRAP\|joe\@example\.org/m, 'a spamtrap');
like(export_of('a'), qr/^WHITE\|2001:db8::1\|.*\|partner$/m, 'a comment');
unlike(export_of('a'), qr/\|mail\.${\word(1200)}\./, 'a deletion');
($status, $out) = on('a', 'sync', '-e', $rsh, 'b');
like($out, qr/^b: 0 taken, 0 given; \d\d bytes sent, \d\d received; the same now$/,
    'again: nothing, in a hundred octets');

# Three machines; the first one gets the others' entries last.
import('c', map { tuple($_, 'third') } 1 .. 500);
import('b', map { tuple($_, 'second') } 1 .. 300);
($status, $out, $err) = on('a', 'sync', '-e', $rsh, 'b', 'c');
is("$status $err", '0 ', 'with two hosts');
same('three are the same after one run', 'a', 'b', 'c');

# The counts of messages stay local.
open(my $mail, '>', "$dir/mail");
print $mail "Received: from x (x [198.51.100.9]) by a.example.org; now\n\nx\n";
close($mail);
system("$Sys::command -f ${\conf_of('a')} learn -s < $dir/mail > /dev/null");
like(export_of('a'), qr/^REPUTE\|198\.51\.100\.9/m, 'REPUTE here');
($status, $out) = on('a', 'sync', '-e', $rsh, 'b');
like($out, qr/ 0 taken, 0 given;.*the same now/, 'is not compared');
unlike(export_of('b'), qr/REPUTE/, 'nor sent');
on_ok('a', 'delete', 'repute', '198.51.100.9');

# An entry that cannot be sent.
import('a', tuple(9001) =~ s/mail\.[a-z]*/a\\x07b/r);
($status, $out, $err) = on('a', 'sync', '-e', $rsh, 'b');
is($err, "spamgreydb: 1 entries here cannot be sent to others (they " .
    "contain control characters)\n", 'a control character');
is($status, 0, 'is no failure');
on_ok('a', 'delete', 'grey', sprintf('10.0.%d.%d', 9001 >> 8, 9001 & 255));
($status, $out, $err) = on('a', 'sync', '-e', $rsh, 'b');
is("$status $err", '0 ', 'nor is its deletion worth a word');

# One side is killed in the middle; the next run exchanges the rest.  The
# connection passes a part of the data and then nothing.
sub
interrupted
{
	my ($who) = @_;
	my $part = 300000;

	machine('d');
	unlink("$dir/stuck");
	my $stuck = spit("$dir/stuck.pl", <<"END");
\$SIG{PIPE} = 'IGNORE';
open(my \$far, '|-', '$Sys::command', '-f', '$dir/d/spamgreyd.conf', 'sync',
    '--server') or die;
my \$left = $part;
while (sysread(STDIN, my \$data, 4096)) {
	syswrite(\$far, \$data) if \$left > 0;
	next if (\$left -= length(\$data)) > 0;
	open(my \$f, '>', '$dir/stuck.new');
	print \$f \$\$;
	close(\$f);
	rename('$dir/stuck.new', '$dir/stuck');
}
END
	my $way = script('way', "exec perl $stuck\n");
	my $pid = fork();
	if ($pid == 0) {
		POSIX::close(9);
		open(STDOUT, '>', '/dev/null');
		open(STDERR, '>', "$dir/killed.err");
		exec($Sys::command, '-f', conf_of('a'), 'sync', '-e', $way,
		    'd') or POSIX::_exit(127);
	}
	wait_for('a part to be through', sub { -e "$dir/stuck" });
	kill('KILL', $who eq 'near' ? $pid : slurp("$dir/stuck"));
	waitpid($pid, 0);
	return ($?);
}

import('a', map { tuple($_, 'more') } 1 .. torture_or(20000, 6000));
for my $who ('near', 'far') {
	my $s = interrupted($who);
	if ($who eq 'near') {
		is($s & 127, 9, 'killed here');
	} else {
		is($s >> 8, 1, 'killed there: exit 1');
		like(slurp("$dir/killed.err"),
		    qr/^spamgreydb: d: \S+ was ended by signal 9$/m,
		    'and the reason');
	}
	# Who was spoken to ends by itself, and lets the lock go.
	my $some = () = export_of('d') =~ /^GREY/mg;
	my $all = () = export_of('a') =~ /^GREY/mg;
	cmp_ok($some, '>', 0, "$who: a part had come");
	($status, $out, $err) = on('a', 'sync', '-e', $rsh, 'd');
	is("$status $err", '0 ', 'the next run');
	my ($given) = $out =~ /taken, (\d+) given/;
	cmp_ok($given, '<=', $all - $some + 50, 'gives the rest only');
	diag("$who: $some of $all before, $given after");
	same('the same', 'a', 'd');
}

# Peers that are not what they should be.
sub
fails
{
	my ($name, $re, @args) = @_;
	my ($s, $o, $e) = on('a', 'sync', @args);

	is($s, 1, "$name: exit 1");
	like($e, $re, "$name: why");
	return ($o);
}

fails('no ssh', qr/^spamgreydb: b: cannot run \S+: No such file or directory; name the program with -e$/,
    '-e', "$dir/none", 'b');
fails('ssh fails', qr/^ssh: no route\nspamgreydb: b: \S+ could not connect, or lost the connection/,
    '-e', script('e1', "echo ssh: no route >&2\nexit 255\n"), 'b');
fails('no spamgreydb', qr/^sh: not found\nspamgreydb: b: spamgreydb was not found; .*--program$/,
    '-e', script('e2', "echo sh: not found >&2\nexit 127\n"), 'b');
fails('an old one', qr/^usage\nspamgreydb: b: its spamgreydb ended with status 2 \(.*sync --server/,
    '-e', script('e3', "echo usage >&2\nexit 2\n"), 'b');
fails('a talkative shell', qr/b: the program that answers is not a spamgreydb: it sent "Welcome\?"; does a login script/,
    '-e', script('e4', "echo Welcome\ncat >/dev/null\n"), 'b');
fails('a closed end', qr/b: its spamgreydb ended with status 0/,
    '-e', script('e5', "exit 0\n"), 'b');
machine('m', "greylist { match ip4 /32 ip6 /64 }\n");
fails('another match', qr/m: its `match' \(ip4 \/32 ip6 \/64\) or `admit' \(ip4 \/32 ip6 \/64\) differs from ours;/,
    '-e', $rsh, 'm');
machine('n', "nonsense\n");
fails('a bad file there', qr/spamgreyd\.conf:5: .*\nspamgreydb: n: its spamgreydb ended with status 1 \(its own message is above/,
    '-e', $rsh, 'n');
$out = fails('one of two', qr/^spamgreydb: x: cannot run|x/, '-e',
    script('e6', "[ \$1 = x ] && exit 255\nexec $rsh \"\$@\"\n"), 'x', 'b');
like($out, qr/^b: .*; the same now\n$/, 'the other was done');

# A hostile peer: frames made by hand.
sub frame { my ($type, $body) = @_; return (pack('NC', 1 + length($body),
    $type) . $body) }
sub
hello
{
	my (%o) = @_;

	return (frame(1, "spamgreydb sync\n" . pack('nQ>CCCCC',
	    $o{version} // 1, $o{now} // time(), 24, 64, 32, 64, 0)));
}
sub
hostile
{
	my ($name, $re, @frames) = @_;

	spit("$dir/frames", join('', @frames));
	fails($name, $re, '-e', script('hostile',
	    "cat $dir/frames\nexec cat >/dev/null\n"), 'h');
	is(export_of('a'), $before, "$name: nothing came in");
}
$before = export_of('a');
my @greet = (hello());
my $many = pack('NQ>', 100, 5);
hostile('another version', qr/h: its spamgreydb speaks version 9 of sync and this one 1; install/,
    hello(version => 9));
hostile('another clock', qr/h: its clock is (39|40)\d\d seconds ahead of ours/,
    hello(now => time() + 4000));
hostile('a frame too long', qr/h: the program that answers is not a spamgreydb of this version/,
    @greet, pack('NC', 0x7fffffff, 64) . 'x' x 100);
hostile('an answer to another question', qr/h: the program that answers is not a spamgreydb/,
    @greet, frame(65, ''));
hostile('parts that are not the whole', qr/h: its answer is malformed/,
    @greet, frame(64, $many), frame(64, pack('NQ>', 1, 1) x 16));
hostile('too few parts', qr/h: its answer is malformed/, @greet,
    frame(64, $many), frame(64, pack('NQ>', 50, 1) x 2));
hostile('ids from elsewhere', qr/h: its answer is malformed/, @greet,
    frame(64, pack('NQ>', 2, 5)), frame(65, pack('nQ>4', 2, 9, 1, 8, 1)));
my $two = frame(64, pack('NQ>', 2, 5)) . frame(65, pack('nQ>4', 2, 8, 1, 9, 1));
hostile('an error with escapes', qr/h: \?\[2J gone$/m, @greet,
    frame(68, "\e[2J gone"));
my $white = sub {
	my ($last, $comment) = @_;
	my $b = pack('C', 2) . pack('C4', 203, 0, 113, 9) .
	    join('', map { pack('CN', 0, $_) } $last, $now, $now, $later) .
	    pack('NN', 1, 1) . pack('n/a', $comment);
	return ('W' . pack('n/a', $b));
};
hostile('entries that are none', qr/h: its answer is malformed/,
    @greet, $two, frame(66, pack('n', 1) . $white->($now + 90000, 'x')),
    frame(66, pack('n', 1) . $white->($now, "a\033b")), frame(67, ''));
hostile('states for nothing', qr/h: its answer is malformed/, @greet, $two,
    frame(66, pack('n', 0)));
hostile('and for more than was asked', qr/h: its answer is malformed/,
    @greet, $two, frame(66, pack('n', 3)));

# The answering side, with a hostile asking side.
sub
server
{
	my ($name, $re, @frames) = @_;
	my $in = spit("$dir/ask", join('', @frames));
	my ($s, $o, $e) = run('sh', '-c', "exec $Sys::command -f " .
	    conf_of('a') . " sync --server <$in");

	is($s, 1, "$name: exit 1");
	like($e, $re, "$name: said");
	is(export_of('a'), $before, "$name: nothing came in");
	return ($o);
}
my $start = frame(2, 'x' x 16 . pack('Q>', time()));
server('no greeting', qr/a request was malformed/, $start);
server('no start', qr/a request was malformed/, @greet, frame(6, ''));
server('octets', qr/what it received is not a request/, 'GET / HTTP/1.0', "\r\n" x 9);
server('a range too deep', qr/a request was malformed/, @greet, $start,
    frame(3, pack('CQ>', 16, 0)));
server('all ids at once', qr/asked for too much/, @greet, $start,
    frame(4, pack('CQ>', 0, 0)));
server('ids without end', qr/malformed/, @greet, $start,
    frame(5, pack('Q>', 1) x 257));
my $o = server('bad entries', qr/is not a request/, @greet, $start,
    frame(6, $white->($now + 90000, 'x')), frame(6, $white->($now, "a\033b")),
    frame(99, ''));
like($o, qr/a time in the future.*malformed/s, 'which it says');

# Command lines that are refused.
for my $args ([], ['-x', 'b'], ['-oProxyCommand=x', 'b'], ['--', '-oX=y'],
    ['b;id'], ['b', 'c d'], ['--server', 'b'], ['--program', '$(id)', 'b'],
    ['-e', '', 'b'], ['b', '-e']) {
	($status, $out, $err) = on('a', 'sync', @$args);
	is($status, 2, "sync @$args: exit 2");
}

# Many entries, few differences.
my $n = torture_or(1000000, 50000);
my $few = torture_or(1000, 50);
machine('big');
open(my $fh, '>', "$dir/import");
print $fh tuple($_), "\n" for 1 .. $n;
close($fh);
on_ok('big', 'import', "$dir/import");
run('sh', '-c', "rm -rf $dir/c/state && cp -a $dir/big/state $dir/c/state");
my $third = int($few / 3);
import('big', map { tuple(1 + $_ * 37 % $n, 'user', 5) } 1 .. $third);
import('big', map { tuple($_, 'other') } 1 .. $third);
import('c', map { tuple($_, 'third') } 1 .. $few - 2 * $third);
($status, $out, $err) = on('big', 'sync', '-j', '-e', $rsh, 'c');
is("$status $err", '0 ', "$few differences among $n entries");
my ($sent, $received) = $out =~ /"sent":(\d+),"received":(\d+)/;
diag("$few of $n: $sent bytes sent, $received received");
cmp_ok($sent + $received, '<', 2000 * 1000 * $few / 1000,
    'fewer than 2,000 octets for each, in both directions together');
like($out, qr/"differ":0/, 'the same');
same('the same octets', 'big', 'c');

done_testing();
