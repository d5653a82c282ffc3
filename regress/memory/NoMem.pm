# Plans for allocations that fail (nomem.c), and the table of what came of them.
package NoMem;

use strict;
use warnings;
use Exporter qw(import);
use Test::More;

our @EXPORT = qw(nomem_library nomem_plan nomem_state nomem_sample nomem_row
    $nomem_dir);

our $nomem_dir;			# of the plans

# Builds the library; the test is skipped where it is of no use.
sub
nomem_library
{
	my ($program) = @_;

	open(my $f, '<:raw', $program) or die "$program: $!\n";
	local $/;
	plan(skip_all => 'a sanitizer has a malloc of its own')
	    if <$f> =~ /__(?:asan|tsan|msan)_init/;
	plan(skip_all => "needs glibc's names of malloc") if $^O ne 'linux';
	system('sh', 'regress/build.sh', 'regress/memory/nomem.c') == 0 or
	    die "cannot build nomem.c\n";
	return ('regress/obj/nomem.so');
}

# From allocation $at on, so many fail, in that role.
sub
nomem_plan
{
	my ($role, $at, $times) = @_;

	open(my $f, -e "$nomem_dir/$role" ? '+<:raw' : '+>:raw',
	    "$nomem_dir/$role") or die "$nomem_dir/$role: $!\n";
	# What has been asked so far is the process's own.
	sysseek($f, 8, 0);
	syswrite($f, pack('Q3', $at, $times, 0));
	close($f);
}

# (asked, failed)
sub
nomem_state
{
	my ($role) = @_;

	open(my $f, '<:raw', "$nomem_dir/$role") or die "$role: $!\n";
	sysread($f, my $b, 32);
	return ((unpack('Q4', $b))[0, 3]);
}

# At most so many of the numbers 1 to $n, evenly, the first and the last too.
sub
nomem_sample
{
	my ($n, $most) = @_;

	return (1 .. $n) if $n <= $most;
	return (map { 1 + int($_ * ($n - 1) / ($most - 1)) } 0 .. $most - 1);
}

# A row of the table, which must have nothing in its last two columns.
sub
nomem_row
{
	my ($what, $row) = @_;

	diag(sprintf('%-22s | failed %4d | did its work %4d | said so %4d | ' .
	    'wrong %d | crashed %d', $what, map { $row->{$_} // 0 }
	    qw(failed worked said wrong crashed)));
	cmp_ok($row->{failed} // 0, '>', 0, "$what: allocations failed");
	is(($row->{wrong} // 0) + ($row->{crashed} // 0), 0,
	    '… and it did its work or said so');
}

1;
