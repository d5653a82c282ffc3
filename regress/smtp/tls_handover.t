#!/usr/bin/perl
# A session under TLS goes on in pass: openssl's client, front_driver and its
# played pass (see run.t).  Front keeps the TLS and pumps.
use strict;
use warnings;
use File::Basename;
use File::Temp qw(tempdir);
use IO::Handle;
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

sub ok($$;$) {	# a match that fails is one argument too
	my ($good, $name, $had) = @_;
	printf "%sok %d - %s\n", $good ? '' : 'not ', ++$n, $name;
	return if $good;
	$bad++;
	print map { "#   $_\n" } split /\n/, $had // '';
}

my ($in, $out, $pid, $port);
my $said = '';			# what the driver has said, and nobody looked at
$SIG{ALRM} = sub { die "hangs\n" };
alarm 120;

sub order {
	print $in map { "$_\n" } @_;
	$in->flush;
	my $oks = @_;
	while ($oks > 0) {
		my $line = <$out> // die "front_driver has ended\n$said";
		if ($line eq "ok\n") {
			$oks--;
		} else {
			$port //= $1 if $line =~ /^port (\d+)/;
			$said .= $line;
		}
	}
}

# Orders until the driver has said something like it, and takes all of it.
sub until_said {
	my ($re, $order) = @_;
	order($order // 'advance 0') until $said =~ $re;
	my $all = $said;
	$said = '';
	return $all;
}

sub client {
	my ($args, $quiet) = @_;
	$quiet //= '-quiet';
	my $cpid = open2(my $r, my $w, "exec openssl s_client $quiet " .
	    "-connect 127.0.0.1:$port -starttls smtp $args " .
	    "2> $tmp/client.log");
	return { pid => $cpid, r => $r, w => $w, buf => '' };
}

sub reply {			# the last line of the next reply
	my $c = shift;
	for (;;) {
		while ($c->{buf} =~ s/^([^\r\n]*)\r?\n//) {
			my $l = $1;
			return $l if $l =~ /^\d\d\d /;
		}
		sysread($c->{r}, $c->{buf}, 65536, length $c->{buf}) or
		    return 'the end';
	}
}

sub command {
	my ($c, $text) = @_;
	syswrite $c->{w}, "$text\r\n";
	return reply($c);
}

sub gone {
	my $c = shift;
	close $c->{w};
	close $c->{r};
	kill 'KILL', $c->{pid};
	waitpid $c->{pid}, 0;
}

# To the RCPT that pass answers; what pass was handed.
sub handed {
	my $c = shift;
	command($c, $_) for 'EHLO c.test', 'MAIL FROM:<a@c.test>';
	# (a line that begins with R is a command to openssl)
	syswrite $c->{w}, "rcpt TO:<pass\@mx.test>\r\n";
	return until_said(qr/^pass END$/m);
}

sub slurp {
	open(my $f, '<', shift) or return '';
	local $/;
	return <$f> // '';
}

sub octets {			# many lines, each another one
	my $s = '';
	$s .= sprintf("%08d %s\r\n", $_, 'x' x ($_ % 70)) for 1 .. 60000;
	return $s;
}

sub run {
	system("openssl req -x509 -newkey rsa:2048 -nodes -days 30 " .
	    "-subj /CN=mx.test -keyout $tmp/key -out $tmp/cert " .
	    "> $tmp/openssl.log 2>&1") == 0 or die "openssl req\n";
	$pid = open2($out, $in, 'regress/obj/front_driver');
	order('advance ' . (time - 1700000000), 'set hostname mx.test',
	    'set stutter-ms 0', "cert $tmp/cert $tmp/key", 'pass-block',
	    'pass-here', 'listen 127.0.0.1', 'apply', 'hosts-end');

	for my $v ('tls1_2', 'tls1_3') {
		my $name = $v eq 'tls1_2' ? 'TLSv1\.2' : 'TLSv1\.3';
		my $c = client("-$v");
		my $heard = handed($c);
		ok($heard =~ /^pass BEGIN .* pending .* tls=$name /m &&
		    $heard =~ /^pass RCPT <pass\@mx\.test> $/m,
		    "$v: pass is told version and envelope", $heard);
		order('pass say 250 2.1.5 from pass');
		my $r = reply($c);
		ok($r eq '250 2.1.5 from pass', 'its reply reaches the client',
		    $r);
		syswrite $c->{w}, "DATA\r\n";
		$heard = until_said(qr/^pass HEARS/m);
		ok($heard =~ /^pass HEARS DATA/m,
		    'and the client\'s words reach pass', $heard);
		order('stats');
		$heard = until_said(qr/STAT end/);
		ok($heard =~ /front\.connections-tls 1$/m,
		    'it counts in limit tls', $heard);
		order('advance 4000', 'advance 0');
		order('pass say 354 still here');
		$r = reply($c);
		ok($r eq '354 still here', 'front ends it for no silence', $r);
		order('pass say 221 bye', 'pass close');
		ok(reply($c) eq '221 bye' && reply($c) eq 'the end',
		    'pass closes: the last words, and the end');
		$heard = until_said(qr/ end .*/);
		ok($heard =~ /verdict=handed reason=handed .*tls=$name /,
		    'its line', $heard);
		gone($c);
	}

	# The client goes.
	my $c = client('');
	handed($c);
	gone($c);
	my $heard = until_said(qr/(?=.*HEARS the end\n)(?=.* end address)/s);
	ok($heard =~ /verdict=handed reason=hangup/,
	    'the client goes: pass hears so, and so says the log', $heard);
	order('pass close');

	# It ends its half in TLS's own way: what pass says after that is its
	# own affair, and the session is over when pass closes.
	$c = client('', '');
	handed($c);
	close $c->{w};
	until_said(qr/HEARS the end\n/);
	order('advance 0');
	ok($said !~ / end address/, 'a half that has ended is no end');
	order('pass say 250 2.1.5 from pass', 'pass close');
	$heard = until_said(qr/ end address.*\n/);
	ok($heard =~ /verdict=handed reason=(handed|hangup)/, 'the end is pass\'',
	    $heard);
	gone($c);

	# Pass does not read: no more than a bound is kept, and none is lost.
	my $all = octets();
	$c = client('');
	order("pass to $tmp/up");
	handed($c);
	order('pass hold');
	my $writer = fork // die "fork: $!\n";
	if ($writer == 0) {
		my $at = 0;
		$at += syswrite($c->{w}, $all, 65536, $at) // last
		    while $at < length $all;
		exit 0;
	}
	until_said(qr/in=16384/, 'kept');
	order('kept') for 1 .. 3;
	my ($max) = sort { $b <=> $a } $said =~ /in=(\d+)/g;
	ok($max == 16384, 'pass does not read: 16 KiB are kept', $max);
	$said = '';
	order('pass free');
	order('advance 0') until -s "$tmp/up" >= length $all;
	waitpid $writer, 0;
	ok(slurp("$tmp/up") eq $all, 'then all of it comes, as it was sent');

	# The client does not read.
	open(my $f, '>', "$tmp/down") or die;
	my $down = $all x 12;
	print $f $down;
	close $f;
	order("pass from $tmp/down");
	until_said(qr/out=16384/, 'kept');
	order('kept') for 1 .. 3;
	($max) = sort { $b <=> $a } $said =~ /out=(\d+)/g;
	ok($max <= 16384 && $said !~ /SENT/,
	    'the client does not read: 16 KiB are kept', $said);
	# Both at once: the other direction is not held up by that.
	syswrite $c->{w}, "NOOP up\r\n";
	order('advance 0') until -s "$tmp/up" >= length($all) + 9;
	ok(1, 'the other direction goes on meanwhile');
	my $got = '';
	while (length $got < length $down) {
		sysread($c->{r}, $got, 1 << 20, length $got) or last;
		# what the driver prints must not fill its pipe
		order('advance 0') if length($got) % 7 == 0;
	}
	ok($got eq $down, 'then it gets all of it', length $got);
	until_said(qr/SENT/);

	# Pass refuses under TLS: goes on here.
	order('pass close');
	gone($c);
	order('pass no it is ending');
	$c = client('');
	handed($c);
	my $r = reply($c);
	ok($r =~ /^250 2\.1\.5/, 'refused: front answers', $r);
	$r = command($c, 'DATA');
	ok($r =~ /^451 4\.7\.1 .* immediately$/, 'as without pass', $r);
	gone($c);
	until_said(qr/ end .*/);

	# Pass has spoken its last words, and the client does not take them.
	order('pass ok');
	$c = client('');
	handed($c);
	order("pass from $tmp/down");
	until_said(qr/out=16384/, 'kept');
	order('pass close', 'advance 290', 'advance 0');
	ok($said !~ / end address/, 'pass closes: the client has its time');
	$heard = until_said(qr/ end address.*\n/, 'advance 2');
	ok($heard =~ /verdict=handed reason=idle/, 'and no more than that',
	    $heard);
	gone($c);

	# Silence.
	order('pass silent');
	$c = client('');
	handed($c);
	order('advance 10');
	$r = reply($c);
	ok($r =~ /^421 4\.3\.2/, 'silence: 421', $r);
	ok(reply($c) eq 'the end', 'and the end');
	gone($c);

	# The end of the daemon: no word is put in between.
	order('pass ok');
	$c = client('');
	handed($c);
	order('pass say 250 2.1.5 from pass');
	$r = reply($c);
	order('stop');
	ok(reply($c) eq 'the end', 'front ends: so does the session, in silence');
	gone($c);
	close $in;
	waitpid $pid, 0;
	ok($? == 0, 'front ends well');
}

eval { run(); 1 } or ok(0, 'all of it', "$@$said");
kill 'KILL', $pid if $pid && kill 0, $pid;
print "1..$n\n";
exit($bad > 0);
