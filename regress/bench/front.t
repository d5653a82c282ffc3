#!/usr/bin/perl
# torture
# Compares front with smtp_limit, which answers the same dialogue from fixed
# strings. Both run in turns, so that only the ratio counts.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../system";
use Sys;
use Test::More;
use Time::HiRes qw(sleep);

private();

my $port = 8025;
my $sessions = torture_or(50000, 6000);
my $held = torture_or(15000, 3000);
my $rounds = 3;
my $rounds_max = 10;

sub bench_program {
	my ($name) = @_;
	system('sh', 'regress/build.sh', "regress/bench/$name.c") == 0 or
	    die "cannot build $name\n";
	return "$Sys::top/regress/obj/$name";
}

my $load = bench_program('smtp_load');
my $limit = bench_program('smtp_limit');
my $tag = 0;

sub limit_start {
	my @args = @_;
	my $file = tmp() . '/limit';
	unlink $file;
	my $pid = fork() // die "fork: $!\n";
	if ($pid == 0) {
		open(STDOUT, '>', $file);
		exec($limit, @args) or POSIX::_exit(127);
	}
	wait_for('smtp_limit', sub { slurp($file) =~ /^port (\d+)\n/ });
	slurp($file) =~ /(\d+)/;
	return ($pid, $1);
}

sub limit_stop { kill 'TERM', $_[0]; waitpid $_[0], 0; }

# Whole sessions: name => value, as smtp_load prints them.
sub sessions {
	my ($to) = @_;
	my ($status, $out, $err) = run($load, '-n', $sessions, '-t', $tag++,
	    '127.0.0.1', $to);
	die "smtp_load: $err" if $status != 0;
	return ($out =~ /^(\w+)=(\S+)$/mg);
}

# ns on a processor
sub cpu {
	slurp("/proc/$_[0]/schedstat") =~ /^(\d+)/ or
	    die "no /proc/$_[0]/schedstat\n";
	return ($1);
}

# Holds so many connections, from blacklisted hosts; what an octet of a
# stuttered line costs the server.
sub hold {
	my ($pid, $to, $seconds, $during) = @_;
	my $file = tmp() . '/hold';
	unlink $file;
	my $child = fork() // die "fork: $!\n";
	if ($child == 0) {
		open(STDOUT, '>', $file);
		exec($load, 'hold', '-b', 128, '-n', $held, '-s', 400, '-d',
		    $seconds, '127.0.0.1', $to) or POSIX::_exit(127);
	}
	wait_for('connections held', sub { slurp($file) =~ /^opened/m });
	my $from = cpu($pid);
	if ($during) {
		$during->();
		kill 'TERM', $child;
	}
	sleep 1 while waitpid($child, POSIX::WNOHANG()) == 0;
	my $ns = cpu($pid) - $from;
	my %r = (slurp($file) =~ /^(\w+)=(\S+)$/mg);
	return ($ns, %r);
}

# Other programs on the machine make a round only worse, never better.
sub best { my @s = sort { $b <=> $a } @_; return ($s[0]); }

my $list = spit(tmp() . '/black', "127.128.0.0/9\n");
# Trapped hosts get stuttered replies, grey hosts do not; all in one process.
conf(<<"END");
listen on 127.0.0.1 port $port
firewall none
tarpit { stutter 1s for 0s }
blacklist "all" file "$list" message "Your address %A is on our list"
END
start();
my $front = role_pid('front');
my (@rates, @most, $all_grey);
# More rounds if other programs use the processors.
while (@rates < $rounds || (@rates < $rounds_max &&
    best(@rates) / best(@most) < ratio_want(0.7))) {
	my %front = sessions($port);
	my ($pid, $to) = limit_start();
	my %limit = sessions($to);
	limit_stop($pid);
	push @rates, $front{rate};
	push @most, $limit{rate};
	$all_grey += $front{grey};
	diag(sprintf('%d sessions a second, p50 %d us, p99 %d us; the limit ' .
	    '%d, p99 %d us', @front{qw(rate p50_us p99_us)},
	    @limit{qw(rate p99_us)}));
}
diag(sprintf('best to best: %.2f', best(@rates) / best(@most)));
is($all_grey, @rates * $sessions, 'every session was greylisted');
ratio_ok(best(@rates) / best(@most), 0.7,
    'durable greylist sessions a second, of the limit server');

my $seconds = torture_or(20, 8);
my ($ns, %r) = hold($front, $port, $seconds);
my $each = $ns / $r{octets};
is($r{held}, $held, "$held connections held");
my ($pid, $to) = limit_start('-s');
($ns, %r) = hold($pid, $to, $seconds);
limit_stop($pid);
my $least = $ns / $r{octets};
diag(sprintf('an octet costs %.0f ns, the limit server %.0f: %.2f', $each,
    $least, $each / $least));
ratio_ok($least / $each, 1 / 1.5,
    "the limit server's processor time an octet, of front's");

# Sessions beside so many that wait.  Their octets take processor time of the
# same machine, whoever writes them; so the measure is front while the limit
# server holds as many and writes as much.
my (@beside, @apart, $kept);
while (@apart < $rounds || (@apart < $rounds_max &&
    best(@beside) / best(@apart) < ratio_want(0.9))) {
	my $one = sub {
		my ($rates) = @_;
		return (sub { my %s = sessions($port); push @$rates, $s{rate}; });
	};
	($pid, $to) = limit_start('-s');
	hold($pid, $to, 300, $one->(\@apart));
	limit_stop($pid);
	($ns, %r) = hold($front, $port, 300, $one->(\@beside));
	$kept += $r{held};
}
is($kept, @apart * $held, 'held meanwhile');
diag(sprintf('%d sessions a second beside %d held, %d when another holds ' .
    'them: %.2f', best(@beside), $held, best(@apart),
    best(@beside) / best(@apart)));
ratio_ok(best(@beside) / best(@apart), 0.9, 'no slower for them');
stop();

done_testing();
