#!/usr/bin/perl
# Greylisted sessions a second of front, of the limit server and of the peers,
# by the same load program with 50 clients at a time.  Each session has a tuple
# that nobody knows.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../system";
use Bench;
use Peers;
use Sys;

private();

my $rounds = short() ? 2 : 9;
my $seconds = short() ? 0.5 : 2;
my $clients = 50;
my $load = bench_program('smtp_load');
my $tag = 0;

# Returns the sessions a second; each must have been greylisted.  Each round has
# its sources, if there are so many.
sub
sessions
{
	my ($round, $latency, $port, @args) = @_;
	my ($status, $out, $err) = run($load, '-c', $clients, '-d', $seconds,
	    '-t', 'r' . $tag++, '-f', $round * 100_000, @args, '127.0.0.1',
	    $port);
	my %r = ($out =~ /^(\w+)=(\S+)$/mg);

	die $err if $status != 0;
	die 'not every session was greylisted: ' . $out =~ s/\n/ /gr . "\n"
	    if $r{grey} != $r{sessions};
	push(@$latency, [@r{qw(p50_us p99_us)}]);
	return ($r{rate});
}

conf($Sys::gate);
start();
my ($limit, $port) = limit_start();
my @servers = (['spamgreyd', 8025], ['limit server', $port], peers_start());
my (%latency, %out);

# A peer that fails is left out from then on.
my %rates = interleave($rounds, map {
	my ($name, @rest) = @$_;
	[$name, sub {
		my ($round) = @_;
		return (undef) if $out{$name};
		my $rate = eval { sessions($round,
		    $latency{$name} //= [], @rest) };
		return ($rate) if defined $rate;
		die "$name: $@" if $name =~ /^(?:spamgreyd|limit server)$/;
		chomp(my $why = $@);
		peer_skipped($name, $why);
		$out{$name} = 1;
		return (undef);
	}]
} @servers);

my @rows;
for (grep { !$out{$_} } map { $_->[0] } @servers) {
	my @rate = @{$rates{$_}};
	my @l = @{$latency{$_}}[1 .. $rounds];
	my @ratio = ratios(\@rate, $rates{'limit server'});

	push(@rows, [$_, number(median(@rate)),
	    join(' to ', map { number($_) } quartiles(@rate)),
	    number(median(@ratio)), map { my $i = $_;
	    number(median(map { $_->[$i] } @l) / 1000) } 0, 1]);
	bar('sessions', [$_, median(@rate), quartiles(@rate)]);
}
table("Greylisted sessions a second, $clients clients at a time", ['server',
    'median', 'quartiles', 'of the limit server', 'p50 of a session, ms',
    'p99, ms'], @rows);
measured('front.limit', ratios(@rates{'spamgreyd', 'limit server'}));
limit_stop($limit);
stop();
