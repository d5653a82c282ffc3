#!/usr/bin/perl
# limit 900
# long
# torture
# Messages of all sizes and with unusual bytes through pass.  A recording sink
# and smtp-sink -d get each message as it was sent, except for the trace fields
# before it.  A real Postfix has as many messages as were answered with 250.
# make check: 400 messages and 2 of 10 MB; make torture: 10,000 and 50.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Mta;
use Test::More;

private();

my $n = torture_or(10000, 400);
my $large = torture_or(50, 2);
my @which = ('-n', $n, '-l', $large, '-S', $ENV{SEED} // 1);
my $total = $n + $large;

# Sends all of them; each must be answered with 250.
sub
send_all
{
	my ($name, $port) = @_;
	my ($status, $out, $err) = run(program('msggen'), '-c', 8, @which,
	    '-o', tmp() . '/list', $port);
	my %c = counts($out);

	is($status, 0, "$name: sent") or diag($err);
	is($c{accepted}, $total, "$name: $total messages, as many 250s") or
	    diag($out, grep { !/ 250 / } map { "$_\n" } split(/\n/,
	    slurp(tmp() . '/list')));
	diag(sprintf('%s: %d messages, %.0f MB in %.1f s', $name,
	    $c{accepted}, $c{octets} / 1e6, $c{seconds}));
}

sub
all_the_same
{
	my ($name, $dir, @args) = @_;
	my ($status, $out, $err) = run(program('msgcmp'), @which, @args, $dir);
	my %c = counts($out);

	is("$status $c{files} $c{same} $c{messages}", "0 $total $total $total",
	    "$name: each there once and the same to the octet") or
	    diag($out . substr($err, 0, 2000));
}

# Returns what the recording sink got of messages that pass refuses.
sub
journal_clean
{
	my ($name, $file) = @_;
	my @odd = grep { /^\d+ (BARE|LONG|COMMAND HEX|CLOSE IN DATA)/ }
	    split(/\n/, slurp($file));

	is(scalar(@odd), 0, "$name: no CR, LF or control character alone") or
	    diag(map { "$_\n" } @odd[0 .. ($#odd > 9 ? 9 : $#odd)]);
}

# --- the test programs without pass
my ($sink, $port) = sink_start(tmp() . '/direct', '-l', tmp() . '/direct.log');
send_all('direct', $port);
all_the_same('direct', tmp() . '/direct', '-r');
journal_clean('direct', tmp() . '/direct.log');
sink_stop($sink);

# They find one changed byte, one too many, one too few, and a field before the
# message that is not a trace field.
my ($file) = grep { slurp($_) =~ /^FROM <m77\@/ }
    glob(tmp() . '/direct/*.msg');
my $good = slurp($file);
my ($envelope, $body) = $good =~ /\A(.*?\n\n)(.*)\z/s;
my @bad = (
	['an octet changed', $envelope . $body =~ s/(.)(?=.\r\n\z)/\x01/sr],
	['an octet more', $good . 'x'],
	['an octet less', substr($good, 0, -1)],
	['a dot more', $envelope . ".$body"],
	['an empty line in front', "$envelope\r\n$body"],
	['another field in front', "${envelope}X-Other: x\r\n$body"],
	['half a trace field in front', "${envelope}Received: x\n$body"],
);
my ($status, $out);
for (@bad) {
	my ($what, $text) = @$_;
	spit($file, $text);
	($status, $out) = run(program('msgcmp'), @which, '-r', tmp() . '/direct');
	is("$status " . {counts($out)}->{different}, '1 1', "seen: $what");
}
spit($file, "${envelope}Received: from a\r\n\tby b; now\r\n" .
    "X-Spamgreyd-Points: 1\r\n$body");
($status, $out) = run(program('msgcmp'), @which, '-r', tmp() . '/direct');
is("$status " . {counts($out)}->{same}, "0 $total", 'trace fields are allowed');
run('rm', '-rf', tmp() . '/direct');

# --- with pass between them
my ($dir, $log) = (tmp() . '/sink', tmp() . '/sink.log');
($sink, my $to) = sink_start($dir, '-l', $log);
send_all('pass', pass_start($to));
all_the_same('pass', $dir);
journal_clean('pass', $log);
is((stop())[0], 0, 'SIGTERM');
sink_stop($sink);
run('rm', '-rf', $dir);

SKIP: {
	my ($root, $no) = postfix_root('pf');
	skip("Postfix: $no", 1) if !$root;
	$dir = tmp() . '/dump';
	($sink, $to) = smtp_sink($root, $dir);
	send_all('smtp-sink', pass_start($to));
	all_the_same('smtp-sink', $dir, '-u');
	is((stop())[0], 0, 'SIGTERM');
	kill('KILL', $sink);

	$to = postfix_start($root, mta_port());
	send_all('Postfix', pass_start($to));
	is((stop())[0], 0, 'SIGTERM');
	my @queue = postfix_queue($root);
	my %once = map { $_ => 1 } @queue;
	is(scalar(@queue) . ' ' . keys(%once), "$total $total",
	    'Postfix: each is in its queue, once');
	postfix_kill($root);
}
done_testing();
