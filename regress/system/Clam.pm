# Runs a real clamd in an overlay root, with two signatures made by the test:
# EICAR by its bytes, and one of its own.  For use in private.sh only.
package Clam;

use strict;
use warnings;
use Exporter qw(import);
use IO::Socket::INET;
use IO::Socket::UNIX;
use MIME::Base64;
use Mta qw(background);
use POSIX ();
use Sys;

our @EXPORT = qw(clam_root clam_start clam_pid clam_end clam_ask eicar
    eicar_zip our_virus);

our ($root, $pid);
our $port = 3310;

# It is in two parts, so that no scanner finds it in this file.
sub eicar { return ('X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-' .
    'ANTIVIRUS-TEST-FILE!$H+H*') }
sub our_virus { return ('spamgreyd tests its scan' . 'ner with this line') }

# Makes a zip file with EICAR, with or without the flag of a password.
sub
eicar_zip
{
	require IO::Compress::Zip;
	my ($in, $out) = (eicar());

	IO::Compress::Zip::zip(\$in => \$out, Name => 'eicar.com') or
	    die "zip\n";
	return ($out);
}

# The path on the host.  clamd names it relative to its root.
sub socket_path { return ("$root/run/clamd.ctl") }

# Makes the root.  Returns (root), or (undef, why not).
sub
clam_root
{
	my ($name, @settings) = @_;
	my ($dir, $why) = root($name, 'clamav-daemon', 'clamdscan');

	return (undef, $why) if !$dir;
	$root = $dir;
	mkdir("$root/srv/sigs");
	spit("$root/srv/sigs/own.ndb",
	    'Eicar-Test-Signature:0:*:' . unpack('H*', eicar()) . "\n" .
	    'Spamgreyd.Test-1:0:*:' . unpack('H*', our_virus()) . "\n");
	spit("$root/etc/clamav/clamd.conf", join("\n",
	    'LocalSocket /run/clamd.ctl', 'LocalSocketMode 666',
	    'FixStaleSocket true', "TCPSocket $port", 'TCPAddr 127.0.0.1',
	    'User nobody', 'DatabaseDirectory /srv/sigs', 'Foreground true',
	    'MaxThreads 4', 'SelfCheck 86400', 'AlertExceedsMax true',
	    'AlertEncryptedArchive true', 'StreamMaxLength 100M',
	    'LogFile /tmp/clamd.log', @settings) . "\n");
	system('chmod', '-R', 'a+rX', "$root/srv/sigs",
	    "$root/etc/clamav") == 0 or die "chmod\n";
	# clamd runs as nobody and makes its socket there.
	chmod(0777, "$root/run") or die "$root/run: $!\n";
	return ($root);
}

# Sends a command to the unix socket; undef: no answer.
sub
clam_ask
{
	my ($command) = @_;
	my $s = IO::Socket::UNIX->new(Peer => socket_path()) or return (undef);
	local $SIG{PIPE} = 'IGNORE';
	local $/ = "\0";

	syswrite($s, "z$command\0");
	my $said = <$s>;
	return (undef) if !defined $said;
	chomp($said);
	return ($said);
}

sub
clam_start
{
	$pid = background(tmp() . '/clamd.out', 'chroot', $root, 'clamd');
	wait_for('clamd', sub {
		waitpid($pid, POSIX::WNOHANG()) == 0 or
		    die 'clamd: ' . slurp(tmp() . '/clamd.out');
		(clam_ask('PING') // '') eq 'PONG' &&
		    IO::Socket::INET->new("127.0.0.1:$port");
	});
	return ($pid);
}

sub clam_pid { return ($pid) }

# Kills it with SIGKILL, even when it is stopped.
sub
clam_end
{
	return if !defined $pid;
	kill('KILL', $pid);
	waitpid($pid, 0);
	undef $pid;
}

1;
