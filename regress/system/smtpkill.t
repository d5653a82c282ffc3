#!/usr/bin/perl
# torture
# limit 900
# Kills and restarts the mail server behind pass while mail is delivered: each
# message that was answered with 250 is in its spool.  The sender retries what
# was deferred or lost, as a mail server does, so duplicates are allowed, but no
# loss. Once with smtpsink, which writes a message to disk before its 250, and
# once with a real Postfix.  Then pass is killed.
# make check: 200 deliveries each; make torture: 5,000.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Mta;
use Test::More;
use Time::HiRes qw(sleep);

private();

my $n = torture_or(5000, 200);
my $large = torture_or(10, 3);
my $total = $n + $large;
my $seed = $ENV{SEED} // int(rand(1 << 30));
my @which = ('-n', $n, '-l', $large, '-S', $seed);
srand($seed);
diag("SEED=$seed");

# Delivers to a port while kill and start are called in turns, until each
# message has its outcome.  Returns the numbers answered with 250, and the
# counts.
sub
deliver
{
	my ($name, $port, $rate, $kill, $start, $up, $down) = @_;
	my ($list, $out) = (tmp() . '/list', tmp() . '/msggen.out');
	my $kills = 0;

	unlink($out);
	my $load = background($out, program('msggen'), '-r', '-c', 10, '-R',
	    $rate, '-t', 3600, @which, '-o', $list, $port);
	while (waitpid($load, POSIX::WNOHANG()) == 0) {
		sleep($up * (0.2 + rand()));
		$kill->();
		$kills++;
		sleep($down * rand());
		$start->();
	}
	is($?, 0, "$name: the sender ended") or diag(slurp($out));
	my %c = counts(slurp($out));
	my @taken = slurp($list) =~ /^(\d+) \d+ 250 /mg;
	is(scalar(@taken), $total, "$name: every message had its 250 at last");
	diag("$name: $kills kills; of $c{tries} tries $c{'again-put-off'} " .
	    "were put off, $c{'again-lost'} lost their connection before " .
	    "the final dot, $c{'again-unknown'} after it");
	cmp_ok($c{tries}, '>', $total, "$name: the kills met deliveries");
	return (\@taken, %c);
}

# Compares the messages answered with 250 with those in the spool.
sub
compare
{
	my ($name, $taken, @stored) = @_;
	my %stored;

	$stored{$_}++ for @stored;
	my @missing = grep { !$stored{$_} } @$taken;
	diag(sprintf('%s: sent %d, 250s %d, stored %d, duplicates %d, ' .
	    'missing %d', $name, $total, scalar(@$taken), scalar(@stored),
	    @stored - keys(%stored), scalar(@missing)));
	is("@missing", '', "$name: nothing that had a 250 is missing");
}

sub
with_sink
{
	my ($name, $front) = @_;
	my ($dir, $have) = (tmp() . '/sink', tmp() . '/have');
	my $to = mta_port();
	my $sink;
	my $start = sub { ($sink) = sink_start($dir, '-f', '-p', $to) };

	$start->();
	my ($taken, %c) = deliver($name, $front->($to), torture_or(100, 50),
	    sub { sink_stop($sink) }, $start, torture_or(1, 0.5), 0.3);
	sink_stop($sink);
	my ($status, $out, $err) = run(program('msgcmp'), @which,
	    $front == \&pass_start ? () : '-r', '-o', $have, $dir);
	is($status, 0, "$name: what is there is whole") or
	    diag($out . substr($err, 0, 2000));
	compare($name, $taken, split(/\n/, slurp($have)));
	run('rm', '-rf', $dir);
	return (%c);
}

sub
with_postfix
{
	my ($name, $root, $front) = @_;
	my $to = mta_port();

	postfix_start($root, $to);
	my ($taken, %c) = deliver($name, $front->($to), torture_or(50, 25),
	    sub { postfix_kill($root) }, sub { postfix_start($root) }, 3, 0.3);
	compare($name, $taken, postfix_queue($root));
	postfix_kill($root);
	run('chroot', $root, 'postsuper', '-d', 'ALL');
	run('chroot', $root, 'postconf', '-MX', "$to/inet");
	return (%c);
}

# With pass between them the client does not lose its connection; it gets a
# reply.
sub
with_pass
{
	my ($name, $fn, @args) = @_;
	my %c = $fn->("$name, pass", @args, \&pass_start);

	is($c{'again-lost'} + $c{'again-unknown'}, 0,
	    "$name, pass: each client was told");
	is((stop())[0], 0, 'SIGTERM');
}

# pass is killed: each 250 came from the mail server behind it.
sub
pass_killed
{
	my $name = 'pass killed';
	my ($dir, $have) = (tmp() . '/sink', tmp() . '/have');
	# Slow, so that there is always something under way.
	my ($sink, $to) = sink_start($dir, '-w', torture_or(25, 60));
	my $port = pass_start($to, text => 'restart 100 per 1m');
	my $pass = sub { my %r = roles(); $r{pass} };
	# A set that lived under 10 s waits before the next one, on purpose.
	my ($taken) = deliver($name, $port, 1000, sub {
		my $old = $pass->();
		kill('KILL', $old);
		wait_for('another pass', sub { ($pass->() // $old) != $old });
	}, sub { }, torture_or(12, 4), 0);
	my ($status, $out, $err) = run(program('msgcmp'), @which, '-o', $have,
	    $dir);

	is($status, 0, "$name: what is there is whole") or
	    diag($out . substr($err, 0, 2000));
	compare($name, $taken, split(/\n/, slurp($have)));
	is((stop())[0], 0, 'SIGTERM');
	sink_stop($sink);
	run('rm', '-rf', $dir);
}

pass_killed();
with_sink('sink, direct', sub { $_[0] });
with_pass('sink', \&with_sink);
SKIP: {
	my ($root, $no) = postfix_root('pf');
	skip("Postfix: $no", 1) if !$root;
	with_postfix('Postfix, direct', $root, sub { $_[0] });
	with_pass('Postfix', \&with_postfix, $root);
}
done_testing();
