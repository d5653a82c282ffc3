#!/usr/bin/perl
# limit 900
# long
# Address lists in a running daemon: files, commands and URLs, their failures,
# loading them, and lists of spamd-setup.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Compress::Gzip qw(gzip);
use IO::Socket::IP;
use POSIX ();
use Socket qw(:all);
use Sys;
use Test::More;

private();

my $port = 8025;
my $cfg = 8026;
my $dir = tmp();
my $open = "$dir/open";		# what nobody may write to and run from
mkdir($open);
chmod(0777, $open);

sub script {
	my ($name, $text) = @_;
	spit("$open/$name", "#!/bin/sh\n$text");
	chmod(0755, "$open/$name");
	return ("$open/$name");
}

# Returns the state line of show, and the lists that it names.
sub state_of {
	my ($addr) = @_;
	my $out = db_ok('show', $addr);
	return (join(' ', $out =~ /^state +(.*)$/m,
	    sort($out =~ /^(?:black|white)list +(.*)$/mg)));
}

sub stat_of { return (db_ok('stats') =~ /^\Q$_[0]\E +(\d+)$/m ? $1 : undef) }

# Serves a list by HTTP until the file is removed; then 404.
sub web {
	my ($file) = @_;
	my $l = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0,
	    Listen => 5, ReuseAddr => 1) or die "web: $!";
	my $pid = fork();
	die "fork: $!" unless defined $pid;
	return ($l->sockport, $pid) if $pid;
	POSIX::close(9);
	while (my $c = $l->accept()) {
		while (defined(my $line = <$c>)) { last if $line =~ /^\r?\n/ }
		my $body = slurp($file);
		print $c -e $file ? "HTTP/1.0 200 OK\r\nContent-Length: " .
		    length($body) . "\r\n\r\n$body" :
		    "HTTP/1.0 404 Not Found\r\n\r\n";
		close($c);
	}
	POSIX::_exit(0);
}

spit("$dir/black.txt", "# ours\n127.0.0.9\n10.0.0.0/8 all of it\n" .
    "192.0.2.1 - 192.0.2.9\n2001:db8:bad::/48\nrubbish here\n0.0.0.0/8\n" .
    "255.255.255.255\n");
my $cmd = script('cmd', <<"END");
echo "# \$*" > $open/args
id -u > $open/uid; id -G > $open/gid
ls /proc/\$\$/fd | tr '\\n' ' ' > $open/fds
ps -o pid=,pgid=,sid=,tty= -p \$\$ > $open/session 2>/dev/null
cut -d' ' -f1,5,6,7 /proc/\$\$/stat > $open/session
pwd > $open/pwd
env | sort > $open/env
test -f $open/late && sleep 1000
test -f $open/linger && { sleep 1000 & echo \$! > $open/lingers; }
test -f $open/big && exec yes 192.0.2.200
test -f $open/fail && { echo 'no such luck' >&2; exit 3; }
test -f $open/html && { for i in 1 2 3 4; do echo '<p>sorry</p>'; done; echo 192.0.2.99; exit; }
test -f $open/empty && exit 0
cat $open/data
END
spit("$open/data", "198.51.100.7\n127.0.0.9\n198.51.100.8\n");
my $list = '';
gzip(\"203.0.113.0/24 ; text\n127.0.0.9\n" => \$list);
spit("$open/web.gz", $list);
my ($web, $webpid) = web("$open/web.gz");
# If no program can fetch the URL, a command replaces it.
my $fetcher = grep { -x "/usr/bin/$_" } 'curl', 'wget';
my $from = $fetcher ? "url \"http://127.0.0.1:$web/list.gz\"" :
    "command \"/bin/cat $open/web.gz\"";

my $lists = <<"END";
blacklist "ours" file "$dir/black.txt" message "No %A here,\\nnever" except "friends"
blacklist "cmd" command "$cmd one  two" timeout 2s
blacklist "web" $from reply 550
whitelist "friends" command "/bin/echo 10.1.0.0/16"
END
my $base = <<"END";
listen on 127.0.0.1 port $port
firewall none
allowed domains { "example.org" }
tarpit { stutter no }
spamd-setup on 127.0.0.1 port $cfg
spamd-setup on ::1 port $cfg
END
conf($base . $lists);
start();
log_mark();
wait_for('what is fetched at the start', sub {
    state_of('198.51.100.7') eq 'blacklisted cmd' &&
    state_of('203.0.113.5') eq 'blacklisted web' });

# Their contents
is(state_of('10.2.3.4'), 'blacklisted ours', 'a network of a file');
is(state_of('10.1.3.4'), 'whitelisted friends', 'less what is excepted');
is(state_of('192.0.2.5'), 'blacklisted ours', 'a range');
is(state_of('192.0.2.10'), 'unknown', 'and its end');
is(state_of('0.1.2.3'), 'blacklisted ours', '0.0.0.0/8 loses nothing');
is(state_of('255.255.255.255'), 'blacklisted ours', 'nor does the last one');
is(state_of('2001:db8:bad::1'), 'blacklisted ours', 'IPv6');
like(log_text(), qr{black\.txt:6: warning: rubbish\S*: is not an address}a,
    'a bad line is said by its place')
    or diag(log_text());
my @r = dialogue(port => $port, from => '127.0.0.9');
is($r[-1], "550-5.7.1 No 127.0.0.9 here,\r\n550-5.7.1 never\r\n" .
    "550-5.7.1 Your address 127.0.0.9 is on a list of senders of spam\r\n" .
    "550 5.7.1 Your address 127.0.0.9 is on a list of senders of spam\r\n",
    'the messages of all lists, with their lines');
is(stat_of('lists'), 4, 'stats: the lists');
is(stat_of('lists failed'), 0, 'stats: none failed');
is(stat_of('list cmd'), 2, 'stats: the ranges of one');

# The user and descriptors of the process
is(slurp("$open/uid"), (getpwnam('nobody'))[2] . "\n", 'a command is nobody');
is(slurp("$open/gid"), (getpwnam('nobody'))[3] . "\n", 'with one group');
is(slurp("$open/args"), "# one two\n", 'its words are parted at blanks');
like(slurp("$open/fds"), qr/^0 1 (?:10 )?2 (?:\d+ )?$/, 'no descriptors but its own');
my ($pid_, $pgid, $sid, $tty) = split(' ', slurp("$open/session"));
ok($pid_ == $pgid && $pid_ == $sid && $tty == 0,
    'a session of its own, and no terminal');
is(slurp("$open/pwd"), "/\n", 'in the root directory');
unlike(slurp("$open/env"), qr/^SG_/m, "not the daemon's environment");

# Loading them again changes nothing else of the configuration
spit("$open/data", "198.51.100.8\n198.51.100.9\n");
spit($Sys::conf, slurp($Sys::conf) =~ s/mx\.example\.org/other.example.org/r);
my ($status, $out, $err) = db('load', 'cmd');
is($status, 0, 'load of one') or diag("$out$err");
is(state_of('198.51.100.9') . ', ' . state_of('198.51.100.7'),
    'blacklisted cmd, unknown', 'has taken it when it is done');
like((dialogue(port => $port))[0], qr/^220 mx\.example\.org /,
    'and is no reload');
spit($Sys::conf, slurp($Sys::conf) =~ s/other\.example\.org/mx.example.org/r);
spit("$dir/black.txt", slurp("$dir/black.txt") . "192.0.2.77\n");
is((db('load', 'cmd'))[0], 0, 'load of another');
is(state_of('192.0.2.77'), 'unknown', 'leaves a file alone');
is((db('load'))[0], 0, 'load of all');
is(state_of('192.0.2.77'), 'blacklisted ours', 'reads it');
($status, $out, $err) = db('load', 'nothing');
is($status, 1, 'load of a list that is not there');
like($err, qr/no list of that name/, 'says so');
is((db('load', 'a', 'b'))[0], 2, 'load of two is not understood');

# A list that fails keeps its old entries
for my $case (['fail', qr/exit status 3: no such luck/, 'exit status'],
    ['empty', qr/is empty, but was not before/, 'nothing where there was something'],
    ['html', qr/4 of 5 lines are not addresses/, 'too many bad lines'],
    ['late', qr/not finished after 2 s/, 'too late'],
    ['big', qr/larger than 128 MB/, 'too large']) {
	my ($flag, $why, $name) = @$case;
	spit("$open/$flag", '');
	log_mark();
	($status, $out, $err) = db('load', 'cmd');
	is($status, 1, "$name: load fails");
	like($err, $why, '… says why');
	log_like($why, '… in the log too');
	is(stat_of('lists failed'), 1, '… in stats');
	like(state_of('198.51.100.9'), qr/^blacklisted cmd, as it was loaded .* loading has failed since /,
	    '… and in show: the last good one stays');
	unlink("$open/$flag");
}
rename("$open/web.gz", "$open/gone.gz");
($status, $out, $err) = db('load', 'web');
is($status, 1, 'a URL that is gone');
SKIP: {
	skip('neither curl(1) nor wget(1) is in /usr/bin', 1) if !$fetcher;
	like($err, qr{http://127\.0\.0\.1:$web/list\.gz: exit status},
	    'is named');
}
is(stat_of('lists failed'), 2, 'two that failed');
spit("$open/linger", '');
is((db('load', 'cmd'))[0], 0, 'it can be loaded again');
unlink("$open/linger");
is(stat_of('lists failed'), 1, 'and failed no more');
wait_for('what a command leaves running to be killed',
    sub { !-d '/proc/' . (slurp("$open/lingers") =~ s/\s//gr) });
pass('what a command leaves running is killed');

# … after a restart, too
is((stop())[0], 0, 'ends');
kill('KILL', $webpid);
spit("$open/fail", '');
start();
is(state_of('198.51.100.9'), 'blacklisted cmd',
    'what was good is there at once') or diag(log_text());
like(state_of('203.0.113.5'), qr/^blacklisted web/, 'all of it');
wait_for('the fetches to fail', sub { stat_of('lists failed') == 2 });
like(state_of('198.51.100.9'), qr/^blacklisted cmd, as it was loaded/,
    'and stays when it cannot be fetched');
unlink("$open/fail");
is((stat("$dir/state/lists"))[2] & 07777, 0700, 'kept where only root reads');
is((stat("$dir/state/lists"))[4], 0, 'and writes');

# A file that is removed: a reload is refused, but a start is not
rename("$dir/black.txt", "$dir/black.off");
($status, $out, $err) = db('reload');
is($status, 1, 'a reload with a file that is gone is refused');
like($err, qr{spamgreyd\.conf:\d+: blacklist "ours": \S+/black\.txt: No such file},
    'by its place');
is(state_of('10.2.3.4'), 'blacklisted ours', 'and changes nothing');
stop();
start();
is(state_of('10.2.3.4') =~ s/,.*//r, 'blacklisted ours',
    'a start takes what it last was');
rename("$dir/black.off", "$dir/black.txt");
is((db('reload'))[0], 0, 'a reload with it');
spit("$dir/black.txt", '');
($status, $out, $err) = db('load', 'ours');
is($status, 1, 'an empty file is a mistake');
like($err, qr/leave a comment in it/, 'and it is said how to mean it');
is(state_of('10.2.3.4') =~ s/,.*//r, 'blacklisted ours', 'it stays');
spit("$dir/black.txt", "# nobody now\n");
is((db('load', 'ours'))[0], 0, 'with a comment in it');
is(state_of('10.2.3.4'), 'unknown', 'it is empty');

# A list with another source is a new list, without an old version
spit("$dir/other.txt", "192.0.2.123\n");
conf($base . $lists =~ s/^blacklist "cmd".*$/blacklist "cmd" command "\/bin\/false"/mr);
is((db('reload'))[0], 0, 'a reload with another command');
wait_log(qr/list "cmd": \/bin\/false: exit status 1; the list is empty/);
is(state_of('198.51.100.9'), 'unknown', 'has none of the one before');
conf($base . $lists);
is((db('reload'))[0], 0, 'a reload with the old one');
wait_for('it to be fetched', sub { state_of('198.51.100.9') =~ /^blacklisted cmd/ });

# spamd-setup
sub setup {
	my ($text, %o) = @_;
	my $s;

	for my $p ($o{port} // reverse(600 .. 1023)) {
		$s = IO::Socket::IP->new(LocalHost => $o{to} // '127.0.0.1',
		    LocalPort => $p, PeerHost => $o{to} // '127.0.0.1',
		    PeerPort => $cfg, ReuseAddr => 1) and last;
	}
	die "spamd-setup: $!" unless $s;
	return ($s) if !defined $text;
	print $s $text;
	$s->flush();
	shutdown($s, 1);
	my $got = <$s>;		# its end; nothing is ever written
	close($s);
	return ($got);
}

log_mark();
is(setup('black1;"Your address %A is on\nlist \"one\"";inet;3;10.66.0.1/32;' .
    '192.0.2.64/26;127.0.0.66/32' . "\n"), undef,
    'spamd-setup: nothing is written back');
wait_log(qr/spamd-setup: 1 lists accepted/);
wait_for('the list', sub { state_of('10.66.0.1') eq 'blacklisted black1' });
pass('the list is in force');
@r = dialogue(port => $port, from => '127.0.0.66');
is($r[-1], "450-4.7.1 Your address 127.0.0.66 is on\r\n" .
    "450 4.7.1 list \"one\"\r\n", 'with its message');
setup("old;\"m\";2;10.67.0.0/16;10.68.0.0/16;\nsix;\"m\";inet6;1;2001:db8:6::/48",
    to => '::1');
wait_for('the lists', sub { state_of('10.68.0.1') eq 'blacklisted old' });
is(state_of('2001:db8:6::1'), 'blacklisted six',
    'the form before 2015, and IPv6, over ::1; a newline may be missing');
is(state_of('10.66.0.1'), 'blacklisted black1', 'others stay');
setup("old;\"m\";inet;1;10.69.0.0/16\n");
wait_for('the list', sub { state_of('10.69.0.1') eq 'blacklisted old' });
is(state_of('10.68.0.1'), 'unknown', 'the same tag replaces');
log_mark();
setup("old;\"m\";inet;1;10.70.0.0/0\nold;\"m\";inet;2;127.0.0.8/32;\n" .
    "old;\"m\";inet;0\nours;\"m\";inet;1;10.71.0.0/16\nsix;\nx y;\n");
wait_log(qr/spamd-setup: 1 lists accepted/);
log_like(qr/list "old" of spamd-setup: address 10\.70\.0\.0\/0 /,
    'a bad address is said with its list');
log_like(qr/list "old" of spamd-setup: the count is 2/, 'a bad count');
log_like(qr/list "old" of spamd-setup: the list has no addresses;/, 'count 0');
log_like(qr/list "ours" of spamd-setup: the configuration has a list of that name/,
    "the configuration's own are out of its reach");
log_like(qr/line 6 of spamd-setup: the line must begin with the name of a list and ";"/, 'a line without a name');
wait_for('tag; to clear', sub { state_of('2001:db8:6::1') eq 'unknown' });
is(state_of('10.69.0.1'), 'blacklisted old', 'what was good stays');
unlike(state_of('127.0.0.8'), qr/blacklisted/, 'and nothing else is listed');
like((db('load', 'old'))[2], qr/loaded by spamd-setup/,
    'load leaves them to spamd-setup');
is((db('reload'))[0], 0, 'a reload');
is(state_of('10.69.0.1'), 'blacklisted old', 'keeps them');
stop();
log_mark();
start();
is(state_of('10.69.0.1') . ', ' . state_of('10.66.0.1'),
    'blacklisted old, blacklisted black1', 'and a restart');
@r = dialogue(port => $port, from => '127.0.0.66');
like($r[-1], qr/^450 4\.7\.1 list "one"/m, 'with their messages');
wait_log(qr/of the lists could not be loaded/);	# what the start began
log_mark();
my $s = setup(undef, port => 5000);
is(sysread($s, my $buf, 1), undef, 'a port from 1024 on is reset');
wait_log(qr/spamd-setup: refused: 127\.0\.0\.1 port 5000 is not below 1024/);

# The process that reads it
$s = setup(undef);
print $s 'half;"m";inet;1;10.77.0.0/16';
$s->flush();
my $child = wait_for('its process', sub {
	for my $d (glob('/proc/[0-9]*')) {
		return ($d) if slurp("$d/cmdline") =~ /^spamgreyd: list/;
	}
	return (0);
});
wait_for('its sandbox', sub { slurp("$child/status") =~ /^Seccomp:\s+2$/m });
my %st = slurp("$child/status") =~ /^(\w+):\s*(.*?)\s*$/mg;
is($st{Uid}, join("\t", ((getpwnam('nobody'))[2]) x 4), 'it is nobody');
is($st{CapPrm}, '0' x 16, 'without capabilities');
is(readlink("$child/root"), '/var/empty', 'in an empty root');
is(state_of('10.66.0.1'), 'blacklisted black1', 'nobody waits for it');
kill('KILL', $child =~ /(\d+)/);
wait_log(qr/spamd-setup: no lists accepted: the process that reads it died/);
close($s);
setup("half;\"m\";inet;1;10.77.0.0/16\n");
wait_for('the list', sub { state_of('10.77.0.1') eq 'blacklisted half' });
pass('when it dies, the next one is taken');

# It is off unless it is configured
conf($base =~ s/^spamd-setup.*\n//mgr . $lists);
is((db('reload'))[0], 0, 'a reload without spamd-setup');
is(state_of('10.77.0.1'), 'unknown', 'its lists are not in force');
wait_for('its port to be closed', sub {
    !IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $cfg) });
pass('its port is closed');

# Without a daemon, from the saved lists
conf($base . $lists);
stop();
is(state_of('10.77.0.1') . ', ' . state_of('198.51.100.9'),
    'blacklisted half, blacklisted cmd', 'show without a daemon');
($status, $out, $err) = db('load');
is($status, 1, 'load without a daemon');
like($err, qr/no daemon is running/, 'says so');

# A table of the firewall, filled by the daemon and by load
SKIP: {
	my $nft = 'spamgreyd/nftables.conf.sample';
	my ($rc, undef, $why) = run('nft', '-f', $nft);
	skip($rc == 127 ? 'no nft(8)' :
	    'nft(8): ' . ($why =~ /^(.+)$/m ? $1 : "status $rc"), 5) if $rc != 0;
	my $with = $base =~ s/firewall none/firewall nftables/r .
	    "blacklist \"ours\" file \"$dir/table.txt\" table \"ours\"\n";
	my $set = sub {
		my ($e) = `nft list set inet spamgrey ours4` =~ /elements = \{(.*?)\}/s;
		return (($e // '') =~ s/\s+//gr);
	};
	spit("$dir/table.txt", "192.0.2.0/24\n198.51.100.1\n");
	conf($with);
	($status, $out, $err) = run($Sys::daemon, '-d', '-f', $Sys::conf);
	is($status, 1, 'no sets: no start');
	like($err, qr/the set `spamgrey ours4' must exist with `type ipv4_addr; flags interval;'/,
	    'and what is missing');
	system("nft add set inet spamgrey ours$_ '{ type ipv${_}_addr; flags interval; }'")
	    for 4, 6;
	start();
	wait_for('the table', sub { $set->() eq '192.0.2.0/24,198.51.100.1' });
	pass('filled at the start');
	spit("$dir/table.txt", "192.0.2.0/24\n203.0.113.0/25\n");
	is((db('load', 'ours'))[0], 0, 'load');
	wait_for('the table', sub { $set->() eq '192.0.2.0/24,203.0.113.0/25' });
	pass('filled by it');
	stop();
}
done_testing();
