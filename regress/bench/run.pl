#!/usr/bin/perl
# run.pl [part ...]: runs the benches, which are front, hold, store, fw, lists,
# pass and scan, one after the other, and prints what they find.  When all of
# them have run, it writes RESULTS.md and the plots.  The last lines name what
# missed its target; then the exit status is 1.
#	SHORT=yes	a few rounds, to see that everything runs; their
#			figures mean little, so that only a part that fails
#			makes the exit status 1
# Run it from the top of the tree, as root, by `make bench`.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../lib", "$FindBin::Bin/../system";
use Bench;
use File::Temp qw(tempdir);
use JSON::PP;
use Report;
use Time::HiRes qw(time);

my @all = qw(front hold store fw lists pass scan);
my @parts = @ARGV ? @ARGV : @all;
my $dir = tempdir('spamgreyd-bench.XXXXXX', TMPDIR => 1, CLEANUP => 1);
my (@failed, %took);
# Parts hold 19,000 connections in one process.
my $descriptors = 'n=$(ulimit -Hn); [ "$n" = unlimited ] || ' .
    '[ "$n" -ge 20000 ] || ulimit -n 20000; exec "$@"';

for my $part (@parts) {
	die "run.pl: unknown part $part; they are @all\n"
	    if !grep { $_ eq $part } @all;
}
die "run.pl: not root: the servers need namespaces of their own\n" if $> != 0;
$SIG{INT} = $SIG{TERM} = sub { exit(1) };
$ENV{BENCH_RECORDS} = "$dir/records";
my $load = Report::load();
for my $part (@parts) {
	my $from = time();

	say_progress("== $part");
	system('sh', '-c', $descriptors, 'sh', $^X,
	    "$FindBin::Bin/$part.pl") == 0 or push(@failed, $part);
	$took{$part} = time() - $from;
	say_progress(sprintf('== %s: %.0f s', $part, $took{$part}));
}

my @records;
if (open(my $f, '<', "$dir/records")) {
	@records = map { decode_json($_) } <$f>;
}
my $whole = "@parts" eq "@all" && !@failed && !short();
Report::results(\@records, \%took, $load) if $whole;
say_progress($whole ? 'regress/bench/RESULTS.md is written' :
    'RESULTS.md is not written: ' . (short() ? 'SHORT=yes' :
    @failed ? 'a part failed' : 'not all parts ran'));
my ($status, @lines) = Report::ending(\@records, @failed);
say_progress($_) for @lines;
exit($status);
