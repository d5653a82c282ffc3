# Makes capture files: packets, the headers that each firewall's log puts before
# them, and the file with its records.
package Capture;

use strict;
use warnings;
use Exporter qw(import);
use Socket qw(AF_INET AF_INET6 inet_pton);

our @EXPORT = qw(tcp_packet pflog nflog capture record PFLOG NFLOG);

use constant { PFLOG => 117, NFLOG => 239 };

my %flags = (F => 1, S => 2, R => 4, P => 8, A => 16);

# Makes a TCP segment in an IP packet, with wrong checksums.  from, to, dport,
# flags => "S", exthdrs => extension headers before IPv6's TCP.
sub
tcp_packet
{
	my (%o) = @_;
	my $bits = 0;

	$bits |= $flags{$_} for split(//, $o{flags} // 'S');
	my $tcp = pack('nnNNCCnnn', $o{sport} // 40000, $o{dport} // 25, 1, 0,
	    5 << 4, $bits, 1024, 0xdead, 0);
	if ($o{from} =~ /:/) {
		my $n = $o{exthdrs} // 0;
		my $ext = join('', map { pack('CCnN',
		    $_ == $n ? $o{proto} // 6 : 60, 0, 0, 0) } 1 .. $n);
		return (pack('NnCC', 6 << 28, length($ext . $tcp),
		    $n ? 60 : $o{proto} // 6, 64) .
		    inet_pton(AF_INET6, $o{from}) .
		    inet_pton(AF_INET6, $o{to}) . $ext . $tcp);
	}
	return (pack('CCnnnCCn', 0x45, 0, 20 + length($tcp), 1,
	    $o{frag} // 0, 64, $o{proto} // 6, 0x0014) .
	    inet_pton(AF_INET, $o{from}) . inet_pton(AF_INET, $o{to}) . $tcp);
}

# Makes the header of pflog(4).  os => openbsd, freebsd14, freebsd13.
sub
pflog
{
	my ($packet, %o) = @_;
	my $os = $o{os} // 'openbsd';
	my $six = unpack('C', $packet) >> 4 == 6;
	my $af = $six ? ($os eq 'openbsd' ? 24 : 28) : 2;
	my $dir = ($o{dir} // 'in') eq 'in' ? 1 : 2;
	my %length = (openbsd => 100, freebsd14 => 69, freebsd13 => 61);
	my $head = pack('CCCCa16a16NNllll', $length{$os}, $af,
	    $o{blocked} ? 1 : 0, 0, $o{ifname} // 'em0', '', 4, 0xffffffff,
	    -1, 100000, 0, 1);
	if ($os eq 'openbsd') {
		$head .= pack('CCCxa16a16nn', $dir, 0, $af, '', '', 0, 0);
	} elsif ($os eq 'freebsd14') {
		$head .= pack('CxxxNCxxx', $dir, 0, 0);
	} else {
		$head .= pack('Cxxx', $dir);
	}
	return ($head . $packet);
}

# Makes the header of NFLOG: attributes, in this machine's byte order.
sub
nflog
{
	my ($packet, %o) = @_;
	my $six = unpack('C', $packet) >> 4 == 6;
	my $data = pack('CCn', $six ? 10 : 2, 0, 5);
	my $tlv = sub {
		my ($type, $value) = @_;
		my $t = pack('SS', 4 + length($value), $type) . $value;
		$data .= $t . "\0" x (-length($t) & 3);
	};

	$tlv->(1, pack('nCx', $six ? 0x86dd : 0x0800, $o{hook}))
	    if defined $o{hook};
	$tlv->(10, "x\0");
	$tlv->(4, pack('N', $o{indev})) if $o{indev};
	$tlv->(5, pack('N', $o{outdev})) if $o{outdev};
	$tlv->(9, $packet);
	return ($data);
}

# Makes one record of a file; cut => bytes of it that the file has.
sub
record
{
	my ($frame, %o) = @_;

	return (pack('VVVV', $o{time} // 1700000000, 0,
	    $o{caplen} // length($frame), length($frame)) . $frame);
}

# Makes a whole file of that link type.
sub
capture
{
	my ($linktype, @records) = @_;

	return (pack('VvvVVVV', 0xa1b2c3d4, 2, 4, 0, 0, 65535, $linktype) .
	    join('', @records));
}

1;
