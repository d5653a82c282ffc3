#!/usr/bin/perl
# A client under TLS that sends faster than it is read (tls_flood.c): the others
# are answered meanwhile, and it is not taken for a fault.  What it says is one
# endless line, which pass_driver (see run.t) reads and forgets.
use strict;
use warnings;
use File::Basename;
use File::Temp qw(tempdir);
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use IPC::Open2;

my $dir = dirname($0);
my $tmp = tempdir("pass_flood.XXXXXX", TMPDIR => 1, CLEANUP => 1);
my ($mib, $n, $bad) = (16, 0, 0);

if (system("openssl version > /dev/null 2>&1") != 0) {
	print "1..0 # SKIP openssl(1) is not installed\n";
	exit 0;
}
system("sh", "regress/build.sh", "$dir/pass_driver.c",
    "$dir/tls_flood.c") == 0 or print("Bail out! what it needs does not build\n"), exit 1;
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

my ($in, $out, $pid, $port, $first);

sub order {
	for my $text (@_) {
		print $in "$text\n";
		$in->flush;
		for (;;) {
			my $line = <$out> // die "pass_driver has ended\n";
			last if $line eq "ok\n";
			$port = $1 if $line =~ /^port (\d+)$/;
			print "# $line" if $line =~ /no progress/;
		}
	}
}

# The last line of a reply, or "the end".
sub reply {
	my ($fh) = @_;
	for (;;) {
		my $line = <$fh> // return 'the end';
		return $line if $line =~ s/^(\d{3} .*?)\r?\n\z/$1/;
	}
}

system("openssl req -x509 -newkey rsa:2048 -nodes -days 30 " .
    "-subj /CN=mx.test -keyout $tmp/key -out $tmp/cert " .
    "> $tmp/openssl.log 2>&1") == 0 or die "openssl req\n";
$pid = open2($out, $in, 'regress/obj/pass_driver');
order('set hostname mx.test', 'relay', 'target 127.0.0.1 9',
    "cert $tmp/cert $tmp/key", 'apply', 'hosts-end',
    'caps 0x3f 0 0/0,127.0.0.1/9', 'advance 0');

my $other = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or
    die "connect: $!\n";
reply($other);

open(my $heard, '-|', 'regress/obj/tls_flood', $port, $mib) or
    die "tls_flood: $!\n";
$first = <$heard> // '';
ok($first eq "ready\n", 'a client under TLS', $first);

my ($answers, $wrong) = (0, '');
my $sel = IO::Select->new($heard);
until ($sel->can_read(0)) {
	print $other "NOOP\r\n";
	my $r = reply($other);
	$r =~ /^250 / ? $answers++ : ($wrong = $r);
	last if $wrong ne '';
}
my $r = <$heard> // 'nothing';
ok(scalar($r =~ /^500 5\.5\.2 Line too long/), 'it is read to its end', $r);
ok($wrong eq '' && $answers >= $mib, 'and another is answered meanwhile',
    "$answers answers $wrong");
close $heard;
close $in;
waitpid $pid, 0;
ok($? == 0, 'pass ends as it should', "status $?");
print "1..$n\n";
exit($bad ? 1 : 0);
