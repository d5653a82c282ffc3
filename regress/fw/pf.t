#!/usr/bin/perl
# long
# The role fw with the emulated /dev/pf, in the layouts of both systems: all
# changes of a table.
use strict;
use warnings;
use lib 'regress/fw';
use FwDrive;
use Test::More;

my $table = 'spamgrey-white';
build();

sub ctl { my @out = `regress/obj/pfemuctl @_ 2>/dev/null`; chomp @out; return @out }

sub pf {
	my ($dir, @args) = @_;
	my @confine = @args && $args[0] =~ /^-[ad]$/ ? (shift @args) : ();
	return start($dir, args => [@confine, 'pf', $table, @args], env => {
	    PFEMU_STATE => "$dir/pf",
	    LD_PRELOAD => "$ENV{PWD}/regress/obj/pfemu.so" });
}

$ENV{PWD} = `pwd`;
chomp $ENV{PWD};

sub life {
	my ($system) = @_;
	my $dir = tmp();
	my $pf = "$dir/pf";
	my $count = sub { (ctl("$pf count $table"))[0] };

	ctl("$pf init $system");
	my $d = pf($dir);
	like(ask($d), qr/add the line `table <$table> persist' to pf.conf/,
	    "$system: no table: the line for pf.conf");
	isnt(finish($d), 0, "$system: and the end");

	$d = pf($dir, '-a');
	say_to($d, 'setlist 192.0.2.1 192.0.2.2');
	like(ready($d), qr/^ready/,
	    "$system: no table after a death: it is made again");
	is($count->(), 2, "$system: with what belongs into it");
	is(finish($d), 0, "$system: ends");
	ctl("$pf flushall");

	ctl("$pf create $table");
	ctl("$pf add $table 203.0.113.99 203.0.113.0/28");
	$d = pf($dir, '198.51.100.0/24', '2001:db8:ffff::/48');
	say_to($d, 'set 100000');
	like(my $took = ready($d), qr/^ready \d+ ms/, "$system: 100,000 set");
	diag("$system: $took");
	is($count->(), 100002, "$system: hosts and the whitelists' networks");
	isnt(system("regress/obj/pfemuctl $pf test $table 203.0.113.99"), 0,
	    "$system: what others left there is gone");
	is(system("regress/obj/pfemuctl $pf test $table 198.51.100.0/24"), 0,
	    "$system: a network is in");

	# A promotion while the table is filled does not wait for the rest.
	ctl("$pf flushall");
	like(ask($d, 'each add 50 300000'), qr/^done 50 /,
	    "$system: promotions while it is refilled");
	ask($d, 'each del 50 300000');
	ok(defined until_true(sub { ($count->() || 0) == 100002 }),
	    "$system: and it is");

	like(my $each = ask($d, 'each add 1000 200000'), qr/^done 1000 /,
	    "$system: 1,000 added one by one");
	diag("$system: added: $each");
	is($count->(), 101002, "$system: all in");
	like($each = ask($d, 'each del 1000 200000'), qr/^done 1000 /,
	    "$system: 1,000 removed one by one");
	diag("$system: removed: $each");
	is($count->(), 100002, "$system: all out");
	like(ask($d, 'burst add 5000 200000'), qr/^done 5000 /,
	    "$system: 5,000 at once");
	like(ask($d, 'burst del 5000 200000'), qr/^done 5000 /,
	    "$system: and away");
	like(ask($d, 'del 192.0.2.200'), qr/^done/,
	    "$system: one that is not there");

	my $back = sub { ($count->() || 0) == 100002 };
	ctl("$pf flush $table");
	ok(defined($took = until_true($back)), "$system: refilled after -T flush");
	diag("$system: flush to full: $took s");
	ctl("$pf flushall");
	ok(defined($took = until_true($back)), "$system: and after -F all");
	diag("$system: -F all to full: $took s");
	ctl("$pf del $table 10.0.0.1");
	ok(defined until_true($back), "$system: one taken behind our back");
	ctl("$pf add $table 203.0.113.98");
	ok(defined until_true($back), "$system: one too many goes");
	ctl("$pf expire $table 0");
	ok(defined until_true($back), "$system: what -T expire took is back");

	# -F all, and a promotion before anybody looked.
	ctl("$pf flushall");
	like(ask($d, 'add 192.0.2.1'), qr/^done/,
	    "$system: a promotion into a table that is gone");
	is(system("regress/obj/pfemuctl $pf test $table 192.0.2.1"), 0,
	    "$system: is in when it is answered");
	ok(defined until_true(sub { ($count->() || 0) == 100003 }),
	    "$system: and the rest follows");

	say_to($d, 'setlist 192.0.2.1 192.0.2.2 2001:db8:1:2::/64');
	ok(defined until_true(sub { $count->() == 5 }), "$system: another set");
	ask($d, 'nets 203.0.113.0/24 192.0.2.1');
	ok(defined until_true(sub { $count->() == 4 }),
	    "$system: other whitelists");
	like(ask($d, 'del 192.0.2.1'), qr/^done/,
	    "$system: a host that a whitelist has too");
	is($count->(), 4, "$system: stays");
	is(finish($d), 0, "$system: ends");
	is($count->(), 4, "$system: the table stays filled");
	unlike(logged($dir), qr/failed|Invalid/, "$system: no failure in the log");
}

# The limit of all tables together.  On OpenBSD a call over the limit never
# returns.
sub full {
	my ($system) = @_;
	my $dir = tmp();
	my $pf = "$dir/pf";
	my $n = sub { (ctl("$pf count $_[0]"))[0] // -1 };
	my $has = sub { system("regress/obj/pfemuctl $pf test $table $_[0]") == 0 };

	ctl("$pf init $system limit 1000");
	ctl("$pf create $table");
	ctl("$pf create bogons");
	ctl("$pf create deep anchor");
	ctl("$pf add bogons 192.0.2.128/25 198.51.100.0/24");
	ctl("$pf add deep", map { "203.0.113.$_" } 1 .. 98);
	my $d = pf($dir);
	say_to($d, 'set 1500');
	like(ready($d), qr/^ready/, "$system: more hosts than the limit");
	is($n->($table), 850,
	    "$system: takes what fits beside other tables and their reserve");
	log_like($dir, qr/tables may hold 1000 addresses; 1500 hosts/,
	    "$system: at start the log compares");
	my @said = logged($dir) =~ /(write `set limit table-entries \d+')/g;
	is("@said", "write `set limit table-entries 10000'",
	    "$system: and says once what to set");
	is(ask($d, 'add 192.0.2.1') =~ /^(\w+)/ && $1, 'refused',
	    "$system: a promotion that does not fit is not called done");
	my ($in) = ctl("$pf list $table");
	like(ask($d, "add $in"), qr/^done/,
	    "$system: one that is in already is");
	like(ask($d, "burst add 1500 0"), qr/^done 850 /,
	    "$system: all of them again: who is in, is in");
	is(stat_of($d, 'firewall-table'), 850, "$system: nothing is lost");
	ctl("$pf limit 5000");
	ok(defined until_true(sub { $n->($table) == 1501 }),
	    "$system: a higher limit is filled by itself") or diag $n->($table);
	like(ask($d, 'add 192.0.2.2'), qr/^done/, "$system: with room it is");
	ctl("$pf flush $table");
	ok(defined until_true(sub { $n->($table) == 1502 }),
	    "$system: all are in at the next comparison");
	# The limit under what is in use: pfctl allows that.
	ctl("$pf limit 500");
	is(ask($d, 'add 192.0.2.3') =~ /^(\w+)/ && $1, 'refused',
	    "$system: less than is in use");
	like(ask($d, 'del 192.0.2.2'), qr/^done/, "$system: a deletion works");
	ctl("$pf flushall");
	ok(defined until_true(sub { $n->($table) == 475 }),
	    "$system: a table made again, filled to the limit");
	is((ctl("$pf hung"))[0], 0, "$system: PF never hangs");
	is(finish($d), 0, "$system: ends");
}

# Blacklists get the space that hosts leave, even if they were first.
sub hosts_first {
	my ($system) = @_;
	my $dir = tmp();
	my $pf = "$dir/pf";
	my $n = sub { (ctl("$pf count $_[0]"))[0] // -1 };
	my @nets = map { ('10.200.' . ($_ >> 8) . '.' . ($_ & 255)) x
	    ($_ % 2 == 0) } 0 .. 999;

	ctl("$pf init $system limit 1000");
	ctl("$pf create $table");
	ctl("$pf create spamd");
	my $d = pf($dir);
	ask($d, "tables spamd @nets");
	say_to($d, 'set 700');
	like(ready($d), qr/^ready/, "$system: hosts and a long blacklist");
	is($n->($table), 700, "$system: all hosts are in");
	ok(defined until_true(sub { $n->('spamd') == 200 }),
	    "$system: and as much of the list as leaves room")
	    or diag($n->('spamd'));
	log_like($dir, qr/networks of blacklists are left out first/,
	    "$system: which is said");
	like(ask($d, 'burst add 40 100000'), qr/^done 40 /,
	    "$system: there is room for hosts to come");
	ask($d, 'burst add 100 200000');
	ok(defined until_true(sub { $n->($table) == 840 }),
	    "$system: a list makes room for hosts that do not fit")
	    or diag($n->($table), ' ', $n->('spamd'));
	cmp_ok($n->('spamd'), '<', 110, "$system: by leaving");
	is((ctl("$pf hung"))[0], 0, "$system: PF never hangs");
	is(finish($d), 0, "$system: ends");
}

# A blacklist's own table: its networks and no others, by differences.
sub lists {
	my ($system) = @_;
	my $dir = tmp();
	my $pf = "$dir/pf";
	my $n = sub { (ctl("$pf count spamd"))[0] // -1 };
	my $has = sub { system("regress/obj/pfemuctl $pf test spamd $_[0]") == 0 };

	ctl("$pf init $system");
	ctl("$pf create $table");
	ctl("$pf create spamd");
	ctl("$pf add spamd 203.0.113.99");
	my $d = pf($dir);
	say_to($d, 'set 10');
	like(ready($d), qr/^ready/, "$system: filled");
	ask($d, 'tables spamd 192.0.2.0/24 198.51.100.1 2001:db8::/32');
	ok(defined until_true(sub { $n->() == 3 && $has->('192.0.2.0/24') &&
	    $has->('198.51.100.1') && $has->('2001:db8::/32') }),
	    "$system: a list is in its table, others' addresses are not");
	is((ctl("$pf count $table"))[0], 10, "$system: nor in the hosts' table");
	is(stat_of($d, 'firewall-list-networks'), 3, "$system: counted");
	ask($d, 'tables spamd 192.0.2.0/25 198.51.100.1');
	ok(defined until_true(sub { $n->() == 2 && $has->('192.0.2.0/25') &&
	    $has->('198.51.100.1') }), "$system: another version of it");
	ok(defined until_true(sub { logged($dir) =~
	    /table spamd: 1 networks added, 2 removed, 2 in the table/ }),
	    "$system: by its differences");
	ctl("$pf flush spamd");
	ok(defined until_true(sub { $n->() == 2 }), "$system: refilled");
	ctl("$pf flushall");
	ok(defined until_true(sub { $n->() == 2 }), "$system: made again");
	ask($d, 'tables none 192.0.2.0/25');
	ok(defined until_true(sub { $n->() == 0 }),
	    "$system: emptied when no list names it");
	ask($d, 'tables missing 192.0.2.0/25');
	ok(defined until_true(sub { logged($dir) =~
	    /add the line `table <missing> persist'/ }),
	    "$system: one that is not there is named, with the line for it");
	ok(defined until_true(sub { ((ctl("$pf count missing"))[0] // 0) == 1 }),
	    "$system: and made");
	is(finish($d), 0, "$system: ends");
}

# As the daemon runs it: empty root, another user, sandbox.
sub confined {
	my $dir = tmp();
	my $pf = "$dir/pf";

	ctl("$pf init");
	ctl("$pf create $table");
	my $d = pf($dir, '-d');
	say_to($d, 'set 1000');
	like(ready($d), qr/^ready/, 'confined: filled');
	like(ask($d, 'add 192.0.2.1'), qr/^done/, 'confined: one added');
	is((ctl("$pf count $table"))[0], 1001, 'confined: all in');
	ctl("$pf flushall");
	ok(defined until_true(sub { ((ctl("$pf count $table"))[0] || 0) == 1001 }),
	    'confined: made again and refilled');
	is(finish($d), 0, 'confined: ends');
}

for my $system ('openbsd', 'freebsd') {
	life($system);
	full($system);
	hosts_first($system);
	lists($system);
}
SKIP: {
	skip 'confined: not root', 5 if $> != 0;
	confined();
}
done_testing();
