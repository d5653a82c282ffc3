#!/usr/bin/perl
# long
# The whole daemon with the emulated /dev/pf: 100,000 white hosts in the table,
# a thousand added and removed one by one, and the table removed by another
# program.
use strict;
use warnings;
use lib 'regress/fw';
use FwDrive;
use IO::Socket::IP;
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(time);

my $table = 'spamgrey-white';
my $n = 100_000;
my $dir = tmp();
my $pf = "$dir/pf";
chomp(my $top = `pwd`);

plan skip_all => 'daemon: spamgreyd is not built'
    if !-x 'spamgreyd/spamgreyd' || !-x 'spamgreydb/spamgreydb';
build();
chmod 0755, $dir;

sub ctl { my @out = `regress/obj/pfemuctl $pf @_ 2>/dev/null`; chomp @out; return $out[0] // 0 }
sub count { return ctl("count $table") }
sub db { return system("spamgreydb/spamgreydb -f $dir/conf @_ >>$dir/db.out 2>&1") == 0 }

my $s = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 1) or die $@;
my $port = $s->sockport;
close $s;
open my $f, '>', "$dir/conf" or die;
print $f <<END;
hostname "mx.example.org"
state directory "$dir/state"
control socket "$dir/sock"
listen on 127.0.0.1 port $port
firewall pf table "$table"
whitelist "partners" file "$dir/white"
END
close $f;
open $f, '>', "$dir/white" or die;
print $f "198.51.100.0/24\n2001:db8:ffff::/48\n";
close $f;
open $f, '>', "$dir/import" or die;
my $now = int time;
printf $f "WHITE|10.%d.%d.%d|||%d|%d|%d|1|0\n", $_ >> 16, $_ >> 8 & 255, $_ & 255,
    $now, $now, $now + 36 * 86400 for 0 .. $n - 1;
close $f;

my $pid;
sub daemon {
	$pid = fork // die;
	return if $pid;
	$ENV{PFEMU_STATE} = $pf;
	$ENV{LD_PRELOAD} = "$top/regress/obj/pfemu.so";
	open STDERR, '>>', "$dir/log";
	open STDOUT, '>&', \*STDERR;
	exec 'spamgreyd/spamgreyd', '-d', '-f', "$dir/conf";
	exit 127;
}
sub stop {
	kill 'TERM', $pid if $pid;
	waitpid $pid, 0 if $pid;
	$pid = undef;
	return $?;
}
END { my $st = $?; stop(); $? = $st }
$SIG{INT} = $SIG{TERM} = sub { exit 1 };

ctl('init');
daemon();
waitpid $pid, 0;
isnt($?, 0, 'without the table it does not start');
$pid = undef;
like(logged($dir), qr/add the line `table <$table> persist' to pf.conf/,
    'and says what to add to pf.conf');
sub checked {
	local $ENV{PFEMU_STATE} = $pf;
	local $ENV{LD_PRELOAD} = "$top/regress/obj/pfemu.so";
	my $out = `spamgreyd/spamgreyd -n -f $dir/conf 2>&1`;
	return "$?: $out";
}
SKIP: {
	skip '-n looks at the firewall only as root', 3 if $> != 0;
	like(checked(), qr/^0: warning: firewall pf: there is no table <$table>.*mail bypasses spamgreyd/,
	    '-n warns of the table that is missing');
	ctl("create $table");
	is(checked(), "0: configuration OK\n", 'and not of one that is there');
	ctl("add $table 203.0.113.1");
	ctl('limit 1');
	like(checked(), qr/^0: warning: .* write `set limit table-entries \d+'/,
	    'and of one that is full');
	ctl('limit 200000');
	ctl('flushall');
}

ctl("create $table");
ctl("add $table 203.0.113.99");
daemon();
ok(defined until_true(sub { -S "$dir/sock" && count() == 2 }),
    'the whitelists are in, a stranger is out') or diag(logged($dir));
my $start = time;
ok(db("import $dir/import"), 'import of 100,000') or diag(`tail -3 $dir/db.out`);
diag(sprintf 'import: %.1f s', time - $start);
ok(defined until_true(sub { count() == $n + 2 }), 'they are in the table');

my @thousand = map { sprintf '192.0.%d.%d', 2 + ($_ >> 8), $_ & 255 } 1 .. 1000;
$start = time;
ok(db('-a', @thousand), '1,000 added one by one') or diag(`tail -3 $dir/db.out`);
diag(sprintf 'added: %.1f s', time - $start);
ok(defined until_true(sub { count() == $n + 1002 }), 'all in the table');
$start = time;
ok(db('-d', @thousand), '1,000 removed one by one') or diag(`tail -3 $dir/db.out`);
diag(sprintf 'removed: %.1f s', time - $start);
ok(defined until_true(sub { count() == $n + 2 }), 'all out of it');

for my $way ("flush $table", 'flushall', "expire $table 0") {
	ctl($way);
	my $took = until_true(sub { count() == $n + 2 });
	ok(defined $took, "refilled after $way");
	diag(sprintf '%s to full: %.2f s', $way, $took // 0);
}
# Asks the emulation what the table really has.
sub out_of { my @out = `spamgreydb/spamgreydb -f $dir/conf @_ 2>&1`; return join '', @out }
like(out_of('show 10.0.0.7'), qr/^firewall\s+in PF's table <$table>$/m,
    'show says that the table has a host');
like(out_of('-j show 10.0.0.7'), qr/"in_firewall": ?true/, 'JSON has it as a key');
like(out_of('show 192.0.2.200'), qr/^firewall\s+not in PF's table <$table>$/m,
    'and that it has not');
like(out_of('show 198.51.100.9'), qr/^firewall\s+in PF/m,
    'a host of a whitelist is in by its network');
ctl('limit 1000');
like(out_of('add 192.0.2.201'), qr/the firewall's table is full .* write `set limit table-entries \d+'/,
    'add says that the table is full');
like(out_of('show 192.0.2.201'), qr/^firewall\s+not in PF's table <$table>, which is full$/m,
    'and so does show');
ctl('limit 200000');
ok(defined until_true(sub {
	system("regress/obj/pfemuctl $pf test $table 192.0.2.201") == 0 }),
    'with a higher limit the host goes in');
unlike(out_of('add 192.0.2.202'), qr/full/, 'and add is silent');
db('-d', '192.0.2.201', '192.0.2.202');
ok(defined until_true(sub { count() == $n + 2 }), 'both are out again');
is(ctl('hung'), 0, 'PF never hung');

ok(db('trap', '10.0.0.1'), 'a white host is trapped');
ok(defined until_true(sub { count() == $n + 1 }), 'and leaves the table');
ok(db('delete', 'trapped', '10.0.0.1'), 'its trap ends');
ok(defined until_true(sub {
	system("regress/obj/pfemuctl $pf test $table 10.0.0.1") == 0 }),
    'it is WHITE still, and in the table again');
ok(db('trap', '10.0.0.1'), 'trapped again');
ok(defined until_true(sub { count() == $n + 1 }), 'and out');

# fw dies, and the table is removed before the next one starts.
sub child_pid {
	my ($role) = @_;
	for (glob '/proc/[0-9]*') {
		open my $st, '<', "$_/status" or next;
		open my $cl, '<', "$_/cmdline" or next;
		local $/;
		return $1 if <$st> =~ /^PPid:\t$pid$/m &&
		    <$cl> =~ /spamgreyd: $role/ && m{(\d+)$};
	}
	return 0;
}
my $fw = child_pid('fw');
ok($fw, 'fw is found');
# Only FreeBSD's front asks PF for a destination.
sub has_pf { return scalar grep { (readlink($_) // '') eq $pf } glob "/proc/$_[0]/fd/*" }
ok(has_pf($fw), 'it has /dev/pf');
ok(!has_pf(child_pid('front')), 'front has it not');
kill 'STOP', $fw;
ctl('flushall');
kill 'KILL', $fw;
ok(defined until_true(sub { count() == $n + 1 }),
    'a table that went with fw is made again') or diag(logged($dir));
log_like($dir, qr/pf: table <$table> was gone; created again/,
    'and that is said');
is(waitpid($pid, WNOHANG), 0, 'the daemon goes on');

# Another table is a new configuration, and none that died is replaced.
sub table_is {
	my ($name) = @_;
	open my $in, '<', "$dir/conf" or die;
	my $text = join '', <$in>;
	$text =~ s/(firewall pf table) ".*"/$1 "$name"/;
	open my $out, '>', "$dir/conf" or die;
	print $out $text;
	close $out;
}
table_is('other');
db('reload');
ok(defined until_true(sub {
	logged($dir) =~ /there is no table <other>: add the line/ }),
    'a table that is not there: the log says what to do');
ok(defined until_true(sub { logged($dir) =~ /previous one is in force again/ }),
    'and goes back');
isnt(system("regress/obj/pfemuctl $pf test other 10.0.0.2 2>/dev/null"), 0,
    'nor is it made');
table_is($table);
ok(defined until_true(sub { db('-a', '192.0.2.99') && count() == $n + 2 }),
    'the one before is in force again') or diag(logged($dir));
ok(db('-d', '192.0.2.99'), 'and taken out');
ok(defined until_true(sub { count() == $n + 1 }), 'is in order');

is(stop(), 0, 'the daemon ends');
is(count(), $n + 1, 'the table stays filled');
ctl("del $table 10.0.0.2");
ctl("add $table 10.0.0.1");
daemon();
ok(defined until_true(sub {
	system("regress/obj/pfemuctl $pf test $table 10.0.0.2") == 0 &&
	system("regress/obj/pfemuctl $pf test $table 10.0.0.1") != 0 }),
    'started again, it puts the table right');
is(count(), $n + 1, 'with all the others');
is(stop(), 0, 'ends');
like(out_of('show 10.0.0.7'), qr/^firewall\s+unknown: no daemon is running$/m,
    'without a daemon show says that it did not look');
like(out_of('-j show 10.0.0.7'), qr/"in_firewall": ?null/, 'in JSON too');
done_testing();
