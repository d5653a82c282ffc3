#!/usr/bin/perl
# Address lists: the time to read, fold, save and compile a million networks,
# and that of a look-up.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../system";
use Bench;
use Sys;

private();

my $n = short() ? 100_000 : 1_000_000;
my $program = bench_program('lists_bench');
my $file = tmp() . '/list';
my (@load, @lookup);

(run($program, 'make', $file, $n))[0] == 0 or die "lists_bench make\n";
for (1 .. (short() ? 2 : 5)) {
	my ($status, $out, $err) = run($program, $file);
	my ($ms, $ns) = $out =~ /load (\d+) image \d+ lookup (\d+)/ or
	    die "lists_bench: $out$err\n";

	# (in a short run as if it had loaded a million)
	push(@load, $ms / 1000 * 1_000_000 / $n);
	push(@lookup, $ns);
}
measured('lists.load', @load);
measured('lists.lookup', @lookup);
