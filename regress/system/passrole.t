#!/usr/bin/perl
# The process pass under the parent: it runs only with a pass block, in its
# spool and its sandbox, is restarted with the others, and gets sockets with the
# client's address.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use Sys;
use Test::More;

private();

my ($port, $passport) = (8025, 8027);
my ($sinkport, $sinklog) = (2525, tmp() . '/sink');
my $base = "listen on 127.0.0.1 port $port\nallowed domains { example.org }\n"
    . "tarpit { stutter no }\ngreylist { pass 1s }\n";
my $spool = tmp() . '/state/spool';
my ($status, $out, $err);

# A mail server that accepts everything and records the client's address and the
# size of the message.
sub
sink
{
	my $listener = IO::Socket::INET->new(LocalAddr => '0.0.0.0',
	    LocalPort => $sinkport, Listen => 20, ReuseAddr => 1) or
	    die "sink: $!\n";

	$SIG{CHLD} = 'IGNORE';
	while (my $c = $listener->accept()) {
		my $pid = fork();
		next if $pid;
		my ($data, $octets) = (0, 0);
		print $c "220 sink ESMTP\r\n";
		while (my $line = <$c>) {
			if ($data && $line eq ".\r\n") {
				open(my $f, '>>', $sinklog);
				syswrite($f, $c->peerhost() . " $octets\n");
				($data, $octets) = (0, 0);
				print $c "250 2.0.0 taken\r\n";
			} elsif ($data) {
				$octets += length($line);
			} elsif ($line =~ /^EHLO/i) {
				print $c "250-sink\r\n250-SIZE 50000000\r\n"
				    . "250 8BITMIME\r\n";
			} elsif ($line =~ /^DATA/i) {
				$data = 1;
				print $c "354 go on\r\n";
			} elsif ($line =~ /^QUIT/i) {
				print $c "221 bye\r\n";
				last;
			} else {
				print $c "250 2.0.0 ok\r\n";
			}
		}
		POSIX::_exit(0);
	}
}

# The sink in its own process, in that network.
sub
sink_start
{
	my (@network) = @_;
	my $child = fork();

	defined $child or die "fork: $!\n";
	if ($child == 0) {
		exec(@network, $^X, $0, 'sink') or POSIX::_exit(127);
	}
	wait_for('the sink', sub {
		my ($code) = run(@network, $^X, '-MIO::Socket::INET', '-e',
		    "exit !IO::Socket::INET->new('127.0.0.1:$sinkport')");
		return ($code == 0);
	});
	return ($child);
}

# Sends one message to pass' own listener, and returns the reply to its end.
sub
send_body
{
	my ($to, $octets) = @_;
	my $s = smtp(port => $passport, to => $to) or return ("no: $!");
	my $text = '';

	for my $line ('', 'EHLO sender.example.com', 'MAIL FROM:<a@b.example>',
	    'RCPT TO:<you@example.org>', 'DATA',
	    "Subject: x\r\n\r\n" . ('x' x 98 . "\r\n") x ($octets / 100) . '.',
	    'QUIT') {
		print $s "$line\r\n" if $line ne '';
		$s->flush();
		$text = Sys::reply($s);
		last if $text !~ /^[23]/;
		return ($text) if $line =~ /\.$/s;
	}
	return ($text);
}

sub
reload_anew
{
	my ($what) = @_;

	log_mark();
	($status, $out, $err) = db('reload');
	is($status, 0, "reload: $what");
	wait_log(qr/^ready$/m);
}

if (@ARGV && $ARGV[0] eq 'sink') {
	sink();
	exit(1);
}
if (@ARGV && $ARGV[0] eq 'client') {
	print send_body($ARGV[1], 700);
	exit(0);
}
my @sinks = (sink_start());
END { kill('KILL', @sinks) if @sinks }

# Without a pass block there is no such process.
conf($base);
start();
my %r = roles();
ok(!exists $r{pass}, 'without a pass block: no process');
ok(!-e $spool, '… and no spool');

# A reload brings it.
my $pass = "pass { listen on 127.0.0.1 port $passport\n"
    . "relay to 127.0.0.1 port $sinkport\nspool message 64K memory 1M }\n";
conf($base . $pass);
reload_anew('with a pass block');
%r = roles();
ok(exists $r{pass}, '… the process is there');
is((stat($spool))[2] & 07777, 0700, '… with its spool');
my $root = $> == 0 && defined getpwnam('_spamgreyd');
SKIP: {
	skip('not root: no other user, no chroot', 2) if !$root;
	is((stat($spool))[4], scalar getpwnam('_spamgreyd'),
	    '… which is its user\'s');
	is(readlink("/proc/$r{pass}/root"), $spool, '… and its root');
}
is(readlink("/proc/$r{pass}/cwd"), $spool, '… and its directory');
SKIP: {
	my ($seccomp) = slurp("/proc/$r{pass}/status") =~ /^Seccomp:\s+(\d)/m;
	skip('no seccomp here', 1) if ($seccomp // 0) == 0;
	is($seccomp, 2, '… in its sandbox');
}
like(send_body('127.0.0.1', 5_000_000), qr/^250 2\.0\.0 taken/,
    'a message larger than the memory for it');
like(slurp($sinklog), qr/^127\.0\.0\.1 50\d{5}$/m, '… arrives');
is_deeply([glob("$spool/*")], [], '… and leaves nothing in the spool');

# It dies: all processes are restarted, and the files that it left are removed.
spit("$spool/left", "behind\n");
log_mark();
kill('KILL', $r{pass});
wait_log(qr/^ready$/m);
log_like(qr/^pass died: signal 9/m, 'killed: that is said');
my %after = roles();
isnt($after{$_}, $r{$_}, "… $_ is new") for qw(pass front store fw);
ok(!-e "$spool/left", '… the spool is empty again');
like(send_body('127.0.0.1', 500), qr/^250 /, '… and it goes on');

# Its configuration comes by reload, without a new start.
conf($base . $pass =~ s/spool.*M/limit sessions 7/r);
log_mark();
($status) = db('reload');
is($status, 0, 'reload: another limit');
wait_for('the limit', sub {
	return (db_ok('stats') =~ /^pass\.sessions-limit\s+7$/m);
});
my %same = roles();
is_deeply(\%same, \%after, '… and the processes are the same');

# The mail server sees the client's own address.
conf($base . $pass =~ s/(relay to \S+ port \d+)/$1 transparent/r);
log_mark();
($status) = db('reload');
is($status, 0, 'reload: transparent');
unlink($sinklog);
wait_for('the client\'s address', sub {
	return (send_body('127.0.0.1', 500) =~ /^250/);
});
like(slurp($sinklog), qr/^127\.0\.0\.1 \d+$/m, '… of this machine');

# Client and mail server are other machines.  Packets from the server to the
# client's address are ours, by a rule for the interface.
for my $cmd ('ip netns add mta', 'ip netns add client',
    'ip link add m0 type veth peer name m1 netns mta',
    'ip link add c0 type veth peer name c1 netns client',
    'ip addr add 10.99.0.1/24 dev m0', 'ip addr add 198.51.100.1/24 dev c0',
    'ip link set m0 up', 'ip link set c0 up',
    'ip -n mta addr add 10.99.0.2/24 dev m1', 'ip -n mta link set m1 up',
    'ip -n mta link set lo up',
    'ip -n mta route add default via 10.99.0.1',
    'ip -n client addr add 198.51.100.7/24 dev c1',
    'ip -n client link set c1 up', 'ip rule add iif m0 lookup 100',
    'ip route add local default dev lo table 100') {
	system(split(/ /, $cmd)) == 0 or die "$cmd\n";
}
push(@sinks, sink_start('nsenter', '--net=/run/netns/mta'));
conf($base . $pass =~ s/127\.0\.0\.1/0.0.0.0/r
    =~ s/relay to \S+ port \d+/relay to 10.99.0.2 port $sinkport transparent/r);
log_mark();
($status, $out, $err) = db('reload');
like($err, qr/in use by the listener/, 'reload: a listener on all addresses');
stop();
start();
db_ok('add', '198.51.100.7');
unlink($sinklog);
($status, $out, $err) = run('nsenter', '--net=/run/netns/client', $^X, $0,
    'client', '198.51.100.1');
like($out, qr/^250 /, '… a client from elsewhere');
is(slurp($sinklog) =~ s/ \d+$//mr, "198.51.100.7\n", '… is seen as itself');

# And a reload takes it away.
conf($base);
reload_anew('without a pass block');
%r = roles();
ok(!exists $r{pass}, '… the process is gone');
is(smtp(port => $passport, timeout => 5), undef, '… and its listener');
my ($code, $seconds) = stop();
is($code, 0, 'it ends');
cmp_ok($seconds, '<', 20, '… in order');

done_testing();
