# The mail servers behind pass in its tests, and pass in front of one: smtpsink,
# a real Postfix in an overlay root, and smtp-sink from the same root.  For use
# in private.sh only: ports belong to its network, and all processes end with
# it.
package Mta;

use strict;
use warnings;
use Exporter qw(import);
use IO::Socket::IP;
use POSIX ();
use Sys;
use Test::More;

our @EXPORT = qw(background listening mta_port mail_sink mail_last
    mail_envelope ordinary_mail sink_start sink_stop postfix_root
    postfix_config postfix_start postfix_kill postfix_queue smtp_sink
    sendmail_root sendmail_start sendmail_stop pass_start counts);

my $next_port = 20000 + $$ % 1000 * 10;

# Starts a program in the background, with its output in a file.
sub
background
{
	my ($out, @cmd) = @_;
	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', $out);
		open(STDERR, '>>', $out);
		exec(@cmd) or POSIX::_exit(127);
	}
	return ($pid);
}

# Waits until something answers there.
sub
listening
{
	my ($what, $port, $addr) = @_;

	wait_for($what, sub {
		my $s = IO::Socket::IP->new(PeerHost => $addr // '127.0.0.1',
		    PeerPort => $port, Timeout => 5) or return (0);
		close($s);
		return (1);
	});
	return ($port);
}

# Returns a free port of this network.
sub
mta_port
{
	while (1) {
		my $s = IO::Socket::IP->new(LocalHost => '127.0.0.1',
		    LocalPort => $next_port, Listen => 1, ReuseAddr => 1);
		my $port = $next_port++;
		next if !$s;
		close($s);
		return ($port);
	}
}

# --- a mail server that accepts everything

# It keeps the last message and its envelope, and writes each DATA and each end
# of a message to sink.log.  Returns its process id when it listens.
sub
mail_sink
{
	my ($port) = @_;
	my $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1',
	    LocalPort => $port, Listen => 50, ReuseAddr => 1) or
	    die "sink: $!\n";
	my $pid = fork() // die "fork: $!\n";

	return ($pid) if $pid != 0;
	$SIG{CHLD} = 'IGNORE';
	open(my $log, '>>', tmp() . '/sink.log') or POSIX::_exit(1);
	while (1) {
		my $c = $listener->accept() or next;
		next if fork();
		mail_sink_session($c, $log);
		POSIX::_exit(0);
	}
}

sub
mail_sink_session
{
	my ($c, $log) = @_;
	my ($data, $text, $envelope) = (0, '', '');

	syswrite($c, "220 sink ESMTP\r\n");
	while (my $line = <$c>) {
		if ($data && $line eq ".\r\n") {
			spit(tmp() . '/envelope', $envelope);
			spit(tmp() . '/mail', $text);
			syswrite($log, "DOT\n");
			($data, $text, $envelope) = (0, '', '');
			syswrite($c, "250 2.0.0 taken\r\n");
		} elsif ($data) {
			$text .= $line;
		} elsif ($line =~ /^DATA/i) {
			$data = 1;
			syswrite($log, "DATA\n");
			syswrite($c, "354 go on\r\n");
		} elsif ($line =~ /^EHLO/i) {
			syswrite($c, "250-sink\r\n250-SIZE 100000000\r\n" .
			    "250 8BITMIME\r\n");
		} else {
			$envelope = '' if $line =~ /^(?:MAIL|RSET)/i;
			$envelope .= "$1 " if $line =~
			    /^(?:MAIL FROM|RCPT TO):(<[^>]*>)/i;
			syswrite($c, "250 2.0.0 ok\r\n");
		}
	}
}

# Its last message, or ''; and the sender and recipients of that.
sub mail_last { return (slurp(tmp() . '/mail')) }
sub mail_envelope { return (slurp(tmp() . '/envelope')) }

# Sends an ordinary mail, for filters that look at everything.  Returns the last
# reply.  rcpt, head, body: lists; replies: gets the replies to RCPT.
sub
ordinary_mail
{
	my ($subject, %o) = @_;
	my $s = smtp(%o) or return ("connect: $!");
	my $r = Sys::reply($s);
	my @rcpt;

	unlink(tmp() . '/mail');
	for my $line ('EHLO client.example.com', 'MAIL FROM:<me@example.com>',
	    (map { "RCPT TO:<$_>" } @{$o{rcpt} // ['you@example.org']}),
	    'DATA') {
		last if $r !~ /^[23]/ && !@rcpt;
		print $s "$line\r\n";
		$s->flush();
		$r = Sys::reply($s);
		push(@rcpt, $r) if $line =~ /^RCPT/;
	}
	@{$o{replies}} = @rcpt if $o{replies};
	return ($r) if $r !~ /^354/;
	my $t = gmtime();
	$t =~ s/^(\w+) (\w+) +(\d+) (\S+) (\d+)$/$1, $3 $2 $5 $4 +0000/;
	print $s join("\r\n", 'From: Me <me@example.com>',
	    'To: You <you@example.org>', "Subject: $subject", "Date: $t",
	    'Message-ID: <' . int(rand(1e9)) . '.x@example.com>',
	    'MIME-Version: 1.0', 'Content-Type: text/plain; charset=us-ascii',
	    @{$o{head} // []}, '', @{$o{body} // ['This is the text of a mail' .
	    ' that nobody could object to.', 'Regards']}, '.', '');
	$s->flush();
	$r = Sys::reply($s);
	close($s);
	return ($r);
}

# --- smtpsink

# Starts it: (pid, port).  It stores messages in the directory.
sub
sink_start
{
	my ($dir, @args) = @_;
	my $out = "$dir.out";

	-d $dir or mkdir($dir) or die "$dir: $!\n";
	unlink($out);
	my $pid = background($out, program('smtpsink'), @args, $dir);
	wait_for('smtpsink', sub {
		waitpid($pid, POSIX::WNOHANG()) == 0 or
		    die 'smtpsink: ' . slurp($out);
		slurp($out) =~ /^port \d+\n/m;
	});
	return ($pid, slurp($out) =~ /^port (\d+)/m);
}

sub
sink_stop
{
	my ($pid) = @_;

	kill('KILL', $pid);
	waitpid($pid, 0);
}

# --- Postfix

# Makes a root with a Postfix that accepts mail from this host for example.org
# and keeps it: (root), or (undef, why not).  The root may have more packages.
sub
postfix_root
{
	my ($name, @more) = @_;
	my ($root, $why) = root($name, 'postfix', @more);

	return (undef, $why) if !$root;
	my $pf = "$root/etc/postfix";
	for (['main.cf.debian', 'main.cf'], ['master.cf.dist', 'master.cf']) {
		my ($from, $to) = @$_;
		my ($file) = grep { -e $_ } "$root/usr/share/postfix/$from",
		    "$pf/$from";
		spit("$pf/$to", slurp($file));
	}
	postfix_config($root, 'maillog_file=/var/log/maillog',
	    'myhostname=mta.example.org', 'mydestination=example.org',
	    'local_recipient_maps=', 'alias_maps=', 'alias_database=',
	    'mynetworks=127.0.0.0/8', 'inet_protocols=all',
	    'smtpd_peername_lookup=no', 'smtpd_tls_security_level=none',
	    'message_size_limit=30000000', 'smtpd_client_connection_count_limit=0',
	    'smtpd_recipient_restrictions=check_client_access static:HOLD');
	chroot_ok($root, 'postconf', '-F', '*/*/chroot=n');
	chroot_ok($root, 'postconf', '-MX', 'smtp/inet');
	return ($root);
}

sub
chroot_ok
{
	my ($root, @cmd) = @_;
	my ($status, $out, $err) = run('chroot', $root, @cmd);

	die "@cmd: $out$err" if $status != 0;
	return ($out);
}

sub
postfix_config
{
	my ($root, @settings) = @_;

	chroot_ok($root, 'postconf', '-e', @settings);
}

# Adds a service to master.cf, starts Postfix, and waits for the port.
sub
postfix_start
{
	my ($root, $port, @options) = @_;

	chroot_ok($root, 'postconf', '-M', "$port/inet=127.0.0.1:$port inet n " .
	    "- n - - smtpd @options") if defined $port;
	chroot_ok($root, 'postfix', 'start');
	listening('Postfix', $port) if defined $port;
	return ($port);
}

# Kills every process in that root with SIGKILL.
sub
postfix_kill { root_kill(@_) }
sub
sendmail_stop { root_kill(@_) }

sub
root_kill
{
	my ($root) = @_;
	my @pids;

	do {
		@pids = grep {
			(readlink("/proc/$_/root") // '') eq $root &&
			    slurp("/proc/$_/stat") !~ /\) Z /
		} map { m{/proc/(\d+)$} ? $1 : () } glob('/proc/[0-9]*');
		kill('KILL', @pids);
	} while (@pids);
}

# Returns the numbers of msggen's messages in its queue; one that is there twice
# is listed twice.
sub
postfix_queue
{
	my ($root) = @_;

	return (chroot_ok($root, 'postqueue', '-j') =~
	    /"sender": "m(\d+)\@example\.com"/g);
}

# Starts smtp-sink from Postfix's root.  It writes to a directory: (pid, port).
sub
smtp_sink
{
	my ($root, $dir, @args) = @_;
	my $port = mta_port();

	my @dump;
	if (defined $dir) {
		mkdir($dir) or die "$dir: $!\n";
		mkdir("$root/srv/dump");
		chmod(0777, $dir);
		run('mount', '--bind', $dir, "$root/srv/dump");
		@dump = ('-d', '/srv/dump/%H%M%S.');
	}
	my $pid = background(tmp() . '/smtp-sink.out', 'chroot', $root,
	    'smtp-sink', '-u', 'nobody', @dump, @args, "127.0.0.1:$port",
	    '256');
	listening('smtp-sink', $port);
	return ($pid, $port);
}

# --- sendmail

# Makes a root with sendmail 8.17: (root), or (undef, why not).  Names are
# looked up only in its hosts file.
sub
sendmail_root
{
	my ($name) = @_;
	my ($root, $why) = root($name, qw(sendmail-bin sendmail-cf
	    sendmail-base));

	return (undef, $why) if !$root;
	my $host = (POSIX::uname())[1];
	spit("$root/etc/hosts", "127.0.0.1 localhost.localdomain localhost\n" .
	    "127.0.1.1 $host.example.org $host\n");
	spit("$root/etc/nsswitch.conf", "passwd: files\ngroup: files\n" .
	    "hosts: files dns\n");
	spit("$root/etc/mail/service.switch", "hosts files\naliases files\n");
	spit("$root/etc/mail/aliases", "postmaster: root\nabuse: root\n");
	chroot_ok($root, 'newaliases', '-OQueueDirectory=/var/spool/mqueue');
	chroot_ok($root, 'useradd', '-M', '-s', '/bin/sh', 'user');
	return ($root);
}

# Starts sendmail on a port of an address.  mc: lines of the .mc file before the
# mailers; access: lines of the access map.  Mail stays in its queue.
sub
sendmail_start
{
	my ($root, $addr, $port, %o) = @_;
	my $dir = "$root/etc/mail/t";
	my $m4 = '/usr/share/sendmail/cf';

	-d $dir or mkdir($dir) or die "$dir: $!\n";
	spit("$dir/access", join('', map { "$_\n" } @{$o{access} // []}));
	spit("$dir/t.mc", <<"END" =~ s/^\s+//mgr);
	divert(0)dnl
	OSTYPE(`debian')dnl
	FEATURE(`no_default_msa')dnl
	FEATURE(`nocanonify')dnl
	FEATURE(`accept_unresolvable_domains')dnl
	define(`confDOMAIN_NAME', `mta.example.org')dnl
	define(`QUEUE_DIR', `/etc/mail/t/queue')dnl
	define(`confHOST_STATUS_DIRECTORY', `')dnl
	define(`confDELIVERY_MODE', `queueonly')dnl
	define(`confTO_IDENT', `0')dnl
	define(`confLOG_LEVEL', `9')dnl
	DAEMON_OPTIONS(`Name=t, Family=inet, Addr=$addr, Port=$port')dnl
	FEATURE(`access_db', `hash -T<TMPF> /etc/mail/t/access')dnl
	${\($o{mc} // '')}
	MAILER(`local')dnl
	MAILER(`smtp')dnl
	LOCAL_CONFIG
	Cwexample.org
END
	chroot_ok($root, 'sh', '-ec', "cd /etc/mail/t
	    mkdir -p -m 700 queue
	    makemap hash access < access
	    chown root access.db
	    m4 -D_CF_DIR_=$m4/ $m4/m4/cf.m4 t.mc > t.cf");
	my $pid = background(tmp() . '/sendmail.out', 'chroot', $root,
	    'sendmail', '-C/etc/mail/t/t.cf', '-bD', '-OPidFile=/run/sm.pid');
	wait_for('sendmail', sub {
		waitpid($pid, POSIX::WNOHANG()) == 0 or die "sendmail: " .
		    slurp(tmp() . '/sendmail.out');
		listens($port);
	});
	return ($pid);
}

# Returns whether something listens on that port, without connecting, because a
# connection would be counted.
sub
listens
{
	my ($port) = @_;

	return (slurp('/proc/net/tcp') =~
	    /^\s*\d+: [0-9A-F]{8}:${\sprintf('%04X', $port)} 0{8}:0000 0A /m);
}

# --- pass

# Starts the daemon with pass in front of a port, and returns pass' port when it
# is ready.  pass: more for the pass block; text: more for the file.
sub
pass_start
{
	my ($to, %o) = @_;
	my $front = mta_port();
	my $listen = $o{listen} // "127.0.0.1";
	my $port = mta_port();
	my $pass = $o{pass} // '';
	my $relay = $o{relay} // '';

	conf(<<"END", %o);
allowed domains { "example.org" }
firewall none
listen on 127.0.0.1 port $front
pass {
	listen on $listen port $port
	relay to 127.0.0.1 port $to $relay
	$pass
}
${\($o{text} // '')}
END
	start(%o);
	return ($port);
}

# Reads the pairs "name number" that the test programs print.
sub counts { return ($_[0] =~ /([\w-]+) ([\d.]+)/g) }

1;
