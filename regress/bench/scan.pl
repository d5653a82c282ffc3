#!/usr/bin/perl
# Messages a second with clamd behind pass, compared with clamd's own best,
# clamdscan, and with spamd, compared with spamc: on the same messages, as many
# at a time as clamd has threads or spamd has children.  Sender, pass and sink
# use the same processors, about 0.6 ms for each message, so the ratio depends
# on how much the scanner has to do.  Therefore clamd has half a million
# signatures (about 5 ms for 10 KB of text) and no cache.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../system";
use Bench;
use Clam;
use Mta;
use Peers;
use Spamd;
use Sys;

private();

my $rounds = short() ? 1 : 2;
my ($mail, $no) = mail_root();
die "Postfix: $no\n" if !$mail;
my ($sink, $behind) = smtp_sink($mail, undef);
END {
	local $?;
	if ($ENV{SG_PRIVATE}) {
		Clam::clam_end();
		Spamd::spamd_end();
	}
}
srand(1);

# Mails of unusual words: n times for the scanner, in a directory of its root,
# and once for the sender.  Returns that directory.
my @words = map { join('', map { chr(97 + int(rand(26))) }
    1 .. 2 + int(rand(7))) } 1 .. 5000;

sub
corpus
{
	my ($root, $size, $n) = @_;
	my $dir = "$root/srv/mails-$size";
	my $text = "From: <me\@example.com>\nTo: <you\@example.org>\n" .
	    "Subject: $size bytes\n\n";
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
	run('chmod', '-R', 'a+rX', $dir, "$mail/srv");
	return ("/srv/mails-$size");
}

# Returns the messages a second through pass.
sub
through
{
	my ($to, $size, $n, $threads) = @_;
	my $t = now();
	my ($status, $out, $err) = run('chroot', $mail, 'smtp-source', '-d',
	    '-s', $threads, '-m', $n, '-F', "/srv/mail-$size", '-f',
	    'me@example.com', '-t', 'you@example.org', "127.0.0.1:$to");

	"$status $out$err" eq '0 ' or die "smtp-source: $out$err\n";
	return ($n / (now() - $t));
}

# Compares pass, at this port, with a function that scans a directory.
sub
compare
{
	my ($key, $root, $size, $n, $threads, $port, $counter, $scan) = @_;
	my $dir = corpus($root, $size, $n);
	my $before = counter($counter);
	my %rate = interleave($rounds, [own => sub {
		my $t = now();
		$scan->($dir, $n);
		return ($n / (now() - $t));
	}], [pass => sub { through($port, $size, $n, $threads) }]);

	counter($counter) - $before == $n * ($rounds + 1) or
	    die "$key: not every message was scanned\n";
	table("Messages a second, $key", ['', 'median', 'from', 'to'], map {
	    [$_ eq 'own' ? 'the scanner\'s own client' : 'pass', map {
	    number($_) } median(@{$rate{$_}}), quartiles(@{$rate{$_}})]
	    } qw(own pass));
	measured("scan.$key", ratios(@rate{qw(pass own)}));
}

sub
with_clamd
{
	my ($root, $why) = clam_root('clam', 'DisableCache true',
	    'MaxQueue 200');

	return (peer_skipped('clamd', $why)) if !$root;
	versions_of($root, 'clamav-daemon');
	# Signatures that match nothing.  They are fewer and simpler than those
	# of ClamAV's own database.
	open(my $sigs, '>', "$root/srv/sigs/many.ndb") or die "many.ndb: $!\n";
	for my $i (1 .. 500_000) {
		print $sigs "Spamgreyd.Many-$i:0:*:", unpack('H*', pack('N6',
		    map { rand(2 ** 32) } 1 .. 6)), "\n";
	}
	close($sigs) or die "many.ndb: $!\n";
	clam_start();
	my $port = pass_start($behind, pass => 'module clamav { socket "' .
	    Clam::socket_path() . '" }');
	my $scan = sub {
		my ($status, $out, $err) = run('chroot', $root, 'clamdscan',
		    '--multiscan', '--fdpass', $_[0]);

		$status == 0 && $out =~ /Infected files: 0/ or
		    die "clamdscan: $out$err\n";
	};
	for (['clamd.10k', 10_000, short() ? 80 : 1000],
	    ['clamd.100k', 100_000, short() ? 20 : 150]) {
		my ($key, $size, $n) = @$_;
		compare($key, $root, $size, $n, 4, $port,
		    'module.clamav.clean', $scan);
	}
	stop();
	Clam::clam_end();
}

sub
with_spamd
{
	my ($root, $why) = spamd_root('sa');
	my $threads = $Spamd::children;

	return (peer_skipped('spamd', $why)) if !$root;
	versions_of($root, 'spamassassin');
	spamd_local();
	spamd_start();
	my $port = pass_start($behind, log => tmp() . '/log-spamd',
	    pass => "reject at no\nmodule spamassassin { server 127.0.0.1 }");
	compare('spamd.10k', $root, 10_000, short() ? 8 : 80, $threads, $port,
	    'module.spamassassin.scanned', sub {
		my ($status, $out, $err) = run('chroot', $root, 'sh', '-c',
		    "ls $_[0]/* | xargs -P $threads -n 1 sh -c 'spamc -x -y " .
		    '-d 127.0.0.1 <$0 >/dev/null && echo ok\' | grep -c ok');

		$status == 0 && $out == $_[1] or die "spamc: $out$err\n";
	});
	stop();
}

with_clamd();
with_spamd();
