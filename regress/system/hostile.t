#!/usr/bin/perl
# Hostile clients of the control socket: one that asks and never reads the
# answers, and one that asks for more changes than there is time for.  They take
# no memory, and others need not wait.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Select;
use IO::Socket::UNIX;
use Sys;
use Test::More;

private();

my $port = 8025;
conf(<<"END");
listen on 127.0.0.1 port $port
firewall none
tarpit { stutter no }
greylist { pass 1h }
END
start();

use constant { CTL_HELLO => 128, CTL_GET => 130, CTL_ADD => 131, T_WHITE => 2 };

# struct ipc_hdr: length, type, flags, id
sub frame { return (pack('LSSQ', 16 + length($_[1]), $_[0], 0, 7) . $_[1]) }
sub str { return (pack('S/a*', "$_[0]\0")) }

my ($version) = slurp("$Sys::top/lib/proto/control.h") =~
    /^#define PROTO_VERSION\s+(\d+)/m;

sub
client
{
	my $s = IO::Socket::UNIX->new(Peer => tmp() . '/sock') or
	    die "control socket: $!\n";

	syswrite($s, frame(CTL_HELLO, pack('L', $version)));
	$s->blocking(0);
	return ($s);
}

# It asks and never reads: at some point the daemon stops reading.
my $s = client();
my $ask = frame(CTL_GET, str('192.0.2.1')) x 1000;
my ($sent, $off, $before) = (0, 0, rss(role_pid('store')));
while ($sent < 40_000_000 && IO::Select->new($s)->can_write(3)) {
	my $n = syswrite($s, $ask, length($ask) - $off, $off) // last;
	$sent += $n;
	$off = ($off + $n) % length($ask);
}
cmp_ok($sent, '<', 10_000_000, 'a client that reads nothing is not read either');
cmp_ok(rss(role_pid('store')) - $before, '<', 16_384,
    '… and takes little of the memory');
is((db('list'))[0], 0, '… and others are served meanwhile');
close($s);

# More commits than there is time for, and a RCPT at the same time.
my $adds = 5000;
my $c = client();
my $mail = smtp(port => $port, from => '127.3.2.1');
my $line = <$mail>;
for my $cmd ('HELO x', 'MAIL FROM:<a@example.com>') {
	print $mail "$cmd\r\n";
	$mail->flush();
	$line = <$mail>;
}
my $all = join('', map { frame(CTL_ADD, pack('CCq', T_WHITE, 0, 0) .
    str('10.9.' . ($_ >> 8) . '.' . ($_ & 255)) . str('')) } 1 .. $adds);
my $heard = '';
my $io = IO::Select->new($c);
for ($off = 0; $off < length($all); ) {
	$off += syswrite($c, $all, length($all) - $off, $off) // 0
	    if $io->can_write(0.01);
	1 while sysread($c, $heard, 1 << 20, length($heard));
}
print $mail "RCPT TO:<b\@example.org>\r\n";
$mail->flush();
$io->add($mail);
while (1) {
	my @ready = $io->can_read(60) or last;
	1 while sysread($c, $heard, 1 << 20, length($heard));
	last if grep { $_ == $mail } @ready;
}
like(scalar(<$mail>), qr/^250 /, 'a RCPT among many changes');
# CTL_END, no flags, our id
my $done = () = $heard =~ /\x8f\x00\x00\x00\x07\x00{7}/g;
diag("$done of $adds") if $done >= $adds;
cmp_ok($done, '<', $adds, '… is answered before all of them are');
close($c);
is((db('list'))[0], 0, 'and the daemon is well');
ok(alive(), 'its processes too');
stop();
done_testing();
