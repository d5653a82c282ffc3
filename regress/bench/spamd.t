#!/usr/bin/perl
# torture
# Messages a second with spamd behind pass, compared with spamd's own best:
# spamc on the same messages, as many at a time as spamd has children; then with
# clamd, too, compared with clamdscan beside spamc.  They run in turns, so that
# only the ratio counts.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../system";
use POSIX ();
use Sys;
use Mta;
use Clam;
use Spamd;
use Test::More;

private();

my $threads = 2;
my $rounds = torture_or(3, 2);
my $rounds_max = 10;
my $want = 0.8;

my ($mail, $no) = postfix_root('bench');
plan(skip_all => "Postfix: $no") if !$mail;
my ($root, $why) = spamd_root('sa');
plan(skip_all => "spamd: $why") if !$root;
(my $clam, $why) = clam_root('clam', 'DisableCache true', 'MaxQueue 200');
plan(skip_all => "clamd: $why") if !$clam;
END {
	local $?;
	if ($ENV{SG_PRIVATE}) {
		Clam::clam_end();
		Spamd::spamd_end();
	}
}

srand(1);
spamd_local();
spamd_start();
clam_start();

my ($sink, $behind) = smtp_sink($mail, undef);
my $module = "reject at no\nmodule spamassassin {\n\tserver 127.0.0.1\n}\n";
my $port = pass_start($behind, pass => $module);

# A mail of unusual words, n times for spamc and once for the sender.
my @words = map { join('', map { chr(97 + int(rand(26))) }
    1 .. 2 + int(rand(7))) } 1 .. 5000;

sub
corpus
{
	my ($size, $n) = @_;
	my $dir = "$root/srv/mails-$size";
	my $text = "From: <me\@example.com>\nTo: <you\@example.org>\n" .
	    "Subject: $size octets\n\n";
	my $line = '';

	while (length($text) < $size) {
		$line .= $words[rand(@words)] . ' ';
		next if length($line) < 70;
		$text .= "$line\n";
		$line = '';
	}
	spit("$mail/srv/mail-$size", $text);
	for ($dir, "$clam/srv/mails-$size") {
		my $to = $_;
		-d $to or mkdir($to) or die "$to: $!\n";
		unlink(glob("$to/*"));
		spit("$to/$_", $text =~ s/\n/\r\n/gr) for 1 .. $n;
		system('chmod', '-R', 'a+rX', $to, "$mail/srv") == 0 or
		    die "chmod\n";
	}
	return ("/srv/mails-$size");
}

# Returns the seconds that it took.
sub
source
{
	my ($to, $size, $n) = @_;
	my $t = now();
	my ($status, $out, $err) = run('chroot', $mail, 'smtp-source', '-d',
	    '-s', $threads, '-m', $n, '-F', "/srv/mail-$size", '-f',
	    'me@example.com', '-t', 'you@example.org', "127.0.0.1:$to");
	my $took = now() - $t;

	"$status $out$err" eq '0 ' or BAIL_OUT("smtp-source: $out$err");
	return ($took);
}

sub
clamdscan
{
	my ($dir) = @_;
	my ($status, $out, $err) = run('chroot', $clam, 'clamdscan',
	    '--multiscan', '--fdpass', $dir);

	return ($status == 0 && $out =~ /Infected files: 0/ ? 0 : 1);
}

# With both the two run side by side, as pass has them.
sub
straight
{
	my ($dir, $n, $both) = @_;
	my $t = now();
	my $beside;

	if ($both) {
		$beside = fork() // die "fork: $!\n";
		POSIX::_exit(clamdscan($dir)) if $beside == 0;
	}
	my ($status, $out, $err) = run('chroot', $root, 'sh', '-c',
	    "ls $dir/* | xargs -P $threads -n 1 sh -c '" .
	    'spamc -x -y -d 127.0.0.1 <$0 >/dev/null && echo ok\' | grep -c ok');
	if ($both) {
		waitpid($beside, 0);
		$? == 0 or BAIL_OUT('clamdscan');
	}
	my $took = now() - $t;

	$status == 0 && $out == $n or BAIL_OUT("spamc: $out$err");
	return ($took);
}


sub
compare
{
	my ($size, $n, $both) = @_;
	my $dir = corpus($size, $n);
	my ($pass, $own) = (0, 0);	# seconds, of all rounds
	my $what = $both ? 'spamc beside clamdscan' : 'spamc';
	my @before = map { counter("module.$_") } 'spamassassin.scanned',
	    $both ? 'clamav.clean' : ();
	my $round;

	straight($dir, $n, $both);	# (once for nothing)
	for ($round = 1; $round <= $rounds_max; $round++) {
		$own += straight($dir, $n, $both) if $round % 2;
		$pass += source($port, $size, $n);
		$own += straight($dir, $n, $both) if $round % 2 == 0;
		# More rounds where something else has the processors.
		last if $round >= $rounds && $own >= ratio_want($want) * $pass;
	}
	$round = $rounds_max if $round > $rounds_max;
	is(counter('module.spamassassin.failed'), 0, 'spamd answered always');
	is(counter('module.spamassassin.scanned') - $before[0], $round * $n,
	    'spamd had each message');
	is(counter('module.clamav.clean') - $before[1], $round * $n,
	    'clamd had each message') if $both;
	diag(sprintf('%d octets, messages a second: through pass %.1f, ' .
	    '%s %.1f: %.2f', $size, $round * $n / $pass, $what,
	    $round * $n / $own, $own / $pass));
	ratio_ok($own / $pass, $want, "$size octets: of the best of $what");
}

compare(10_000, torture_or(400, 16), 0);
compare(100_000, torture_or(100, 4), 0);
is((stop())[0], 0, 'SIGTERM');
$port = pass_start($behind, log => tmp() . '/log-both', pass => $module .
    'module clamav { socket "' . Clam::socket_path() . '" }');
compare(10_000, torture_or(200, 8), 1);
compare(100_000, torture_or(50, 8), 1) if full();
is((stop())[0], 0, 'SIGTERM');
done_testing();
