# What the parts of `make bench` share: the targets, rounds in turns, medians,
# and the records from which run.pl makes the report.
package Bench;

use strict;
use warnings;
use Exporter qw(import);
use JSON::PP;
use List::Util qw(max min);
use POSIX ();
use Sys;

our @EXPORT = qw(short bench_program interleave median quartiles ratios
    say_progress record measured table point bar peer_skipped version cpu_of
    cpu_tree memory_of number);

# Every target of the design (section 8), and those that the benches of
# messages and lists have had from the beginning.  name => [bound, 'least' or
# 'most', what, unit].
our %targets = (
    'front.limit' => [0.85, 'least',
	'front: greylisted sessions a second, durable, 50 clients, of the ' .
	'limit server\'s', ''],
    'hold.cpu' => [1.5, 'most',
	'front: processor time of a stuttered byte, of the limit server\'s', ''],
    'hold.one' => [19000, 'least', 'front: connections held in one process', ''],
    'hold.two' => [38000, 'least', 'front: connections held in two processes', ''],
    'hold.memory' => [0.6, 'most',
	'front: user memory of a held connection', 'KiB'],
    'hold.beside' => [0.9, 'least',
	'front: sessions a second beside held connections, of those while ' .
	'the limit server holds them', ''],
    'store.import' => [60, 'most',
	'store: import of a million through the running daemon', 's'],
    'store.p99' => [200, 'most',
	'store: p99 of RCPT to 451 during the import', 'ms'],
    'store.list' => [3, 'most', 'store: list of a million', 's'],
    'store.expire' => [0.3, 'most',
	'store: finding and deleting 10,000 expired of a million', 's'],
    'store.restart' => [5, 'most', 'store: start after kill -9', 's'],
    'store.bytes' => [280, 'most',
	'store: bytes of an entry on disk, log included', ''],
    'fw.set' => [1, 'most', 'fw: 100,000 addresses set', 's'],
    'fw.promotion' => [50, 'most',
	'fw: the longest of 1,000 hosts set one by one beside 100,000', 'ms'],
    'lists.load' => [2, 'most',
	'lists: processor time to load a million networks', 's'],
    'lists.lookup' => [500, 'most', 'lists: a look-up', 'ns'],
    'pass.rate.4k' => [1.0, 'least',
	'pass: messages of 4 KiB a second, one a session, of HAProxy\'s', ''],
    'pass.cpu.4k' => [1.0, 'most',
	'pass: processor time of a message of 4 KiB, one a session, of ' .
	'HAProxy\'s', ''],
    'pass.rate.4k-reused' => [1.0, 'least',
	'pass: messages of 4 KiB a second, many a session, of HAProxy\'s', ''],
    'pass.cpu.4k-reused' => [1.0, 'most',
	'pass: processor time of a message of 4 KiB, many a session, of ' .
	'HAProxy\'s', ''],
    'pass.rate.100k' => [0.9, 'least',
	'pass: messages of 100 KB a second, of HAProxy\'s', ''],
    'pass.cpu.100k' => [1.5, 'most',
	'pass: processor time of a message of 100 KB, of HAProxy\'s', ''],
    'pass.postfix' => [3, 'least',
	'pass: processor time of Postfix\' before-queue proxy, of pass\' ' .
	'(4 KiB, one a session)', ''],
    'scan.clamd.10k' => [0.8, 'least',
	'pass with clamd: messages of 10 KB a second, of clamdscan\'s', ''],
    'scan.clamd.100k' => [0.8, 'least',
	'pass with clamd: messages of 100 KB a second, of clamdscan\'s', ''],
    'scan.spamd.10k' => [0.8, 'least',
	'pass with spamd: messages of 10 KB a second, of spamc\'s', ''],
);

# A few rounds, to try whether everything runs; the figures mean little.
sub short { return (($ENV{SHORT} // '') eq 'yes') }

sub
bench_program
{
	my ($name) = @_;

	system('sh', 'regress/build.sh', "regress/bench/$name.c") == 0 or
	    die "cannot build $name\n";
	return ("$Sys::top/regress/obj/$name");
}

# --- figures

# Returns the value below which that part of the values is, between two of
# them where it must.
sub
quantile
{
	my ($part, @values) = @_;
	my @s = sort { $a <=> $b } @values;
	my $at = $part * $#s;
	my $low = int($at);

	return ($s[$low]) if $low == $#s;
	return ($s[$low] + ($at - $low) * ($s[$low + 1] - $s[$low]));
}

sub median { return (quantile(0.5, @_)) }
sub quartiles { return (quantile(0.25, @_), quantile(0.75, @_)) }

# Runs each of [name, function] once a round, in turns (A B A B ...), so that
# what disturbs one disturbs all.  Returns name => list of results.  A first
# round, whose results are dropped, warms them up.
sub
interleave
{
	my ($rounds, @runs) = @_;
	my %values;

	for my $round (0 .. $rounds) {
		for (@runs) {
			my ($name, $fn) = @$_;
			my $value = $fn->($round);

			push(@{$values{$name}}, $value) if $round > 0;
		}
	}
	return (%values);
}

# Returns the ratio of a to b of each round.
sub
ratios
{
	my ($a, $b) = @_;

	return (map { $a->[$_] / $b->[$_] } 0 .. $#$a);
}

# Writes a number for a table.
sub
number
{
	my ($n) = @_;
	my $text = abs($n) >= 100 ? sprintf('%.0f', $n) :
	    abs($n) >= 10 ? sprintf('%.1f', $n) : sprintf('%.2f', $n);

	1 while $text =~ s/^(-?\d+)(\d{3})\b/$1,$2/;
	return ($text);
}

# --- processors and memory

# Returns the processor time of a process with all its threads, in seconds.
sub
cpu_of
{
	my ($pid) = @_;
	my $ns = 0;

	for my $file (glob("/proc/$pid/task/*/schedstat")) {
		slurp($file) =~ /^(\d+)/ and $ns += $1;
	}
	return ($ns / 1e9);
}

# The same of a process and its children, running and ended.
sub
cpu_tree
{
	my ($top) = @_;
	my $ticks = 0;

	for my $file (glob('/proc/[0-9]*/stat')) {
		my ($who, $rest) = slurp($file) =~ /^(\d+) .*\) \S (.*)/s or
		    next;
		my @f = split(/ /, $rest);
		$ticks += $f[10] + $f[11] if $f[0] == $top || $who == $top;
		$ticks += $f[12] + $f[13] if $who == $top;
	}
	return ($ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK()));
}

# Returns the memory of processes in KiB, shared pages divided among those that
# share them.
sub
memory_of
{
	my $kib = 0;

	for (@_) {
		slurp("/proc/$_/smaps_rollup") =~ /^Pss:\s+(\d+)/m and
		    $kib += $1;
	}
	return ($kib);
}

# --- records

sub
say_progress
{
	local $| = 1;

	print STDOUT @_, "\n";
}

sub
record
{
	my (%r) = @_;

	open(my $f, '>>', $ENV{BENCH_RECORDS}) or
	    die "$ENV{BENCH_RECORDS}: $!\n";
	print $f JSON::PP->new->canonical->encode(\%r), "\n";
	close($f) or die "$ENV{BENCH_RECORDS}: $!\n";
}

# Records the values of a target: their median is compared with it.
sub
measured
{
	my ($name, @values) = @_;
	my $t = $targets{$name} or die "no target $name\n";
	my ($bound, $side, $what, $unit) = @$t;
	my $m = median(@values);

	record(kind => 'target', name => $name, value => $m,
	    low => min(@values), high => max(@values), n => scalar(@values));
	say_progress(sprintf('%s: %s%s (%s to %s), target at %s %s', $what,
	    number($m), $unit ne '' ? " $unit" : '', number(min(@values)),
	    number(max(@values)), $side, $bound));
}

# A table of the report: its title, the names of the columns, and rows.
sub
table
{
	my ($title, $head, @rows) = @_;

	record(kind => 'table', title => $title, head => $head,
	    rows => \@rows);
	say_progress("$title");
	say_progress('  ', join(' | ', @$_)) for $head, @rows;
}

sub point { record(kind => 'point', plot => $_[0], series => $_[1],
    x => $_[2], y => $_[3]) }
sub bar { record(kind => 'bar', plot => $_[0], bar => $_[1]) }
sub version { record(kind => 'version', name => $_[0], version => $_[1]) }

sub
peer_skipped
{
	my ($name, $why) = @_;

	say_progress("skipped: $name: $why");
	record(kind => 'skipped', name => $name, why => $why);
}

1;
