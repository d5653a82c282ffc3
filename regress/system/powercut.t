#!/usr/bin/perl
# torture
# A power cut at any moment, with the whole daemon: each tuple that a client was
# told to come back for is on the disk, whatever that kept of the writes that
# were not synced (regress/db/powercut.c).  record.so writes down what store
# does, and killload when each client had its answer.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Test::More;

private();

my $port = 8025;
my $seed = $ENV{SEED} // int(rand(1 << 30));
my ($journal, $tuples, $disk) = map { tmp() . "/$_" } qw(journal tuples disk);
my $check = "$Sys::top/regress/obj/powercut";
my $so = "$Sys::top/regress/obj/record.so";
my $cc = $ENV{CC} // 'cc';

system('sh', 'regress/build.sh', 'regress/db/powercut.c') == 0 &&
    system("$cc -shared -fPIC -D_GNU_SOURCE -I. -o '$so' " .
    'regress/db/record.c -ldl') == 0 or die "cannot build\n";
mkdir($disk) or die "$disk: $!\n";
diag("SEED=$seed");
conf($Sys::gate_of_many);
start(wrap => ['env', "LD_PRELOAD=$so", "RECORD=$journal"]);
my $n = torture_or(12000, 1500);
my ($status, $out, $err) = run(program('killload'), '-n', $n, '-r',
    torture_or(1000, 500), '-s', 200, '-o', $tuples, $port);
is($status, 0, 'the load program') or diag($err);
my ($grey) = $out =~ /\bgrey (\d+)/;
is($grey, $n, 'each client was told to come back');
my %r = roles();
kill('KILL', values(%r));
stop('KILL');
($status, $out, $err) = run($check, 'check', 'daemon', $journal, $disk,
    torture_or(2000, 100), $seed, $tuples);
is($status, 0, 'each of their tuples is there after a power cut') or
    diag(substr($err, 0, 2000));
diag($out =~ s/^# //mgr);
done_testing();
