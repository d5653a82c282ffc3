#!/usr/bin/perl
# torture
# Address lists: how long it takes to read, fold, save and compile a million
# networks, their size, and the time of a look-up; and the same in the daemon.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../system";
use Sys;
use Test::More;

private();

my $n = torture_or(1_000_000, 100_000);
my $load_ms = 2000 * $n / 1_000_000;
my $lookup_ns = 500;

system('sh', 'regress/build.sh', 'regress/bench/lists_bench.c') == 0
    or die "lists_bench does not build\n";
my $prog = 'regress/obj/lists_bench';
my $file = tmp() . '/million.txt';
is((run($prog, 'make', $file, $n))[0], 0, "$n networks");

my ($load, $lookup, $image);
for (1 .. 3) {
	my ($status, $out, $err) = run($prog, $file);
	is($status, 0, 'loaded') or diag($err);
	diag($out);
	my ($l, $i, $k) = $out =~ /load (\d+) image (\d+) lookup (\d+)/;
	$load = $l if !defined $load || $l < $load;
	$lookup = $k if !defined $lookup || $k < $lookup;
	$image = $i;
}
ratio_ok($load_ms / ($load || 1), 1, "$n loaded, by $load_ms ms");
ratio_ok($lookup_ns / ($lookup || 1), 1, "a look-up, by $lookup_ns ns");
cmp_ok($image, '<=', 32 * 1024 * 1024 * $n / 1_000_000, 'at most 32 MB a million');

# In the daemon, with the parent and all processes.
conf(<<"END");
listen on 127.0.0.1 port 8025
firewall none
blacklist "million" file "$file"
END
start();
like(db_ok('stats'), qr/^list million +(\d+)$/m, 'in force');
my ($ranges) = db_ok('stats') =~ /^list million +(\d+)$/m;
my $t = now();
is((db('load'))[0], 0, 'loaded anew');
diag(sprintf('spamgreydb load: %.2f s, %d ranges', now() - $t, $ranges));
like(db_ok('show', '1.0.0.1'), qr/^blacklist +million$/m, 'found');
unlike(db_ok('show', '9.9.9.9'), qr/million/, 'not found');
my $front = rss(role_pid('front'));
spit($file, "# none\n");
is((db('load'))[0], 0, 'emptied');
cmp_ok($front - rss(role_pid('front')), '<=', 33 * 1024,
    'front gives back what it took: at most 33 MB');
stop();
done_testing();
