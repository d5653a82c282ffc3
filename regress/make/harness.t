#!/usr/bin/perl
# What make check prints: the sum counts and names whole skipped files, each line
# comes at once through a pipe, and a test that takes long is named meanwhile.
# What it ends: a file that hangs, and all processes that a file left behind.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use POSIX qw(mkfifo);
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

my ($pid, $jobs);

# The harness over these files, a line of progress a second: a pipe to read.
sub
harness
{
	my @files = @_;

	defined($pid = open(my $out, '-|')) or die "fork: $!\n";
	return ($out) if $pid;
	chdir($dir) or die;
	$ENV{TICK} = 1;
	delete @ENV{grep { /^(HARNESS|TEST|PERL5LIB|VALGRIND|LIMIT|JOBS|REGRESS_STDERR)/ }
	    keys %ENV};
	$ENV{JOBS} = $jobs if $jobs;
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
mkfifo("$dir/end", 0600) or die;
script('long.t', "printf '1..2\\nok 1 - begun\\n'\n" .
    "read word <end\necho 'ok 2 - ended'\n");
$out = harness('good.t', 'long.t');
my $text = '';
while ($text !~ /^long\.t: \d+ s, test 1 was the last \(1 of 2 files done\)$/m) {
	sysread($out, $text, 4096, length($text)) or last;
}
like($text, qr/^good\.t \.+ ok +\d+\.\d s +\d+\.\d s CPU$/m,
    'the line of a file comes before the next one ends');
like($text, qr/^long\.t: \d+ s, test 1 was the last \(1 of 2 files done\)$/m,
    'a file that takes long is named meanwhile, with its last test');
open(my $end, '>', "$dir/end") or die;
print $end "end\n";
close($end);
@lines = <$out>;
ok(close($out), 'and ends well');
is($lines[-1], "3 passed, 0 failed, 0 skipped\n", 'with the sum');

# Each waits for the other: this ends only when both run.
mkfifo("$dir/$_", 0600) or die for qw(one two);
script('one.t', "echo x >one\nread word <two\necho '1..1'\necho ok 1\n");
script('two.t', "read word <one\necho x >two\necho '1..1'\necho ok 1\n");
$out = harness('one.t', 'two.t');
@lines = <$out>;
ok(close($out), 'files run beside each other');
# The last one begins when the middle one has ended.
script('stderr.t', "# limit 60\necho 'ok 1'\necho '# x' >&2\nread word <two\n" .
    "echo '1..1'\n");
script('then.t', "echo x >two\necho '1..1'\necho ok 1\n");
$jobs = 2;
$out = harness('stderr.t', 'good.t', 'then.t');
$jobs = 0;
@lines = <$out>;
ok(close($out), 'one that writes to standard error stops no other');
like(join('', @lines), qr/^stderr\.t .*\n# x$/m, 'and that is below its line');
script("alone$_.t", "# alone\nmkdir lock && echo '1..1' && echo ok 1\n" .
    "rmdir lock\n") for 1 .. 4;
$out = harness(map { "alone$_.t" } 1 .. 4);
@lines = <$out>;
ok(close($out), 'but not those that say so');

script('hung.t', "# limit 1\nread word <end\n");
$out = harness('hung.t', 'good.t');
@lines = <$out>;
ok(!close($out), 'a file that hangs fails');
ok((grep { /^failed: hung\.t: hung: no end after 1 s; no test was the last/ }
    @lines), 'which is said');
is($lines[-1], "1 passed, 1 failed, 0 skipped\n", 'and the others go on');

# A process that holds the fifo open in a session of its own, and ignores
# signals.  Each read below ends only when it is gone.
my $daemon = "trap '' TERM HUP INT\nsetsid sh -c 'exec >left; echo; " .
    "while :; do sleep 1000; done' &\nread word <begun\n";
mkfifo("$dir/$_", 0600) or die for qw(left begun);
script('leaves.t', "${daemon}echo 1..1\necho ok 1\n");
script('stays.t', "echo ok 1 - a\n${daemon}read word <end\n");
script('waits.t', "${daemon}read word <end\n");
mkdir("$dir/bin") or die;
script('bin/unshare', "exit 1\n");
for my $way ('', "$dir/bin:") {
	local $ENV{PATH} = $way . $ENV{PATH};
	my $how = $way eq '' ? 'as the system permits' : 'without namespaces';

	$out = harness('leaves.t');
	ok(gone(), "$how: nothing is left of a file that ended");
	@lines = <$out>;
	ok(close($out), 'and that is no failure');
	$out = harness('stays.t');
	ok(gone(sub { kill('ALRM', bounded()) }),
	    "$how: nothing is left of a file that hung");
	@lines = <$out>;
	ok(!close($out), 'which failed');
	ok((grep { /^failed: stays\.t: hung: .*; test 1 \(a\) was the last/ }
	    @lines), 'with the name of its last test');
	for my $signal ('INT', 'KILL') {
		$out = harness('waits.t');
		ok(gone(sub { kill($signal, $pid) }),
		    "$how: nothing is left when the harness gets SIG$signal");
		close($out);
	}
}
done_testing();

# Returns the process that bounds the only file that runs.
sub
bounded
{
	for my $stat (glob('/proc/[0-9]*/stat')) {
		open(my $f, '<', $stat) or next;
		my ($id, $parent) = <$f> =~ /^(\d+) .*\) \S (\d+) / or next;
		next if $parent != $pid;
		open(my $c, '<', "/proc/$id/cmdline") or next;
		return ($id) if <$c> =~ /bounded\.pl\0/;
	}
	die "no bounded.pl\n";
}

# Returns true when the process that a file started is gone.
sub
gone
{
	my ($then) = @_;

	open(my $left, '<', "$dir/left") or die;
	my $line = <$left>;
	open(my $begun, '>', "$dir/begun") or die;
	print $begun "begun\n";
	close($begun);
	$then->() if $then;
	return ($line eq "\n" && !defined scalar <$left>);
}
