# The network of the gateway tests: two or three namespaces, with real mail
# servers in overlay roots:
#
#	namespace out			namespace gw
#	Postfix, swaks, clients --veth-- firewall, spamgreyd, mail server
#	203.0.113.10 to .19		203.0.113.25
#	2001:db8:1::10, :2::10 …	2001:db8:1::25
package Gate;

use strict;
use warnings;
use Exporter qw(import);
use FindBin;
use POSIX ();
use Sys;
use Test::More;

our @EXPORT = qw(ns must background network nft_sample without_pass in_set answers
    opensmtpd postfix_config postfix sender sender_start sender_stop send_mail
    deliveries maillog maillog_clear from_out certificate end_all);

my ($outroot, @pids);

# Returns the words that run a command in a namespace.
sub ns { return ('nsenter', "--net=/run/netns/$_[0]") }

sub
must
{
	my ($status, $out, $err) = run(@_);

	die "@_: $out$err\n" if $status != 0;
	return ($out);
}

sub
background
{
	my ($out, @cmd) = @_;
	my $pid = fork();

	if ($pid == 0) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', $out);
		open(STDERR, '>>', $out);
		exec(@cmd) or POSIX::_exit(127);
	}
	push(@pids, $pid);
	return ($pid);
}

sub
network
{
	must('ip', 'netns', 'add', $_) for qw(out gw);
	must('ip', 'link', 'add', 'out0', 'netns', 'out', 'type', 'veth',
	    'peer', 'name', 'gw0', 'netns', 'gw');
	for (['out', 'lo'], ['out', 'out0'], ['gw', 'lo'], ['gw', 'gw0']) {
		my ($n, $if) = @$_;
		must('ip', '-n', $n, 'link', 'set', $if, 'up');
	}
	must('ip', '-n', 'gw', 'addr', 'add', '203.0.113.25/24', 'dev', 'gw0');
	must('ip', '-n', 'gw', 'addr', 'add', '2001:db8:1::25/64', 'dev', 'gw0',
	    'nodad');
	must('ip', '-n', 'out', 'addr', 'add', "203.0.113.$_/24", 'dev', 'out0')
	    for 10 .. 19;
	must('ip', '-n', 'out', 'addr', 'add', "2001:db8:$_\::10/64", 'dev',
	    'out0', 'nodad') for 1 .. 4;
	must('ip', '-n', 'gw', 'route', 'add', '2001:db8::/32', 'dev', 'gw0');
}

# Loads the shipped rules of the firewall; edit changes their text.
sub
nft_sample
{
	my ($edit) = @_;
	my $rules = slurp('spamgreyd/nftables.conf.sample');

	$rules =~ s/^(\s*define\s+outside\s*=\s*).*$/$1\{ "gw0" \}/m or
	    die "nftables.conf.sample has no `define outside'\n";
	$rules = $edit->($rules) if defined $edit;
	spit(tmp() . '/nftables.conf', $rules);
	must(ns('gw'), 'nft', '-f', tmp() . '/nftables.conf');
}

# Makes the sample's variant for a daemon without pass, for nft_sample.
sub
without_pass
{
	my ($rules) = @_;

	$rules =~ s/^\s*tcp dport 25 .* redirect to :8027\n(\s*)#(.* accept)$/$1$2/m
	    or die "nftables.conf.sample has no variant without pass\n";
	return ($rules);
}

# Returns whether the host is in the set.
sub
in_set
{
	my ($set, $addr) = @_;

	return ((run(ns('gw'), 'nft', 'get', 'element', 'inet', 'spamgrey',
	    $set, "{ $addr }"))[0] == 0);
}

# Waits until something answers there.
sub
answers
{
	my ($n, $addr, $port) = @_;

	wait_for("an answer at $addr port $port", sub {
		(run(ns($n), $^X, '-MIO::Socket::IP', '-e',
		    'exit !IO::Socket::IP->new(PeerHost => $ARGV[0], ' .
		    'PeerPort => $ARGV[1])', $addr, $port))[0] == 0
	});
}

# Starts OpenSMTPD in a namespace, with a configuration and a file for its log.
sub
opensmtpd
{
	my ($n, $root, $conf) = @_;
	my $log = "$root.log";

	run('chroot', $root, 'useradd', '-m', '-s', '/bin/sh', 'user');
	spit("$root/etc/smtpd.conf", $conf);
	chmod(0644, "$root/etc/smtpd.conf");
	background($log, ns($n), 'chroot', $root, '/usr/sbin/smtpd', '-d');
	return ($log);
}

# Makes a root with Postfix: Debian's own files, and the given settings.
sub
postfix_config
{
	my ($root, @settings) = @_;
	my $pf = "$root/etc/postfix";

	must('cp', "$root/usr/share/postfix/main.cf.debian", "$pf/main.cf");
	for my $from ("$root/usr/share/postfix/master.cf.dist",
	    "$pf/master.cf.dist") {
		must('cp', $from, "$pf/master.cf") if -e $from;
	}
	must('chroot', $root, 'postconf', '-e',
	    'maillog_file=/var/log/maillog', 'alias_maps=',
	    'alias_database=', 'smtp_dns_support_level=disabled',
	    'smtp_host_lookup=native', @settings);
	must('chroot', $root, 'postconf', '-F', '*/*/chroot=n');
}

sub
postfix
{
	my ($n, $root, @args) = @_;

	must(ns($n), 'chroot', $root, 'postfix', @args);
}

# Makes the sending Postfix: one server for each domain, quick retries.  It
# counts in whole seconds, so with `pass 1s' it never retries too early.
sub
sender
{
	my ($root, %to) = @_;

	$outroot = $root;
	postfix_config($root, 'myhostname=sender.example.com',
	    'mydestination=', 'mynetworks=127.0.0.0/8', 'inet_protocols=all',
	    'inet_interfaces=loopback-only', 'smtp_tls_security_level=none',
	    'minimal_backoff_time=3s', 'maximal_backoff_time=3s',
	    'queue_run_delay=1s', 'smtp_destination_concurrency_limit=1',
	    'transport_maps=inline:{ ' . join(', ', map {
	    "{$_=smtp:[$to{$_}]}" } sort keys %to) . ' }');
}

sub sender_start { postfix('out', $outroot, 'start') }
sub sender_stop { run(ns('out'), 'chroot', $outroot, 'postfix', 'stop') }

sub
send_mail
{
	my ($from, $to, $subject) = @_;

	spit("$outroot/tmp/mail", "From: <$from>\nTo: <$to>\n" .
	    "Subject: $subject\n\nhello\n");
	must(ns('out'), 'chroot', $outroot, 'sh', '-c',
	    "/usr/sbin/sendmail -f $from $to < /tmp/mail");
}

sub maillog { return (slurp(($_[0] // $outroot) . '/var/log/maillog')) }
sub maillog_clear { spit("$outroot/var/log/maillog", '') }

# Returns the sender's log lines of the deliveries to an address, in order.
sub
deliveries
{
	my ($to) = @_;

	return (grep { /to=<\Q$to\E>.* status=/ } split(/\n/, maillog()));
}

# Makes one SMTP dialogue from outside, and returns the replies.
sub
from_out
{
	my (%o) = (port => 25, timeout => 60, @_);
	my $args = join(', ', map { my $v = $o{$_}; ref($v) ?
	    "$_ => [" . join(', ', map { "q($_)" } @$v) . ']' :
	    "$_ => q($v)" } keys %o);
	my ($status, $out, $err) = run(ns('out'), $^X, "-I$FindBin::Bin",
	    '-MSys', '-e', "print(join(chr(0), Sys::dialogue($args)))");

	diag($err) if $err ne '';
	return (split(/\0/, $out));
}

# Makes a self-signed certificate for that name: (certificate, key).
sub
certificate
{
	my ($name, $base) = @_;
	my ($cert, $key) = map { tmp() . "/$base.$_" } qw(crt key);

	must('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
	    '-days', '30', '-subj', "/CN=$name", '-addext',
	    "subjectAltName=DNS:$name", '-keyout', $key, '-out', $cert);
	return ($cert, $key);
}

sub
end_all
{
	sender_stop() if defined $outroot;
	kill('TERM', @pids) if @pids;
}

1;
