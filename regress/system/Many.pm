# Files with many tuples for spamgreydb import.
package Many;

use strict;
use warnings;
use Exporter qw(import);
use Sys;

our @EXPORT = qw(network entries);

# Returns the network of the n-th four tuples, as if by chance and none twice:
# each step can be undone.  An order that spreads them evenly, such as multiples
# of the golden ratio, would split all pages of the database at the same time.
sub
network
{
	my ($n) = @_;

	for my $odd (0x19e37, 0x2bd4d, 0x3c6ef) {
		$n = ($n ^ $n >> 9) * $odd & 0x3ffff;
	}
	$n ^= $n >> 9;
	return (join('.', unpack('C3', pack('N', 0x10000000 + ($n << 8)))));
}

# Makes a file with tuples first + 1 to first + count.  Each network has four
# tuples, with 75 bytes of strings each.  They expire at a time, or if there is
# none, beginning in a day, 100 in the same second.
sub
entries
{
	my ($first, $count, $expire) = @_;
	my $file = tmp() . '/entries';

	open(my $f, '>', $file) or die "$file: $!\n";
	for my $i (1 .. $count) {
		my $id = $first + $i;
		printf $f "GREY|%s.1|mail%07d.example.com|" .
		    "<someone.at.home\@example.com>|<u%08d\@example.org>|" .
		    "%d|%d|%d|1|0\n", network($id >> 2), $id, $id, time(),
		    time() + 3600, $expire // time() + 86400 + int($i / 100);
	}
	close($f) or die "$file: $!\n";
	return ($file);
}

1;
