# Runs a real spamd in an overlay root, with Debian's rules and the test's
# local.cf.  For use in private.sh only.
package Spamd;

use strict;
use warnings;
use Exporter qw(import);
use IO::Socket::INET;
use IO::Socket::UNIX;
use Mta qw(background);
use POSIX ();
use Sys;

our @EXPORT = qw(spamd_root spamd_only spamd_local spamd_start spamd_unix
    spamd_stop spamd_go spamd_end);

our ($root, $pid);
our $port = 783;
our $children = 2;

# Makes the root.  Returns (root), or (undef, why not).
sub
spamd_root
{
	my ($name) = @_;
	my ($dir, $why) = root($name, 'spamassassin', 'spamd', 'spamc',
	    'mariadb-server', 'libdbd-mysql-perl');

	return (undef, $why) if !$dir;
	return ($root = $dir);
}

# No rule may ask the network.  Debian's rules treat the networks for
# documentation as invalid, and the clients of the tests have no names in the
# DNS.
sub
spamd_local
{
	spit("$root/etc/spamassassin/local.cf", join("\n",
	    'dns_available no', 'use_bayes 0', 'use_pyzor 0', 'use_razor2 0',
	    'required_score 5', 'trusted_networks 198.51.100.1',
	    'score RCVD_ILLEGAL_IP 0', 'score RDNS_NONE 0', @_) . "\n");
}

# Returns lines of a configuration by which only these of Debian's rules count,
# so that a mail's score is exactly what the test says.
sub
spamd_only
{
	my %keep = map { $_ => 1 } @_;
	my %rules;

	for my $file (glob("$root/usr/share/spamassassin/*.cf")) {
		my $text = slurp($file);

		$rules{$1} = 1 while $text =~
		    /^\s*(?:header|body|rawbody|full|uri|uri_detail|mimeheader|
		    meta|score)\s+([A-Z]\w*)/gmx;
	}
	die "no rules in $root/usr/share/spamassassin\n" if !%rules;
	return (map { "score $_ 0" } grep { !$keep{$_} } sort keys %rules);
}

sub
begin
{
	my ($dial, @args) = @_;

	$pid = background(tmp() . '/spamd.out', 'chroot', $root, 'spamd', '-L',
	    '-s', 'stderr', @args);
	wait_for('spamd', sub {
		waitpid($pid, POSIX::WNOHANG()) == 0 or
		    die 'spamd: ' . slurp(tmp() . '/spamd.out');
		my $s = $dial->() or return (0);
		print $s "PING SPAMC/1.5\r\n\r\n";
		shutdown($s, 1);
		return ((<$s> // '') =~ /PONG/);
	}, 300);
	return ($pid);
}

sub
spamd_start
{
	my (@args) = @_;

	return (begin(sub { IO::Socket::INET->new("127.0.0.1:$port") }, '-x',
	    '-u', 'nobody', '-m', $children, "--min-children=$children", '-i',
	    '127.0.0.1', '-p', $port, @args));
}

# Starts it with only these options.  They name a socket below the root.
sub
spamd_unix
{
	my ($path, @args) = @_;

	return (begin(sub { IO::Socket::UNIX->new("$root$path") }, @args));
}

# Returns its process id and those of its children.
sub tree { return ($pid, split(' ', slurp("/proc/$pid/task/$pid/children"))) }
sub spamd_stop { kill('STOP', tree()) }
sub spamd_go { kill('CONT', tree()) }

# Kills it with SIGKILL, even when it is stopped.
sub
spamd_end
{
	return if !defined $pid;
	kill('KILL', tree());
	waitpid($pid, 0);
	undef $pid;
}

1;
