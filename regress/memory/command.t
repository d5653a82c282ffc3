#!/usr/bin/perl
# torture
# limit 900
# spamgreydb without a daemon when memory is short: each allocation fails, once
# or with all that follow.  The command does its work or says that there is no
# memory and leaves the database as it was; it does not crash.
# make check: some of the allocations; make torture: each.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../store";
use Db;
use File::Copy qw(copy);
use NoMem;
use Test::More;

my $full = ($ENV{TORTURE} // '') eq 'full';
my $library = dir() . '/nomem.so';
my $later = time() + 86400;

copy(nomem_library('spamgreydb/spamgreydb'), $library) or die "nomem.so: $!\n";
$nomem_dir = dir();
my $rest = "||1600000000|1600000001|$later|3|4\n";
spit('entries', join('', map { ("WHITE|192.0.2.$_|$rest",
    "GREY|198.51.100.$_|mail.example.com|<a$_\@example.com>|<b\@example.net>|" .
    "1600000000|$later|$later|1|0\n") } 1 .. 20));
spit('more', join('', map { ("WHITE|203.0.113.$_|$rest") } 1 .. 20));
db_ok('import', dir() . '/entries');
my $base = dir() . '/base';
rename(dir() . '/state', $base) or die "state: $!\n";

sub afresh { system("rm -rf " . dir() . "/state && cp -Rp $base " . dir() . '/state') }

# Runs the command with a plan: (status, output, message, failed allocations).
sub
try
{
	my ($at, $times, @args) = @_;

	spit('main', "\0" x 32);
	nomem_plan('main', $at, $times);
	local $ENV{NOMEM} = $nomem_dir;
	local $ENV{LD_PRELOAD} = $library;
	my ($status, $out, $err) = db(@args);
	return ($status, $out, $err, nomem_state('main'));
}

# All entries, without their times, read by a command that has memory.
sub
all
{
	my ($status, $out, $err) = db('export');

	return ("status $status $err" . join("\n", lines($out =~
	    s/\b\d{10}\b/T/gr)));
}

for my $c (['list'], ['list', 'grey', '-j'], ['show', '192.0.2.3', '-j'], ['export'],
    ['expire'], ['add', '203.0.113.7'], ['trap', 'x@example.org'],
    ['delete', '192.0.2.5'], ['import', dir() . '/more']) {
	my $name = $c->[0];
	my %row;

	afresh();
	my $before = all();
	my ($status, $out, $err, $n) = try(0, 0, @$c);
	is("$status$err", 0, "$name works with memory, and $n allocations");
	my $after = all();
	for my $times (1, 1 << 40) {
		for my $at (nomem_sample($n, $full ? $n : $times == 1 ? 10 : 4)) {
			afresh() if $after ne $before;
			my ($is, $got, $said, undef, $failed) =
			    try($at, $times, @$c);
			# What only reads leaves it as it was: seen at the end.
			my $state = $after ne $before ? all() : $after;
			my $how = $is >= 128 ? 'crashed' :
			    $is == $status && $got eq $out && $state eq $after ?
			    'worked' : $is != $status &&
			    $said =~ /memory|cannot (?:be carried out|open)/ &&
			    ($state eq $before || $state eq $after) ?
			    'said' : 'wrong';
			$row{failed} += $failed > 0;
			$row{$how}++;
			diag("$name, $at of $n, $times: $how: status $is $said\n$got")
			    if $how eq 'wrong' || $how eq 'crashed';
		}
	}
	is(all(), $before, '… the database is as it was')
	    if $after eq $before;
	nomem_row("spamgreydb $name", \%row);
}
done_testing();
