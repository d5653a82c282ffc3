#!/usr/bin/perl
# What the user of the state directory can put in place of the daemon's files
# before root starts the daemon or the command: root's files do not change, and
# the message names what is in the way.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

my $state = tmp() . '/state';
my ($uid, $gid) = (getpwnam('_spamgreydb'))[2, 3];
my $secret = spit(tmp() . '/secret', "secret\n");
chmod(0600, $secret);
my $base = <<"END";
listen on 127.0.0.1 port 8025
firewall none
allowed domains { "example.org" }
blacklist "b" file "${\(tmp())}/list"
pass {
	listen on 127.0.0.1 port 8027
	relay to 127.0.0.1 port 25
}
END
spit(tmp() . '/list', "192.0.2.1\n");

sub owner { return ((stat($_[0]))[4]) }

# The daemon and the command refuse and name it; the other file is unchanged.
sub
refused
{
	my ($what, $re, $victim) = @_;
	my @was = stat($victim);

	for my $cmd ([$Sys::daemon, '-d'], [$Sys::command]) {
		my ($program) = $cmd->[0] =~ m{([^/]+)$};
		my ($status, $out, $err) = run(@$cmd, '-f', $Sys::conf,
		    $program eq 'spamgreydb' ? 'list' : ());
		is($status, 1, "$what: $program refuses");
		like($err, $re, "$what: $program names it");
	}
	is(join(' ', (stat($victim))[2, 3, 4, 5, 7]),
	    join(' ', @was[2, 3, 4, 5, 7]),
	    "$what: mode, links, owner and size are as they were");
}

conf($base);
start();
stop();
is(owner($state), $uid, 'the state directory has its user');
is(owner("$state/$_"), $uid, "$_ too") for qw(db lock);
is(owner("$state/spool"), (getpwnam('_spamgreyd'))[2], 'the spool has its own');
is(owner("$state/lists"), 0, "the lists are root's");

unlink("$state/lock");
link($secret, "$state/lock") or die "link: $!";
refused('a lock that is a hard link', qr{\Q$state\E/lock}, $secret);
is(slurp($secret), "secret\n", '… and it is not written');
unlink("$state/lock");
symlink($secret, "$state/lock") or die "symlink: $!";
refused('a lock that is a symbolic link', qr{\Q$state\E/lock}, $secret);
unlink("$state/lock");

my $victim = tmp() . '/victim';
mkdir($victim, 0700) or die;
rename("$state/db", "$state/was") or die;
symlink($victim, "$state/db") or die;
refused('db as a symbolic link', qr{\Q$state\E/db.*link}, $victim);
unlink("$state/db");
mkdir("$state/db", 0700) or die;
refused("a db of root's", qr{\Q$state\E/db belongs to user 0}, "$state/db");
rmdir("$state/db");
rename("$state/was", "$state/db") or die;

my ($log) = glob("$state/db/grey.db");
chown(0, 0, $log);
refused("a database file of root's", qr{\Q$log\E belongs to user 0.*chown it to user $uid}, $log);
chown($uid, $gid, $log);
start();
is((db('list'))[0], 0, 'what is right again is used again');
like(db_ok('status'), qr/^daemon +running$/m, 'status: it runs');
is((db('stop'))[0], 0, 'stop: exit 0');
wait_for('its end', sub { !alive() });
is($? >> 8, 0, 'stop: the daemon has ended');
undef $Sys::pid;

# The control socket is given to a group only where no other user can replace
# it.
spit($Sys::conf, slurp($Sys::conf) =~ s/^control socket.*/control socket "$state\/sock"/mr);
my ($status, $out, $err) = run($Sys::daemon, '-d', '-f', $Sys::conf);
is($status, 1, "a control socket in another user's directory is refused");
like($err, qr{control socket \Q$state\E/sock: users other than root can write to}, '… and why');
ok(!-e "$state/sock", '… and not made');
mkdir(tmp() . '/open') or die;
chmod(0777, tmp() . '/open');
spit($Sys::conf, slurp($Sys::conf) =~ s/^control socket.*/'control socket "' . tmp() . '\/open\/sock"'/mer);
($status, $out, $err) = run($Sys::daemon, '-d', '-f', $Sys::conf);
is($status, 1, 'one in a directory that everybody writes too');
chmod(01777, tmp() . '/open');
start();
is((stat(tmp() . '/open/sock'))[5], $gid, 'one in a directory like /tmp is made for its group');
stop();

# pass and the lists.
rename("$state/spool", "$state/was") or die;
symlink($victim, "$state/spool") or die;
($status, $out, $err) = run($Sys::daemon, '-d', '-f', $Sys::conf);
is($status, 1, 'a spool that is a symbolic link is refused');
is(owner($victim), 0, "… and what it leads to stays root's");
unlink("$state/spool");
mkdir("$state/spool", 0700) or die;
chown($uid, $gid, "$state/spool");
($status, $out, $err) = run($Sys::daemon, '-d', '-f', $Sys::conf);
is($status, 1, "a spool of the state directory's user is refused");
like($err, qr{\Q$state\E/spool belongs to user $uid.*chown it to}, '… with the remedy');
is(owner("$state/spool"), $uid, '… and not given away');
rmdir("$state/spool");
rename("$state/was", "$state/spool") or die;
rename("$state/lists", "$state/was") or die;
symlink($victim, "$state/lists") or die;
start();
like(log_text(), qr{\Q$state\E/lists: must be a directory},
    'lists as a symbolic link: it is said, and they are not kept');
stop();
is(join(' ', glob("$victim/*")), '', 'nothing is written where it leads');
done_testing();
