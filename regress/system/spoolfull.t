#!/usr/bin/perl
# The disk of spool and database is too small for all messages at once: each is
# deferred or arrives whole, and at the end all have arrived.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Mta;
use Test::More;

private();

my @which = ('-n', 60, '-l', 8);
my $total = 68;
my $state = tmp() . '/state';
mkdir($state) or die;
is((run('mount', '-t', 'tmpfs', '-o', 'size=40m,mode=700', 'tmpfs',
    $state))[0], 0, 'a file system of 40 MB');
my $dir = tmp() . '/sink';
my ($sink, $to) = sink_start($dir);
my $port = pass_start($to, pass => 'spool memory 1M spool message 4K');
log_mark();
my ($status, $out, $err) = run(program('msggen'), '-r', '-c', 16, '-t', 600,
    @which, $port);
my %c = counts($out);
is($status, 0, 'sent') or diag($err);
is($c{accepted}, $total, 'each had its 250 at last') or diag($out);
diag($out);
cmp_ok($c{'again-put-off'}, '>', 0, 'some were put off before');
is($c{'again-lost'} + $c{'again-unknown'} + $c{refused}, 0,
    'none was cut off or refused');
like(db_ok('stats'), qr/^pass\.spool-full\s+[1-9]/m, 'stats say why');
ok(wait_log(qr/ pass message .*reply=452/), 'and the log');
($status, $out, $err) = run(program('msgcmp'), @which, $dir);
is("$status " . {counts($out)}->{messages}, "0 $total",
    'each is there, to the octet') or diag($out . substr($err, 0, 2000));

# No file is left, and everything works.
my ($left) = db_ok('stats') =~ /^pass\.spool-files\s+(\d+)/m;
is($left, 0, 'no spool file is left');
db_ok('add', '192.0.2.1');
like(db_ok('list', 'white'), qr/^WHITE\|192\.0\.2\.1\|/m,
    'the database takes entries');
is((stop())[0], 0, 'SIGTERM');
sink_stop($sink);
done_testing();
