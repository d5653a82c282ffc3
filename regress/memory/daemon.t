#!/usr/bin/perl
# torture
# limit 900
# The daemon when memory is short: in one role after the other, in its sandbox,
# an allocation fails, at its start or while a host is greylisted and a message
# is delivered.  Sessions get their replies or are put off with 4xx; a role that
# ends names memory, and the parent starts it again; none ends by a signal; what
# a client was told is there at the end.
# make check: some of the allocations; make torture: many.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../system";
use Mta;
use NoMem;
use Sys;
use Test::More;

private();

my @roles = qw(front store pass);
my %start = (wrap => ['env', 'LD_PRELOAD=' . tmp() . '/nomem.so',
    'NOMEM=' . tmp() . '/plans']);
my (@told, @taken);		# tuples of a 451, numbers of messages with 250
my $n = 0;

run('cp', nomem_library($Sys::daemon), tmp() . '/nomem.so');
$nomem_dir = tmp() . '/plans';
mkdir($nomem_dir) or die "$nomem_dir: $!\n";
spit("$nomem_dir/$_", "\0" x 32) for @roles;

my $spool = tmp() . '/sink';
my ($sink, $to) = sink_start($spool, '-f');
my $pass = pass_start($to, %start, text => "tarpit { stutter no }\n" .
    "restart 1000 per 1h\n");
my ($front) = slurp($Sys::conf) =~ /^listen on \S+ port (\d+)/m;

# Has a role ended?
sub ended { return (log_since() =~ /^next start in/m) }

# A host that is greylisted, and a message that is delivered: (last reply, last
# reply).
sub
sessions
{
	my $host = sprintf('127.%d.%d.1', 1 + ++$n / 250, 1 + $n % 250);
	my $grey = smtp_code(port => $front, from => $host,
	    mail => "g$n\@a.example");
	my $mail = spit(tmp() . '/message', "Subject: number $n\r\n\r\n" .
	    "text\r\n" x 200);
	my $sent = smtp_code(port => $pass, file => $mail);

	push(@told, $n) if $grey =~ /^451 4\.7\.1 /;
	push(@taken, $n) if $sent =~ /^250 /;
	return ($grey, $sent);
}

# What came of it: 'worked', 'said', 'wrong' or 'crashed', and the log.
sub
outcome
{
	my ($role, @replies) = @_;

	# Each role answers, so that what it has logged is there.
	db('stats');
	my $log = log_since();
	return ('crashed', $log) if $log =~ /signal|killed/;
	my $named = "@replies $log" =~ /[Mm]emory/;
	return ('wrong', $log) if ended() && !$named;
	for (@replies) {
		# Nothing at all: where the reply was being written.
		return ('wrong', $log) if !/^(?:250|4\d\d) / && !($named && /^$/);
	}
	return ($replies[0] =~ /^451 4\.7\.1/ && $replies[1] =~ /^250/ &&
	    !ended() ? 'worked' : $named ? 'said' : 'wrong', $log);
}

# How many allocations each role makes for two sessions.
sessions();
sessions();
for my $role (@roles) {
	my ($before) = nomem_state($role);
	my @replies = sessions();
	my ($asked) = nomem_state($role);
	my $calls = $asked - $before;
	my %row;

	like("@replies", qr/451 4\.7\.1.*250 /s, "$role: sessions work");
	for my $times (1, 20) {
		for my $at (nomem_sample($calls, torture_or($calls, 8))) {
			log_mark();
			nomem_plan($role, (nomem_state($role))[0] + $at, $times);
			@replies = sessions();
			my $failed = (nomem_state($role))[1];
			nomem_plan($role, 0, 0);
			my ($how, $log) = outcome($role, @replies);
			$row{$how}++;
			$row{failed} += $failed > 0;
			diag("$role, $at of $calls, $times: $how: @replies$log")
			    if $how =~ /wrong|crashed/;
			# With no pause before the next start.
			if (ended() || $log =~ /is down/) {
				stop();
				start(%start);
				sessions();
			}
		}
	}
	nomem_row("$role, sessions", \%row);
}

# At the start.
for my $role (@roles) {
	my ($calls) = nomem_state($role);
	my %row;

	for my $at (nomem_sample($calls, torture_or(60, 5))) {
		stop();
		nomem_plan($role, $at, 1);
		log_mark();
		start(%start, nowait => 1);
		wait_for('ready or the end', sub {
			log_since() =~ /^ready$/m || !alive() });
		my $log = log_since();
		my $how = $log =~ /signal|killed/ ? 'crashed' :
		    $log !~ /^ready$/m || $log =~ /^next start/m ?
		    $log =~ /[Mm]emory|tls_init failed/ ? 'said' : 'wrong' : 'worked';
		$row{$how}++;
		$row{failed} += (nomem_state($role))[1] > 0;
		diag("$role, $at of $calls at the start: $how: $log")
		    if $how =~ /wrong|crashed/;
		nomem_plan($role, 0, 0);
		start(%start) if !alive();
	}
	nomem_row("$role, start", \%row);
}

# Nothing that was acknowledged is missing.
my %have = map { $_ => 1 } db_ok('list', 'grey') =~ /\|<g(\d+)@/g;
is(join(' ', grep { !$have{$_} } @told), '', scalar(@told) .
    ' tuples that a client was told of are there');
my %stored = map { (slurp($_) =~ /^Subject: number (\d+)/m)[0] // '' => 1 }
    glob("$spool/*");
is(join(' ', grep { !$stored{$_} } @taken), '', scalar(@taken) .
    ' messages with a 250 are there');
is((stop())[0], 0, 'the daemon ends in good order');
sink_stop($sink);
done_testing();
