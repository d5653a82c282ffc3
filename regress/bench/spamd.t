#!/usr/bin/perl
# torture
# Messages a second with spamd behind pass, against spamd's own best: spamc run
# straight on the same messages, as many at a time as spamd has children.  In
# turns, so that only the ratio counts.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../system";
use Sys;
use Mta;
use Spamd;
use Test::More;

private();

my $threads = 2;
my $rounds = 3;
my $rounds_max = 10;
my $want = 0.8;

my ($mail, $no) = postfix_root('bench');
plan(skip_all => "Postfix: $no") if !$mail;
my ($root, $why) = spamd_root('sa');
plan(skip_all => "spamd: $why") if !$root;
END { local $?; Spamd::spamd_end() if $ENV{SG_PRIVATE} }

srand(1);
spamd_local();
spamd_start();

my ($sink, $behind) = smtp_sink($mail, undef);
my $port = pass_start($behind,
    pass => "reject at no\nmodule spamassassin {\n\tserver 127.0.0.1\n}");

# A mail of words that nobody uses, n times for spamc, once for the sender.
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
	mkdir($dir) or die "$dir: $!\n";
	spit("$dir/$_", $text =~ s/\n/\r\n/gr) for 1 .. $n;
	system('chmod', '-R', 'a+rX', $dir, "$mail/srv") == 0 or die "chmod\n";
	return ("/srv/mails-$size");
}

# Seconds that it took.
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
straight
{
	my ($dir, $n) = @_;
	my $t = now();
	my ($status, $out, $err) = run('chroot', $root, 'sh', '-c',
	    "ls $dir/* | xargs -P $threads -n 1 sh -c '" .
	    'spamc -x -y -d 127.0.0.1 <$0 >/dev/null && echo ok\' | grep -c ok');
	my $took = now() - $t;

	$status == 0 && $out == $n or BAIL_OUT("spamc: $out$err");
	return ($took);
}


for ([10_000, torture_or(400, 60)], [100_000, torture_or(100, 12)]) {
	my ($size, $n) = @$_;
	my $dir = corpus($size, $n);
	my ($pass, $own) = (0, 0);	# seconds, of all rounds
	my $scanned = counter('module.spamassassin.scanned');
	my $round;

	straight($dir, $n);		# (once for nothing)
	for ($round = 1; $round <= $rounds_max; $round++) {
		$own += straight($dir, $n) if $round % 2;
		$pass += source($port, $size, $n);
		$own += straight($dir, $n) if $round % 2 == 0;
		# More rounds where something else has the processors.
		last if $round >= $rounds && $own >= ratio_want($want) * $pass;
	}
	$round = $rounds_max if $round > $rounds_max;
	is(counter('module.spamassassin.failed'), 0, 'spamd answered always');
	is(counter('module.spamassassin.scanned') - $scanned, $round * $n,
	    'each message was scanned');
	diag(sprintf('%d octets, messages a second: through pass %.0f, ' .
	    'spamc %.0f: %.2f', $size, $round * $n / $pass,
	    $round * $n / $own, $own / $pass));
	ratio_ok($own / $pass, $want,
	    "$size octets: of spamd's own best");
}
is((stop())[0], 0, 'SIGTERM');
done_testing();
