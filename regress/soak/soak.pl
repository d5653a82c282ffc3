#!/usr/bin/perl
# soak.pl: the whole gateway at half load for TIME seconds (default 3600) with
# everything on: nftables, the tracker, sync with a second daemon, TLS, lists,
# all modules, clamd, SpamAssassin.  Meanwhile the configuration is reloaded
# each minute, the firewall's sets are flushed, lists are loaded, and scanners
# are killed or stopped.  Every 10 seconds it looks at the memory and the
# descriptors of each process and at the disk.  In the last quarter of the time
# they must be as in the second one, and each process must be the one that
# began; then it prints "flat" and ends with 0.
#
# The tables of the modules ratecontrol, throttle and bad_rcpt_throttle have a
# fixed size, up to 25 MB, and the system gives it page by page as new hosts
# come.  So hosts enough to touch each page come before the time begins.
# The database's cache is small enough to be full before the second quarter ends.
# Writes soak.md and soak-*.svg in regress/bench (or SOAK_DIR).
#	TIME=seconds RATE=sessions	default: half of what it measures first
# Run it as root by "make soak".
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../system", "$FindBin::Bin/../lib";
use Clam;
use Gate;
use Plot;
use POSIX ();
use Spamd;
use Sys;
use Time::HiRes qw(sleep);

$| = 1;
private();
for my $need (qw(nft ip openssl)) {
	(run('which', $need))[0] == 0 or die "soak: needs $need\n";
}

my $time = $ENV{TIME} // 3600;
my $every = 10;
my ($entries, $held) = (300, 1000);	# seconds that entries live, hosts held
my $top = $$;
my (@children, %samples, %replies, $t0);
END {
	local $?;
	if ($ENV{SG_PRIVATE} && $$ == $top) {
		kill('KILL', @children);
		clam_end();
		spamd_end();
	}
}

# --- the network, and what is behind and beside the gateway
network();
must('ip', '-n', 'out', 'route', 'add', 'local', '198.18.0.0/15', 'dev', 'lo');
must('ip', '-n', 'gw', 'route', 'add', '198.18.0.0/15', 'dev', 'gw0');
must('ip', '-n', 'out', 'route', 'add', 'local', '10.0.0.0/8', 'dev', 'lo');
# (each by the same neighbour, whose table is small)
must('ip', '-n', 'gw', 'route', 'add', '10.0.0.0/8', 'via', '203.0.113.10');
nft_sample();
my ($cert, $key) = certificate('mx.example.org', 'mx');
my ($croot, $cwhy) = clam_root('clam');
my ($sroot, $swhy) = spamd_root('spamd');
my ($proot, $pwhy) = root('postfix', 'postfix');
die "soak: clamd: $cwhy\n" if !$croot;
die "soak: SpamAssassin: $swhy\n" if !$sroot;
die "soak: Postfix: $pwhy\n" if !$proot;
spamd_local();
clam_start();
my @spamd = ('-x', '-u', 'nobody', '-m', 2, '--min-children=2',
    '--socketpath=/run/spamd.sock', '--socketmode=666');
chmod(0777, "$sroot/run");
spamd_unix('/run/spamd.sock', @spamd);

sub
child
{
	push(@children, Mta::background(tmp() . '/child.log', @_));
}

child(ns('gw'), 'chroot', $proot, 'smtp-sink', '-u', 'nobody',
    '127.0.0.1:2525', '256');
spit(tmp() . '/zone', "*.bl.test A 300 127.0.0.9\n");
child(ns('gw'), $^X, 'regress/lib/dnsd.pl', 5353, tmp() . '/zone');
answers('gw', '127.0.0.1', $_) for 2525, 5353;

# --- the daemon, and a second one that only takes part in sync
my $keyfile = spit(tmp() . '/sync.key', '0123456789abcdef' x 4 . "\n");
chmod(0600, $keyfile);
my $list = spit(tmp() . '/black', "198.19.128.0/17\n");
my $lives = "grey ${entries}s white ${\($entries * 2)}s trapped ${entries}s";

# The configuration; each one is a little different from the one before.
sub
settings
{
	my ($n) = @_;

	return (<<"END");
listen on 0.0.0.0 port 8025
listen on :: port 8025
allowed domains { "example.org" }
tls certificate "$cert" key "$key"
database cache 16M
firewall nftables table inet "spamgrey" set ip4 "white4" ip6 "white6"
track nflog 5
greylist { pass 1s $lives }
tarpit { stutter ${\(1 + $n % 2)}s for 0s }
limit { per-host 5000 per-network 5000 grey-per-host 100000
	grey-per-network 100000 }
spamtrap { "trap\@example.org" }
blacklist "black" file "$list" message "Your address %A is on our list"
whitelist "partners" file "${\tmp()}/partners" no scan
resolver 127.0.0.1 port 5353
sync { listen on 203.0.113.25 key "$keyfile" peer 203.0.113.10 }
on virus log
on early-talker log
pass {
	listen on 0.0.0.0 port 8027
	listen on :: port 8027
	relay to 127.0.0.1 port 2525
	limit per-host 5000
	limit per-network 5000
	module greet_pause { wait 50ms }
	module conncontrol { max ${\(4000 + $n)} }
	module ratecontrol { max 100000 per 60s }
	module throttle { client 100000 per 1m sender 100000 per 1m }
	module bad_rcpt_throttle { after 1 delay 1s }
	module protocol {}
	module dnsbl { zone "bl.test" { 127.0.0.2 points 4 } }
	module attachment { name "*.exe" reject name "*.docm" points 3 }
	module regex { header "Subject" "cheap (pills|watches)" points 3 }
	module clamav { socket "${\Clam::socket_path()}" }
	module spamassassin { socket "$sroot/run/spamd.sock" }
}
END
}

spit(tmp() . '/partners', join('', map { "198.19.$_.0/24\n" } 64 .. 95));
mkdir(tmp() . '/second');
conf(<<"END", dir => tmp() . '/second', state => tmp() . '/second/state');
listen on 127.0.0.1 port 8025
firewall none
greylist { pass 1s $lives }
sync { listen on 203.0.113.10 key "$keyfile" peer 203.0.113.25 }
END
my $second = $Sys::conf;
child(ns('out'), $Sys::daemon, '-d', '-f', $second);
conf(settings(0));
start(wrap => [ns('gw')]);
answers('out', '203.0.113.25', 25);

# --- load
# Runs a function in a process of its own, outside, until the end.
sub
worker
{
	my ($fn) = @_;
	my $pid = fork() // die "fork: $!\n";

	if ($pid != 0) {
		push(@children, $pid);
		return;
	}
	# It must not come to the END blocks, which end the daemon.
	eval {
		setns('out');
		$fn->();
	};
	note("a worker ended: $@");
	POSIX::_exit(1);
}

# Moves this process into a network namespace: setns(2), whose number on x86-64
# is 308 and on arm64 268, with CLONE_NEWNET.
sub
setns
{
	my $number = (POSIX::uname())[4] eq 'x86_64' ? 308 : 268;

	open(my $f, '<', "/run/netns/$_[0]") or die "$_[0]: $!\n";
	syscall($number, fileno($f), 0x40000000) == 0 or die "setns: $!\n";
}

my $load = "$Sys::top/regress/obj/smtp_load";
system('sh', 'regress/build.sh', 'regress/bench/smtp_load.c') == 0 or
    die "cannot build smtp_load\n";

# Makes so many greylisted sessions.  Returns what smtp_load prints.
sub
rate
{
	my ($sessions, $tag, @from) = @_;
	my ($status, $out, $err) = run(ns('out'), $load, '-b', '198.18', '-c',
	    50, '-n', $sessions, '-t', $tag, @from, '203.0.113.25', 25);

	die "smtp_load: $err\n" if $status != 0;
	return ($out =~ /^(\w+)=(\S+)$/mg);
}

# Greylisted sessions: so many in each second.
sub
greylisted
{
	my ($rate) = @_;
	my ($n, $next) = (0, now());

	while (1) {
		my %r = rate($rate, 'g' . $n++);
		append('grey', "grey $r{grey}\nother " .
		    ($r{sessions} - $r{grey}) . "\n");
		$next++;
		wait_until($next) or $next = now();
	}
}

# Returns 0 if that time is over already.
sub
wait_until
{
	my $left = $_[0] - now();

	return (0) if $left <= 0;
	sleep($left);
	return (1);
}

sub
append
{
	my ($name, $text) = @_;

	open(my $f, '>>', tmp() . "/$name") or die "$name: $!\n";
	syswrite($f, $text);
}

my %text = (
	plain => "hello\r\n" x 20,
	large => join('', map { 'x' x 70 . "\r\n" } 1 .. 6000),
	virus => our_virus() . "\r\n",
	spam => 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-' .
	    "EMAIL*C.34X\r\n",
);

# Hosts that come, come again when they were greylisted, and bring mail.
sub
delivers
{
	my ($net, $rate, @kinds) = @_;
	my $n = 0;

	while (1) {
		my $next = now() + 1 / $rate;
		my $from = sprintf('198.19.%d.%d', $net + int($n / 200) % 8,
		    1 + $n % 200);
		my $kind = $kinds[$n++ % @kinds];
		my $file = spit(tmp() . "/mail.$$", "Subject: $kind $n\r\n" .
		    "From: <me\@example.com>\r\n\r\n$text{$kind}");
		my $reply = '';
		for my $try (1 .. 3) {
			$reply = eval { smtp_code(from => $from, port => 25,
			    file => $file, to => '203.0.113.25') } // "died $@";
			last if $reply !~ /^451 4\.7\.1/;
			append('delivered', "$kind put-off\n");
			sleep(1.1);
		}
		my ($code) = $reply =~ /^(\d{3}(?: \d\.\d+\.\d+)?)/;
		append('delivered', "$kind " . ($code // 'closed') . "\n");
		wait_until($next);
	}
}

# Sessions with STARTTLS.
sub
encrypted
{
	while (1) {
		system('sh', '-c', "(sleep 1; printf 'EHLO c.example.com\\r\\n" .
		    "MAIL FROM:<t\@example.com>\\r\\nQUIT\\r\\n'; sleep 1) | " .
		    'openssl s_client -quiet -starttls smtp -connect ' .
		    '203.0.113.25:25 >/dev/null 2>&1');
	}
}

# Hosts of the blacklist, held for a minute and then gone.
sub
stuttered
{
	open(STDOUT, '>', '/dev/null');
	while (1) {
		system($load, 'hold', '-b', '198.19.128', '-n', $held, '-s',
		    120, '-d', 60, '203.0.113.25', '25');
	}
}

# --- what happens meanwhile
my $reloads = 0;
my %back;	# what must come back => when

sub
disturb
{
	my ($minute) = @_;

	conf(settings(++$reloads));
	for my $command ('reload', 'expire') {
		my ($status, $out, $err) = db($command);
		note("$command: $out$err") if $status != 0;
	}
	if ($minute % 3 == 1) {
		run(ns('gw'), 'nft', 'flush', 'set', 'inet', 'spamgrey',
		    'white4');
	} elsif ($minute % 3 == 2) {
		nft_sample();
		db_ok('load');
	}
	if ($minute % 4 == 1) {
		clam_end();
		$back{clamd} = now() + 20;
	} elsif ($minute % 4 == 2) {
		spamd_stop();
		$back{'spamd stopped'} = now() + 20;
	} elsif ($minute % 4 == 3) {
		spamd_end();
		unlink("$sroot/run/spamd.sock");
		$back{spamd} = now() + 20;
	}
}

sub
recover
{
	for my $what (grep { $back{$_} <= now() } keys %back) {
		delete($back{$what});
		clam_start() if $what eq 'clamd';
		spamd_go() if $what eq 'spamd stopped';
		spamd_unix('/run/spamd.sock', @spamd) if $what eq 'spamd';
	}
}

sub
note
{
	printf("%5d s: %s\n", defined $t0 ? now() - $t0 : 0,
	    $_[0] =~ s/\s+$//r);
}

# --- samples
my (%first, %had);	# role => process id; the last counts
my $ends = 0;		# processes that came anew

sub
sample
{
	my ($at) = @_;
	my %role = (parent => $Sys::pid, roles());

	delete($role{list});	# it comes and goes
	for my $role (sort keys %role) {
		my $pid = $role{$role};
		my @fds = glob("/proc/$pid/fd/*");

		$first{$role} //= $pid;
		if ($first{$role} != $pid) {
			note("$role is a new process");
			$ends++;
		}
		$first{$role} = $pid;
		push(@{$samples{memory}->{$role}}, [$at / 60,
		    rss($pid) / 1024]);
		push(@{$samples{descriptors}->{$role}}, [$at / 60,
		    scalar @fds]);
	}
	my ($disk) = (run('du', '-sk', tmp() . '/state'))[1] =~ /^(\d+)/;
	push(@{$samples{disk}->{'state directory'}}, [$at / 60, $disk / 1024]);
	my %n = (at => $at, greylisted => 0);
	$n{greylisted} += $_ for slurp(tmp() . '/grey') =~ /^grey (\d+)/mg;
	$n{delivered} = () = slurp(tmp() . '/delivered') =~ / 250/g;
	for my $what (%had ? qw(greylisted delivered) : ()) {
		push(@{$samples{sessions}->{$what}}, [$at / 60,
		    ($n{$what} - $had{$what}) / ($at - $had{at})]);
	}
	%had = %n;
}

sub
median
{
	my @v = sort { $a <=> $b } @_;

	return ($v[@v / 2]);
}

# Returns the medians of the second and the last quarter of the samples, and
# whether they grew: by more than a twentieth, and more than the least that
# counts.
sub
growth
{
	my ($least, @all) = @_;
	my $quarter = int(@all / 4) || 1;
	my $early = median(map { $_->[1] } @all[$quarter .. 2 * $quarter - 1]);
	my $late = median(map { $_->[1] } @all[-$quarter .. -1]);

	return ($early, $late, $late > $early * 1.05 && $late - $early > $least);
}

# --- the run
rate(2000, 'w');
my @hosts = ('-b', '10.0', '-s', 8000);
rate(8000, 'k', @hosts);
my %known = rate(8000, 'k', @hosts);	# again: pass asks for the message
die "$known{other} of 8000 hosts came to pass\n" if $known{other} < 7900;
my %most = rate(10000, 'm');
my $rate = $ENV{RATE} // int($most{rate} / 2);
note("at most $most{rate} greylisted sessions a second; now $rate for $time s");
spit(tmp() . "/$_", '') for qw(grey delivered);
worker(sub { greylisted($rate) });
worker(\&stuttered);
worker(\&encrypted);
worker(sub { delivers(0, 1, qw(plain virus plain large spam)) });
for my $k (0 .. 3) {		# partners, which are not scanned
	worker(sub { delivers(64 + 8 * $k, 10, qw(plain plain plain large)) });
}

$t0 = now();
my $minute = 0;
for (my $k = 0; $k * $every <= $time; $k++) {
	wait_until($t0 + $k * $every);
	alive() or die "the daemon ended\n" . Sys::log_tail();
	sample(now() - $t0);
	recover();
	disturb(++$minute) if $k % 6 == 5;
}
kill('KILL', @children);
waitpid($_, 0) for @children;
@children = ();
my ($status) = stop();

# --- the result
my ($bad, @rows) = ($ends + ($status != 0 ? 1 : 0));
my %least = (memory => 1, descriptors => 8, disk => 8);
for my $what (qw(memory descriptors disk)) {
	for my $name (sort keys %{$samples{$what}}) {
		my ($early, $late, $grew) = growth($least{$what},
		    @{$samples{$what}->{$name}});
		push(@rows, sprintf('| %s of %s | %.1f | %.1f | %s |', $what,
		    $name, $early, $late, $grew ? '**grew**' : 'flat'));
		$bad++ if $grew;
	}
}
my $dir = $ENV{SOAK_DIR} // 'regress/bench';
my %label = (memory => 'resident memory, MB', descriptors => 'descriptors',
    disk => 'state directory, MB', sessions => 'a second');
for my $what (keys %label) {
	my $of = $samples{$what};
	Plot::lines(file => "$dir/soak-$what.svg", title => "Soak: $what",
	    x => 'minutes', y => $label{$what},
	    series => [map { [$_, $of->{$_}] } sort keys %$of]);
}
$replies{$_}++ for split(/\n/, slurp(tmp() . '/delivered'));
my %grey = (grey => 0, other => 0);
for (split(/\n/, slurp(tmp() . '/grey'))) {
	my ($what, $n) = split(/ /);
	$grey{$what} += $n;
}
spit("$dir/soak.md", join("\n", "$time s at $rate greylisted sessions a " .
    "second (half of the $most{rate} that were measured first), $held " .
    'blacklisted hosts held, up to 41 messages a second.  ' .
    "$reloads reloads; sets flushed, lists loaded, clamd and spamd killed or " .
    'stopped for 20 s in turns.', '',
    "$grey{grey} sessions were greylisted, $grey{other} were answered " .
    'otherwise.  Replies to the messages:', '',
    '| message, reply | number |', '|---|---|',
    (map { "| $_ | $replies{$_} |" } sort keys %replies), '',
    'Medians of the second and the last quarter of the time (MB, number):', '',
    '| what | second | last | |', '|---|---|---|---|', @rows, '',
    (map { "![Soak: $_](soak-$_.svg)" } sort keys %label), ''));
print slurp("$dir/soak.md");
my %said;
for (grep { /killed|fatal|died|ended|restart|lost/ } split(/\n/, log_text())) {
	$said{s/\d[\d.:a-f]*/N/gr}++;
}
note("in the log $said{$_} times: $_") for sort keys %said;
note("status $status") if $status != 0;
print $bad ? "not flat\n" : "flat\n";
exit($bad ? 1 : 0);
