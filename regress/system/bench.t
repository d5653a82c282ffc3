#!/usr/bin/perl
# The programs of make bench: that they build and understand each other, by a
# few sessions, and that the report says what they found.  No rate is compared.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../bench", "$FindBin::Bin/../lib", $FindBin::Bin;
use Bench;
use JSON::PP;
use Mta;
use Peers;
use Report;
use Sys;
use Test::More;

private();

my @paths = map { "-Iregress/$_" } qw(bench lib system fw);

for my $part (glob('regress/bench/*.pl')) {
	my ($status, $out, $err) = run($^X, @paths, '-wc', $part);
	is("$status $err", "0 $part syntax OK\n", "$part compiles");
}

# --- the load program and the servers

my $load = bench_program('smtp_load');

sub
sessions
{
	my ($port, @args) = @_;
	my ($status, $out, $err) = run($load, '-c', 5, @args, '127.0.0.1',
	    $port);

	is("$status $err", '0 ', "smtp_load @args");
	return ($out =~ /^(\w+)=(\S+)$/mg);
}

my ($limit, $port) = limit_start();
my %r = sessions($port, '-n', 20);
is("$r{sessions} $r{grey} $r{failed}", '20 20 0',
    'the limit server greylists each session');
%r = sessions($port, '-n', 3, '-g', '451 4.9');
is("$r{grey} $r{other}", '0 3', 'another reply is another');
%r = sessions($port, '-d', 0.2);
cmp_ok($r{grey}, '>', 0, 'sessions for a time');
is($r{grey}, $r{sessions}, 'all greylisted');
limit_stop($limit);

conf($Sys::gate);
start();
%r = sessions(8025, '-n', 20);
is($r{grey}, 20, 'front greylists each session');
stop();

my $sink = mta_port();
mail_sink($sink);
%r = sessions($sink, '-n', 3, '-m', '-s', 20000);
is("$r{grey} $r{other}", '0 3', 'a message that is accepted is another');
like(mail_last(), qr/^Subject: l \d\r$/m, 'it was sent whole');

($limit, $port) = limit_start('-s');
my $out = tmp() . '/hold';
my $pid = background($out, $load, 'hold', '-c', 2, '-n', 5, '-d', 3600, '127.0.0.1',
    $port);
wait_for('five connections', sub { slurp($out) =~ /^opened=5\n/m });
wait_for('a byte to each', sub {
	kill('USR1', $pid);
	my @octets = slurp($out) =~ /^octets=(\d+)$/mg;
	return (@octets && $octets[-1] >= 5);
});
kill('TERM', $pid);
waitpid($pid, 0);
like(slurp($out), qr/^held=5\n.*^ended_by_server=0\n/ms, 'held to the end');
limit_stop($limit);

# --- figures and the report

is(median(3, 1, 2), 2, 'the median of three');
is(median(4, 1, 2, 3), 2.5, 'the median of four');
is_deeply([quartiles(1 .. 5)], [2, 4], 'the quartiles of five');
my $order = '';
my %turns = interleave(2, [a => sub { $order .= 'a'; $_[0] }],
    [b => sub { $order .= 'b'; 10 * $_[0] }]);
is($order, 'ababab', 'turn by turn');
is_deeply(\%turns, { a => [1, 2], b => [10, 20] },
    'without the first round');
is_deeply([ratios($turns{b}, [5, 5])], [2, 4], 'ratios of each round');

$ENV{BENCH_RECORDS} = tmp() . '/records';
$Report::dir = tmp();
{
	open(my $null, '>', '/dev/null') or die "/dev/null: $!\n";
	my $stdout = select($null);
	local *STDOUT = $null;
	measured('front.limit', 0.8, 0.9, 0.84);
	measured('hold.cpu', 1.6, 1.4, 1.4);
	table('Some & more', ['a', 'b'], [1, 2]);
	bar('sessions', ['one <1>', 200, 100, 300]);
	bar('sessions', ['two', 1000]);
	point('memory', 'front', @$_) for [10, 1], [20, 3];
	point('entries', 'a session', @$_) for [1000, 0.5], [1_000_000, 0.7];
	version('haproxy', '2.6');
	peer_skipped('rspamd', 'not there');
	select($stdout);
}
my @records = map { decode_json($_) } split(/\n/, slurp("$Report::dir/records"));
is_deeply([Report::missed(\@records)], ['front: greylisted sessions a ' .
    'second, durable, 50 clients, of the limit server\'s: 0.84, at least ' .
    '0.85'], 'what missed its target');
spit("$Report::dir/soak.md", "![Soak: memory](soak-memory.svg)\n");
my ($status, @last) = Report::ending(\@records);
is("$status $last[-1]", '1 1 targets reached, 1 missed, 0 parts failed',
    'which is a failure');
like($last[0], qr/^below the target: front: greylisted/, 'and is named');
is((Report::ending([grep { ($_->{name} // '') ne 'front.limit' } @records]))[0],
    0, 'no other is');
is((Report::ending([], 'front'))[0], 1, 'a part that fails is');
Report::results(\@records, { front => 3 }, Report::load());
my $results = slurp("$Report::dir/RESULTS.md");
for ('| 0.84 | 0.80 to 0.90 | 3 | **no** |', '| 1.40 | 1.40 to 1.60 | 3 | yes |',
    "### Some & more\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n",
    '| haproxy | 2.6 |', "\n- rspamd: not there\n", '(memory.svg)',
    '(sessions.svg)', '(entries.svg)', '(soak-memory.svg)', 'front 3 s') {
	cmp_ok(index($results, $_), '>=', 0, "RESULTS.md: " . s/\n/ /gr);
}

# Each element is closed by itself or by its end, and each value is in its place.
for my $file (glob("$Report::dir/*.svg")) {
	my ($text, $name) = (slurp($file), $file =~ m{([^/]+)$});
	my @open;

	while ($text =~ m{<(/?)(\w+)([^<>]*?)(/?)>}g) {
		push(@open, $2) if !$1 && !$4;
		pop(@open) eq $2 or die "$name: $2 is not open\n" if $1;
	}
	is("@open", '', "$name is well formed");
	unlike($text =~ s/<[^<>]+>//gr, qr/[<>]/, "$name: text is encoded");
}
my ($short, $long) = slurp("$Report::dir/sessions.svg") =~
    /<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)"/g;
cmp_ok(abs($long / $short - 5), '<', 0.01, 'a bar is as long as its value');
like(slurp("$Report::dir/entries.svg"), qr/>1,000,000</, 'numbers of the axis');
done_testing();
