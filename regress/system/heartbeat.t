#!/usr/bin/perl
# A process that is stopped is noticed and killed, and mail goes on; badchild.c
# has a heartbeat that is a hundred times as fast.  These deaths do not count for
# `restart'.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();
plan(skip_all => 'needs nft') if (run('which', 'nft'))[0] != 0;
my ($status, $out, $err) = run('nft', '-f', 'spamgreyd/nftables.conf.sample');
plan(skip_all => "nftables: $err") if $status != 0;

$Sys::daemon = program('badchild');
conf(<<"END");
listen on 127.0.0.1 port 8025
firewall nftables
allowed domains { "example.org" }
tarpit { stutter no }
restart no
track nflog 5
pass {
	listen on 127.0.0.1 port 8027
	relay to 127.0.0.1 port 2525
}
END
start();
for my $role (qw(front pass store fw track)) {
	my %was = roles();

	log_mark();
	kill('STOP', $was{$role});
	wait_log(qr/^$role died: signal 9/m);
	my $ready = $role eq 'track' ? qr/^track: reading/m : qr/^ready$/m;
	wait_log($ready);
	my %now = roles();
	my @said = log_since() =~ /^(\w+) has not answered for 120 s; it is killed$/mg;
	is("@said", $role, "$role is stopped: that is said, and of no other");
	is(join(' ', grep { $now{$_} != $was{$_} } sort keys %was),
	    $role eq 'track' ? 'track' : join(' ', sort keys %was),
	    $role eq 'track' ? '… it alone is started again' :
	    '… all are started again');
	like(smtp_code(port => 8025), qr/^451 4\.7\.1 /, '… and mail goes on');
}
($status) = stop();
is($status, 0, 'the daemon did not count these deaths');
done_testing();
