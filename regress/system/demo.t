#!/usr/bin/perl
# What `make run' shows: a mail that is deferred and then delivered, and a burst
# that is throttled.  Tests it as root and as another user, with its own mail
# server and with another one.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

# Runs the tour to its end, then the function, then Ctrl-C.  Returns the output.
sub
demo
{
	my ($user, $then, %env) = @_;
	my $out = tmp() . "/demo.$user";
	my $dir = tmp() . "/run.$user";
	my @as = $user eq 'root' ? () : ('setpriv', '--reuid', $user,
	    '--clear-groups', '--');

	mkdir($dir) or die "$dir: $!\n";
	chown(scalar getpwnam($user), -1, $dir);
	my $child = fork();
	defined $child or die "fork: $!\n";
	if ($child == 0) {
		%ENV = (%ENV, RUNDIR => $dir, %env);
		open(STDOUT, '>', $out);
		open(STDERR, '>&', \*STDOUT);
		setpgrp(0, 0);
		$SIG{INT} = 'DEFAULT';
		exec(@as, 'sh', 'spamgreyd/demo.sh') or POSIX::_exit(127);
	}
	my $status;
	my $ended = sub {
		return (0) if waitpid($child, 1) != $child;
		$status = $?;
		return (1);
	};
	wait_for('the tour', sub { slurp($out) =~ /^Mail to another/m ||
	    $ended->() }, 120);
	if (!defined $status) {
		$then->(slurp($out)) if $then;
		kill('INT', -$child);
		wait_for('its end', $ended);
	}
	return ($status, plain(slurp($out)));
}

# The three steps, in their order.
sub
tour
{
	my ($what, $status, $text) = @_;
	my ($one, $two, $three) = $text =~
	    /^=== 1\.(.*)^=== 2\.(.*)^=== 3\.(.*)/ms;

	like($one // '', qr/^451 4\.7\.1 /m, "$what: the first try is put off");
	unlike($one // '', qr/outcome=delivered/, '… and not delivered');
	# (the daemon's own line may come behind the next step's title)
	like($two // '', qr/^> \(a message\)$/m, '… the second one sent');
	like($two // '', qr/^250 2\.0\.0 Ok: the mail server has it\r?$/m,
	    '… and delivered');
	like($three // '', qr/^mail 1: 250 .*^mail 6: 450 4\.3\.2 /ms,
	    '… a burst is throttled');
	like($text, qr/^ended$/m, '… Ctrl-C ends it');
	is($status, 0, '… in order');
	diag($text) if !Test::More->builder->is_passing;
}

# The commands that the tour suggests work.
sub
suggested
{
	my ($text) = @_;
	my %says = $text =~ /^(\S.*)\n  (\S.*)\n$/mg;
	my ($first) = $text =~ /another terminal.*?\n\n\S.*\n  (\S.*)\n/;
	my $ask = sub { return (run('sh', '-c', $_[0])) };

	is(scalar(keys %says), 5, '… suggests five commands');
	like(($ask->($first))[1], qr/^451 4\.7\.1 Greylisted/m,
	    '… the first one is put off');
	my $out;
	wait_for('its time', sub {
		return (($out = ($ask->($first))[1]) =~ /^250 2\.0\.0 Ok/m);
	});
	like($out, qr/^> \(a message\)$/m, '… and later delivered');
	for my $cmd (grep { /spamgreydb/ } values(%says)) {
		is(($ask->($cmd))[0], 0, '… ' . $cmd =~ s/.* //r);
	}
}

my ($status, $text) = demo('root', \&suggested);
tour('as root', $status, $text);
like($text, qr/the mail server gets a mail FROM:<me\@example\.com> TO:<you\@example\.org>/,
    '… at the mail server that it started');

SKIP: {
	skip('no setpriv', 8) if (run('which', 'setpriv'))[0] != 0;
	skip('nobody may not read this tree', 8) if (run('setpriv', '--reuid',
	    'nobody', '--clear-groups', '--', 'test', '-r',
	    "$Sys::top/spamgreyd/demo.sh"))[0] != 0;
	my $log = tmp() . '/own';
	my $sink = fork();
	defined $sink or die "fork: $!\n";
	if ($sink == 0) {
		open(STDOUT, '>', $log);
		exec($^X, 'spamgreyd/sink.pl', 2626) or POSIX::_exit(127);
	}
	($status, $text) = demo('nobody', undef, MTA => '127.0.0.1:2626',
	    RCPT => 'me@test.example');
	tour('as nobody', $status, $text);
	is(scalar(() = slurp($log) =~ /gets a mail .*<me\@test\.example>/g), 4,
	    '… at the mail server that was named');
	kill('KILL', $sink);
	waitpid($sink, 0);
}
done_testing();
