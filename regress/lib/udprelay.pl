#!/usr/bin/perl
# udprelay.pl SEED LOSS DUPLICATE REORDER PORT=HOST:PORT ...
# Plays a bad network: it forwards datagrams from a port to its target, but
# loses LOSS per cent, sends DUPLICATE per cent twice, and holds REORDER per
# cent back until some others have passed, for at most a fifth of a second.
# With the same seed the same happens to the n-th datagram.  It prints "ready"
# when it listens, and ends at the end of its standard input.
use strict;
use warnings;
use IO::Select;
use IO::Socket::IP;
use Socket qw(SOCK_DGRAM);

my ($seed, $loss, $dup, $late, @ways) = @ARGV;
my $random = $seed;

sub
percent
{
	$random = ($random * 1103515245 + 12345) & 0x7fffffff;
	return (($random >> 16) % 100);
}

my $select = IO::Select->new(\*STDIN);
my (%target, @held);
my %count = (in => 0, lost => 0, twice => 0, late => 0);
for my $way (@ways) {
	my ($port, $host, $to) = $way =~ /^(\d+)=(.*):(\d+)$/ or
	    die "$way: not PORT=HOST:PORT\n";
	my $in = IO::Socket::IP->new(LocalPort => $port, Type => SOCK_DGRAM,
	    LocalHost => '0.0.0.0') or die "port $port: $@\n";
	$target{$in} = IO::Socket::IP->new(PeerHost => $host, PeerPort => $to,
	    Type => SOCK_DGRAM) or die "$host: $@\n";
	$select->add($in);
}
$| = 1;
print "ready\n";
while (1) {
	my @ready = $select->can_read(@held ? 0.2 : undef);
	if (!@ready || @held > 4) {
		my $h = shift(@held);
		send($h->[0], $h->[1], 0) if $h;
	}
	for my $in (@ready) {
		if ($in == \*STDIN) {
			print join(' ', map { "$_=$count{$_}" } sort keys
			    %count), "\n";
			exit(0);
		}
		defined recv($in, my $data, 65536, 0) or next;
		my $out = $target{$in};
		$count{in}++;
		if (percent() < $loss) {
			$count{lost}++;
		} elsif (percent() < $late) {
			$count{late}++;
			push(@held, [$out, $data]);
		} else {
			send($out, $data, 0);
			if (percent() < $dup) {
				$count{twice}++;
				send($out, $data, 0);
			}
		}
	}
}
