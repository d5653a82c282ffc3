#!/usr/bin/perl
# STARTTLS of front, with openssl's client against front_driver (see run.t).
use strict;
use warnings;
use File::Basename;
use File::Temp qw(tempdir);
use IO::Handle;
use IO::Socket::INET;
use IO::Select;
use IPC::Open2;

my $dir = dirname($0);
my $tmp = tempdir("smtp_tls.XXXXXX", TMPDIR => 1, CLEANUP => 1);
my ($n, $bad) = (0, 0);

if (system("openssl version > /dev/null 2>&1") != 0) {
	print "1..0 # SKIP openssl(1) is not installed\n";
	exit 0;
}
system("sh", "regress/build.sh", "$dir/front_driver.c") == 0 or
    print("Bail out! front_driver does not build\n"), exit 1;
$SIG{PIPE} = 'IGNORE';
$SIG{ALRM} = sub { die "hangs\n" };
alarm 120;

sub ok($$;$) {	# a match that fails is one argument too
	my ($good, $name, $had) = @_;
	printf "%sok %d - %s\n", $good ? '' : 'not ', ++$n, $name;
	return if $good;
	$bad++;
	print map { "#   $_\n" } split /\n/, $had // '';
}

sub cert {
	my ($name, $days) = @_;
	system("openssl req -x509 -newkey rsa:2048 -nodes -days $days " .
	    "-subj /CN=$name -keyout $tmp/$name.key -out $tmp/$name.pem " .
	    "> $tmp/openssl.log 2>&1") == 0 or die "openssl req\n";
	return "cert $tmp/$name.pem $tmp/$name.key";
}

my ($in, $out, @ports, @heard);

sub order {	# and what the driver says until its "ok"
	print $in map { "$_\n" } @_;
	$in->flush;
	my $oks = @_;
	my $said = '';
	while ($oks > 0) {
		my $line = <$out> // die "front_driver has ended\n$said";
		push @ports, $1 if $line =~ /^port (\d+)/;
		$oks-- if $line eq "ok\n";
		$said .= $line unless $line eq "ok\n";
	}
	return $said;
}

my @base = ('set hostname mx.test', 'set stutter-ms 0');
my $pid;
sub driver {
	@ports = ();
	$pid = open2($out, $in, 'regress/obj/front_driver');
	# The certificates are of today, so the clock has to be.
	order('advance ' . (time - 1700000000));
	order(@base, @_);
}
sub driver_end {
	close $in;
	waitpid $pid, 0;
	return $?;
}

# Each command after the reply to the one before, as the protocol has it.
sub talk {
	my ($r, $w, @commands) = @_;
	my ($all, $buf) = ('', '');
	my $reply = sub {
		for (;;) {
			while ($buf =~ s/^(.*\n)//) {
				my $l = $1;
				$all .= $l;
				return 1 if $l =~ /^\d\d\d /;
			}
			sysread($r, $buf, 4096, length $buf) or return 0;
		}
	};
	for my $c (@commands) {
		$all .= "> $c\n";
		syswrite $w, "$c\r\n";
		last unless $reply->();
	}
	return $all;
}

sub s_client {	# a TLS client after STARTTLS, ready for a command
	my ($args) = @_;
	my $cpid = open2(my $r, my $w, "exec openssl s_client -quiet " .
	    "-connect 127.0.0.1:$args 2> $tmp/client.log");
	return ($cpid, $r, $w);
}

sub log_of {
	open(my $f, '<', shift) or return '';
	local $/;
	return <$f> // '';
}

sub session {
	my ($args, @commands) = @_;
	my ($cpid, $r, $w) = s_client($args);
	my $said = talk($r, $w, @commands);
	close $w;
	close $r;
	waitpid $cpid, 0;
	return $said;
}

my @mail = ('EHLO c.test', 'MAIL FROM:<a@c.test>', 'RCPT TO:<grey@mx.test>',
    'DATA', 'QUIT');

sub plain {	# a session in clear: its replies
	my ($port, $from, @commands) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
	    PeerPort => $port, LocalAddr => $from) or die "connect: $!\n";
	my $banner = <$s>;
	return talk($s, $s, @commands);
}

sub run {
	my $said;
	my $good = cert('good.test', 30);
	my $soon = cert('soon.test', 5);

	$said = driver($good, 'listen 127.0.0.1', 'listen 127.0.0.1 notls',
	    'apply', 'hosts-end', 'host 127.0.0.7 trapped');
	ok($said !~ /log/, 'a good certificate is nothing to log', $said);
	my $p = $ports[0];
	$said = plain($p, '127.0.0.1', 'EHLO c.test', 'STARTTLS x',
	    'QUIT');
	ok($said =~ /^250-STARTTLS\r$/m && $said =~ /^501 /m,
	    'offered; takes no argument', $said);
	$said = plain($p, '127.0.0.1', 'HELO c.test', 'STARTTLS', 'QUIT');
	ok($said =~ /^502 /m, 'not after HELO', $said);
	$said = plain($p, '127.0.0.7', 'EHLO c.test', 'STARTTLS', 'QUIT');
	ok($said !~ /250.STARTTLS/ && $said =~ /^502 /m,
	    'not for who is trapped', $said);
	$said = plain($ports[1], '127.0.0.1', 'EHLO c.test', 'QUIT');
	ok($said !~ /STARTTLS/, 'not on a listener without', $said);

	for my $v ('tls1_2', 'tls1_3') {
		$said = session("$p -starttls smtp -$v", @mail);
		ok($said =~ /250 ENHANCED/ && $said !~ /STARTTLS/ &&
		    $said =~ /^451 4\.7\.1 /m && $said =~ /^221 /m,
		    "a greylisted mail under $v", $said .
		    log_of("$tmp/client.log"));
		my $name = $v eq 'tls1_2' ? 'TLSv1.2' : 'TLSv1.3';
		$said = order('advance 0');
		ok($said =~ /end .* verdict=grey .* tls=$name /,
		    "its line says $name", $said);
	}
	$said = session("$p -starttls smtp -tls1_1 -cipher " .
	    "DEFAULT\@SECLEVEL=0", @mail);
	ok($said !~ /^\d/m, 'TLS 1.1 is refused', $said);
	order('advance 0');

	$said = session("$p -starttls smtp", 'MAIL FROM:<a@c.test>', 'QUIT');
	ok($said =~ /^503 5\.5\.1 Send HELO/m,
	    'what EHLO said in clear does not count under TLS', $said);
	order('advance 0');

	# A mail put in before the handshake must not count after it.
	$said = smuggle($p);
	ok($said =~ /503 5\.5\.1/ && $said !~ /250 2\.1\.0/,
	    'input before the handshake is discarded', $said);
	order('advance 0');

	$said = smuggle($p, 'MAIL FROM:<a@c.test>', 'RCPT TO:<late@mx.test>');
	ok($said =~ /503 5\.5\.1/ && $said !~ /250 2\.1\.0/,
	    'so is what waited for an answer before it', $said);
	order('advance 0');

	# limit tls, for unknown hosts
	$said = order(@base, 'set tls 1', $good, 'listen 127.0.0.1',
	    'listen 127.0.0.1 notls', 'apply');
	my ($cpid, $r, $w) = s_client("$p -starttls smtp");
	$said = talk($r, $w, 'NOOP');	# the handshake is through
	$said .= plain($p, '127.0.0.2', 'EHLO c.test', 'QUIT');
	ok($said !~ /STARTTLS/, 'not past the limit', $said);
	order(@base, 'set tls-per-network 1', $good, 'listen 127.0.0.1',
	    'listen 127.0.0.1 notls', 'apply');
	$said = plain($p, '127.0.0.2', 'EHLO c.test', 'QUIT');
	ok($said !~ /STARTTLS/, 'one network has its part of the TLS sessions',
	    $said);
	$said = plain($p, '127.0.5.2', 'EHLO c.test', 'QUIT');
	ok($said =~ /STARTTLS/, '… and another network its own', $said);

	# The session of before the reload keeps its certificate and goes on.
	$said = order(@base, $soon, 'listen 127.0.0.1',
	    'listen 127.0.0.1 notls', 'apply');
	ok($said =~ /certificate \S+soon\.test\.pem expires: \d{4}-/,
	    'a certificate that ends within 7 days is logged', $said);
	$said = talk($r, $w, @mail);
	ok($said =~ /^451 4\.7\.1/m, 'an old session goes on', $said);
	close $w;
	close $r;
	waitpid $cpid, 0;
	session("$p -starttls smtp", @mail);
	ok(log_of("$tmp/client.log") =~ /CN ?= ?soon\.test/,
	    'a new one sees the new certificate', log_of("$tmp/client.log"));

	# Without a connection front sleeps for a day, which the clock of the
	# test does not end; a session does.
	$said = order('advance ' . (6 * 86400));
	plain($p, '127.0.0.1', 'QUIT');
	$said .= order('advance 0');
	ok($said =~ /certificate \S+soon\.test\.pem has expired/,
	    'expiry is looked at daily', $said);

	# A key of another certificate: said, and the old pair stays.
	$said = order(@base, "cert $tmp/good.test.pem $tmp/soon.test.key",
	    'listen 127.0.0.1', 'listen 127.0.0.1 notls', 'apply');
	ok($said =~ /good\.test\.pem key \S+soon\.test\.key: .*belong/,
	    'a pair that is none is logged', $said);
	session("$p -starttls smtp", @mail);
	ok(log_of("$tmp/client.log") =~ /CN ?= ?soon\.test/,
	    'the certificate of before stays', log_of("$tmp/client.log"));
	ok(driver_end() == 0, 'front ends well');
	impatient($good);
	late($good);
}

# Does not wait for the end of the answer to STARTTLS, which goes out a byte at
# a time.
sub impatient {
	driver('set stutter-ms 1000', 'set stutter-grey 100000', $_[0],
	    'listen 127.0.0.1', 'apply', 'hosts-end');
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
	    PeerPort => $ports[0]) or die "connect: $!\n";
	my $bytes = sub { join('', map { order('advance 1') } 1 .. shift) };
	$bytes->(100);
	syswrite $s, "EHLO c.test\r\n";
	$bytes->(250);
	syswrite $s, "STARTTLS\r\n";
	$bytes->(2);
	syswrite $s, "\x16\x03\x01\x00\x05hello";
	my $said = $bytes->(1);
	ok($said =~ /EVENT pipelining/, 'a handshake before the answer to ' .
	    'STARTTLS is pipelining', $said);
	ok($bytes->(60) !~ / end /, 'and is discarded');
	driver_end();
}

# Never begins the handshake.
sub late {
	driver('set idle 3600', $_[0], 'listen 127.0.0.1', 'apply', 'hosts-end');
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
	    PeerPort => $ports[0]) or die "connect: $!\n";
	my $banner = <$s>;
	my $said = talk($s, $s, 'EHLO c.test', 'STARTTLS');
	ok($said =~ /^220 2\.0\.0 /m, 'a handshake is expected', $said);
	$said = join('', map { order('advance 1') } 1 .. 59);
	ok($said !~ / end /, 'it has 60 s', $said);
	$said = join('', map { order('advance 1') } 1 .. 2);
	ok($said =~ / end .* reason=tls /, 'and no more, whatever idle says',
	    $said);
	driver_end();
}

# A relay: in clear with front, STARTTLS and a MAIL in one segment (with the last
# of the commands before it), then the octets of a TLS client.
sub smuggle {
	my ($port, @before) = @_;
	my $l = IO::Socket::INET->new(Listen => 1,
	    LocalAddr => '127.0.0.1') or die "listen: $!\n";
	my $relay = fork // die "fork: $!\n";
	if ($relay == 0) {
		my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
		    PeerPort => $port) or exit 1;
		my $banner = <$s>;
		my $last = pop @before;
		talk($s, $s, 'EHLO c.test', @before);
		$last = defined $last ? "$last\r\n" : '';
		syswrite $s, $last .
		    "STARTTLS\r\nEHLO x\r\nMAIL FROM:<e\@x.test>\r\n";
		my $reply = '';
		until ($reply =~ /^220 /m) {
			sysread $s, $reply, 4096, length $reply or exit 1;
		}
		my $c = $l->accept or exit 1;
		my $sel = IO::Select->new($s, $c);
		for (;;) {
			for my $h ($sel->can_read(60)) {
				sysread($h, my $d, 65536) or exit 0;
				syswrite $h == $s ? $c : $s, $d;
			}
		}
	}
	my ($cpid, $r, $w) = s_client($l->sockport);
	my $said = talk($r, $w, 'RCPT TO:<grey@mx.test>', 'QUIT');
	close $w;
	close $r;
	waitpid $cpid, 0;
	kill 'TERM', $relay;
	waitpid $relay, 0;
	return $said;
}

eval { run(); 1 } or ok(0, 'all of it', $@);
kill 'KILL', $pid if $pid && kill 0, $pid;
print "1..$n\n";
exit($bad > 0);
