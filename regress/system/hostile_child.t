#!/usr/bin/perl
# A process that was taken over sends its parent and its peers what it likes
# (badchild.c): at full rate what its rules permit, and anything else.  It gets
# nothing that its role does not have, the others stay within their bounds, and
# the daemon ends only as `restart' says.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();
plan(skip_all => 'needs nft') if (run('which', 'nft'))[0] != 0;
my ($status, $out, $err) = run('nft', '-f', 'spamgreyd/nftables.conf.sample');
plan(skip_all => "nftables: $err") if $status != 0;

my $port = 8025;
my @roles = qw(front pass store fw track);
my $messages = torture_or(200000, 20000);	# to each channel
my $ways = torture_or(60, 2);
my $rss_max = 300 * 1024;			# KB: a full queue is 64 MB
my $fds_max = 1200;
my $plan = $ENV{BAD_PLAN} = tmp() . '/plan';
my $done = $ENV{BAD_DONE} = tmp() . '/done';
my $sock = tmp() . '/scanner';

$Sys::daemon = program('badchild');
chmod(0755, tmp());
my $scanner = IO::Socket::UNIX->new(Local => $sock, Listen => 100000) or
    die "$sock: $!\n";
my $base = <<"END";
listen on 127.0.0.1 port $port
firewall nftables
allowed domains { "example.org" }
tarpit { stutter no }
greylist { pass 1h }
track nflog 5
pass {
	listen on 127.0.0.1 port 8027
	relay to 127.0.0.1 port 2525
	module clamav { socket "$sock" }
}
END

# Returns how many descriptors a process holds.
sub
descriptors
{
	my @fd = glob("/proc/$_[0]/fd/*");

	return (scalar(@fd));
}

# The addresses in the firewall's table, and hosts that are WHITE.
sub
passed
{
	my @set = map { (run('nft', 'list', 'set', 'inet', 'spamgrey', $_))[1]
	    =~ /elements = (.*)/ } qw(white4 white6);

	return (join(' ', @set, db_ok('list', 'white')));
}

sub
works
{
	my ($what) = @_;

	like(smtp_code(port => $port), qr/^451 4\.7\.1 /, $what);
}

# Starts the role again, as an intruder or (without how) as it should be.
sub
play
{
	my ($role, $how) = @_;

	unlink($done);
	# First, as an intruder ends too early to be seen.
	unlink($plan) if !defined $how;
	# At once: another child may begin at any time.
	rename(spit("$plan.new", "$role $how\n"), $plan) if defined $how;
	my $was = wait_for($role, sub { role_pid($role) });
	log_mark();
	kill('KILL', $was);
	wait_for("the next $role",
	    sub { !alive() || (role_pid($role) // $was) != $was });
}

sub
played
{
	my ($role) = @_;

	wait_for("$role to have sent all",
	    sub { slurp($done) =~ /^$role done$/m }, 300);
}

# What its rules permit, at full rate, and nothing is read.
sub
flood
{
	my ($role) = @_;
	my $from = log_mark();
	my $t = now();

	play($role, "flood $messages");
	played($role);
	my %pid = roles();
	my @big = grep { rss($pid{$_}) > $rss_max } keys %pid;
	my @many = grep { descriptors($pid{$_}) > $fds_max } keys %pid;
	ok(alive(), "$role floods: the daemon runs");
	is("@big", '', '… no process has grown');
	is("@many", '', '… or holds many descriptors');
	cmp_ok(rss($Sys::pid), '<', $rss_max, '… the parent too has not grown');
	cmp_ok(descriptors($Sys::pid), '<', $fds_max,
	    '… and holds few descriptors');
	my @lines = split(/\n/, substr(slurp($Sys::log), $from));
	my $seconds = 2 + now() - $t;
	cmp_ok(scalar(@lines), '<', 12000 * $seconds, '… the log has a limit');
	is(scalar(grep { /[^\x20-\x7e]/ } @lines), 0,
	    '… and no control characters');
	if ($role ne 'store') {
		is(passed(), '', '… no host passes');
		unlike(db_ok('stats'), qr/[\x00-\x08\x0b-\x1f]/,
		    '… stats are answered, without control characters');
	}
	diag(sprintf('%s: %d lines, %.1f s, KB: %s, descriptors: %s', $role,
	    scalar(@lines), now() - $t, join(' ', map { "$_ " . rss($pid{$_}) }
	    sort(keys %pid)) . ' parent ' . rss($Sys::pid),
	    descriptors($Sys::pid)));
	play($role);
	wait_log($role eq 'track' ? qr/^track: reading/m : qr/^ready$/m);
}

# Anything, in so many ways; each ends a process.
sub
anything
{
	my ($role, $way0) = @_;

	for my $way (map { $way0 + $_ } 1 .. $ways) {
		play($role, "any $way");
		wait_log(qr/^$role(?: 0)?: sent .*; (?:closing|it is killed)$/m);
	}
	ok(alive(), "$role sends anything: it is named, and the daemon runs");
	play($role);
	wait_log($role eq 'track' ? qr/^track: reading/m : qr/^ready$/m);
}

conf($base . "restart 1000 per 1h\n");
start();
works('the daemon works');
for my $n (0 .. $#roles) {
	flood($roles[$n]);
	anything($roles[$n], $n * $ways);
	works("after $roles[$n] the daemon works");
}
($status) = stop();
is($status, 0, 'it ends in good order');

# An intruder that is there in each start.
conf($base . "restart 3 per 1h\n");
unlink($plan);
start();
play('front', 'any 1');
wait_for('the daemon to end', sub { !alive() });
is($Sys::ended >> 8, 1, 'the daemon ends with 1 when restart says so');
like(log_since(), qr/^more than 3 restarts in 3600 s: the daemon ends$/m,
    '… and says why');
my @starts = log_since() =~ /^next start in (\d+) s$/mg;
is("@starts", '1 2 4', '… after pauses that double');
undef $Sys::pid;
done_testing();
