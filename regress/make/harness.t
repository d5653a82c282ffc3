#!/usr/bin/perl
# What make check prints: the sum counts and names whole skipped files, each line
# comes at once through a pipe, and a test that takes long is named meanwhile.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use Test::More;

my $top = getcwd();
my $dir = tempdir(CLEANUP => 1);

sub
script
{
	my ($name, $text) = @_;

	open(my $f, '>', "$dir/$name") or die "$name: $!\n";
	print $f "#!/bin/sh\n$text";
	close($f);
	chmod(0755, "$dir/$name");
}

# The harness over these files, a line of progress a second: a pipe to read.
sub
harness
{
	my @files = @_;

	defined(my $pid = open(my $out, '-|')) or die "fork: $!\n";
	return ($out) if $pid;
	chdir($dir) or die;
	$ENV{TICK} = 1;
	delete @ENV{grep { /^(HARNESS|TEST|PERL5LIB)/ } keys %ENV};
	exec($^X, "$top/regress/lib/harness.pl", @files);
	die "exec: $!\n";
}

script('whole.t', "echo '1..0 # SKIP no moon tonight'\n");
script('part.t', "echo '1..3'\necho 'ok 1 - a'\n" .
    "echo 'ok 2 - b # SKIP no sun'\necho 'ok 3 - c'\n");
script('none.t', "echo '1..0'\n");
script('good.t', "echo '1..1'\necho 'ok 1 - only'\n");
my $out = harness('whole.t', 'part.t', 'good.t');
my @lines = <$out>;
ok(close($out), 'skipped tests are no failure');
is($lines[-1], "3 passed, 0 failed, 2 skipped\n",
    'the last line counts a file that was skipped whole');
ok((grep { $_ eq "skipped: whole.t: all: no moon tonight\n" } @lines),
    'which is named, with its reason');
ok((grep { $_ eq "skipped: part.t: b: no sun\n" } @lines),
    'a skipped test is named too');
$out = harness('whole.t');
@lines = <$out>;
ok(!close($out), 'nothing but skipped files is no success');
is($lines[-1], "0 passed, 0 failed, 1 skipped\n", 'and says so');
$out = harness('none.t');
@lines = <$out>;
ok(!close($out), 'a file without tests fails');
is($lines[-1], "0 passed, 1 failed, 0 skipped\n", 'and counts');

# A test that ends when it is told to: what was printed until then.
script('long.t', "echo '1..2'\necho 'ok 1 - begun'\n" .
    "until [ -e $dir/end ]; do sleep 0.1; done\necho 'ok 2 - ended'\n");
$out = harness('good.t', 'long.t');
my $text = '';
while ($text !~ /^long\.t, 2 of 2: \d+ s, test 1 was the last$/m) {
	sysread($out, $text, 4096, length($text)) or last;
}
like($text, qr/^(\[[\d:]+\] )?good\.t \.+ ok/m,
    'the line of a file comes before the next one ends');
like($text, qr/^long\.t, 2 of 2: \d+ s, test 1 was the last$/m,
    'a file that takes long is named meanwhile, with its last test');
open(my $end, '>', "$dir/end") or die;
@lines = <$out>;
ok(close($out), 'and ends well');
is($lines[-1], "3 passed, 0 failed, 0 skipped\n", 'with the sum');
done_testing();
