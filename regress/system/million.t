#!/usr/bin/perl
# torture
# A large database: GREY entries are imported through the running daemon during
# mail, then list, show, expire and restarts.  Prints the times.  make torture
# has a million entries and compares the times with their limits.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;
use List::Util qw(shuffle);
use Time::HiRes qw(sleep);

private();

my $port = 8025;
my $n = torture_or(1000000, 50000);
my $old = 10000;
conf(<<"END");
listen on 127.0.0.1 port $port
firewall none
allowed domains { "example.org" }
tarpit { stutter no }
greylist { pass 1h }
limit { grey-per-network 1000000 grey-per-host 1000000 }
END

# Prints a time; make torture compares it with the limit.
sub
took
{
	my ($what, $from, $limit) = @_;
	my $t = now() - $from;

	diag(sprintf('%-44s %8.2f s', $what, $t));
	cmp_ok($t, '<=', $limit, "$what: in $limit s") if full();
	return ($t);
}

# Returns the network of the n-th four tuples; in random order, and none twice.
sub
network
{
	my ($n) = @_;

	return (join('.', unpack('C3',
	    pack('N', 0x10000000 + (($n * 40503 & 0x3ffff) << 8)))));
}

# Each network has four tuples, with 75 bytes of strings each.  100 tuples
# expire in the same second.
sub
entries
{
	my ($file, $count, $first, $expire, $spread) = @_;

	open(my $f, '>', $file) or die;
	for my $i (1 .. $count) {
		my $id = $first + $i;
		printf $f "GREY|%s.1|mail%07d.example.com|" .
		    "<someone.at.home\@example.com>|<u%08d\@example.org>|" .
		    "%d|%d|%d|1|0\n", network($id >> 2), $id, $id, time(),
		    time() + 3600, $expire + ($spread ? int($i / 100) : 0);
	}
	close($f);
	return ($file);
}

my $file = entries(tmp() . '/entries', $n, 0, time() + 86400, 1);
start();

my $load_out = tmp() . '/load.out';
my $program = program('killload');
my $load = fork();
if ($load == 0) {
	open(STDOUT, '>', $load_out);
	exec($program, '-r', 100, '-s', 100, '-x', 'beside', $port) or
	    POSIX::_exit(127);
}
sleep(1);
my $t = now();
my ($status, $out, $err) = db('import', $file);
my $import = took("import of $n through the running daemon", $t, 60);
is($status, 0, 'import') or diag($out . $err);
kill('TERM', $load);
waitpid($load, 0);
my %c = slurp($load_out) =~ /(\w+) ([\d.]+)/g;
diag('mail meanwhile: ' . slurp($load_out));
is($c{begun}, $c{grey}, 'all mail meanwhile had its greylist text');
cmp_ok($c{p99ms}, '<', 200, 'p99 of RCPT to 451 below 200 ms') if full();

# The size on disk with the log: directly after the work, and later, when old
# log files have been removed.
sub
octets_each
{
	my ($kib) = (run('du', '-sk', tmp() . '/state'))[1] =~ /^(\d+)/;

	return ($kib * 1024 / $n);
}
diag(sprintf('%.0f octets an entry on disk after the import', octets_each()));
if (full()) {
	my $t0 = now();
	sleep(1) while octets_each() > 280 && now() < $t0 + 150;
	diag(sprintf('%.0f at rest, after %.0f s', octets_each(),
	    now() - $t0));
	cmp_ok(octets_each(), '<=', 280, 'at most 280 octets an entry');
}

my $total = $n + $c{grey};
for my $what ('list', 'list again') {
	$t = now();
	($status) = run('sh', '-c', "'$Sys::command' -f '$Sys::conf' " .
	    'list grey > ' . tmp() . '/list');
	is($status, 0, $what);
	took($what, $t, 3);
}
is((run('sh', '-c', 'wc -l < ' . tmp() . '/list'))[1] + 0, $total, 'all are listed');
$t = now();
($status, $out) = db('show', network(1) . '.1');
is($status, 0, 'show');
took('show', $t, 1);
$t = now();
($status, $out) = db('list', '16.0.0.0/22');
my $there = () = slurp($file) =~ /^GREY\|16\.0\.[0-3]\./mg;
is(scalar(() = $out =~ /^GREY/mg), $there, "list of a network: $there");
took('list of a network', $t, 1);

# Some entries that will have expired.
my $expire = time() + torture_or(20, 8);
($status, $out, $err) = db('import', entries(tmp() . '/old', $old, $n,
    $expire, 0));
is($status, 0, 'import of those that expire') or diag($out . $err);
wait_for('the time', sub { time() > $expire });
$t = now();
($status, $out, $err) = db('expire');
took("expire of $old", $t, 1);
is($status, 0, 'expire');
diag("expire: $out$err");
my $left = db_ok('list', 'grey');
is(scalar(() = $left =~ /\n/g), $total, 'the expired are gone, the others not');
unlike($left, qr/<u@{[sprintf('%08d', $n + 1)]}@/, '… by name');
undef $left;

my $stop;
($status, $stop) = stop();
is($status, 0, 'SIGTERM');
diag(sprintf('%-44s %8.2f s', 'SIGTERM to the end', $stop));
$t = now();
start();
took('start', $t, 5);
run($program, '-n', 500, '-r', 500, '-x', 'last', $port);
my %r = roles();
kill('KILL', $Sys::pid, values(%r));
waitpid($Sys::pid, 0);
$t = now();
start();
took('start after kill -9', $t, 5);
stop();
$t = now();
is(scalar(() = db_ok('list', 'grey') =~ /\n/g), $total + 500,
    'all are there, read without the daemon');
took('list without the daemon', $t, 10);
done_testing();
