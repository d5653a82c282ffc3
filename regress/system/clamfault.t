#!/usr/bin/perl
# torture
# The real clamd is killed, stopped, made slow and started again while mail is
# delivered: each message ends as `on-error' says, none is lost, none delivered
# twice, no answer comes after the budget, and what clamd knows as a virus is
# delivered at most where it could not be asked and on-error is `accept' or
# `mark'.
# make check: 450 deliveries; make torture: 3,000.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use List::Util qw(shuffle);
use POSIX ();
use Sys;
use Mta;
use Clam;
use ScanLoad;
use Test::More;
use Time::HiRes qw(sleep);

private();

my ($root, $why) = clam_root('clam');
plan(skip_all => "clamd: $why") if !$root;
END { local $?; Clam::clam_end() if $ENV{SG_PRIVATE} }

my $budget = 15;		# s, of the configuration
my $n = torture_or(1000, 150);	# for each on-error
my $rate = 50;
my $seed = $ENV{SEED} // int(rand(1 << 30));
srand($seed);
diag("SEED=$seed");

# Each tenth is a virus, some lie in a file of the spool.
sub is_virus { return ($_[0] % 10 == 3) }
sub
message
{
	my ($i) = @_;
	my $lines = $i % 50 == 7 ? 5000 : 1 + $i % 100;

	return ("From: <m$i\@example.com>\r\nTo: <you\@example.org>\r\n" .
	    "Subject: $i\r\n\r\n" . (is_virus($i) ? our_virus() . "\r\n" : '') .
	    "number $i and some text to make it longer and longer\r\n" x
	    $lines);
}

my %faults = (
	'killed' => sub {
		clam_end();
		sleep(0.5);
		clam_start();
	},
	'stopped' => sub {
		kill('STOP', clam_pid());
		sleep(3);		# longer than its time
		kill('CONT', clam_pid());
	},
	'slow' => sub {
		for (1 .. 20) {
			kill('STOP', clam_pid());
			sleep(0.09);
			kill('CONT', clam_pid());
			sleep(0.01);
		}
	},
	'restarted' => sub {
		kill('TERM', clam_pid());
		waitpid(clam_pid(), 0);
		clam_start();
	}
);

# How many of the delivered ones say that they were not looked at.
sub
marked
{
	return (scalar(grep {
		slurp($_) =~ /^X-Spamgreyd: [^\n]*(?:\n\s[^\n]*)*clamav=\S+\s+\(not\s+checked\)/m
	} glob("$_[0]/*")));
}

sub
run_with
{
	my ($on_error) = @_;
	my $dir = tmp() . "/sink-$on_error";
	my $list = tmp() . "/list-$on_error";
	my ($sink, $to) = sink_start($dir, '-f');
	my $socket = Clam::socket_path();
	my (%count, %met);

	my $port = pass_start($to, pass => "scan ${budget}s\nmodule clamav {" .
	    "\n\tsocket \"$socket\"\n\ttimeout 2s\n\ton-error $on_error\n}",
	    text => 'on virus log', log => tmp() . "/log-$on_error");
	wait_for('the mail server to be known', sub {
		(dialogue(port => $port, to => '127.0.0.1', mail => 'first',
		    rcpt => ['you@example.org']))[-1] =~ /^250/ });
	my $before = log_mark();
	my %workers = map { $_ => 1 } load_start(n => $n, workers => 8,
	    rate => $rate, to => '127.0.0.1', from => '127.0.0.1',
	    port => $port, list => $list, message => \&message);
	while (%workers) {
		for my $fault (shuffle(sort keys %faults)) {
			sleep(0.3);
			$faults{$fault}->();
			$met{$fault}++;
		}
		for (keys %workers) {
			delete($workers{$_}) if waitpid($_, POSIX::WNOHANG());
		}
	}
	my %r = load_results($list);
	my %has = sink_has($dir);
	my $slowest = 0;
	my (@odd, @lost, @twice, @clean_refused, @virus_taken);
	for my $i (0 .. $n - 1) {
		my ($took, $reply) = @{$r{$i} // [0, 'no result']};
		my $kind = $reply =~ /^250 / ? '250' :
		    $reply =~ /^550 5\.7\.1 .*Spamgreyd\.Test-1/ ? '550' :
		    $reply =~ /^451 4\.3\.0 The checks of mail do not work/ ?
		    '451' : 'odd';
		$count{$kind}++;
		push(@odd, "$i: $reply") if $kind eq 'odd';
		$slowest = $took if $took > $slowest;
		push(@lost, $i) if $kind eq '250' && !$has{$i};
		push(@twice, $i) if ($has{$i} // 0) > 1 ||
		    ($kind ne '250' && $has{$i});
		push(@clean_refused, $i) if $kind eq '550' && !is_virus($i);
		push(@virus_taken, $i) if $kind eq '250' && is_virus($i);
	}
	my $errors = () = log_since() =~ / clamav error=\S+ stage=eom /g;
	diag("$on_error: " . join(', ', map { "$_ $count{$_}" }
	    sort keys %count) . "; errors $errors; viruses taken " .
	    scalar(@virus_taken) . "; slowest answer ${slowest} s; faults " .
	    join(', ', map { "$_ $met{$_}" } sort keys %met));
	is(scalar(keys %r), $n, "$on_error: every message has an outcome");
	is("@odd[0 .. ($#odd < 3 ? $#odd : 3)]", '',
	    "$on_error: and it is one of those that it may have");
	is("@lost", '', "$on_error: none is lost");
	is("@twice", '', "$on_error: none is there twice, or after a refusal");
	is("@clean_refused", '', "$on_error: no clean one is a virus");
	cmp_ok($slowest, '<', $budget, "$on_error: none past the budget");
	cmp_ok($errors, '>', 0, "$on_error: the faults met deliveries");
	cmp_ok($count{550} // 0, '>', 0, "$on_error: viruses were refused");
	if ($on_error eq 'tempfail') {
		is("@virus_taken", '', 'tempfail: no virus is delivered');
		is($count{451} // 0, $errors,
		    'tempfail: each error is one message put off');
	} else {
		is($count{451} // 0, 0, "$on_error: none is put off");
		cmp_ok(scalar(@virus_taken), '<=', $errors,
		    "$on_error: a virus is taken where clamd could not say so");
		is(marked($dir), $on_error eq 'mark' ? $errors : 0,
		    "$on_error: " . ($on_error eq 'mark' ?
		    'each error is one message marked' : 'none is marked'));
	}
	is((stop())[0], 0, 'SIGTERM');
	sink_stop($sink);
}

clam_start();
run_with('tempfail');
run_with('accept');
run_with('mark');
done_testing();
