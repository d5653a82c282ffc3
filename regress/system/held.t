#!/usr/bin/perl
# alone
# torture
# How much memory a blacklisted host takes while one front stutters to many of
# them.  make torture: 19,000 hosts, at most 1 KiB each.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

my $port = 8025;
my $n = torture_or(19000, 3000);
my ($status, $limit) = run('sh', '-c', 'ulimit -Hn');
chomp($limit);
if ($limit ne 'unlimited' && $limit < $n + 256 + 50) {
	$n = int(($limit - 306) / 1000) * 1000;
	diag("descriptor limit $limit: only $n connections");
}

my $list = spit(tmp() . '/black', "127.1.0.0/16\n127.2.0.0/15\n127.4.0.0/14\n");
conf(<<"END");
listen on 127.0.0.1 port $port
firewall none
blacklist "all" file "$list" message "Your address %A is on our list"
limit { per-host 50 per-network 200 }
END
start();
# Memory that the first connection allocates for all is not counted.
smtp_code(port => $port, from => '127.0.0.1');
my $front = role_pid('front');
my $empty = rss($front);

# The program that holds connections has a limit of descriptors, so run two.
my $program = program('holdload');
my $stutter = torture_or(25, 5);	# bytes to each
my (@holders, @outs);
for my $h (0, 1) {
	my $out = tmp() . "/hold$h";
	my $pid = fork();
	if ($pid == 0) {
		open(STDOUT, '>', $out);
		exec($program, $h == 0 ? int($n / 2) : $n - int($n / 2),
		    256 + 1024 * $h, $port, $stutter) or POSIX::_exit(127);
	}
	push(@holders, $pid);
	push(@outs, $out);
}
wait_for('all to be open', sub {
	(grep { slurp($_) =~ /^open/ } @outs) == 2
}, 300);
# The kernel opens them before front has them.
wait_for("$n connections to be held in one front", sub {
	(() = glob("/proc/$front/fd/*")) >= $n
}, 300);
pass("$n connections held in one front");
wait_for('the bytes', sub {
	(grep { slurp($_) =~ /^stuttered/m } @outs) == 2
}, 300);
pass('and all stuttered at');
my $rss = rss($front);
my $each = ($rss - $empty) * 1024 / $n;
my ($ut, $st) = (split(/ /, slurp("/proc/$front/stat")))[13, 14];
diag(sprintf('%d held: front %d KiB, empty %d KiB: %.0f octets each; %s', $n,
    $rss, $empty, $each, "CPU $ut+$st ticks"));
cmp_ok($each, '<=', 1024, 'at most 1 KiB of user memory each');

# Other clients are still served.
like(smtp_code(port => $port, from => '127.0.0.1'), qr/^451 4\.7\.1/,
    'a mail beside them is greylisted');
is(role_pid('front'), $front, 'by the same front');
my $held_end = 0;
for my $i (0, 1) {
	kill('TERM', $holders[$i]);
	waitpid($holders[$i], 0);
	$held_end += $1 if slurp($outs[$i]) =~ /^held (\d+)/m;
}
is($held_end, $n, 'all were held to the end');
($status) = stop();
is($status, 0, 'SIGTERM');
done_testing();
