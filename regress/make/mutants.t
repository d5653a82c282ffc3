#!/usr/bin/perl
# make mutants, on a small tree: a mutant that its test notices, one that it does
# not, one that hangs, and those that cannot be tried.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use Test::More;

my $run = getcwd() . '/regress/mutate/run.pl';
my $dir = tempdir(CLEANUP => 1, TMPDIR => 1);
mkdir("$dir/$_") or die for qw(tree tree/regress tree/regress/x patches);

sub
file
{
	my ($name, $text) = @_;

	open(my $f, '>', "$dir/$name") or die "$name: $!\n";
	print $f $text;
	close($f);
	chmod(0755, "$dir/$name");
}

# A mutant that puts a line into the place of another one of the program.
sub
patch
{
	my ($name, $kind, $from, $to, @head) = @_;

	@head = ('test: regress/x/sum.t') unless @head;
	file("patches/$name.patch", "# what: it is wrong\n# kind: $kind\n" .
	    join('', map { "# $_\n" } @head) .
	    "--- a/sum.sh\n+++ b/sum.sh\n\@\@ -1,3 +1,3 \@\@\n #!/bin/sh\n" .
	    "-$from\n+$to\n # the end\n");
}

# The lines that it prints, and its exit status at the end.
sub
mutants
{
	my %env = (JOBS => 1, LIMIT => 2, MUTATE_USERS => 1,
	    MUTATE_DIR => "$dir/patches", @_);

	defined(my $pid = open(my $out, '-|')) or die "fork: $!\n";
	if ($pid == 0) {
		chdir("$dir/tree") or die;
		delete @ENV{qw(MUTANTS SAMPLE SEED MAKEFLAGS MFLAGS MAKELEVEL)};
		@ENV{keys %env} = values %env;
		open(STDERR, '>&', \*STDOUT);
		exec($^X, $run);
	}
	my @lines = <$out>;
	close($out);
	return (@lines, $? >> 8);
}

file('tree/sum.sh', "#!/bin/sh\necho \$((\$1 + 1))\n# the end\n");
file('tree/Makefile', "all: sum\nsum: sum.sh\n\t\@sh -n sum.sh && cp sum.sh sum\n");
file('tree/regress/x/sum.t', "#!/bin/sh\necho 1..1\n" .
    "[ \"\$(./sum 1)\" = 2 ] || printf 'not '\necho 'ok 1 - the sum'\n");
file('tree/regress/x/bad.t', "#!/bin/sh\necho 'not ok 1 - as always'\n");
my $line = 'echo $(($1 + 1))';
patch('a-noticed', 'security', $line, 'echo $(($1 + 2))');
patch('b-survives', 'policy', $line, 'echo $((1 + $1))');
patch('c-stale', 'policy', 'echo $(($1 + 9))', 'echo 1');
patch('d-hangs', 'policy', $line, 'while :; do sleep 1; done');
patch('e-broken', 'policy', $line, 'echo $((');
patch('f-bad', 'policy', $line, 'echo 3', 'test: regress/x/bad.t');
patch('g-equal', 'policy', $line, 'echo $(($1+1))', 'equal: only blanks');

my @lines = mutants();
my $status = pop @lines;
my $all = join('', @lines);
like($all, qr/^a-noticed +security killed /m, 'a mutant that a test notices');
like($all, qr/^b-survives +policy +SURVIVED /m,
    'one that none does, with the first one taken back');
like($all, qr/^c-stale +policy +does not apply /m, 'one that does not apply');
like($all, qr/^d-hangs +policy +hangs /m, 'one that hangs counts as killed');
like($all, qr/^e-broken +policy +does not compile /m,
    'one that cannot be compiled');
like($all, qr{^regress/x/bad.t fails without a mutant\n}m,
    'a test that fails anyway is named');
like($all, qr/^f-bad +policy +fails without /m, 'and shows nothing');
unlike($all, qr/g-equal/, 'one without an effect is not run');
like($all, qr/^policy   1 of 5 killed\nsecurity 1 of 1 killed\n/m,
    'the sum of each kind');
is($lines[-1], "all      2 of 6 killed, 33.3 %\n", 'the sum of all');
is($status, 1, 'which is a failure');
($status) = reverse mutants(MUTANTS => 'noticed hangs', JOBS => 2);
is($status, 0, 'all killed, by two jobs, is none');
patch('b-survives', 'security', $line, 'echo $((1 + $1))');
($status) = reverse mutants(MUTANTS => 'survives');
is($status, 1, 'one of security that survives is a failure');
my @first = grep { /^\w-/ } mutants(SAMPLE => 2, SEED => 7);
my @again = grep { /^\w-/ } mutants(SAMPLE => 2, SEED => 7);
s/ +\d+\.\d s// for @first, @again;
is(scalar(@first), 2, 'a sample has as many as SAMPLE says');
is_deeply(\@again, \@first, 'and is the same with the same SEED');
is((mutants(SAMPLE => 1, SEED => 7))[0], "SEED=7\n", 'which is printed');
open(my $sum, '<', "$dir/tree/sum.sh") or die;
is(join('', <$sum>), "#!/bin/sh\n$line\n# the end\n", 'the tree is as it was');
done_testing();
