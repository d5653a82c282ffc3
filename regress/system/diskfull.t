#!/usr/bin/perl
# A full disk: a tuple that cannot be stored is answered with the "unstored"
# text, no process dies, and all works again when there is space.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

my $port = 8025;
my $disk = "$ENV{SG_MNT}/disk";
mkdir($disk);
system('mount', '-t', 'tmpfs', '-o', 'size=64m,mode=755', 'tmpfs', $disk) == 0
    or die;
conf($Sys::gate_of_many, state => "$disk/state");
my $tuples = tmp() . '/tuples';
my $prefix = 'a';

# Runs a number of sessions, and returns killload's counts by name.
sub
load
{
	my ($n, $rate) = @_;
	# Few are open at a time, so that on a slow machine all of them are
	# answered in their time, and each stores its tuple.
	my ($status, $out, $err) = run(program('killload'), '-n', $n, '-r',
	    $rate, '-s', 100, '-c', 200, '-o', $tuples, '-x', $prefix++, $port);

	is($status, 0, 'the load program') or diag($err);
	my %c = $out =~ /(\w+) ([\d.]+)/g;
	diag("load: $out");
	return (\%c);
}

# Fills the disk except for a number of kilobytes.
sub
fill
{
	my ($leave) = @_;

	my ($status, $out) = run('df', '-k', '--output=avail', $disk);
	my ($free) = $out =~ /(\d+)/;
	open(my $f, '>', "$disk/ballast") or die;
	syswrite($f, "\0" x 1024) for 1 .. $free - $leave;
	close($f);
}

start();
my %before = roles();
my $c = load(400, 400);
is($c->{grey}, 400, 'stored while there is space');

fill(0);
log_mark();
$c = load(400, 200);
cmp_ok($c->{unstored}, '>', 0, 'a full disk: unstored');
is($c->{grey} + $c->{unstored}, 400, 'each client had one of the two answers');
ok(wait_log(qr/unstored/), 'the log says unstored');
ok(wait_log(qr/(No space left|ENOSPC|disk is full)/i), '… and why');
my %now = roles();
is_deeply(\%now, \%before, 'no process died');
like(smtp_code(port => $port, mail => 'full@example.com'),
    qr/^451 4\.3\.0 [^\r\n]+\r\n\z/s, 'the unstored text');
my ($status, $out, $err) = db('stats');
is($status, 0, 'the command is served meanwhile') or diag($err);

unlink("$disk/ballast");
wait_for('the store to come back', sub {
	smtp_code(port => $port, mail => 'back@example.com') =~ /^451 4\.7\.1/
});
pass('back by itself when there is space');
is_deeply({roles()}, \%before, 'by the same processes');
$c = load(400, 400);
is($c->{grey}, 400, 'and all is stored again');

# Load until the disk is full.  How much fits depends on how much log the store
# removes in that time.  Already the strings of all rounds are more than the
# disk.
sub
load_until_full
{
	my ($n) = @_;
	my $left = 40;

	while ($left-- > 0) {
		my $c = load($n, 2000);
		return (1) if $c->{unstored} > 0;
	}
	return (0);
}

# Now the disk fills during the work.
fill(3000);
ok(load_until_full(torture_or(60000, 20000)), 'the disk fills under load');
unlink("$disk/ballast");
wait_for('the store to come back', sub {
	smtp_code(port => $port, mail => 'again@example.com') =~ /^451 4\.7\.1/
});
is_deeply({roles()}, \%before, 'no process died of it');

# The same, with kill -9 at the worst moment.
fill(2000);
$c = load(torture_or(60000, 20000), 2000);
kill('KILL', $Sys::pid, values(%before));
waitpid($Sys::pid, 0);
unlink("$disk/ballast");
start();
($status) = stop();
is($status, 0, 'the end');
my %have = map { $_ => 1 } map { join('|', (split(/\|/))[1, 3, 4]) }
    grep { /^GREY/ } split(/\n/, db_ok());
my @promised = map { (split(/ /))[2] } split(/\n/, slurp($tuples));
my @lost = grep { !$have{$_} } @promised;
diag(scalar(@promised) . ' promised, ' . scalar(@lost) . ' missing');
is(scalar(@lost), 0, 'nothing was promised that is not stored')
    or diag("lost: @lost[0 .. ($#lost < 5 ? $#lost : 5)]");
done_testing();
