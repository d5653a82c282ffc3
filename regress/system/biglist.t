#!/usr/bin/perl
# A large address list: its size in memory, and that the daemon has it once and
# gives the memory back.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

my $n = 100_000;
my $file = tmp() . '/list';

system('sh', 'regress/build.sh', 'regress/bench/lists_bench.c') == 0 or
    die "lists_bench does not build\n";
is((run('regress/obj/lists_bench', 'make', $file, $n))[0], 0, "$n networks");
my ($status, $out, $err) = run('regress/obj/lists_bench', $file);
is($status, 0, 'compiled') or diag($err);
my ($prefixes, $image) = $out =~ /^prefixes (\d+) load \d+ image (\d+) /;
is($prefixes, $n, 'each is one');
cmp_ok($image, '<=', 34 * $n, 'at most 34 bytes each');

conf(<<"END");
listen on 127.0.0.1 port 8025
firewall none
blacklist "large" file "$file"
END
start();

# Returns the bytes of front's address space.
sub
mapped
{
	slurp('/proc/' . role_pid('front') . '/status') =~
	    /^VmSize:\s+(\d+) kB/m or die "no VmSize\n";
	return ($1 * 1024);
}

like(db_ok('stats'), qr/^list large +[1-9]\d*$/m, 'in force');
is((db('load'))[0], 0, 'loaded again');
like(db_ok('show', '1.0.0.1'), qr/^blacklist +large$/m, 'found');
unlike(db_ok('show', '9.9.9.9'), qr/large/, 'not found');
my $full = mapped();
spit($file, "# none\n");
is((db('load'))[0], 0, 'emptied');
my $given = $full - mapped();
cmp_ok($given, '>=', 0.9 * $image, 'front gives back what the list took');
cmp_ok($given, '<=', 1.1 * $image, 'which was there once');
unlike(db_ok('show', '1.0.0.1'), qr/large/, 'nothing is found then');
is((stop())[0], 0, 'SIGTERM');
done_testing();
