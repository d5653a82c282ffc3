#!/usr/bin/perl
# The database with a thousand to a million entries, in the running daemon: the
# time of a session and of an expiry at each size; then import, list, restart
# and bytes on disk at the largest.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../system";
use Bench;
use Many;
use Mta;
use POSIX ();
use Sys;
use Time::HiRes qw(sleep);

private();

my @sizes = short() ? (1000, 10000) : (1000, 10000, 100_000, 1_000_000);
my $expiring = short() ? 1000 : 10_000;
my $repeats = short() ? 1 : 3;
my $port = 8025;
my $load = bench_program('smtp_load');
my $beside = program('killload');
my $tag = 0;
my ($ids, $stored) = (0, 0);	# used, and in the database

conf($Sys::gate_of_many);

# Returns a file with so many tuples that the database has not seen.
sub
new_entries
{
	my ($count, $expire) = @_;
	my $file = entries($ids, $count, $expire);

	$ids += $count;
	return ($file);
}

# Runs a command, and returns the seconds that it took.
sub
timed
{
	my (@cmd) = @_;
	my $t = now();
	my ($status, $out, $err) = run($Sys::command, '-f', $Sys::conf, @cmd);

	die "spamgreydb @cmd: $out$err\n" if $status != 0;
	return (now() - $t);
}

# Returns the milliseconds of a session, one after the other.
sub
session
{
	my $n = 200;
	my ($status, $out, $err) = run($load, '-c', 1, '-n', $n, '-t',
	    's' . $tag++, '127.0.0.1', $port);
	my %r = ($out =~ /^(\w+)=(\S+)$/mg);

	$status == 0 && $r{grey} == $n or
	    die "not every session was greylisted: $out$err";
	$stored += $n;
	return ($r{p50_us} / 1000);
}

# Returns the seconds that it takes to find and delete the expired.  Once a
# minute the daemon does that by itself; then it is tried again.
sub
expire
{
	my ($found, $took) = (0);

	while ($found < $expiring) {
		my $at = time() + ($expiring > 1000 ? 6 : 3);

		timed('import', new_entries($expiring, $at));
		sleep(0.1) while time() <= $at;
		$took = now();
		my ($status, $out) = db('-j', 'expire');
		$took = now() - $took;
		($found) = $out =~ /"expired": *(\d+)/ or
		    die "spamgreydb expire: $status $out\n";
	}
	return ($took);
}

# Returns the bytes of an entry on disk, log included.
sub
bytes_each
{
	my ($kib) = (run('du', '-sk', tmp() . '/state'))[1] =~ /^(\d+)/;

	return ($kib * 1024 / $stored);
}

start();
my ($import, @rows, @expire) = (0);
for my $size (@sizes) {
	my $last = $size == $sizes[-1];
	my $file = new_entries($size - $stored);
	my ($mail, $out) = (undef, tmp() . '/beside');

	$mail = background($out, $beside, '-r', 100, '-s', 100, '-x',
	    'beside', $port) if $last;
	$import += timed('import', $file);
	$stored = $size;
	if ($last) {
		kill('TERM', $mail);
		waitpid($mail, 0);
		my %c = counts(slurp($out));
		die "mail beside the import: " . slurp($out) . "\n"
		    if $c{begun} != $c{grey};
		$stored += $c{grey};
		measured('store.p99', $c{p99ms});
	}
	my $session = session();
	my @seconds = map { expire() } 1 .. ($last ? $repeats : 1);
	@expire = @seconds if $last;
	point('entries', 'a session', $size, $session);
	point('entries', "expiry of $expiring", $size,
	    median(@seconds) * 1000);
	push(@rows, [$size, number($session), number(median(@seconds) * 1000)]);
}
table('Cost against stored entries', ['entries', 'a session, median, ms',
    "finding and deleting $expiring expired, ms"], @rows);
measured('store.import', $import);
measured('store.expire', @expire);
measured('store.list', map { timed('list', 'grey') } 1 .. $repeats);

# Log files that are not needed are removed at a checkpoint.
my $t = now();
sleep(1) while bytes_each() > 280 && now() < $t + (short() ? 1 : 60);
measured('store.bytes', bytes_each());

my @start;
for (1 .. $repeats) {
	run($beside, '-n', 500, '-r', 500, '-x', 'last' . $_, $port);
	my %r = roles();

	kill('KILL', $Sys::pid, values(%r));
	waitpid($Sys::pid, 0);
	$t = now();
	start();
	push(@start, now() - $t);
}
measured('store.restart', @start);
stop();
