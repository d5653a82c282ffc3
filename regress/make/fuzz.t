#!/usr/bin/perl
# The table of regress/fuzz/README.md: each target in it is there and has a
# corpus, each target that is there is in it, and what it says reads those
# bytes exists.
use strict;
use warnings;
use Test::More;

open(my $f, '<', 'regress/fuzz/README.md') or die "README.md: $!";
my (%row, @missing);
while (<$f>) {
	next unless /^\|.*\|\s(\w+)\s\|$/;
	my ($target, @cell) = ($1, split /\s*\|\s*/);
	next if $target eq 'target';
	$row{$target}++;
	my $dir = '';
	for my $path ($cell[3] =~ /`([^`]+)`/g) {
		$dir = $1 if $path =~ m{^(.*/)};
		push @missing, "$target: $path"
		    unless -e $path || -e "$dir$path";
	}
}
close($f);

my %file = map { m{(\w+)_fuzz\.c$} ? ($1 => $_) : () }
    split /\n/, `find regress/fuzz -name '*_fuzz.c'`;
is_deeply([sort keys %row], [sort keys %file],
    'the table has each target once');
is_deeply([grep { $row{$_} > 1 } sort keys %row], [], 'and none twice');
is_deeply(\@missing, [], 'what reads the bytes exists');
is_deeply([grep { !@{[glob("regress/fuzz/corpus/$_/*")]} } sort keys %file], [],
    'each target has a corpus');
is_deeply([grep { !-e $_ || !$file{$_ =~ s{.*/}{}r} }
    glob('regress/fuzz/corpus/*')], [], 'and each corpus a target');
done_testing();
