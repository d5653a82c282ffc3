#!/usr/bin/perl
# Messages a second from Postfix's smtp-source to its smtp-sink with pass
# (without modules), HAProxy as a TCP proxy, and Postfix's before-queue proxy
# (smtpd_proxy_filter) in the same place, and with nothing between; and the
# processor time of a message.  Sender and sink use the same processors.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../system";
use Bench;
use Mta;
use Peers;
use Sys;

private();

my $rounds = short() ? 2 : 6;
my $seconds = short() ? 0.5 : 1.5;
my $sessions = 20;

my ($root, $no) = mail_root();
die "Postfix: $no\n" if !$root;
my ($sink, $behind) = smtp_sink($root, undef);
my %to = (direct => $behind);

# --- HAProxy
$to{HAProxy} = mta_port();
spit("$root/etc/haproxy.cfg", <<"END");
defaults
	mode tcp
	timeout connect 10s
	timeout client 60s
	timeout server 60s
listen mail
	bind 127.0.0.1:$to{HAProxy}
	server mta 127.0.0.1:$behind
END
my %cpu;
my $haproxy = background(tmp() . '/haproxy.out', 'chroot', $root, 'haproxy',
    '-db', '-f', '/etc/haproxy.cfg');
listening('HAProxy', $to{HAProxy});
$cpu{HAProxy} = sub { cpu_of($haproxy) };

# --- Postfix, without limits that a single client would reach
$to{"Postfix' proxy"} = postfix_start($root, mta_port(), '-o',
    "smtpd_proxy_filter=127.0.0.1:$behind", '-o',
    'smtpd_client_connection_count_limit=0', '-o',
    'smtpd_recipient_restrictions=permit_mynetworks,reject', '-o',
    'smtpd_authorized_xforward_hosts=127.0.0.0/8');
my ($master) = slurp("$root/var/spool/postfix/pid/master.pid") =~ /(\d+)/;
$cpu{"Postfix' proxy"} = sub { cpu_tree($master) };

# --- pass
$to{pass} = pass_start($behind);
my $pass = role_pid('pass') // die "no pass\n";
$cpu{pass} = sub { cpu_of($pass) };

# Sends so many messages, each of which must be accepted.  Returns [messages a
# second, microseconds of processor time of each].
sub
messages
{
	my ($what, $n, @args) = @_;
	my $cpu = $cpu{$what} ? $cpu{$what}->() : 0;
	my $t = now();
	my ($status, $out, $err) = run('chroot', $root, 'smtp-source', '-s',
	    $sessions, '-m', $n, '-f', 'me@example.com', '-t',
	    'you@example.org', @args, "127.0.0.1:$to{$what}");
	my $took = now() - $t;

	"$status $out$err" eq '0 ' or die "smtp-source to $what: $out$err\n";
	return ([$n / $took, $cpu{$what} ?
	    ($cpu{$what}->() - $cpu) / $n * 1e6 : 0]);
}

# A round lasts as long for each: the first one, which is not counted, finds
# how many messages that are.
sub
compare
{
	my ($key, $how, @args) = @_;
	my @names = ('pass', 'HAProxy', "Postfix' proxy", 'direct');
	my %n;
	my %r = interleave($rounds, map {
		my $name = $_;
		[$name, sub {
			my $r = messages($name, $n{$name} // 200, @args);

			$n{$name} //= int($r->[0] * $seconds) + $sessions;
			return ($r);
		}]
	} @names);
	my (%rate, %us);

	for my $name (@names) {
		$rate{$name} = [map { $_->[0] } @{$r{$name}}];
		$us{$name} = [map { $_->[1] } @{$r{$name}}];
	}
	table("Messages of $how", ['through', 'messages a second, median',
	    'quartiles', 'of HAProxy\'s', 'us of processor time, median',
	    'quartiles', 'of HAProxy\'s'], map {
		my $name = $_;
		[$name, map { my $v = $_; median(@{$v->{$name}}) > 0 ?
		    (number(median(@{$v->{$name}})), join(' to ',
		    map { number($_) } quartiles(@{$v->{$name}})),
		    number(median(ratios($v->{$name}, $v->{HAProxy})))) :
		    ('', '', '') } \%rate, \%us]
	} @names);
	measured("pass.rate.$key", ratios(@rate{qw(pass HAProxy)}));
	measured("pass.cpu.$key", ratios(@us{qw(pass HAProxy)}));
	measured('pass.postfix', ratios(@us{"Postfix' proxy", 'pass'}))
	    if $key eq '4k';
}

compare('4k', '4 KiB, one a session', '-l', 4096);
compare('4k-reused', '4 KiB, many a session', '-l', 4096, '-d');
compare('100k', '100 KB, one a session', '-l', 100_000);
stop();
postfix_kill($root);
