# Kills, stops, slows down and restarts a real scanner while mail is delivered,
# and counts what happened to each message: it ended as `on-error' says, none is
# lost or delivered twice, and no reply came after the time budget.  A message
# that the scanner refuses was delivered only if the scanner could not be asked
# and on-error lets mail through.  For use in private.sh only.
#
# The progress of the deliveries decides when a fault begins and ends, not a
# clock: it begins when some have begun, more begin while it lasts, and it ends
# when one of them has met it.
package ScanFault;

use strict;
use warnings;
use Exporter qw(import);
use List::Util qw(shuffle);
use Mta;
use POSIX ();
use ScanLoad;
use Sys;
use Test::More;
use Time::HiRes qw(sleep);

our @EXPORT = qw(scan_faults);

my $budget = 15;	# s, of the configuration
my ($before, $during) = (10, 6);	# deliveries begun with each fault

# The scanner refuses each tenth message.  Some are so large that the spool
# keeps them in a file.
sub is_bad { return ($_[0] % 10 == 3) }
sub
message
{
	my ($i, $bad) = @_;
	my $lines = $i % 50 == 7 ? 5000 : 1 + $i % 100;

	return ("From: <m$i\@example.com>\r\nTo: <you\@example.org>\r\n" .
	    "Subject: $i\r\n\r\n" . (is_bad($i) ? "$bad\r\n" : '') .
	    "number $i and some text to make it longer and longer\r\n" x
	    $lines);
}

# Returns how many delivered messages have the mark of an unscanned one.
sub
marked
{
	my ($dir, $module) = @_;

	return (scalar(grep {
		slurp($_) =~ /^X-Spamgreyd: [^\n]*(?:\n\s[^\n]*)*$module=\S+\s+\(not\s+checked\)/m
	} glob("$dir/*")));
}

# Starts the deliveries: feed(n) begins n more, done() returns how many ended.
sub
deliveries
{
	my (%o) = @_;
	my $fed = 0;

	pipe(my $r, my $w) or die "pipe: $!\n";
	my @workers = load_start(workers => $o{workers}, numbers => [$r, $w],
	    to => '127.0.0.1', from => '127.0.0.1', port => $o{port},
	    list => $o{list}, message => sub { message($_[0], $o{bad}) });
	close($r);
	return ({
		fed => sub { $fed },
		feed => sub {
			syswrite($w, pack('N', $fed++)) for 1 .. $_[0];
		},
		done => sub { scalar(() = slurp($o{list}) =~ /\n/g) },
		end => sub {
			close($w);
			waitpid($_, 0) for @workers;
		},
	});
}

# Makes each fault once, in random order, during deliveries.  hit returns how
# many have met a fault so far.
sub
round
{
	my ($s, $d, $hit) = @_;
	my $met = sub {
		my $n = $hit->();
		$d->{feed}->($during);
		wait_for('a delivery to meet the fault', sub { $hit->() > $n });
	};
	my %faults = (
		'killed' => sub {
			$s->{end}->();
			$met->();
			$s->{start}->();
		},
		'stopped' => sub {
			$s->{stop}->();
			$met->();
			$s->{go}->();
		},
		'slow' => sub {
			$d->{feed}->($during);
			for (1 .. torture_or(20, 10)) {
				$s->{stop}->();
				sleep(0.09);
				$s->{go}->();
				sleep(0.01);
			}
		},
		'restarted' => sub {
			$s->{term}->();
			$d->{feed}->($during);
			$s->{start}->();
		},
	);

	for my $fault (shuffle(sort keys %faults)) {
		$d->{feed}->($before);
		wait_for('deliveries', sub {
			$d->{done}->() >= $d->{fed}->() - $before / 2 });
		$faults{$fault}->();
	}
}

# Log lines go through the parent.  Waits until it has logged the end of all
# these sessions, and so all their earlier lines.
sub
wait_ends
{
	my ($n) = @_;

	wait_for("the ends of $n sessions in the log",
	    sub { scalar(() = log_since() =~ / pass end address=/g) >= $n });
}

# Tests what happened to each message.
sub
outcomes
{
	my ($n, $list, $dir, $refused) = @_;
	my %r = load_results($list);
	my %has = sink_has($dir);
	my %o = (has => scalar(keys %r), slowest => 0, map { $_ => [] } qw(odd
	    lost twice good_refused bad_taken));

	for my $i (0 .. $n - 1) {
		my ($took, $reply) = @{$r{$i} // [0, 'no result']};
		my $kind = $reply =~ /^250 / ? '250' :
		    $reply =~ $refused ? '550' :
		    $reply =~ /^451 4\.3\.0 Mail scanning is temporarily unavailable/ ?
		    '451' : 'odd';
		$o{count}->{$kind}++;
		$o{slowest} = $took if $took > $o{slowest};
		push(@{$o{odd}}, "$i: $reply") if $kind eq 'odd';
		push(@{$o{lost}}, $i) if $kind eq '250' && !$has{$i};
		push(@{$o{twice}}, $i) if ($has{$i} // 0) > 1 ||
		    ($kind ne '250' && $has{$i});
		push(@{$o{good_refused}}, $i) if $kind eq '550' && !is_bad($i);
		push(@{$o{bad_taken}}, $i) if $kind eq '250' && is_bad($i);
	}
	return (\%o);
}

# Runs the tests for one value of on-error.  module: its name; options: its
# options; text: more for the configuration; bad: a line of a message that the
# scanner refuses; refused: the reply to that; n: the least number of
# deliveries; scanner: functions that make its faults.
sub
scan_faults
{
	my ($on_error, %o) = @_;
	my $dir = tmp() . "/sink-$on_error";
	my $list = tmp() . "/list-$on_error";
	my ($sink, $to) = sink_start($dir, '-f');
	my ($rounds, $tries) = (0, 0);

	my $port = pass_start($to, pass => "scan ${budget}s\nmodule " .
	    "$o{module} {\n\t$o{options}\n\ttimeout 2s\n\ton-error $on_error\n}",
	    text => $o{text}, log => tmp() . "/log-$on_error");
	log_mark();
	wait_for('the mail server to be known', sub {
		$tries++;
		return ((dialogue(port => $port, to => '127.0.0.1', mail => 'first',
		    rcpt => ['you@example.org']))[-1] =~ /^250/);
	});
	wait_ends($tries);
	log_mark();
	my $hit = sub { scalar(() = log_since() =~
	    / $o{module} error=\S+ stage=eom /g) };
	my $d = deliveries(%o, port => $port, list => $list);
	do {
		round($o{scanner}, $d, $hit);
		$rounds++;
	} while ($d->{fed}->() < $o{n});
	# The scanner works again: send one at a time until one is refused.
	wait_for('a refusal after the faults', sub {
		$d->{feed}->(1) if $d->{done}->() == $d->{fed}->();
		return (slurp($list) =~ / 550 /);
	});
	$d->{end}->();

	my $n = $d->{fed}->();
	wait_ends($n);
	my $errors = $hit->();
	my $r = outcomes($n, $list, $dir, $o{refused});
	my $count = $r->{count};
	diag("$on_error: " . join(', ', map { "$_ $count->{$_}" }
	    sort keys %$count) . "; errors $errors; taken that are refused " .
	    "otherwise " . scalar(@{$r->{bad_taken}}) . '; slowest answer ' .
	    "$r->{slowest} s; faults 4 * $rounds");
	is($r->{has}, $n, "$on_error: every message has an outcome");
	is(join("\n", @{$r->{odd}}), '',
	    "$on_error: and it is one of those that it may have");
	is("@{$r->{lost}}", '', "$on_error: none is lost");
	is("@{$r->{twice}}", '',
	    "$on_error: none is there twice, or after a refusal");
	is("@{$r->{good_refused}}", '', "$on_error: no good one is refused");
	cmp_ok($r->{slowest}, '<', $budget, "$on_error: none past the budget");
	if ($on_error eq 'tempfail') {
		is("@{$r->{bad_taken}}", '', 'tempfail: no bad one is delivered');
		is($count->{451}, $errors,
		    'tempfail: each error is one message put off');
	} else {
		is($count->{451} // 0, 0, "$on_error: none is put off");
		cmp_ok(scalar(@{$r->{bad_taken}}), '<=', $errors, "$on_error: " .
		    'a bad one is taken where the scanner could not say so');
		is(marked($dir, $o{module}), $on_error eq 'mark' ? $errors : 0,
		    "$on_error: " . ($on_error eq 'mark' ?
		    'each error is one message marked' : 'none is marked'));
	}
	is((stop())[0], 0, 'SIGTERM');
	sink_stop($sink);
}

1;
