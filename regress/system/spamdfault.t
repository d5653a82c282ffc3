#!/usr/bin/perl
# torture
# The real spamd is killed, stopped, made slow and started again while mail is
# delivered: each message ends as `on-error' says, none is lost, none delivered
# twice, no answer comes after the budget, and what has spamd's points is
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
use Spamd;
use ScanLoad;
use Test::More;
use Time::HiRes qw(sleep);

private();

my ($root, $why) = spamd_root('sa');
plan(skip_all => "spamd: $why") if !$root;
spamd_local('body SGTEST_BAD /\bnobody wants to see this\b/',
    'score SGTEST_BAD 50');
END { local $?; Spamd::spamd_end() if $ENV{SG_PRIVATE} }

my $budget = 15;		# s, of the configuration
my $n = torture_or(1000, 150);	# for each on-error
my $rate = 8;
my $seed = $ENV{SEED} // int(rand(1 << 30));
srand($seed);
diag("SEED=$seed");

# Each tenth is spam, some lie in a file of the spool.
sub is_spam { return ($_[0] % 10 == 3) }
sub
message
{
	my ($i) = @_;
	my $lines = $i % 50 == 7 ? 5000 : 1 + $i % 100;

	return ("From: <m$i\@example.com>\r\nTo: <you\@example.org>\r\n" .
	    "Subject: $i\r\n\r\n" . (is_spam($i) ? "nobody wants to see this\r\n" : '') .
	    "number $i and some text to make it longer and longer\r\n" x
	    $lines);
}

my %faults = (
	'killed' => sub {
		spamd_end();
		sleep(0.5);
		spamd_start();
	},
	'stopped' => sub {
		spamd_stop();
		sleep(3);		# longer than its time
		spamd_go();
	},
	'slow' => sub {
		for (1 .. 20) {
			spamd_stop();
			sleep(0.09);
			spamd_go();
			sleep(0.01);
		}
	},
	'restarted' => sub {
		kill('TERM', $Spamd::pid);
		waitpid($Spamd::pid, 0);
		spamd_start();
	}
);

# How many of the delivered ones say that they were not looked at.
sub
marked
{
	return (scalar(grep {
		slurp($_) =~ /^X-Spamgreyd: [^\n]*(?:\n\s[^\n]*)*spamassassin=\S+\s+\(not\s+checked\)/m
	} glob("$_[0]/*")));
}

sub
run_with
{
	my ($on_error) = @_;
	my $dir = tmp() . "/sink-$on_error";
	my $list = tmp() . "/list-$on_error";
	my ($sink, $to) = sink_start($dir, '-f');
	my (%count, %met);

	my $port = pass_start($to, pass => "scan ${budget}s\nmodule " .
	    "spamassassin {\n\tserver 127.0.0.1\n\ttimeout 2s\n\ton-error $on_error\n}",
	    text => 'on spam log', log => tmp() . "/log-$on_error");
	wait_for('the mail server to be known', sub {
		(dialogue(port => $port, to => '127.0.0.1', mail => 'first',
		    rcpt => ['you@example.org']))[-1] =~ /^250/ });
	my $before = log_mark();
	my %workers = map { $_ => 1 } load_start(n => $n, workers => 8,
	    rate => $rate, to => '127.0.0.1', from => '127.0.0.1',
	    port => $port, list => $list, message => \&message);
	while (%workers) {
		for my $fault (shuffle(sort keys %faults)) {
			sleep(1.5);
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
	my (@odd, @lost, @twice, @clean_refused, @spam_taken);
	for my $i (0 .. $n - 1) {
		my ($took, $reply) = @{$r{$i} // [0, 'no result']};
		my $kind = $reply =~ /^250 / ? '250' :
		    $reply =~ /^550 5\.7\.1 .*SGTEST_BAD/ ? '550' :
		    $reply =~ /^451 4\.3\.0 The checks of mail do not work/ ?
		    '451' : 'odd';
		$count{$kind}++;
		push(@odd, "$i: $reply") if $kind eq 'odd';
		$slowest = $took if $took > $slowest;
		push(@lost, $i) if $kind eq '250' && !$has{$i};
		push(@twice, $i) if ($has{$i} // 0) > 1 ||
		    ($kind ne '250' && $has{$i});
		push(@clean_refused, $i) if $kind eq '550' && !is_spam($i);
		push(@spam_taken, $i) if $kind eq '250' && is_spam($i);
	}
	my $errors = () = log_since() =~ / spamassassin error=\S+ stage=eom /g;
	diag("$on_error: " . join(', ', map { "$_ $count{$_}" }
	    sort keys %count) . "; errors $errors; spam messages taken " .
	    scalar(@spam_taken) . "; slowest answer ${slowest} s; faults " .
	    join(', ', map { "$_ $met{$_}" } sort keys %met));
	is(scalar(keys %r), $n, "$on_error: every message has an outcome");
	is("@odd[0 .. ($#odd < 3 ? $#odd : 3)]", '',
	    "$on_error: and it is one of those that it may have");
	is("@lost", '', "$on_error: none is lost");
	is("@twice", '', "$on_error: none is there twice, or after a refusal");
	is("@clean_refused", '', "$on_error: no clean one is spam");
	cmp_ok($slowest, '<', $budget, "$on_error: none past the budget");
	cmp_ok($errors, '>', 0, "$on_error: the faults met deliveries");
	cmp_ok($count{550} // 0, '>', 0, "$on_error: spam messages were refused");
	if ($on_error eq 'tempfail') {
		is("@spam_taken", '', 'tempfail: no spam is delivered');
		is($count{451} // 0, $errors,
		    'tempfail: each error is one message put off');
	} else {
		is($count{451} // 0, 0, "$on_error: none is put off");
		cmp_ok(scalar(@spam_taken), '<=', $errors,
		    "$on_error: spam is taken where spamd could not say so");
		is(marked($dir), $on_error eq 'mark' ? $errors : 0,
		    "$on_error: " . ($on_error eq 'mark' ?
		    'each error is one message marked' : 'none is marked'));
	}
	is((stop())[0], 0, 'SIGTERM');
	sink_stop($sink);
}

spamd_start();
run_with('tempfail');
run_with('accept');
run_with('mark');
done_testing();
