#!/usr/bin/perl
# limit 900
# long
# Bulk sync of three running daemons, whose live sync loses a tenth of its
# datagrams.  Each has tuples, promotions, traps and deletions at random.  After
# a bulk sync during mail and another one at rest, all three export the same
# bytes.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sync;
use Sys;
use Test::More;

private();
bridge(3);

my $tuples = torture_or(10000, 400);
my $seed = $ENV{SYNC_SEED} // 20261124;
my $keyfile = tmp() . '/sync.key';
my $rsh = tmp() . '/rsh';

srand($seed);
spit($rsh, <<"END");
#!/bin/sh
exec $Sys::command -f ${\tmp()}/\$1/spamgreyd.conf sync --server
END
chmod(0755, $rsh);
relay_start($seed, 10, 0, 10, map {
	my $from = $_;
	map { "90$from$_=10.9.0.$_:8025" } grep { $_ != $from } 1 .. 3;
} 1 .. 3);
for my $i (1 .. 3) {
	node_conf($i, "listen on 10.9.0.$i key \"$keyfile\"\n" . join("\n",
	    map { "peer 10.9.0.254 port 90$i$_" } grep { $_ != $i } 1 .. 3));
	node_start($i);
}

# A tuple's key folds digits.
sub
word
{
	my ($n) = @_;
	my $s = '';

	do {
		$s .= chr(97 + $n % 26);
		$n = int($n / 26);
	} while ($n > 0);
	return ($s);
}

my (@known, @away, %did);
sub
source
{
	my $n = 1 + int(rand(49));

	return ($n > 40 ? '2001:db8:c:' . ($n - 40) . '::1' : "192.0.2.$n");
}

# Does one thing at random on one of them.
sub
something
{
	my ($k) = @_;
	my $i = 1 + int(rand(3));
	my $what = int(rand(40));
	my $host = source();

	if ($what == 0) {
		$did{trap}++;
		node_db($i, 'trap', $host);
	} elsif ($what == 1) {
		$did{delete}++;
		node_db($i, '-d', $host);
	} elsif ($what == 2) {
		$did{'delete grey'}++;
		node_db($i, 'delete', 'grey', $host);
		node_db(1 + int(rand(3)), 'delete', 'grey', $away[rand(@away)]);
	} elsif ($what == 3) {
		$did{spamtrap}++;
		node_db($i, rand(2) < 1 ? '-a' : '-d', '-T',
		    word(int(rand(9))) . '@example.org');
	} elsif ($what == 4) {
		$did{add}++;
		node_db($i, 'add', $host, 'comment', "at $i");
	} elsif ($what < 9 && @known) {
		$did{retry}++;
		clients($i, @{$known[rand(@known)]});
	}
	my @mail = ($host, '<' . word($k) . '@example.com>',
	    '<u@example.org>', 'mx.' . word($k) . '.example.com');
	clients($i, @mail);
	push(@known, \@mail);
}

sub sync { return (node_db(1, 'sync', '-e', $rsh, 'n2', 'n3')) }

sub
exports
{
	my %seen = map { (node_db($_, 'export'))[1] => 1 } 1 .. 3;

	return (scalar(keys %seen));
}

# As many tuples more, of hosts that do not come again, on one or two daemons.
my (%file, $now);
$now = time();
for my $k (1 .. $tuples) {
	my $line = sprintf('GREY|10.%d.%d.%d|mx.%s.example.net|<%s@example.net>'
	    . '|<u@example.org>|%d|%d|%d|1|0', 1 + int(rand(9)),
	    int(rand(256)), int(rand(256)), word($k), word($k), $now - 60,
	    $now + 80000, $now + 80000);
	$file{1 + int(rand(3))} .= "$line\n" for 0 .. int(rand(2));
}
node_db($_, 'import', spit(tmp() . "/import.$_", $file{$_})) for 1 .. 3;
@away = map { /^GREY\|([^|]+)/mg } values %file;

my ($status, $out, $err);
for my $k (1 .. $tuples) {
	something($k);
	next if $k != int($tuples / 2);
	# With mail at the same time: a child of the test runs it.
	my $pid = fork();
	if ($pid == 0) {
		exec('sh', '-c', "exec $Sys::command -f " . tmp() .
		    "/n1/spamgreyd.conf sync -e $rsh n2 n3 >" . tmp() .
		    '/busy 2>&1');
	}
	something($k + $tuples + $_) for 1 .. 20;
	waitpid($pid, 0);
	is($?, 0, 'a bulk sync while mail goes on') or
	    diag(slurp(tmp() . '/busy'));
}
diag("$tuples tuples; " . join(', ', map { "$_ $did{$_}" } sort keys %did));
diag('the network: ' . relay_end());
my @lines = map { scalar(() = node_lines($_) =~ /\n/g) } 1 .. 3;
diag("lines: @lines");
cmp_ok(exports(), '>', 1, 'what was lost makes them differ');
for my $try (1 .. 5) {
	# What the daemons had not read yet of the network may come after it.
	($status, $out, $err) = sync();
	diag($out);
	last if exports() == 1;
}
is("$status $err", '0 ', 'a bulk sync');
like($out, qr/^n2: .* the same now\nn3: .* the same now\n$/, 'the same');
is(exports(), 1, 'all three export the same octets');
like(node_lines(3), qr/^$_\|/m, "there are $_") for
    qw(GREY WHITE TRAPPED);
like(node_log(2), qr/control uid=\d+ sync merged=\d+ refused=0$/m,
    'who changed how much is in the log');
($status, $out) = sync();
like($out, qr/^n2: 0 taken, 0 given;.*\nn3: 0 taken, 0 given;/,
    'again: nothing to do');
is(end_nodes(), 0, 'the daemons end');
done_testing();
