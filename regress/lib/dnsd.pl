#!/usr/bin/perl
# dnsd.pl PORT TABLE [LOG]: a name server for tests, on 127.0.0.1, UDP and TCP.
# Lines of the table, which is read again for each question:
#	NAME TYPE TTL DATA	A, AAAA, TXT, PTR, CNAME, DNAME, MX (10 NAME);
#				aliases are followed for 20 steps, loops too
#	NAME servfail|refused|drop|wrongid|garbage|truncate
#	NAME delay SECONDS	before the answer of its other lines
# and wrong answers:
#	NAME owner OTHER	all records of the answer belong to OTHER
#	NAME question OTHER	the answer repeats another question
#	NAME qtype NUMBER	… of another type
#	NAME type NUMBER	all records of the answer are of that type
# "*.zone" is every name below the zone that has no line of its own.  A name
# without a line does not exist (SOA minimum 30 s).  LOG gets each question.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Socket qw(inet_aton inet_pton AF_INET6);
use Time::HiRes qw(time);

my ($port, $file, $log) = @ARGV;
my $udp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port,
    Proto => 'udp') or die "udp: $!\n";
my $tcp = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port,
    Proto => 'tcp', Listen => 16, ReuseAddr => 1) or die "tcp: $!\n";
my %number = (A => 1, CNAME => 5, SOA => 6, PTR => 12, MX => 15, TXT => 16, AAAA => 28,
    DNAME => 39);
my $select = IO::Select->new($udp, $tcp);
my @later;
$| = 1;
print "ready\n";

sub wire { return (join('', map { chr(length) . $_ } split(/\./, $_[0])) . "\0") }

# name => list of lines' fields
sub
table
{
	my %t;

	open(my $f, '<', $file) or return (%t);
	while (<$f>) {
		next if /^\s*(#|$)/;
		my ($name, @rest) = split(' ', $_, 4);
		chomp(@rest);
		push(@{$t{lc($name)}}, \@rest);
	}
	return (%t);
}

sub
rdata
{
	my ($type, $data) = @_;

	return (inet_aton($data)) if $type eq 'A';
	return (inet_pton(AF_INET6, $data)) if $type eq 'AAAA';
	# (in strings of at most 255 octets)
	return (join('', map { chr(length) . $_ } unpack('(a255)*', $data)))
	    if $type eq 'TXT';
	return (pack('n', $1) . wire($2)) if $type eq 'MX' &&
	    $data =~ /^(\d+) (.*)/;
	return (wire($data));
}

# Returns the lines of a name or of the wildcard above it; undef: it has none.
sub
lines_of
{
	my ($t, $name) = @_;
	my @up = split(/\./, $name);
	my $lines = $t->{$name};

	for (; !defined $lines && @up; shift(@up)) {
		$lines = $t->{join('.', '*', @up[1 .. $#up])};
	}
	return ($lines);
}

# Returns the target of a name's alias, and the record; (): it is no alias.
sub
alias
{
	my ($t, $name) = @_;

	for my $l (@{lines_of($t, $name) // []}) {
		return (lc($l->[2]), [$name, $l]) if $l->[0] eq 'CNAME';
	}
	for (my $up = $name; $up =~ s/^[^.]*\.//;) {
		for my $l (@{$t->{$up} // []}) {
			next if $l->[0] ne 'DNAME';
			return (lc(substr($name, 0, -length($up)) . $l->[2]),
			    [$up, $l]);
		}
	}
	return;
}

# Returns the records of the answer: [owner, line].
sub
records
{
	my ($t, $name, $qtype) = @_;
	my @rr;

	for (0 .. 20) {
		my @own = grep { defined $number{$_->[0]} &&
		    $number{$_->[0]} == $qtype } @{lines_of($t, $name) // []};

		push(@rr, map { [$name, $_] } @own);
		last if @own;
		my ($to, $rr) = alias($t, $name) or last;
		push(@rr, $rr);
		$name = $to;
	}
	return (@rr);
}

# Returns the answer to a message and its delay in seconds; undef: no answer.
sub
answer
{
	my ($msg, $is_tcp) = @_;
	my ($id, undef, $qd) = unpack('nnn', $msg);
	my ($at, @labels) = (12);

	return if length($msg) < 17 || $qd != 1;
	while ((my $n = ord(substr($msg, $at, 1))) > 0) {
		push(@labels, substr($msg, $at + 1, $n));
		$at += $n + 1;
		return if $at + 5 > length($msg);
	}
	my $question = substr($msg, 12, $at + 5 - 12);
	my $qtype = unpack('n', substr($msg, $at + 1));
	my $name = lc(join('.', @labels));
	if (defined $log) {
		open(my $f, '>>', $log);
		print $f "$name $qtype\n";
	}
	my %t = table();
	my $lines = lines_of(\%t, $name);
	my ($delay, $flags, $rcode, %lie) = (0, 0x8180, 0);
	for my $l (@{$lines // []}) {
		if ($l->[0] eq 'delay') {
			$delay = $l->[1];
		} elsif ($l->[0] eq 'drop') {
			return;
		} elsif ($l->[0] eq 'servfail') {
			$rcode = 2;
		} elsif ($l->[0] eq 'refused') {
			$rcode = 5;
		} elsif ($l->[0] eq 'wrongid') {
			$id ^= 0xffff;
		} elsif ($l->[0] eq 'garbage') {
			return (substr($msg, 0, 2) . "\x81\x80" . 'x' x 40,
			    $delay);
		} elsif ($l->[0] eq 'truncate') {
			$flags |= 0x0200 if !$is_tcp;
		} elsif ($l->[0] =~ /^(owner|question|qtype|type)$/) {
			$lie{$1} = $l->[1];
		}
	}
	$question = wire($lie{question} // $name) .
	    pack('nn', $lie{qtype} // $qtype, 1)
	    if defined $lie{question} || defined $lie{qtype};
	my @rr;
	for my $r (records(\%t, $name, $qtype)) {
		my ($owner, $l) = @$r;
		my $d = rdata($l->[0], $l->[2]);
		$owner = defined $lie{owner} ? wire($lie{owner}) :
		    $owner eq $name ? "\xc0\x0c" : wire($owner);
		push(@rr, $owner . pack('nnNn', $lie{type} // $number{$l->[0]},
		    1, $l->[1], length($d)) . $d);
	}
	$lines //= [] if @rr;
	@rr = () if $flags & 0x0200;
	$rcode = 3 if !defined $lines;
	my $soa = '';
	if (!@rr && ($rcode == 0 || $rcode == 3)) {
		my $d = "\0\0" . pack('N5', 1, 1, 1, 1, 30);
		$soa = "\0" . pack('nnNn', 6, 1, 300, length($d)) . $d;
	}
	return (pack('n6', $id, $flags | $rcode, 1, scalar(@rr),
	    $soa ne '' ? 1 : 0, 0) . $question . join('', @rr) . $soa, $delay);
}

my %tcp_in;
while (1) {
	@later = sort { $a->[0] <=> $b->[0] } @later;
	while (@later && $later[0][0] <= time()) {
		my (undef, $fn) = @{shift(@later)};
		$fn->();
	}
	my $wait = @later ? $later[0][0] - time() : undef;
	$wait = 0 if defined $wait && $wait < 0;
	for my $s ($select->can_read($wait)) {
		if ($s == $tcp) {
			my $c = $tcp->accept() or next;
			$select->add($c);
			$tcp_in{$c} = '';
			next;
		}
		my $msg;
		if ($s == $udp) {
			my $peer = $udp->recv($msg, 4096) or next;
			my ($reply, $delay) = answer($msg, 0);
			push(@later, [time() + $delay,
			    sub { $udp->send($reply, 0, $peer) }])
			    if defined $reply;
			next;
		}
		my $n = sysread($s, $tcp_in{$s}, 4096, length($tcp_in{$s}));
		if (!$n) {
			$select->remove($s);
			delete $tcp_in{$s};
			close($s);
			next;
		}
		while (length($tcp_in{$s}) >= 2) {
			my $len = unpack('n', $tcp_in{$s});
			last if length($tcp_in{$s}) < 2 + $len;
			$msg = substr($tcp_in{$s}, 2, $len);
			$tcp_in{$s} = substr($tcp_in{$s}, 2 + $len);
			my ($reply, $delay) = answer($msg, 1);
			push(@later, [time() + $delay, sub {
			    syswrite($s, pack('n', length($reply)) . $reply) }])
			    if defined $reply;
		}
	}
}
