#!/usr/bin/perl
# The port for spamd-setup, in cases where spamd fails: 128 lists, and an
# address that the machine does not have.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;
use IO::Socket::IP;

private();

my ($port, $cfg) = (8025, 8026);
conf(<<"END");
listen on 127.0.0.1 port $port
firewall none
tarpit { stutter no }
spamd-setup on 127.0.0.1 port $cfg
END
start();

# As spamd-setup does it: a connection from a low port, and its end.
sub
setup
{
	my ($text, $gone) = @_;		# gone: it does not wait for the end
	my $s;

	log_mark();
	for my $p (reverse(600 .. 1023)) {
		$s = IO::Socket::IP->new(LocalHost => '127.0.0.1',
		    LocalPort => $p, PeerHost => '127.0.0.1',
		    PeerPort => $cfg, ReuseAddr => 1) and last;
	}
	die "spamd-setup: $!\n" unless $s;
	print $s $text;
	$s->flush();
	shutdown($s, 1);
	readline($s) unless $gone;
	close($s);
}

sub
listed
{
	my ($ip) = @_;

	return ((db('show', $ip))[1] =~ /blacklisted/ ? 1 : 0);
}

my %before = roles();
setup(join('', map { "list$_;\"m\";inet;1;10.0.$_.0/24\n" } 0 .. 127));
wait_log(qr/spamd-setup: 64 lists accepted/);
wait_for('the 64th list', sub { listed('10.0.63.1') });
sub too_many {
	return (scalar(() = log_since() =~
	    /list "list\d+" of spamd-setup: there are too many/g));
}
wait_for('64 lines on lists', sub { too_many() >= 64 });
is(too_many(), 64, 'of 128 lists 64 are taken, and the others named');
ok(listed('10.0.0.1'), 'the first');
ok(!listed('10.0.64.1') && !listed('10.0.127.1'), 'not the 65th, nor the last');
setup("list7;\"m\";inet;1;10.1.7.0/24\nlist8;\nlist100;\"m\";inet;1;10.1.100.0/24\n");
wait_for('one in its place', sub { listed('10.1.7.1') });
ok(!listed('10.0.7.1'), 'a list can be replaced');
ok(!listed('10.0.8.1'), 'and emptied');
for my $line ('x;"m";inet;2;127.0.0.8/32;', 'x;"m";inet;2;;127.0.0.8/32',
    'x;"m";inet;1;', 'x;"m";inet;1', 'x;"m";inet;1;;;;', 'x;"m";;;;',
    'x;"m";inet;3;127.0.0.8/32', ';;;;', 'x;"m";inet;1;/24') {
	setup("$line\n");
	wait_log(qr/of spamd-setup: /);
}
is(listed('127.0.0.8'), 0, 'an empty address ends nobody, and lists nobody');
my %after = roles();
is_deeply(\%after, \%before, 'every process is the one it was');
like(smtp_code(port => $port), qr/^451 4\.7\.1/, 'mail goes on');
ok(listed('10.1.7.1'), 'and the good lists stay');
# The file cannot be written because something else has its name: no descriptor
# stays open.
sub
sockets
{
	return (scalar grep { (readlink($_) // '') =~ /^socket:/ }
	    glob("/proc/$Sys::pid/fd/*"));
}

my $sockets = sockets();
mkdir(tmp() . '/state/lists/:spamd-setup~') or die "mkdir: $!\n";
for (1 .. 3) {
	setup("list9;\"m\";inet;1;10.2.9.0/24\n", 1);
	wait_log(qr/spamd-setup: no lists accepted/);
}
is(sockets(), $sockets, 'a connection that cannot be taken is closed');
rmdir(tmp() . '/state/lists/:spamd-setup~');
setup("list9;\"m\";inet;1;10.2.9.0/24\n");
wait_for('what comes after it', sub { listed('10.2.9.1') });
is((stop())[0], 0, 'SIGTERM');
done_testing();
