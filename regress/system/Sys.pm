# What the system tests share: private namespaces (private.sh), a daemon in
# them, its processes, the command, a small SMTP client, and waiting.  This
# needs only Perl's core modules.
package Sys;

use strict;
use warnings;
use Cwd qw(getcwd);
use Exporter qw(import);
use IO::Socket::IP;
use POSIX qw(:sys_wait_h);
use Socket qw(:all);
use Test::More;
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);

our @EXPORT = qw(private conf start start_fails stop kill9 alive roles set_pid
    role_pid wait_for wait_log log_like plain log_text log_mark log_since now db db_ok program
    smtp smtp_code dialogue all_closed slurp spit run rss counter full torture_or
    root tmp free_port
    wait_role_change);

our $top = getcwd();
our $daemon = "$top/spamgreyd/spamgreyd";
our $command = "$top/spamgreydb/spamgreydb";
our ($pid, $log, $conf, $log_pos);
our $ended;			# the status with which alive() saw it end
# For conf(): a gate alone, without firewall and pass; and one with room for many
# clients and tuples.
our $gate = <<'END';
listen on 127.0.0.1 port 8025
firewall none
allowed domains { "example.org" }
tarpit { stutter no }
END
our $gate_of_many = $gate . <<'END';
greylist { pass 1h }
limit { per-host 1000 per-network 1000
	grey-per-network 1000000 grey-per-host 1000000 }
END
my %programs;

# Runs the whole test again in private.sh.
sub
private
{
	-x $daemon or die "build first: no $daemon\n";
	return if $ENV{SG_PRIVATE};
	exec('sh', 'regress/system/private.sh', $^X, $0, @ARGV) or
	    die "sh: $!\n";
}

sub tmp { return ($ENV{SG_TMP}) }
sub full { return (($ENV{TORTURE} // '') eq 'full') }
# Returns the first number in make torture, and the second, smaller one in make
# check.
sub torture_or { return (full() ? $_[0] : $_[1]) }

sub now { return (clock_gettime(CLOCK_MONOTONIC)) }

sub
slurp
{
	my ($file) = @_;

	open(my $f, '<', $file) or return ('');
	local $/;
	my $text = <$f>;
	return ($text // '');
}

sub
spit
{
	my ($file, $text) = @_;

	open(my $f, '>', $file) or die "$file: $!\n";
	print $f $text;
	close($f) or die "$file: $!\n";
	return ($file);
}

# Builds the test program regress/system/NAME.c.
sub
program
{
	my ($name) = @_;

	return ($programs{$name}) if $programs{$name};
	system('sh', 'regress/build.sh', "regress/system/$name.c") == 0 or
	    die "cannot build $name\n";
	return ($programs{$name} = "$top/regress/obj/$name");
}

# Runs a command: (status, standard output, standard error).
sub
run
{
	my @cmd = @_;
	my $base = tmp() . "/run.$$";
	my $child = fork();

	defined $child or die "fork: $!\n";
	if ($child == 0) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>', "$base.out");
		open(STDERR, '>', "$base.err");
		exec(@cmd) or POSIX::_exit(127);
	}
	waitpid($child, 0);
	my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	return ($status, slurp("$base.out"), slurp("$base.err"));
}

# Calls the function until it returns true.  Dies with the name when it never
# does.  The limit only keeps a broken test from hanging.
sub
wait_for
{
	my ($what, $fn, $limit) = @_;
	my $end = now() + ($limit // 60);

	while (1) {
		my $r = $fn->();
		return ($r) if $r;
		if (now() > $end) {
			diag("the daemon's log:\n" . log_tail());
			die "gave up waiting for: $what\n";
		}
		sleep(0.02);
	}
}

# Writes a configuration: a few lines that each test needs, and the test's own.
sub
conf
{
	my ($text, %o) = @_;
	my $dir = $o{dir} // tmp();

	$conf = spit("$dir/spamgreyd.conf", <<"END" . $text);
hostname "mx.example.org"
state directory "${\($o{state} // "$dir/state")}"
control socket "$dir/sock"
END
	return ($conf);
}

# Starts the daemon and waits until it logs that it is ready.
sub
start
{
	my (%o) = @_;
	my @cmd = (@{$o{wrap} // []}, $daemon, '-d', @{$o{args} // []},
	    '-f', $o{conf} // $conf);

	$log = $o{log} // tmp() . '/log';
	my $from = -s $log // 0;
	$pid = fork();
	defined $pid or die "fork: $!\n";
	if ($pid == 0) {
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', $log);
		open(STDERR, '>>', $log);
		POSIX::close(9);
		exec(@cmd) or POSIX::_exit(127);
	}
	return ($pid) if $o{nowait};
	wait_for('the daemon to be ready', sub {
		if (waitpid($pid, WNOHANG) == $pid) {
			diag("the daemon's log:\n" . log_tail());
			die "the daemon ended at its start\n";
		}
		return (plain(substr(slurp($log), $from)) =~ /^ready$/m);
	});
	return ($pid);
}

# Ends the daemon with SIGTERM.  Returns the exit status and the seconds it
# took.
sub
stop
{
	my ($sig) = @_;
	my $t = now();

	kill($sig // 'TERM', $pid) or die "the daemon is not there\n";
	my $status;
	wait_for('the daemon to end', sub {
		return (0) if waitpid($pid, WNOHANG) != $pid;
		$status = $?;
		return (1);
	});
	undef $pid;
	return ($status, now() - $t);
}

sub
alive
{
	my $was = defined $pid ? waitpid($pid, WNOHANG) : -1;

	$ended = $? if $was > 0;
	return ($was == 0);
}

# Returns role => pid of the daemon's children, by their titles ("spamgreyd:
# front 0").
sub
roles
{
	my %r;

	for my $dir (glob('/proc/[0-9]*')) {
		my $stat = slurp("$dir/stat");
		next if $stat !~ /^(\d+) \(.*\) \S (\d+) /s;
		my ($child, $parent) = ($1, $2);
		next if !defined $pid || $parent != $pid;
		my $cmd = slurp("$dir/cmdline");
		$r{$1} = $child if $cmd =~ /^spamgreyd: (\w+)/;
	}
	return (%r);
}

sub role_pid { my %r = roles(); return ($r{$_[0]}) }

# Returns the lines of the log since the last mark, without the time, program
# and process that -d puts before them.  spamd's lines keep its name.
sub
plain
{
	my ($text) = @_;

	$text =~ s/^\w{3} [ \d]\d \d\d:\d\d:\d\d spamgreyd\[\d+\]: //mg;
	$text =~ s/^\w{3} [ \d]\d \d\d:\d\d:\d\d spamd\[\d+\]: /spamd: /mg;
	return ($text);
}

sub log_text { return (plain(slurp($log))) }
sub log_mark { $log_pos = -s $log // 0; return ($log_pos) }
sub log_since { return (plain(substr(slurp($log), $log_pos // 0))) }

sub
log_tail
{
	my @lines = split(/\n/, defined $log ? slurp($log) : '');

	@lines = @lines[-40 .. -1] if @lines > 40;
	return (join("\n", @lines) . "\n");
}

sub
wait_log
{
	my ($re, $limit) = @_;

	return (wait_for("log line $re", sub { log_since() =~ $re ? 1 : 0 },
	    $limit));
}

# A test that the log has the line of a role, which may come later than what the
# client saw: roles give their lines to the parent, many at once.  The parent
# writes its own at once, and when the daemon has ended all are there.
sub
log_like
{
	my ($re, $name) = @_;

	eval { wait_log($re) };
	return (like(log_since(), $re, $name));
}

# Runs spamgreydb with the daemon's configuration.
sub db { return (run($command, '-f', $conf, @_)) }

sub
db_ok
{
	my ($status, $out, $err) = db(@_);

	diag("spamgreydb @_: $status $err") if $status != 0;
	return ($out);
}

# Returns one counter of stats.  stats leaves out a process that answers late,
# so it is asked again.
sub
counter
{
	my ($name) = @_;
	my $n;

	wait_for("stats to have $name",
	    sub { ($n) = db_ok('stats') =~ /^\Q$name\E\s+(\d+)$/m });
	return ($n);
}

# Waits until the daemon has closed all connections to that port.
sub
all_closed
{
	my ($port) = @_;

	wait_for('all connections to be closed', sub {
		return (slurp('/proc/net/tcp') !~ /^\s*\d+:\ [0-9A-F]{8}:
		    ${\sprintf('%04X', $port)}\ \S+\ (?!0A)(?:\S+\s+){6}[1-9]/mx);
	});
}

# Returns the resident memory of a process in kilobytes.
sub rss { return (slurp("/proc/$_[0]/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0) }

# Makes an SMTP connection.
sub
smtp
{
	my (%o) = @_;

	return (IO::Socket::IP->new(PeerHost => $o{to} // '127.0.0.1',
	    PeerPort => $o{port}, Timeout => $o{timeout} // 30,
	    $o{from} ? (LocalHost => $o{from}) : ()));
}

# Reads one reply.  Returns its text with line ends, or '' at the end.
sub
reply
{
	my ($s) = @_;
	my $all = '';

	while (my $line = <$s>) {
		$all .= $line;
		return ($all) if $line !~ /^\d{3}-/;
	}
	return ($all);
}

# Sends one mail, from a file or a short one.  Returns the list of replies, the
# banner first.
sub
dialogue
{
	my (%o) = @_;
	my $s = smtp(%o) or return ("connect: $!");
	my @replies = (reply($s));

	for my $line ('EHLO ' . ($o{helo} // 'sender.example.com'),
	    "MAIL FROM:<" . ($o{mail} // 'me@example.com') . ">",
	    (map { "RCPT TO:<$_>" } @{$o{rcpt} // ['you@example.org']}),
	    'DATA') {
		last if $replies[-1] !~ /^[23]/;
		print $s "$line\r\n";
		$s->flush();
		push(@replies, reply($s));
	}
	if ($replies[-1] =~ /^354/) {
		my $text = defined $o{file} ? slurp($o{file}) :
		    "Subject: x\r\n\r\nx\r\n";
		print $s $text =~ s/^\./../mgr, ".\r\n";
		$s->flush();
		push(@replies, reply($s));
	}
	close($s);
	return (@replies);
}

# Returns the code and text of the last reply.
sub
smtp_code
{
	my @r = dialogue(@_);

	return ($r[-1]);
}

# Makes a root with Debian packages.  Returns it, or (undef, why not).
sub
root
{
	my ($name, @packages) = @_;
	my $dir = "$ENV{SG_MNT}/$name";
	my ($status, $out, $err) = run('sh', 'regress/system/root.sh', $dir,
	    @packages);

	return ($dir) if $status == 0;
	chomp($out);
	diag($err);
	return (undef, $out ne '' ? $out : 'cannot make an overlay root');
}

END {
	if (defined $pid && $$ != $pid) {
		kill('KILL', $pid);
	}
}

1;
