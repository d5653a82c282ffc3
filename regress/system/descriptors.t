#!/usr/bin/perl
# Descriptors run out in front, pass, store and the parent, one after the other:
# clients get 421 or wait, nobody ends, and it all works when there are some
# again.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Mta;
use Sys;
use Test::More;

private();
plan(skip_all => 'needs prlimit and setpriv, package util-linux')
    if (run('which', 'prlimit', 'setpriv'))[0] != 0;

my ($sink, $to) = sink_start(tmp() . '/sink', '-f');
my $pass = pass_start($to, text => "tarpit { stutter no }\n");
my ($front) = slurp($Sys::conf) =~ /^listen on \S+ port (\d+)/m;
my $n = 0;

sub
limit
{
	my ($pid, $fds) = @_;
	my ($uid, $gid) = slurp("/proc/$pid/status") =~
	    /^Uid:\s+(\d+).*?^Gid:\s+(\d+)/ms;
	# As the process's user, root needs no more rights for it.
	my ($status, undef, $err) = run('setpriv', "--reuid=$uid",
	    "--regid=$gid", '--clear-groups', 'prlimit', '--pid', $pid,
	    "--nofile=$fds:");

	$status == 0 or die "prlimit: $err\n";
}

sub greylisted { return (smtp_code(port => $front, mail => 'x' . ++$n . '@a.example')) }
sub delivered { return (smtp_code(port => $pass)) }

for my $role (qw(front store pass parent)) {
	my %had = (roles(), parent => $Sys::pid);
	my $pid = $had{$role};
	my ($most) = slurp("/proc/$pid/limits") =~ /^Max open files\s+(\d+)/m;

	log_mark();
	# None is left but those that are open now.
	my @open = map { m{(\d+)$} } glob("/proc/$pid/fd/*");
	limit($pid, (sort { $a <=> $b } @open)[-1] + 1);
	# Gaps are filled by what stays open.
	my @held = map { my $s = smtp(port => $role eq 'pass' ? $pass : $front);
	    $s ? $s : () } 1 .. 3;
	like(greylisted(), qr/^4[25]1 /, "$role has no descriptors: front answers");
	like(delivered(), qr/^(?:250|4\d\d) /, '… and pass');
	db('stats');
	kill('HUP', $Sys::pid) if $role eq 'parent';
	wait_log(qr/reload|cannot|configuration/i) if $role eq 'parent';
	@held = ();
	log_like(qr/limit=descriptors|over-limit|Too many open files/,
	    '… and it is logged') if $role =~ /front|store/;
	unlike(log_since(), qr/accept failed/, '… with its reason');
	limit($pid, $most);
	ok(alive(), '… the daemon runs');
	wait_for('a greylisted session', sub { greylisted() =~ /^451 4\.7\.1/ });
	wait_for('a delivery', sub { delivered() =~ /^250 / });
	my %now = (roles(), parent => $Sys::pid);
	is($now{$_}, $had{$_}, "… $_ is the same process") for sort keys %had;
}
is((stop())[0], 0, 'the daemon ends in good order');
sink_stop($sink);
done_testing();
