#!/usr/bin/perl
# What the processes have not freed after sessions, messages, TLS and reloads:
# after a first round a second one, with hosts that have never come before, may
# add only what is kept of a host on purpose.  In pass that are answers of the
# DNS, of which it keeps 20,000, and in store pages in the database's cache; the
# rest has tables of a fixed size.  (Cost.pm has the counts.)
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../system";
use Cost;
use Gate;
use Mta;
use Sys;
use Test::More;

private();

my ($hosts, $port, $passes) = (60, 8025, 8027);
my $load = cost_program('regress/bench/smtp_load.c');
my ($cert, $key) = certificate('mx.example.org', 'mx');
my ($sink, $behind) = sink_start(tmp() . '/mail', '-e', '8BITMIME');
spit(tmp() . '/zone', "*.bl.test A 300 127.0.0.9\n" .
    "*.in-addr.arpa PTR 300 mail.example.com\n");
Mta::background(tmp() . '/dnsd.log', $^X, 'regress/lib/dnsd.pl', 5353,
    tmp() . '/zone');
wait_for('the name server', sub { slurp(tmp() . '/dnsd.log') =~ /^ready/m });
# Addresses that are not the machine's own to the daemon.
(run(qw(ip route add local 198.18.0.0/15 dev lo)))[0] == 0 or
    die "cannot add a route\n";

# A configuration; another $n is a change.
sub
settings
{
	my ($n) = @_;

	return (<<"END");
allowed domains { "example.org" }
listen on 0.0.0.0 port $port
tls certificate "$cert" key "$key"
firewall none
resolver 127.0.0.1 port 5353
limit { per-host ${\(200 + $n)} per-network 1000 }
pass {
	listen on 0.0.0.0 port $passes
	relay to 127.0.0.1 port $behind
	limit per-network 1000
	module greet_pause { wait 10ms }
	module conncontrol { max ${\(400 + $n)} }
	module ratecontrol { max 100000 per 60s }
	module throttle { client 100000 per 1m sender 100000 per 1m }
	module bad_rcpt_throttle {}
	module protocol {}
	module dnsbl { zone "bl.test" { 127.0.0.2 points 4 } }
	module attachment { name "*.exe" reject name "*.docm" points 3 }
	module regex { header "Subject" "cheap (pills|watches)" points 3 }
}
END
}

conf(settings(0));
cost_start();

# The hosts of a round, as addresses of a network.
sub hosts { return (map { "198.18.$_[0].$_" } 1 .. $hosts) }

# A message from each, at front or at pass.
sub
deliver
{
	my ($at, @from) = @_;
	my $file = spit(tmp() . '/message', "Subject: x\r\n\r\n" .
	    ('x' x 70 . "\r\n") x 100);
	my @bad = grep { !/^250 / } map { (dialogue(port => $at,
	    from => $_, to => '198.19.0.1', file => $file))[-1] } @from;

	is("@bad", '', "messages were delivered at port $at");
}

# Sessions with TLS, up to a recipient.
sub
encrypted
{
	my ($at, @from) = @_;
	my $bad = '';

	for my $from (@from) {
		my (undef, $out) = run('sh', '-c', "printf 'EHLO c.example." .
		    "com\\r\\nMAIL FROM:<t\@example.com>\\r\\nRCPT TO:" .
		    "<you\@example.org>\\r\\nQUIT\\r\\n' | openssl s_client " .
		    "-quiet -ign_eof -starttls smtp -bind $from:0 -connect " .
		    "198.19.0.1:$at 2>/dev/null");
		$bad .= "$from: $out" if $out !~ /^221 /m;
	}
	is($bad, '', "TLS sessions at port $at");
}

sub
greylisted
{
	my ($n, $tag) = @_;
	my (undef, $out) = run($load, '-n', $n, '-t', $tag, '127.0.0.1', $port);

	like($out, qr/^grey=$n$/m, "$n greylisted sessions");
}

# Runs a round twice, and looks at what the second one added.
sub
twice
{
	my ($what, $most, $round) = @_;

	$round->(0);
	my $before = cost_held();
	$round->(1);
	cost_held_ok($before, $most, $what);
}

my $net = 0;
db_ok('-a', hosts($_)) for 0 .. 9;
# An answer of the DNS takes about 150 bytes, and a host asks for two.  In the
# cache an entry of the database takes some hundreds.
my $tls = { pass => 8192 + 10 * 512 };
my $kept = { pass => 8192 + $hosts * 512, store => 8192 + $hosts * 1024 };
twice('greylisted', { store => 600 * 400 },
    sub { greylisted(600, "g$_[0]") });
twice('handed over', $kept, sub { deliver($port, hosts($net++)) });
twice('at pass', $kept, sub { deliver($passes, hosts($net++)) });
twice('TLS, handed over', $tls,
    sub { encrypted($port, (hosts($net++))[0 .. 9]) });
twice('TLS at pass', $tls,
    sub { encrypted($passes, (hosts($net++))[0 .. 9]) });
twice('reloads', {}, sub {
	for my $n (1 .. 8) {
		conf(settings($n));
		db_ok('reload');
	}
});
is((stop())[0], 0, 'SIGTERM');
done_testing();
