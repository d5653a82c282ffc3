# Makes many deliveries at a time, and records the reply and the time of the
# last answer of each, and what smtpsink got.  For the tests of mail while
# scanners fail.
package ScanLoad;

use strict;
use warnings;
use Exporter qw(import);
use POSIX ();
use Sys;
use Time::HiRes qw(sleep);

our @EXPORT = qw(load_start load_results sink_has);

# Sends n messages (message: a function of the number) with several workers, at
# a rate a second in all; or those whose numbers come from a pipe, four bytes
# each, until its end.  Returns the workers' process ids.  The list gets a line
# for each: "number seconds reply".
sub
load_start
{
	my (%o) = @_;
	my $t = now();
	my @workers;

	unlink($o{list});
	for my $w (0 .. $o{workers} - 1) {
		my $pid = fork() // die "fork: $!\n";
		if ($pid != 0) {
			push(@workers, $pid);
			next;
		}
		open(my $list, '>>', $o{list}) or POSIX::_exit(1);
		close($o{numbers}->[1]) if $o{numbers};
		my $count = $w - $o{workers};
		while (1) {
			my $n;
			if ($o{numbers}) {
				sysread($o{numbers}->[0], $n, 4) or last;
				$n = unpack('N', $n);
			} else {
				$n = $count += $o{workers};
				last if $n >= $o{n};
				my $wait = $t + $n / $o{rate} - now();
				sleep($wait) if $wait > 0;
			}
			my ($reply, $took) = eval { one($n, %o) };
			$reply = "died $@" if !defined $reply;
			$reply =~ s/\s+/ /g;
			syswrite($list, sprintf("%d %.3f %s\n", $n,
			    $took // 0, $reply));
		}
		POSIX::_exit(0);
	}
	return (@workers);
}

# Returns the reply that decided a message's outcome.
sub
one
{
	my ($n, %o) = @_;
	my $s = smtp(from => $o{from}, to => $o{to}, port => $o{port}) or
	    return ("connect $!", 0);
	my $r = Sys::reply($s);
	my $t;

	local $SIG{PIPE} = 'IGNORE';
	for my $line ('EHLO client.example.com',
	    "MAIL FROM:<m$n\@example.com>", 'RCPT TO:<you@example.org>',
	    'DATA') {
		return ($r eq '' ? 'closed' : $r, 0) if $r !~ /^[23]/;
		print $s "$line\r\n";
		$s->flush();
		$r = Sys::reply($s);
	}
	return ($r eq '' ? 'closed' : $r, 0) if $r !~ /^354/;
	print $s $o{message}->($n) =~ s/^\./../mgr, ".\r\n";
	$s->flush();
	$t = now();
	$r = Sys::reply($s);
	$t = now() - $t;
	print $s "QUIT\r\n";
	close($s);
	return ($r eq '' ? 'closed' : $r, $t);
}

# Returns number => [seconds, reply]; dies when a number has two replies.
sub
load_results
{
	my ($list) = @_;
	my %r;

	for (split(/\n/, slurp($list))) {
		my ($n, $took, $reply) = /^(\d+) (\S+) (.*)/ or
		    die "not a result: $_\n";
		die "number $n twice\n" if $r{$n};
		$r{$n} = [$took, $reply];
	}
	return (%r);
}

# Returns number => how often smtpsink has it.
sub
sink_has
{
	my ($dir) = @_;
	my %has;

	for my $file (glob("$dir/*")) {
		open(my $f, '<', $file) or die "$file: $!\n";
		my $line = <$f> // '';
		$line =~ /^FROM <m(\d+)\@/ and $has{$1}++;
	}
	return (%has);
}

1;
