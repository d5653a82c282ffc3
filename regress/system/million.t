#!/usr/bin/perl
# limit 900
# long
# torture
# A large database: GREY entries are imported through the running daemon during
# mail, then list, show, expire and restarts.  make torture has a million
# entries; the times are a matter of make bench.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Many;
use Sys;
use Test::More;
use Time::HiRes qw(sleep);

private();

my $port = 8025;
my $n = torture_or(1000000, 50000);
my $old = 10000;
conf($Sys::gate_of_many);

my $file = entries(0, $n);
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
my ($status, $out, $err) = db('import', $file);
is($status, 0, 'import') or diag($out . $err);
kill('TERM', $load);
waitpid($load, 0);
my %c = slurp($load_out) =~ /(\w+) ([\d.]+)/g;
is($c{begun}, $c{grey}, 'all mail meanwhile had its greylist text');

my $total = $n + $c{grey};
($status) = run('sh', '-c', "'$Sys::command' -f '$Sys::conf' list grey > " .
    tmp() . '/list');
is($status, 0, 'list');
is((run('sh', '-c', 'wc -l < ' . tmp() . '/list'))[1] + 0, $total, 'all are listed');
($status, $out) = db('show', network(1) . '.1');
is($status, 0, 'show');
($status, $out) = db('list', '16.0.0.0/22');
my $there = () = slurp($file) =~ /^GREY\|16\.0\.[0-3]\./mg;
is(scalar(() = $out =~ /^GREY/mg), $there, "list of a network: $there");

# Some entries that will have expired.
my $expire = time() + torture_or(20, 8);
($status, $out, $err) = db('import', entries($n, $old, $expire));
is($status, 0, 'import of those that expire') or diag($out . $err);
wait_for('the time', sub { time() > $expire });
($status, $out, $err) = db('expire');
is($status, 0, 'expire');
my $left = db_ok('list', 'grey');
is(scalar(() = $left =~ /\n/g), $total, 'the expired are gone, the others not');
unlike($left, qr/<u@{[sprintf('%08d', $n + 1)]}@/, '… by name');
undef $left;

is((stop())[0], 0, 'SIGTERM');
start();
run($program, '-n', 500, '-r', 500, '-x', 'last', $port);
my %r = roles();
kill('KILL', $Sys::pid, values(%r));
waitpid($Sys::pid, 0);
start();
stop();
is(scalar(() = db_ok('list', 'grey') =~ /\n/g), $total + 500,
    'all are there, read without the daemon');
done_testing();
