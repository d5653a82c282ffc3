#!/usr/bin/perl
# What each process can do from inside its sandbox, as the running daemon starts
# it (probe.c), is what the table of processes in spamgreyd(8) grants it, and no
# more.  TEST_VERBOSE=1 prints the table of attempts.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Fcntl;
use Sys;
use Test::More;

private();
plan(skip_all => 'needs nft') if (run('which', 'nft'))[0] != 0;
my ($status, $out, $err) = run('nft', '-f', 'spamgreyd/nftables.conf.sample');
plan(skip_all => "nftables: $err") if $status != 0;

my @roles = qw(front pass store fw track list);
my $state = tmp() . '/state';

# Returns role => { user, root, may => { word => 1 } } of the manual's table.
sub
manual
{
	my ($text) = slurp('spamgreyd/spamgreyd.8') =~
	    /^\.Bl -column "process"(.*?)^\.El/ms or die "no table\n";
	my %rights;

	for my $row ($text =~ /^\.It (\w+ Ta .*)$/mg) {
		my ($role, $user, $root, $may) = split(/ Ta /, $row);
		$rights{$role} = { user => $user, root => $root,
		    may => { map { $_ => 1 } grep { $_ ne 'nothing' }
		    split(/, /, $may) } };
	}
	return (%rights);
}

# Starts the daemon with all processes, and returns the lines of the probe.
sub
probe
{
	my ($out) = @_;
	my ($last) = slurp('regress/system/probe_list.h') =~ /.*CALL\((\w+)\)/s;

	local $ENV{PROBE_OUT} = $out;
	local $ENV{PROBE_CONF} = tmp() . '/spamgreyd.conf';
	local $ENV{PROBE_DB} = "$state/db";
	local $ENV{PROBE_KEY} = spit(tmp() . '/tls.key', "key\n");
	start();
	wait_for('the last attempt of each', sub {
		my $text = slurp($out);
		return (!grep { $text !~ /^$_\|$last\|/m } @roles);
	});
	return (split(/\n/, slurp($out)));
}

spit(tmp() . '/list', "192.0.2.0/24\n");
conf(<<"END");
listen on 127.0.0.1 port 8025
firewall nftables
allowed domains { "example.org" }
blacklist "bad" file "${\(tmp())}/list" message "no"
track nflog 5
pass {
	listen on 127.0.0.1 port 8027
	relay to 127.0.0.1 port 2525
}
END
my %manual = manual();
is(join(' ', sort keys %manual), join(' ', sort @roles),
    'the manual has a row for each process');
$Sys::daemon = program('probe');

# A descriptor and a terminal of whoever starts the daemon go to no process.
open(my $leak, '<', '/etc/passwd') or die;
fcntl($leak, F_SETFD, 0) or die;
my @lines = probe(tmp() . '/probe');
my (%did, %right, %used);
for my $line (@lines) {
	my ($role, $attempt, $word, $what) = split(/\|/, $line);
	$did{$role}{$attempt} = $what;
	$right{$attempt} = $word;
	$used{$role}{$word} = 1 if $what eq 'granted';
}
my $count = keys %right;
for my $role (@roles) {
	my $may = $manual{$role}{may};
	my @more = grep { $did{$role}{$_} eq 'granted' && !$may->{$right{$_}} }
	    sort keys %{$did{$role}};
	my @less = grep { $did{$role}{$_} ne 'granted' && $may->{$right{$_}} }
	    sort keys %{$did{$role}};
	is(scalar(keys %{$did{$role}}), $count, "$role: $count attempts");
	is(join(', ', @more), '', "$role: granted, but not in the manual");
	is(join(', ', @less), '', "$role: in the manual, but refused");
	is(join(' ', sort keys %{$used{$role}}), join(' ', sort keys %$may),
	    "$role: each of its rights was tried");
}
note(sprintf('%-42s' . ' %-9s' x @roles, 'attempt', @roles));
for my $attempt (sort keys %right) {
	note(sprintf('%-42s' . ' %-9s' x @roles, $attempt,
	    map { $did{$_}{$attempt} } @roles));
}

# What the processes hold when they work.
my %pid = roles();
my %fd = map { my $p = $pid{$_};
    $_ => { map { m{(\d+)$} => readlink($_) } glob("/proc/$p/fd/*") } } keys %pid;
for my $role (grep { $_ ne 'list' } @roles) {
	my %st = slurp("/proc/$pid{$role}/status") =~ /^(\w+):\s*(.*?)\s*$/mg;
	my $root = $manual{$role}{root};
	my $may = $manual{$role}{may};

	is(join(' ', @{$fd{$role}}{0 .. 2}), join(' ', ('/dev/null') x 3),
	    "$role: has no terminal and no log");
	is($st{Uid}, join("\t", (scalar(getpwnam($manual{$role}{user}))) x 4),
	    "$role: its user");
	is($st{CapEff} . $st{CapPrm} . $st{CapInh} . $st{CapAmb},
	    ($may->{firewall} ? '0000000000001000' x 2 : '0' x 32) . '0' x 32,
	    "$role: its capabilities");
	is(readlink("/proc/$pid{$role}/root"), $root eq 'spool' ?
	    "$state/spool" : $root eq 'state' ? $state : $root,
	    "$role: its root directory");
	my @files = grep { m{^/} && $_ ne '/dev/null' && !m{ \(deleted\)$} &&
	    !($role eq 'store' && m{^\Q$state\E/}) } values %{$fd{$role}};
	is("@files", '', "$role: no file but its own is open");
}
stop();

done_testing();
