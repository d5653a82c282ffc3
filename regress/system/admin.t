#!/usr/bin/perl
# Mistakes of an administrator: each is named and changes nothing.  The daemon
# goes on with its old configuration.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

my $port = 8025;
my $rest = "tarpit { stutter no }\ngreylist { pass 1h }\n";
my $base = "listen on 127.0.0.1 port $port\n$rest";
my ($status, $out, $err);

sub
greylisted
{
	my ($what) = @_;

	like(smtp_code(port => $port), qr/^451 4\.7\.1 /, $what);
}

# The path of the control socket is another file.
my $precious = spit(tmp() . '/sock', "precious\n");
conf($base);
($status, $out, $err) = run($Sys::daemon, '-d', '-f', $Sys::conf);
is($status, 1, 'control socket: a file is there');
like($err, qr/\Q$precious\E: the path exists and is not a socket/,
    '… that is said');
is(slurp($precious), "precious\n", '… and it is still there');
unlink($precious);
conf($base . "control socket \"/nonexistent/sock\"\n");
spit($Sys::conf, slurp($Sys::conf) =~ s/^control socket.*?\n//mr);
($status, $out, $err) = run($Sys::daemon, '-d', '-f', $Sys::conf);
is($status, 1, 'control socket: no directory');
like($err, qr{/nonexistent/sock: .*create its directory}, '… that is said');

# A reload cannot open listeners: the command is told about all of them.
conf($base);
start();
conf("listen on 0.0.0.0 port $port\nlisten on 192.0.2.1 port $port\n$rest");
($status, $out, $err) = db('reload');
is($status, 1, 'reload: listeners that cannot be opened');
like($err, qr/0\.0\.0\.0 port $port: in use by the listener 127\.0\.0\.1 port $port .*restart/,
    '… one of our own is in the way');
like($err, qr/192\.0\.2\.1 port $port: /, '… another is not ours');
greylisted('… and those in force go on');

# A reload that restarts the processes is answered.
conf($base . "front 2\n");
log_mark();
($status, $out, $err) = db('reload');
is($status, 0, 'reload: front 2');
unlike($err, qr/closed the connection/, '… is answered');
wait_log(qr/^ready$/m);
my ($limit) = db_ok('stats') =~ /^front\.connections-limit\s+(\d+)/m;

# The processes cannot start with the new file: the old one is used again.
for my $fw ('pf', 'nftables') {
	conf($base . "firewall $fw\n");
	log_mark();
	($status, $out, $err) = db('reload');
	is($status, 1, "reload: firewall $fw, which is not there");
	my $why = $fw eq 'pf' ? qr{/dev/pf} : qr/there is no set/;
	like($err, qr/$why.*; the previous configuration is in force again$/m,
	    '… and why');
	wait_log(qr/the previous one is in force again/);
	wait_log(qr/^ready$/m);
	ok(wait_log($why), '… is told in the log');
	is((db_ok('stats') =~ /^front\.connections-limit\s+(\d+)/m)[0],
	    $limit, '… and the daemon is as before');
	greylisted('… and greylists');
}
conf($base);
log_mark();
($status) = db('reload');
is($status, 0, 'a good file after that');
wait_log(qr/^ready$/m);

# Every counter is in the manual.
my ($counters) = slurp("$Sys::top/spamgreydb/spamgreydb.8") =~
    /^\.Ss Counters\n(.*?)^\.S[hs] /ms;
my @names = db_ok('stats') =~ /^(\S.*?) +\d+$/mg;
cmp_ok(scalar(@names), '>', 50, 'counters');
is(join(', ', grep {
	my $name = $_;
	grep { $counters !~ /(?<![\w-])\Q$_\E(?![\w-])/ } split(/[ .]/, $name)
} @names), '', 'all of them are in the manual');

# The caller closed the standard streams: no connection of the daemon gets their
# descriptors.
($status, $out, $err) = run('sh', '-c',
    "'$Sys::command' -f '$Sys::conf' export >&-");
is($status, 1, 'export to a closed standard output fails');
like($err, qr/standard output: /, '… and says so');
stop();

# The lock file of a daemon in the background has its process id.
($status) = run('sh', '-c', "exec '$Sys::daemon' -f '$Sys::conf' <&- >&- 2>&-");
is($status, 0, 'in the background, without standard streams');
greylisted('… it works');
my ($owner) = slurp(tmp() . '/state/lock') =~ /^(\d+)$/;
my @cmd = split(/\0/, slurp("/proc/$owner/cmdline"));
is($cmd[0], $Sys::daemon, 'the lock names the daemon');
kill('TERM', $owner);
wait_for('its end', sub { !-e tmp() . '/sock' });
done_testing();
