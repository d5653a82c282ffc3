# A name server for tests in a network namespace: A records from a table, and
# NXDOMAIN for all other names, over UDP at 127.0.0.1 port 53.
package FakeDns;

use strict;
use warnings;
use IO::Socket::IP;
use POSIX ();

# Starts it with name => address, ...; returns its process id.
sub
start
{
	my (%a) = @_;
	my $sock = IO::Socket::IP->new(LocalHost => '127.0.0.1',
	    LocalPort => 53, Proto => 'udp') or die "port 53: $!\n";
	my $pid = fork() // die "fork: $!\n";

	return ($pid) if $pid != 0;
	while (1) {
		defined $sock->recv(my $query, 512) or next;
		my $answer = answer($query, \%a);
		$sock->send($answer) if defined $answer;
	}
}

# RFC 1035 4: the header, the question again, and one answer or none.
sub
answer
{
	my ($query, $a) = @_;
	my ($id, $flags, $nq) = unpack('n3', $query);
	my ($at, @labels) = (12);

	return (undef) if length($query) < 17 || $nq != 1;
	while (my $len = ord(substr($query, $at, 1))) {
		push(@labels, lc(substr($query, $at + 1, $len)));
		$at += 1 + $len;
	}
	my ($type) = unpack('n', substr($query, $at + 1, 2));
	my $question = substr($query, 12, $at + 5 - 12);
	my $address = $a->{join('.', @labels)};
	my $hit = defined $address && $type == 1;
	# Response, authoritative, recursion as asked and available; NXDOMAIN.
	my $code = 0x8480 | ($flags & 0x0100) | (defined $address ? 0 : 3);
	my $text = pack('n6', $id, $code, 1, $hit ? 1 : 0, 0, 0) . $question;

	$text .= pack('n3Nna4', 0xc00c, 1, 1, 60, 4,
	    pack('C4', split(/\./, $address))) if $hit;
	return ($text);
}

1;
