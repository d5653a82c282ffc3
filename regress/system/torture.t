#!/usr/bin/perl
# limit 900
# long
# torture
# Kills each process and all of them with SIGKILL, under a load of greylist
# sessions from 200 networks.  Each tuple that was answered with the greylist
# text must be in the database afterwards, and the daemon or its next start must
# need no help.
# make check: 2 rounds of each; make torture: 20, and 5 s to recover at most.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;
use Time::HiRes qw(sleep);

private();

my $port = 8025;
my $rounds = torture_or(20, 2);
# After less than 10 s of life, the daemon waits before it restarts the
# processes.
my $between = torture_or(15, 11);
my $rate = $ENV{TORTURE_RATE} // 1000;

conf($Sys::gate_of_many . "restart 100 per 1m\n");
start();

my $tuples = tmp() . '/tuples';
my $out = tmp() . '/load.out';
my $program = program('killload');
my $load = fork();
if ($load == 0) {
	open(STDOUT, '>', $out);
	exec($program, '-r', $rate, '-s', 200, '-t', 40, '-o', $tuples,
	    $port) or POSIX::_exit(127);
}

# Returns when the first session was answered that began after that time.
my $pos = 0;
sub
answered_after
{
	my ($t) = @_;

	open(my $f, '<', $tuples) or return (0);
	seek($f, $pos, 0);
	while (my $line = <$f>) {
		last if $line !~ /\n\z/;
		$pos += length($line);
		my ($began, $answered) = split(/ /, $line);
		return ($answered) if $began > $t;
	}
	return (0);
}

my %kill = (
	front => sub { kill('KILL', role_pid('front')) },
	store => sub { kill('KILL', role_pid('store')) },
	fw => sub { kill('KILL', role_pid('fw')) },
	parent => sub { kill('KILL', $Sys::pid) },
	all => sub { my %r = roles(); kill('KILL', $Sys::pid, values(%r)) }
);
wait_for('load', sub { answered_after(0) });

my ($kills, $worst) = (0, 0);
for my $who (qw(front store fw parent all)) {
	my (@took, $early);
	for my $round (1 .. $rounds) {
		my %old = roles();
		my $t = now();
		my $up = $t + $between;
		$kill{$who}->() or die "$who is not there\n";
		if ($who =~ /parent|all/) {
			waitpid($Sys::pid, 0);
			start(nowait => 1);
		}
		# An old process may answer one more: that is no recovery.
		wait_for("the old processes' end", sub {
			!grep { -d "/proc/$_" } values(%old)
		});
		my $gone = now();
		my $answered = wait_for("an answer after $who was killed",
		    sub { answered_after($gone) }, 90);
		push(@took, $answered - $t);
		$kills++;
		# so that the next kill finds a set that works
		sleep(0.05) while now() < $up;
		ok(alive(), "$who $round: killed and back");
	}
	@took = sort { $a <=> $b } @took;
	$worst = $took[-1] if $took[-1] > $worst;
	diag(sprintf('%-6s killed %d times, recovery %.2f to %.2f s', $who,
	    scalar(@took), $took[0], $took[-1]));
}
cmp_ok($worst, '<=', 5, 'each recovery within 5 s') if full();

kill('TERM', $load);
waitpid($load, 0);
is($?, 0, 'the load program');
my $counts = slurp($out);
diag("load: $counts");
my ($status) = stop();
is($status, 0, 'SIGTERM at the end');

# Compared by sort(1) and comm(1): there may be millions.
$ENV{LC_ALL} = 'C';
my ($rc) = run('sh', '-c', <<"END");
cd '@{[tmp()]}' &&
'$Sys::command' -f '$Sys::conf' > dump &&
awk -F'|' '\$1 == "GREY" { print \$2 "|" \$4 "|" \$5 }' dump |
    sort -u > have && cut -d' ' -f3 tuples | sort -u > promised &&
comm -13 have promised > lost && wc -l < promised > n
END
is($rc, 0, 'the database, read after the last stop');
my $n = slurp(tmp() . '/n') + 0;
my $lost = slurp(tmp() . '/lost');
my $nlost = () = $lost =~ /\n/g;
diag("$kills kills, $n tuples answered with the greylist text, $nlost missing");
cmp_ok($n, '>', $kills * 100, 'there was load');
is($nlost, 0, 'every tuple answered with the greylist text is there')
    or diag(substr($lost, 0, 1000));
done_testing();
