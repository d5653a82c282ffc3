#!/usr/bin/perl
# Plays the transcripts *.case: a client, pass (pass_driver), an MTA.
#	run.t [case ...]
#
#	! ORDER		an order to pass_driver (its head lists them)
#	mta N		so many MTAs listen; $1, $2 … are their ports in orders
#	start [TEXT]	relay to the first MTA, if no order said otherwise; apply.
#			pass asks each MTA what it offers: it answers with the
#			keywords of TEXT ("," between them), or does not exist
#			("down")
#	connect [NAME] [from ADDRESS]	a client;  front: to front's port
#	hi …		connect, and EHLO with its answers
#	mail [TO …]	MAIL and RCPT, which pass and the MTA take (with "M hello"
#			where the MTA has no connection); "mail rset …": after
#			RSET to the MTA
#	certificate	of a minute ago, for STARTTLS;  tls [NAME]: openssl's
#			client, which has said EHLO and STARTTLS;  upgrade:
#			TLS on the current connection
#	use NAME	an earlier client again
#	C TEXT		the client sends a line;  R TEXT: as it is, with \r \n \t \xHH
#	S REGEX		the whole next line from pass, ending in CRLF, matches
#	G TEXT		exactly these bytes have arrived, no more
#	M accept [N]	the next connection to the (Nth) MTA
#	M hello[N] [TEXT]	that, and its banner and EHLO
#	M < REGEX	it gets a line;  M > TEXT: sends one;  MR TEXT: as it is
#	MS REGEX / TEXT	both
#	M = TEXT	its next bytes are exactly these
#	M body TEXT	DATA, 354, our trace line, and TEXT is the message
#	M quiet		it has got nothing, and there is no new connection
#	M eof		pass closed the connection and sent no more ("M quit": QUIT)
#	M close, M reset, M use N	(the Nth connection of all)
#	N* LINE		that line N times;  flood N TEXT: the text, without
#			looking at answers
#	L REGEX		a line of the log;  Q: a message to store;  F: to front;
#			V: a call of the module;  noL, noQ, noF, noV: none matches
#			so far
#	eof		pass ends the connection and sends no more
#	close, shut, reset	we close it, close our half, or reset it
# $DATE is the date of the clock.  A watchdog of 30 s ends a test that hangs; it
# does not measure speed.
use strict;
use warnings;
use IPC::Open2;
use Socket qw(:DEFAULT IPPROTO_TCP TCP_NODELAY);
use IO::Select;
use Errno qw(EAGAIN EINTR);
use File::Basename;
use File::Temp qw(tempdir);

my $dir = dirname($0);
my @cases = @ARGV ? @ARGV : sort glob("$dir/*.case");
my $driver = "regress/obj/pass_driver";
my @offers = ('PIPELINING', 'SIZE 50000', '8BITMIME', 'SMTPUTF8', 'DSN',
    'ENHANCEDSTATUSCODES');

system("sh", "regress/build.sh", "$dir/pass_driver.c") == 0 or
    print("Bail out! pass_driver does not build\n"), exit 1;
$SIG{PIPE} = 'IGNORE';

my ($in, $out, $pid, @lines, $partial, $port, $fport, %conn, $cur);
my (@mta, @mconn, $m, $relayed, $tmp, @clients);

sub pump {	# what the driver prints, into @lines; waits for something
	my $sel = IO::Select->new($out);
	return 0 unless $sel->can_read(shift);
	my $n = sysread($out, $partial, 65536, length $partial);
	die "pass_driver has ended\n" unless $n;
	while ($partial =~ s/^(.*)\n//) {
		my $line = $1;
		if ($line =~ /^(f?)port (\d+)$/) {
			$1 ? ($fport = $2) : ($port = $2);
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
	my $text = shift;
	$text =~ s/\$(\d)/$mta[$1 - 1]{port}/g;
	$relayed = $text =~ /proxy1/ ? 'proxy' : 1 if $text =~ /^relay/;
	print $in "$text\n";
	$in->flush;
	for (;;) {
		for my $i (0 .. $#lines) {
			if ($lines[$i] eq 'ok') {
				splice(@lines, $i, 1);
				return;
			}
			die "$lines[$i]\n" if $lines[$i] =~ /^fatal /;
		}
		pump(30) or die "no answer to \"$text\"\n";
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

sub fill {	# octets of a connection; 0 at its end, -1 none in time
	my ($c, $wait) = @_;
	my $sel = IO::Select->new($c->{sock}, $out);
	return 0 if $c->{eof};
	# The driver's own lines are read meanwhile, for their pipe is small.
	for (;;) {
		my @ready = $sel->can_read($wait) or return -1;
		last if grep { $_ == $c->{sock} } @ready;
		eval { pump(0) } or $sel->remove($out);
	}
	my $n = sysread($c->{sock}, $c->{buf}, 65536, length $c->{buf});
	if (!defined $n) {
		return -1 if $! == EAGAIN || $! == EINTR;
		$c->{reset} = "$!";
		$n = 0;
	}
	$c->{eof} = 1 if $n == 0;
	return $n;
}

sub get_line {
	my ($c, $re) = @_;
	while ($c->{buf} !~ /\n/) {
		my $n = fill($c, 30);
		die "no line in 30 s, want: $re\n" if $n == -1;
		die "end of connection, had: $c->{buf} want: $re\n" if $n == 0;
	}
	$c->{buf} =~ s/^(.*?\n)//s;
	my $line = $1;
	die "got: $line  want: $re (and CRLF)\n"
	    unless $line =~ /^(?:$re)\r\n\z/;
}

sub get_octets {
	my ($c, $text, $no_more) = @_;
	my $want = unescape($text);
	while (length $c->{buf} < length $want) {
		fill($c, 30) > 0 or last;
	}
	if ($no_more) {
		order('advance 0');
		1 while fill($c, 0) > 0;
	}
	my $got = $no_more ? $c->{buf} : substr($c->{buf}, 0, length $want);
	die "got: $got\n  want: $want\n" if $got ne $want;
	substr($c->{buf}, 0, length $want) = '';
}

sub get_eof {
	my $c = shift;
	my $n;
	while (($n = fill($c, 30)) > 0) {}
	die "still open after 30 s\n" if $n == -1;
	die "said before the end: $c->{buf}\n" if length $c->{buf};
	close $c->{sock};
}

sub put {
	my ($c, $data) = @_;
	while (length $data) {
		my $n = syswrite($c->{sock}, $data) // die "send: $!\n";
		substr($data, 0, $n) = '';
	}
}

sub unescape {
	my $t = shift;
	my %e = (r => "\r", n => "\n", t => "\t", '\\' => '\\');
	$t =~ s/\\(x([0-9a-fA-F]{2})|.)/defined $2 ? chr(hex $2) : $e{$1}/ge;
	$t =~ s/\$DATE/Tue, 14 Nov 2023 22:13:20 +0000/g;
	return $t;
}

sub rudely {	# a reset in place of an end
	my $c = shift;
	setsockopt($c->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
	close $c->{sock};
}

sub dial {
	my ($name, $from, $to) = ('main', undef, $port);
	while (defined(my $w = shift)) {
		if ($w eq 'from') { $from = shift; }
		elsif ($w eq 'front') { $to = $fport; }
		else { $name = $w; }
	}
	socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
	if ($from) {
		bind($s, pack_sockaddr_in(0, inet_aton($from))) or
		    die "bind $from: $!\n";
	}
	connect($s, pack_sockaddr_in($to, inet_aton('127.0.0.1'))) or
	    die "connect: $!\n";
	setsockopt($s, IPPROTO_TCP, TCP_NODELAY, 1);
	$cur = $name;
	$conn{$name} = { sock => $s, buf => '', eof => 0 };
}

sub certificate {
	$tmp = tempdir('pass_run.XXXXXX', TMPDIR => 1, CLEANUP => 1);
	system("openssl req -x509 -newkey rsa:2048 -nodes -days 2 " .
	    "-subj /CN=mx.test -keyout $tmp/key -out $tmp/cert " .
	    "> $tmp/log 2>&1") == 0 or die "openssl req\n";
	order("cert $tmp/cert $tmp/key");
}

sub s_client {	# openssl's client is the current connection
	socketpair(my $s, my $t, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or
	    die "socketpair: $!\n";
	my $p = fork // die "fork: $!\n";
	if ($p == 0) {
		open(STDIN, '<&', $t) && open(STDOUT, '>&', $t) &&
		    open(STDERR, '>', "$tmp/log") or exit 1;
		exec 'openssl', 's_client', '-quiet', '-connect', @_;
		exit 1;
	}
	push @clients, $p;
	$conn{$cur} = { sock => $s, buf => '', eof => 0 };
}

sub tls {
	$cur = shift // 'main';
	s_client("127.0.0.1:$port", '-starttls', 'smtp');
}

sub upgrade {	# through a relay: openssl makes its connections itself
	my $clear = $conn{$cur}{sock};
	socket(my $l, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
	bind($l, pack_sockaddr_in(0, INADDR_LOOPBACK)) && listen($l, 1) or
	    die "relay: $!\n";
	my $p = fork // die "fork: $!\n";
	if ($p == 0) {
		accept(my $c, $l) or exec 'false';
		my $sel = IO::Select->new($c, $clear);
		for (;;) {
			for my $s ($sel->can_read) {
				sysread($s, my $data, 65536) or exec 'true';
				syswrite($s == $c ? $clear : $c, $data);
			}
		}
	}
	push @clients, $p;
	s_client('127.0.0.1:' . (unpack_sockaddr_in(getsockname($l)))[0]);
}

sub mtas {
	for (1 .. shift) {
		socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
		setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
		bind($s, pack_sockaddr_in(0, inet_aton('127.0.0.1'))) &&
		    listen($s, 16) or die "mta: $!\n";
		push @mta, { sock => $s,
		    port => (unpack_sockaddr_in(getsockname($s)))[0] };
	}
}

sub m_accept {
	my $l = $mta[(shift // 1) - 1];
	IO::Select->new($l->{sock})->can_read(30) or
	    die "nobody has connected to the MTA in 30 s\n";
	accept(my $s, $l->{sock}) or die "accept: $!\n";
	setsockopt($s, IPPROTO_TCP, TCP_NODELAY, 1);
	$m = { sock => $s, buf => '', eof => 0 };
	push @mconn, $m;
}

sub m_ehlo {
	put($m, "220 mta.test ESMTP\r\n");
	get_line($m, 'PROXY TCP4 .*') if $relayed eq 'proxy';
	get_line($m, 'EHLO mx\.test');
	my @k = ('mta.test', @_);
	for my $i (0 .. $#k) {
		put($m, '250' . ($i < $#k ? '-' : ' ') . "$k[$i]\r\n");
	}
}

sub m_quiet {
	order('advance 0');
	if ($m && !$m->{closed}) {
		1 while fill($m, 0) > 0;
		die "the MTA got: $m->{buf}\n" if length $m->{buf};
		die "the MTA's connection was closed\n" if $m->{eof};
	}
	for my $l (@mta) {
		next if $l->{down};
		die "a connection to the MTA\n" if
		    IO::Select->new($l->{sock})->can_read(0);
	}
}

sub m_step {
	my $what = shift;
	if ($what =~ /^accept ?(\d*)$/) {
		m_accept($1 || 1);
	} elsif ($what =~ /^hello(\d?)(?: (.*))?$/) {
		my $offers = $2;
		m_accept($1 || 1);
		m_ehlo($offers ? split(/,/, $offers) : @offers);
	} elsif ($what =~ /^< ?(.*)/) {
		get_line($m, $1);
	} elsif ($what =~ /^> ?(.*)/) {
		put($m, "$1\r\n");
	} elsif ($what =~ /^= (.*)/) {
		get_octets($m, $1, 0);
	} elsif ($what =~ /^body (.*)/) {
		my $text = $1;
		get_line($m, 'DATA');
		put($m, "354 go on\r\n");
		get_line($m, 'Received: from .* \(\[[0-9.]+\]\)');
		get_line($m, '\tby mx\.test with E?SMTP');
		get_line($m, '\tid [0-9a-f]{16}; [A-Z][a-z]{2}, .* \+0000');
		get_octets($m, "$text\\r\\n.\\r\\n", 0);
	} elsif ($what eq 'quiet') {
		m_quiet();
	} elsif ($what eq 'eof') {
		get_eof($m);
		$m->{closed} = 1;
	} elsif ($what eq 'quit') {
		get_line($m, 'QUIT');
		get_eof($m);
		$m->{closed} = 1;
	} elsif ($what eq 'close') {
		close $m->{sock};
		$m->{closed} = 1;
	} elsif ($what eq 'reset') {
		rudely($m);
		$m->{closed} = 1;
	} elsif ($what =~ /^use (\d+)$/) {
		$m = $mconn[$1 - 1];
	} elsif ($what =~ /^down (\d+)$/) {
		close $mta[$1 - 1]{sock};
		$mta[$1 - 1]{down} = 1;
	} else {
		die "what is that?\n";
	}
}

sub begin {	# start
	my $text = shift;
	mtas(1) unless @mta;
	unless ($relayed) {
		order('relay');
		order('target 127.0.0.1 $1');
	}
	my @k = $text ne '' && $text ne 'down' ? split(/,/, $text) : @offers;
	order('apply');
	if ($text ne 'down') {
		for my $i (1 .. @mta) {
			next if $mta[$i - 1]{down};
			m_accept($i);
			m_ehlo(@k);
			get_line($m, 'QUIT');
			close $m->{sock};
		}
		@mconn = ();
		undef $m;
	}
	order('hosts-end');
}

sub hi {
	dial(@_);
	get_line($conn{$cur}, '220 .*');
	put($conn{$cur}, "EHLO c.test\r\n");
	get_line($conn{$cur}, '250-.*') for 1 .. 6;
	get_line($conn{$cur}, '250 .*');
}

sub mail {
	put($conn{$cur}, "MAIL FROM:<a\@c.test>\r\n");
	unless ($m && !$m->{closed}) {
		m_accept(1);
		m_ehlo(@offers);
	}
	if (@_ && $_[0] eq 'rset') {
		shift;
		get_line($m, 'RSET');
		put($m, "250 2.0.0 Ok\r\n");
	}
	get_line($m, 'MAIL FROM:<a@c\.test>');
	put($m, "250 2.1.0 Ok\r\n");
	get_line($conn{$cur}, '250 2\.1\.0 Ok');
	for my $to (@_) {
		put($conn{$cur}, "RCPT TO:<$to>\r\n");
		get_line($m, "RCPT TO:<\Q$to\E>");
		put($m, "250 2.1.5 Ok\r\n");
		get_line($conn{$cur}, '250 2\.1\.5 Ok');
	}
}

sub step {
	my $line = shift;
	if ($line =~ /^(\d+)\* (.*)/) {
		step($2) for 1 .. $1;
	} elsif ($line =~ /^! (.*)/) {
		order($1);
	} elsif ($line =~ /^mta (\d+)$/) {
		mtas($1);
	} elsif ($line =~ /^start ?(.*)/) {
		begin($1);
	} elsif ($line =~ /^connect ?(.*)/) {
		dial(split ' ', $1);
	} elsif ($line eq 'certificate') {
		certificate();
	} elsif ($line =~ /^tls ?(.*)/) {
		tls(split ' ', $1);
	} elsif ($line eq 'upgrade') {
		upgrade();
	} elsif ($line =~ /^hi ?(.*)/) {
		hi(split ' ', $1);
	} elsif ($line =~ /^mail ?(.*)/) {
		mail(split ' ', $1);
	} elsif ($line =~ /^flood (\d+) (.*)/) {
		put($conn{$cur}, unescape($2) x $1);
	} elsif ($line =~ /^use (\S+)/) {
		$cur = $1;
	} elsif ($line =~ /^C ?(.*)/) {
		put($conn{$cur}, "$1\r\n");
	} elsif ($line =~ /^R (.*)/) {
		put($conn{$cur}, unescape($1));
	} elsif ($line =~ /^S (.*)/) {
		get_line($conn{$cur}, $1);
	} elsif ($line =~ /^G ?(.*)/) {
		get_octets($conn{$cur}, $1, 1);
	} elsif ($line =~ /^M (.*)/) {
		m_step($1);
	} elsif ($line =~ m{^MS (.*) / (.*)}) {
		my ($re, $text) = ($1, $2);
		get_line($m, $re);
		put($m, "$text\r\n");
	} elsif ($line =~ /^MR (.*)/) {
		put($m, unescape($1));
	} elsif ($line =~ /^(no)?([LQFV]) (.*)/) {
		my %words = (L => 'log', Q => 'store', F => 'front',
		    V => 'mod');
		order('advance 0') if $1;
		my $r = heard($words{$2}, $3, !$1);
		die "unwanted line like: $3\n" if $1 && $r;
	} elsif ($line eq 'eof') {
		get_eof($conn{$cur});
	} elsif ($line eq 'close') {
		close $conn{$cur}{sock};
	} elsif ($line eq 'reset') {
		rudely($conn{$cur});
	} elsif ($line eq 'shut') {
		shutdown($conn{$cur}{sock}, 1);
	} else {
		die "what is that?\n";
	}
}

sub play {
	my $file = shift;
	($partial, @lines, %conn) = ('');
	(@mta, @mconn) = ();
	undef $m;
	$relayed = 0;
	$pid = open2($out, $in, $driver);
	order($_) for 'set hostname mx.test', 'domain example.org';
	open(my $f, '<', $file) or die "$file: $!\n";
	while (my $line = <$f>) {
		chomp $line;
		next if $line =~ /^\s*(#|$)/;
		eval { step($line); 1 } or die "line $.: $line\n$@";
	}
}

print "1.." . @cases . "\n";
my $n = 0;
my $openssl = system("openssl version > /dev/null 2>&1") == 0;
for my $file (@cases) {
	if (!$openssl && basename($file) =~ /^tls/) {
		printf "ok %d - %s # SKIP openssl(1) is not installed\n",
		    ++$n, basename($file, '.case');
		next;
	}
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
		if ($status != 0) {
			$error .= "pass_driver ended with status $status\n";
			$good = 0;
		}
		undef $pid;
	}
	kill 'TERM', @clients;
	waitpid $_, 0 for splice @clients;
	printf "%sok %d - %s\n", $good ? '' : 'not ', ++$n,
	    basename($file, '.case');
	print map { "# $_\n" } split /\n/, $error unless $good;
}
