# The programs beside which front is measured: the limit server, and Debian's
# postscreen, postgrey, OpenSMTPD and rspamd in overlay roots.  For use in
# private.sh only; all of them end with it.
package Peers;

use strict;
use warnings;
use Bench;
use Exporter qw(import);
use IO::Socket::INET;
use Mta;
use POSIX ();
use Sys;

our @EXPORT = qw(limit_start limit_stop mail_root peers_start peer_root
    peer_stop root_pids versions_of);

# Starts smtp_limit: (process, port).
sub
limit_start
{
	my (@args) = @_;
	my $file = tmp() . '/limit';

	unlink($file);
	my $pid = background($file, bench_program('smtp_limit'), @args);
	wait_for('smtp_limit', sub { slurp($file) =~ /^port (\d+)\n/ });
	return ($pid, slurp($file) =~ /(\d+)/);
}

sub
limit_stop
{
	kill('TERM', $_[0]);
	waitpid($_[0], 0);
}

# Records the versions of Debian's packages in a root.
sub
versions_of
{
	my ($root, @packages) = @_;

	for (@packages) {
		my ($status, $v) = run('chroot', $root, 'dpkg-query', '-W',
		    '-f', '${Version}', $_);
		version($_, $v) if $status == 0;
	}
}

# What a server writes goes to the disk, as what the daemon writes does: an
# overlay root is in memory.
sub
on_disk
{
	my ($root, $dir, $owner) = @_;
	my $real = tmp() . '/disk' . $dir =~ tr{/}{-}r;

	mkdir($real) or die "$real: $!\n";
	run('mkdir', '-p', "$root$dir");
	for (['cp', '-a', "$root$dir/.", $real], ['mount', '--bind', $real,
	    "$root$dir"], $owner ? ['chroot', $root, 'chown', '-R', $owner,
	    $dir] : ()) {
		my ($status, $out, $err) = run(@$_);
		die "@$_: $err" if $status != 0;
	}
}

# Postfix, postgrey and HAProxy: (root), or (undef, why not).
sub
mail_root
{
	my ($root, $why) = postfix_root('mail', 'postgrey', 'haproxy');

	return (undef, $why) if !$root;
	versions_of($root, qw(postfix postgrey haproxy));
	return ($root);
}

# Each starts a peer, and returns its port and what smtp_load needs to know; it
# dies with the reason where it cannot.
my ($mail, %roots);

sub
postfix_service
{
	my ($name, $program, @options) = @_;
	my $port = mta_port();

	if (!defined $mail) {
		($mail, my $why) = mail_root();
		die "$why\n" if !$mail;
		postfix_config($mail, 'inet_protocols=ipv4',
		    'postscreen_pre_queue_limit=20000',
		    'postscreen_command_time_limit=300s');
		on_disk($mail, '/var/lib/postfix', 'postfix');
		on_disk($mail, '/var/lib/postgrey', 'postgrey');
		postfix_start($mail);
	}
	my ($status, $out, $err) = run('chroot', $mail, 'postconf', '-M',
	    "$port/inet=127.0.0.1:$port inet n - n - " .
	    ($program eq 'postscreen' ? 1 : 200) . " $program @options");
	die "postconf: $out$err" if $status != 0;
	run('chroot', $mail, 'postfix', 'reload');
	listening($name, $port);
	return ($port);
}

# The tests before the banner only wait.  The one of pipelining ends as a
# greylist does: 450 to RCPT, and the client is remembered.
sub
postscreen
{
	my $port = postfix_service('postscreen', 'postscreen', '-o',
	    'postscreen_greet_banner=', '-o', 'postscreen_access_list=', '-o',
	    'postscreen_pipelining_enable=yes');

	return ($port, '-g', '450 4.3.2', '-s', 3_000_000);
}

sub
postgrey
{
	my $policy = mta_port();
	my $port = postfix_service('Postfix', 'smtpd', '-o',
	    'smtpd_recipient_restrictions=check_policy_service,' .
	    "inet:127.0.0.1:$policy,permit");

	background(tmp() . '/postgrey.out', 'chroot', $mail, 'postgrey',
	    "--inet=127.0.0.1:$policy", '--hostname=mx.example.org');
	listening('postgrey', $policy);
	return ($port, '-g', '450 4.2.0');
}

sub
opensmtpd
{
	my ($root, $why) = root('smtpd', 'opensmtpd');
	my $port = mta_port();

	die "$why\n" if !$root;
	$roots{OpenSMTPD} = $root;
	versions_of($root, 'opensmtpd');
	# It looks up the name of each client.
	spit("$root/etc/resolv.conf", "lookup file\n");
	spit("$root/etc/smtpd.conf", <<"END");
filter "grey" phase rcpt-to match src { 127.0.0.0/8 } reject "451 4.7.1 Later"
listen on 127.0.0.1 port $port hostname mx.example.org filter "grey"
action "local" maildir "/tmp/mail"
match from any for any action "local"
END
	chmod(0644, "$root/etc/smtpd.conf");
	background(tmp() . '/opensmtpd.out', 'chroot', $root, '/usr/sbin/smtpd',
	    '-d');
	listening('OpenSMTPD', $port);
	# Its listen queue has 5 places; what overflows it hangs.
	return ($port, '-c', 5);
}

sub
rspamd
{
	my ($root, $why) = root('rspamd', 'rspamd', 'redis-server');
	my ($redis, $milter) = (mta_port(), mta_port());

	die "$why\n" if !$root;
	versions_of($root, qw(rspamd redis-server));
	on_disk($root, '/var/lib/redis');
	background(tmp() . '/redis.out', 'chroot', $root, 'redis-server',
	    '--port', $redis, '--bind', '127.0.0.1', '--dir',
	    '/var/lib/redis');
	listening('redis', $redis);
	# No rule may ask the network; and each message has to be greylisted.
	my $etc = "$root/etc/rspamd";
	my %files = (
	    'options.inc' => 'local_addrs = [];' .
	    'dns { nameserver = ["127.0.0.1:9"]; timeout = 10ms; ' .
	    'retransmits = 1; }',
	    'redis.conf' => "servers = \"127.0.0.1:$redis\";",
	    'greylist.conf' => 'timeout = 1h; expire = 1d; check_local = true;',
	    'multimap.conf' => 'ALL { type = "from"; regexp = true; ' .
	    'map = "/etc/rspamd/all.map"; score = 5; }',
	    'actions.conf' => 'greylist = 4; add_header = 900; reject = 999;',
	    'worker-normal.inc' => 'enabled = false;',
	    'worker-controller.inc' => 'bind_socket = "127.0.0.1:' .
	    mta_port() . '";',
	    'worker-fuzzy.inc' => 'enabled = false;',
	    'worker-proxy.inc' => "bind_socket = \"127.0.0.1:$milter\"; " .
	    'milter = yes; count = 2; upstream "local" { default = yes; ' .
	    'self_scan = yes; }',
	    'logging.inc' => 'type = "console"; level = "error";');
	spit("$etc/local.d/$_", "$files{$_}\n") for keys %files;
	for my $off (qw(rbl dkim dkim_signing spf dmarc arc fuzzy_check phishing neural
	    bayes_expiry ratelimit replies history_redis asn)) {
		spit("$etc/local.d/$off.conf", "enabled = false;\n");
	}
	spit("$etc/all.map", "/./\n");
	run('chroot', $root, 'sh', '-c',
	    'mkdir -p /run/rspamd /var/lib/rspamd; ' .
	    'chown _rspamd:_rspamd /run/rspamd /var/lib/rspamd');
	background(tmp() . '/rspamd.out', 'chroot', $root, 'rspamd', '-f',
	    '-u', '_rspamd', '-g', '_rspamd');
	wait_for('rspamd', sub {
		IO::Socket::INET->new("127.0.0.1:$milter") }, 300);
	my $port = postfix_service('Postfix', 'smtpd', '-o',
	    "smtpd_milters=inet:127.0.0.1:$milter", '-o',
	    'milter_default_action=tempfail', '-o',
	    'smtpd_recipient_restrictions=permit');
	return ($port, '-m', '-g', '451 4.7.1');
}

my @peers = (
    [postscreen => \&postscreen],
    [postgrey => \&postgrey],
    [OpenSMTPD => \&opensmtpd],
    [rspamd => \&rspamd]
);

# Starts these peers, or all.  Returns for each that runs [name, port,
# arguments of smtp_load].
sub
peers_start
{
	my %wanted = map { $_ => 1 } @_;
	my @running;

	for (@peers) {
		my ($name, $start) = @$_;
		next if %wanted && !$wanted{$name};
		my @r = eval { $start->() };

		if (@r) {
			push(@running, [$name, @r]);
			next;
		}
		chomp(my $why = $@);
		peer_skipped($name, $why);
	}
	return (@running);
}

# Returns the processes whose root directory that is.
sub
root_pids
{
	my ($root) = @_;

	return (grep { (readlink("/proc/$_/root") // '') eq $root }
	    map { m{/proc/(\d+)$} ? $1 : () } glob('/proc/[0-9]*'));
}

sub peer_root { return ($roots{$_[0]} // $mail) }
sub peer_stop { Mta::root_kill(peer_root($_[0])) }

1;
