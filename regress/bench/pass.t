#!/usr/bin/perl
# torture
# Messages a second from Postfix's smtp-source to its smtp-sink, with in
# between: nothing, HAProxy as a TCP proxy, Postfix's before-queue proxy
# (smtpd_proxy_filter), and pass with no module.  All in the same run, in
# turns, so that only the ratios count.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../system";
use Sys;
use Mta;
use Test::More;

private();

my $messages = torture_or(10000, 1500);
my $sessions = 20;
my $size = 4096;
my $rounds = 3;
my $rounds_max = 10;

my ($root, $no) = postfix_root('bench', 'haproxy');
plan(skip_all => "Postfix, HAProxy: $no") if !$root;

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
my $haproxy = background(tmp() . '/haproxy.out', 'chroot', $root, 'haproxy',
    '-db', '-f', '/etc/haproxy.cfg');
listening('HAProxy', $to{HAProxy});

# --- Postfix; with no limit that one client would meet
$to{Postfix} = postfix_start($root, mta_port(), '-o',
    "smtpd_proxy_filter=127.0.0.1:$behind", '-o',
    'smtpd_client_connection_count_limit=0', '-o',
    'smtpd_recipient_restrictions=permit_mynetworks,reject', '-o',
    'smtpd_authorized_xforward_hosts=127.0.0.0/8');

# --- pass
$to{pass} = pass_start($behind);

# Messages a second; every one must have been taken.
sub
rate
{
	my ($what, @args) = @_;
	my $t = now();
	my ($status, $out, $err) = run('chroot', $root, 'smtp-source', '-s',
	    $sessions, '-m', $messages, '-l', $size, '-f', 'me@example.com',
	    '-t', 'you@example.org', @args, "127.0.0.1:$to{$what}");
	my $took = now() - $t;

	is("$status $out$err", '0 ', "$what: $messages messages")
	    or BAIL_OUT("smtp-source through $what");
	return ($messages / $took);
}

sub best { return ((sort { $b <=> $a } @_)[0]) }

# Whether each message has a session of its own, or several share one.
sub
compare
{
	my ($how, @args) = @_;
	my @names = grep { $to{$_} } qw(direct HAProxy Postfix pass);
	my (%rates, %best);

	for my $round (1 .. $rounds_max) {
		push(@{$rates{$_}}, rate($_, @args)) for @names;
		%best = map { $_ => best(@{$rates{$_}}) } @names;
		# More rounds where something else has the processors.
		last if $round >= $rounds && (!$best{pass} ||
		    ($best{pass} >= 0.7 * $best{HAProxy} &&
		    $best{pass} >= 3 * $best{Postfix}));
	}
	diag("$how, messages a second: " . join(', ', map {
		sprintf('%s %.0f', $_, $best{$_}) } @names));
	diag("$how, to direct: " . join(', ', map { sprintf('%s %.2f', $_,
	    $best{$_} / $best{direct}) } @names[1 .. $#names]));
	return if !$best{pass};
	diag(sprintf('%s: pass to HAProxy %.2f, to Postfix %.2f', $how,
	    $best{pass} / $best{HAProxy}, $best{pass} / $best{Postfix}));
	return (%best);
}

my %one = compare('a message a session');
my %many = compare('many in a session', '-d');
for (['a message a session', \%one], ['many in a session', \%many]) {
	my ($how, $best) = @$_;
	cmp_ok($best->{pass} / $best->{HAProxy}, '>=', 0.7,
	    "$how: at least 0.7 of HAProxy");
	cmp_ok($best->{pass} / $best->{Postfix}, '>=', 3,
	    "$how: at least 3 times Postfix's before-queue proxy");
}
is((stop())[0], 0, 'SIGTERM');
postfix_kill($root);
done_testing();
