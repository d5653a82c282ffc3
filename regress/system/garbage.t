#!/usr/bin/perl
# torture
# Each process gets garbage from each process that may send to it.  The receiver
# logs it and ends the connection, and so all processes are restarted and work
# again.  The daemon stays.  Then a process does not answer at all.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

my $port = 8025;
conf($Sys::gate . "greylist { pass 1h }\n");

# Finds the descriptor of a process for another one with ss(8), which prints
# each socket's inode, its peer's inode and the processes that have it open.
sub
descriptor
{
	my ($from, $to) = @_;
	my ($status, $out) = run('ss', '-xanpH');
	my (%peer, %owner);

	for (split(/\n/, $out)) {
		next if !/\s\*\s+(\d+)\s+\*\s+(\d+)\s+users:\((.*)\)/;
		my ($inode, $peer, $users) = ($1, $2, $3);
		$peer{$inode} = $peer;
		$owner{$inode}{$1} = $2 while $users =~ /pid=(\d+),fd=(\d+)/g;
	}
	for my $inode (keys %peer) {
		return ($owner{$inode}{$from}) if $owner{$inode}{$from} &&
		    $owner{$peer{$inode}}{$to};
	}
	return (undef);
}

sub
inject
{
	my ($from, $fd, $data) = @_;
	my $file = spit(tmp() . '/garbage', $data);
	my $inject = program('inject');
	my ($status, $out, $err) = run('sh', '-c', "$inject $from $fd < $file");

	return ($status == 0 ? 1 : (diag($err), 0)[1]);
}

# struct ipc_hdr: length, type, flags, id
sub frame { return (pack('LSSQ', 16 + length($_[1]), $_[0], 0, 7) . $_[1]) }

srand(3);
my %garbage = (
	'random octets' => join('', map { chr(int(rand(256))) } 1 .. 30000),
	'a length that is none' => pack('LSSQ', 3, 64, 0, 7) . 'x' x 64,
	'a length past the limit' => pack('LSSQ', 0x7fffffff, 64, 0, 7),
	'a type that does not exist' => frame(9999, 'x' x 8),
	'a type that the peer may not send' => frame(128, pack('L', 1)),
	'a body that is too short' => frame(64, "\1") . frame(65, "\1") .
	    frame(97, "\1") . frame(99, "\1") . frame(35, "\1"),
	'zeroes' => "\0" x 4096
);
my @pairs = (['front', 'store'], ['store', 'front'], ['store', 'fw'],
    ['fw', 'store'], ['front', 'parent'], ['store', 'parent'],
    ['fw', 'parent'], ['parent', 'front'], ['parent', 'store'],
    ['parent', 'fw']);
my @kinds = sort keys %garbage;
my ($i, $next) = (0, 0);
for my $pair (@pairs) {
	my ($from, $to) = @$pair;
	# make check: in turn, so that each pair has some and each kind too
	for (1 .. torture_or(scalar(@kinds), 1)) {
		my $kind = $kinds[$next++ % @kinds];
		my $name = "$from to $to: $kind";
		# A daemon for each: sets that die young one after the other
		# wait longer each time.
		start();
		my $daemon = $Sys::pid;
		my %r = (roles(), parent => $daemon);
		my $fd = descriptor($r{$from}, $r{$to});
		if (!defined $fd) {
			fail("$name: no socket between them");
			next;
		}
		log_mark();
		inject($r{$from}, $fd, $garbage{$kind}) or
		    fail("$name: inject");
		wait_log(qr/^ready$/m, 90);
		log_like(qr/^\Q$from\E( 0)?: sent /m,
		    "$name: the log names the sender") or diag(log_since());
		$i++;
		like(smtp_code(port => $port, mail => "n$i\@example.com",
		    rcpt => ["n$i\@example.org"]), qr/^451 4\.7\.1/,
		    "$name: the next set works");
		ok(alive() && $Sys::pid == $daemon, "$name: the parent stays");
		is((stop())[0], 0, "$name: the end");
	}
}
unlike(log_text(), qr/died: signal (?!9 )/, 'no process crashed');
start();
my $dump = db_ok();
my @missing = grep { $dump !~ /\|<n$_\@example\.org>\|/ } 1 .. $i;
is("@missing", '', 'and nothing that was promised is missing');

# store does not answer: front stops reading, then sends the "unstored" text,
# and ends the session in time.
my $store = role_pid('store');
log_mark();
kill('STOP', $store);
my $t = now();
like(smtp_code(port => $port, mail => 'stopped@example.com', timeout => 120),
    qr/^451 4\.3\.0/, 'a store that is silent: the unstored text');
diag(sprintf('after %.1f s', now() - $t));
kill('CONT', $store);
wait_log(qr/unstored/);
pass('… and the log says unstored');
wait_for('the store', sub {
	smtp_code(port => $port, mail => 'awake@example.com') =~ /^451 4\.7\.1/
});
pass('back when it speaks again');
my ($status) = stop();
is($status, 0, 'SIGTERM at the end');
done_testing();
