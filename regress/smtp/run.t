#!/usr/bin/perl
# Plays the transcripts *.case against front_driver, the front role with a
# store that answers by the recipient's name (regress/lib/front_fixture.h).
#	run.t [case ...]
#
#	! ORDER		an order to front_driver (its head lists them)
#	start		listen (on 127.0.0.1 unless ordered) and begin
#	connect [NAME] [from ADDRESS] [to N]	to the Nth listener
#	use NAME	an earlier connection again
#	C TEXT		send a line;  R TEXT: as it is, with \r \n \t \xHH
#	S REGEX		the whole next line, ending in CRLF, matches
#	G TEXT		exactly these bytes have arrived, no more
#	N* LINE		that line N times
#	L REGEX		a line of the log;  Q REGEX: a message to store,
#	P REGEX		to pass;  noL, noQ, noP REGEX: none matches so far
#	K REGEX		what `! kept' printed of a connection
#	eof		the server ends the connection and sends no more; then we
#			end it
#	close, shut	we close it; we close our half of it
# A watchdog of 30 s ends a test that hangs; it does not measure speed.
use strict;
use warnings;
use IPC::Open2;
use Socket qw(:DEFAULT IPPROTO_TCP TCP_NODELAY inet_pton inet_ntop pack_sockaddr_in6);
use IO::Select;
use Errno qw(EAGAIN EINTR);
use File::Basename;

my $dir = dirname($0);
my @cases = @ARGV ? @ARGV : sort glob("$dir/*.case");
my $driver = "regress/obj/front_driver";

system("sh", "regress/build.sh", "$dir/front_driver.c") == 0 or
    print("Bail out! front_driver does not build\n"), exit 1;
$SIG{PIPE} = 'IGNORE';

my ($in, $out, $pid, @lines, $partial, @ports, %conn, $cur, $listens);

sub pump {	# what the driver prints, into @lines; waits for something
	my $wait = shift;
	my $sel = IO::Select->new($out);
	return 0 unless $sel->can_read($wait);
	my $n = sysread($out, $partial, 65536, length $partial);
	die "front_driver has ended\n" unless $n;
	while ($partial =~ s/^(.*)\n//) {
		my $line = $1;
		if ($line =~ /^port (\d+)$/) {
			push @ports, $1;
		} else {
			push @lines, $line;
			# A line of an event is words, and keys with encoded
			# values.
			die "not encoded: $line\n"
			    if $line =~ /^log (\d )?[0-9a-f]{16} / && $line !~
			    /^log (\d )?[0-9a-f]{16} [a-z]+ [\w.-]+( [\w.-]+(=[!-~]*)?)*$/;
		}
	}
	return 1;
}

sub order {
	print $in "$_[0]\n";
	$in->flush;
	for (;;) {
		for my $i (0 .. $#lines) {
			if ($lines[$i] eq 'ok') {
				splice(@lines, $i, 1);
				return;
			}
			die "$lines[$i]\n" if $lines[$i] =~ /^fatal /;
		}
		pump(30) or die "no answer to \"$_[0]\"\n";
	}
}

sub heard {	# a line that begins with the word and matches, taken out
	my ($word, $re, $must) = @_;
	for (;;) {
		for my $i (0 .. $#lines) {
			my $text = $lines[$i];
			next unless $text =~ s/^$word (\d )?// &&
			    $text =~ /$re/;
			splice(@lines, $i, 1) if $must;
			return 1;
		}
		return 0 unless $must;
		pump(30) or die "no \"$word\" line like: $re\n" .
		    join('', map { "  had: $_\n" } @lines);
	}
}

sub fill {	# octets of the current connection; 0 at its end
	my $c = $conn{$cur};
	return 0 if $c->{eof};
	IO::Select->new($c->{sock})->can_read(shift) or return -1;
	my $n = sysread($c->{sock}, $c->{buf}, 65536, length $c->{buf});
	if (!defined $n) {
		return -1 if $! == EAGAIN || $! == EINTR;
		$c->{reset} = "$!";
		$n = 0;
	}
	$c->{eof} = 1 if $n == 0;
	return $n;
}

sub expect_line {
	my $re = shift;
	my $c = $conn{$cur};
	while ($c->{buf} !~ /\n/) {
		my $n = fill(30);
		die "no line in 30 s, want: $re\n" if $n == -1;
		die "end of connection, want: $re\n" if $n == 0;
	}
	$c->{buf} =~ s/^(.*?\n)//s;
	my $line = $1;
	die "got: $line  want: $re (and CRLF)\n"
	    unless $line =~ /^(?:$re)\r\n\z/;
}

sub expect_eof {
	my $c = $conn{$cur};
	my $n;
	while (($n = fill(30)) > 0) {}
	die "still open after 30 s\n" if $n == -1;
	die "reset in place of an end: $c->{reset}\n" if $c->{reset};
	die "said before the end: $c->{buf}\n" if length $c->{buf};
	close $c->{sock};
}

sub dial {
	my ($name, $from, $to) = ('main', undef, 1);
	while (defined(my $w = shift)) {
		if ($w eq 'from') { $from = shift; }
		elsif ($w eq 'to') { $to = shift; }
		else { $name = $w; }
	}
	my ($port, $dst) = ($ports[$to - 1], $listens->[$to - 1]);
	my $six = $dst =~ /:/;
	socket(my $s, $six ? AF_INET6 : AF_INET, SOCK_STREAM, 0) or
	    die "socket: $!\n";
	my $addr = sub {
		my ($a, $p) = @_;
		return $six ? pack_sockaddr_in6($p, inet_pton(AF_INET6, $a)) :
		    pack_sockaddr_in($p, inet_pton(AF_INET, $a));
	};
	if ($from) {
		bind($s, $addr->($from, 0)) or die "bind $from: $!\n";
	}
	connect($s, $addr->($dst, $port)) or die "connect: $!\n";
	setsockopt($s, IPPROTO_TCP, TCP_NODELAY, 1);
	$cur = $name;
	$conn{$name} = { sock => $s, buf => '', eof => 0 };
}

sub put {
	my ($data) = @_;
	my $s = $conn{$cur}{sock};
	while (length $data) {
		my $n = syswrite($s, $data) // die "send: $!\n";
		substr($data, 0, $n) = '';
	}
}

sub unescape {
	my $t = shift;
	my %e = (r => "\r", n => "\n", t => "\t", '\\' => '\\');
	$t =~ s/\\(x([0-9a-fA-F]{2})|.)/defined $2 ? chr(hex $2) : $e{$1}/ge;
	return $t;
}

sub step {
	my $line = shift;
	if ($line =~ /^(\d+)\* (.*)/) {
		step($2) for 1 .. $1;
	} elsif ($line =~ /^! (listen (\S+).*)/) {
		push @$listens, $2;
		order($1);
	} elsif ($line =~ /^! (.*)/) {
		order($1);
	} elsif ($line eq 'start') {
		step('! listen 127.0.0.1') unless @$listens;
		order('apply');
		order('hosts-end');
	} elsif ($line =~ /^connect ?(.*)/) {
		dial(split ' ', $1);
	} elsif ($line =~ /^use (\S+)/) {
		$cur = $1;
	} elsif ($line =~ /^C ?(.*)/) {
		put("$1\r\n");
	} elsif ($line =~ /^R (.*)/) {
		put(unescape($1));
	} elsif ($line =~ /^S (.*)/) {
		expect_line($1);
	} elsif ($line =~ /^G ?(.*)/) {
		my $want = unescape($1);
		my $c = $conn{$cur};
		while (length $c->{buf} < length $want) {
			fill(30) > 0 or last;
		}
		order('advance 0');
		1 while fill(0) > 0;
		die "got: $c->{buf}\n  want: $want\n" if $c->{buf} ne $want;
		$c->{buf} = '';
	} elsif ($line =~ /^(no)?([KLPQ]) (.*)/) {
		my $word = { K => 'kept', L => 'log', P => 'pass',
		    Q => 'store' }->{$2};
		order('advance 0') if $1;
		my $r = heard($word, $3, !$1);
		die "unwanted \"$word\" line like: $3\n" if $1 && $r;
	} elsif ($line eq 'eof') {
		expect_eof();
	} elsif ($line eq 'close') {
		close $conn{$cur}{sock};
	} elsif ($line eq 'shut') {
		shutdown($conn{$cur}{sock}, 1);
	} else {
		die "what is that?\n";
	}
}

sub play {
	my $file = shift;
	($partial, @lines, @ports, %conn) = ('');
	$listens = [];
	$pid = open2($out, $in, $driver);
	order($_) for 'set hostname mx.test', 'set stutter-ms 0';
	open(my $f, '<', $file) or die "$file: $!\n";
	while (my $line = <$f>) {
		chomp $line;
		next if $line =~ /^\s*(#|$)/;
		eval { step($line); 1 } or die "line $.: $line\n$@";
	}
}

print "1.." . @cases . "\n";
my $n = 0;
for my $file (@cases) {
	my $good = eval { play($file); 1 };
	my $error = $@;
	my $status;
	if ($pid) {
		close $in;
		local $SIG{ALRM} = sub { kill 'KILL', $pid };
		alarm 30;
		# Closed input is a calm end; anything else is a crash.
		waitpid $pid, 0;
		alarm 0;
		$status = $?;
		close $out;
		if ($good && $status != 0) {
			$good = 0;
			$error = "front_driver ended with status $status\n";
		}
		undef $pid;
	}
	printf "%sok %d - %s\n", $good ? '' : 'not ', ++$n,
	    basename($file, '.case');
	print map { "# $_\n" } split /\n/, $error unless $good;
}
