#!/usr/bin/perl
# The log of the database is damaged in its middle: with `restart strict' the
# daemon does not start and changes nothing; without it, it starts with the rest,
# logs what is missing, and goes on.  An index that is missing or damaged is made
# again, with `strict' too, and nothing is lost.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

# Kills all processes at once, as a power failure does.
sub
power_cut
{
	my %r = roles();

	kill('KILL', values(%r));
	stop('KILL');
}

my $entries = 20_000;
conf("listen on 127.0.0.1 port 8025\nfirewall none\n");
my $state = tmp() . '/state';
start();
spit(tmp() . '/import', join('', map {
	sprintf("WHITE|10.%d.%d.%d|||1700000000|1700000000|4000000000|0|0\n",
	    $_ >> 16, ($_ >> 8) & 255, $_ & 255) } 1 .. $entries));
db_ok('import', tmp() . '/import');
power_cut();

# The last file of the log.  Its unwritten rest is zero.
my @logs = sort glob("$state/db/log.*");
open(my $f, '+<:raw', $logs[-1]) or die "$logs[-1]: $!\n";
my $text = do { local $/; <$f> };
$text =~ s/\0+\z//;
seek($f, length($text) / 2, 0);
print $f 'spoilt' x 10;
close($f);


# Strict
my $base = "listen on 127.0.0.1 port 8025\nfirewall none\n";
my $damaged = slurp($logs[-1]);
conf($base . "restart strict\n");
log_mark();
start(nowait => 1);
wait_for('the daemon to end', sub { !alive() });
isnt($?, 0, 'strict: it does not start');
undef $Sys::pid;
like(log_since(), qr{the database in \S+/state/db is damaged: log\.\d+: .*restart strict}s,
    '… and names the file and the setting');
is(slurp($logs[-1]), $damaged, '… which is as it was');
is(join(' ', glob("$state/db.damaged.*")), '', '… and nothing is put aside');

conf($base);
log_mark();
start();
wait_log(qr/log is damaged: the last \d+ commits/);
log_like(qr/there were 2\d{4} entries then, and (\d+) are here;/,
    'the log says how many entries are missing');
my ($here) = log_since() =~ /then, and (\d+) are here;/;
cmp_ok($here, '<', $entries, 'some are');
is(scalar(my @aside = glob("$state/db.damaged.*/log.*")) > 0, 1,
    'the damaged log is kept');
cmp_ok(counter('database lost commits'), '>', 0, 'and so does stats');
like((dialogue(port => 8025))[-1], qr{^451 4\.7\.1}, 'the daemon works with the rest');
power_cut();
start();
unlike(log_since(), qr/log is damaged.*log is damaged/s, 'it is said once');

# The index alone
my $all = (db('list', 'white'))[1];
for my $how ('missing', 'damaged') {
	power_cut();
	unlink("$state/db/expire.db") or die "expire.db: $!\n"
	    if $how eq 'missing';
	if ($how eq 'damaged') {
		open($f, '+<:raw', "$state/db/expire.db") or
		    die "expire.db: $!\n";
		seek($f, 8192, 0);
		print $f "\0" x 4096;
		close($f);
	}
	conf($base . "restart strict\n");
	log_mark();
	start();
	wait_log(qr{/state/db/expire\.db: [^;]*$how; it was made again from grey\.db, and its \d+ entries are complete});
	is((db('list', 'white'))[1], $all, "index $how: all entries are there");
	unlike(log_since(), qr/are missing/, '… and none is said to be missing');
}
stop();
done_testing();
