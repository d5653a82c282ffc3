#!/usr/bin/perl
# What a delivered message costs the daemon: a white host connects to front,
# which hands the session to pass, which relays it to a mail server.  Cost.pm
# has the counts; front.t is the same for sessions that stay at front.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../system";
use Cost;
use Mta;
use Sys;
use Test::More;

private();

my $port = 8025;
my ($sink, $behind) = sink_start(tmp() . '/mail', '-e', '8BITMIME');

conf(<<"END");
allowed domains { "example.org" }
listen on 127.0.0.1 port $port
firewall none
pass {
	listen on 127.0.0.1 port 8027
	relay to 127.0.0.1 port $behind
}
END
cost_start();
db_ok('-a', '127.0.0.1');

# Messages of so many bytes, a session for each, one after the other.
sub
deliver
{
	my ($n, $size) = @_;
	my $file = spit(tmp() . '/message', "Subject: cost\r\n\r\n" .
	    ('x' x 70 . "\r\n") x ($size / 72));
	my @bad = grep { !/^250 / } map {
		(dialogue(port => $port, file => $file))[-1] } 1 .. $n;

	is("@bad", '', "$n messages of $size bytes were delivered");
}

# So many sessions at a time, whose messages all end when the last one has come.
sub
deliver_together
{
	my ($n, $size) = @_;
	my @bad;
	my @sessions = map {
		my $s = smtp(port => 8027);

		for my $line ('', "EHLO sender.example.com\r\n",
		    "MAIL FROM:<me\@example.com>\r\n",
		    "RCPT TO:<you\@example.org>\r\n", "DATA\r\n") {
			print $s $line;
			$s->flush();
			push(@bad, $_) for grep { !/^[23]/ } Sys::reply($s);
		}
		print $s "Subject: cost\r\n\r\n" .
		    ('x' x 70 . "\r\n") x ($size / 72);
		$s->flush();
		$s;
	} 1 .. $n;

	for my $s (@sessions) {
		print $s ".\r\n";
		$s->flush();
		push(@bad, $_) for grep { !/^250/ } Sys::reply($s);
	}
	is("@bad", '', "$n messages of $size bytes at a time");
}

# The memory of one message is used for the next.  What many sessions need for
# long is allocated first, or it may lie above the messages and keep the heap.
deliver_together(40, 1024);
deliver_together(20, 102400) for 1 .. 2;
cost_begin();
deliver_together(20, 102400);
cost_ok(cost_end(), 20, { pass => { faults => 1 } },
    'delivered at a time, 102400 bytes');

for ([4096, 100, {
	front => { 'call.accept4' => 2.1, 'call.epoll_wait' => 2.2,
	    'call.recvmsg' => 2.1, 'call.sendmsg' => 3.1, 'call.close' => 2.1,
	    other => 1.1, allocations => 1.5 },
	# The two messages of a hand-over come at once or one by one.
	pass => { 'call.recvfrom' => 13.1, 'call.sendto' => 11.1,
	    'call.epoll_wait' => 14.1, 'call.epoll_ctl' => 4.1,
	    'call.recvmsg' => 4.1, 'call.sendmsg' => 4.1, 'call.close' => 2.1,
	    other => 3.1, allocations => 34.5, copied => 7250, out => 4500 },
	store => { calls => 0.5, syncs => 0.1 },
	parent => { 'call.write' => 3.1, calls => 9.5 },
    }], [102400, 50, {
	pass => { 'call.sendto' => 11.1, calls => 60.5, allocations => 35, copied => 106_000,
	    out => 103_000 },
    }]) {
	my ($size, $n, $ceilings) = @$_;

	deliver(20, $size);
	cost_begin();
	deliver($n, $size);
	cost_ok(cost_end(), $n, $ceilings, "delivered, $size bytes");
}
is((stop())[0], 0, 'SIGTERM');
done_testing();
