#!/usr/bin/perl
# limit 900
# long
# Classes and strategies, as in smtp-vilter but without its discard.  For each
# class of content and each strategy: the reply to the client, what the mail
# server gets, and what the recipient gets.  A real clamd finds the virus and
# what cannot be examined, a real spamd finds spam.  For an error clamd is
# killed.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use MIME::Base64;
use POSIX ();
use Sys;
use Mta;
use Clam;
use Spamd;
use Test::More;

private();

my ($clam, $why) = clam_root('clam');
plan(skip_all => "clamd: $why") if !$clam;
(my $sa, $why) = spamd_root('sa');
plan(skip_all => "spamd: $why") if !$sa;
END {
	local $?;
	if ($ENV{SG_PRIVATE}) {
		Clam::clam_end();
		Spamd::spamd_end();
	}
}
spamd_local('body SGTEST_BAD /\bnobody wants to see this\b/',
    'score SGTEST_BAD 50');
spamd_start();
clam_start();

# --- one message and its outcome

my ($dir, $mtalog) = (tmp() . '/sink', tmp() . '/sink.log');
my ($sink, $to) = sink_start($dir, '-l', $mtalog);

sub
messages
{
	my %name;
	opendir(my $d, $dir) or die "$dir: $!\n";
	return (map { "$dir/$_" } sort grep { /\.msg$/ } readdir($d));
}

# Returns (the last reply, the mail server's record of DATA, the delivered text
# or undef).
sub
send_one
{
	my ($port, $text) = @_;
	my %before = map { $_ => 1 } messages();
	my $seen = -s $mtalog // 0;
	my $s = smtp(port => $port) or die "connect: $!\n";
	my $reply;

	Sys::reply($s);
	for my $line ('EHLO sender.example.com',
	    'MAIL FROM:<me@example.com>', 'RCPT TO:<you@example.org>',
	    'DATA') {
		print $s "$line\r\n";
		$s->flush();
		$reply = Sys::reply($s);
	}
	$reply =~ /^354/ or die "no 354: $reply";
	print $s $text =~ s/^\./../mgr, ".\r\n";
	$s->flush();
	$reply = Sys::reply($s);
	print $s "QUIT\r\n";
	$s->flush();
	Sys::reply($s);
	close($s);
	my ($file) = grep { !$before{$_} } messages();
	return ($reply, substr(slurp($mtalog), $seen) =~ /\bDATA\b/ ? 1 : 0,
	    defined $file ? slurp($file) : undef);
}

# A zip with a password.  clamd looks only at the flag for that.
my $locked = eicar_zip();
$locked =~ s/(PK\x03\x04..)(.)/$1 . chr(ord($2) | 1)/se;
$locked =~ s/(PK\x01\x02....)(.)/$1 . chr(ord($2) | 1)/se;

# Each has the header fields, the body, the reply when it is refused, and the
# recipient's mark (a blank stands for any white space).
my $octets = "Content-Type: application/octet-stream\r\n" .
    "Content-Transfer-Encoding: base64\r\n";
my %parts = (
	virus => [$octets, encode_base64(eicar(), "\r\n"),
	    'The message contains a virus: Eicar-Test-Signature',
	    'clamav=virus (Eicar-Test-Signature\S*)'],
	spam => ['', "nobody wants to see this\r\n.dot\r\n",
	    'The message was rejected as spam: score \d\d\.\d of 5\.0',
	    'spamassassin=spam (score \d\d\.\d of 5\.0)'],
	unwanted => ["Content-Disposition: attachment; filename=\"x.exe\"\r\n",
	    "text\r\n.dot\r\n",
	    'The message contains content that is not allowed here: x\.exe',
	    'attachment=unwanted (x\.exe)'],
	unscannable => [$octets, encode_base64($locked, "\r\n"),
	    'The message cannot be scanned: Heuristics\.Encrypted\.Zip',
	    'clamav=unscannable (Heuristics\.Encrypted\.Zip)'],
	error => ['', "text\r\n.dot\r\n", 'Mail scanning is temporarily ' .
	    'unavailable; please try again later', 'clamav=0 (not checked)'],
);
my @table;

my %log = (reject => 'refused', tempfail => 'deferred', mark => 'delivered',
    accept => 'delivered');

# Tests one line of the table.
sub
check
{
	my ($port, $class, $strategy) = @_;
	my ($fields, $body, $words, $mark) = @{$parts{$class}};
	my $name = "$class, $strategy";
	my $text = "From: <me\@example.com>\r\n$fields" .
	    "Subject: hello\r\n\r\n$body";
	my $want = $text =~ s/^Subject: /Subject: [X] /mr;
	my $code = { reject => '550 5.7.1', tempfail => $class eq 'error' ?
	    '451 4.3.0' : '451 4.7.1' }->{$strategy};

	$mark = join('[ \t\r\n]+', map { s/([()])/\\$1/gr } split(/ /, $mark));
	log_mark();
	my ($reply, $data, $got) = send_one($port, $text);
	my $taken = !defined $code;
	like($reply, $taken ? qr/^250 / : qr/^$code $words/,
	    "$name: what the client is told");
	is($data, $taken ? 1 : 0, "$name: what the mail server sees");
	$got //= 'nothing';
	if ($strategy eq 'mark') {
		my $front = substr($got, 0, length($got) - length($want));
		like($front, qr/^X-Spamgreyd: [^\n]*(?:\n[ \t][^\n]*)*$mark/m,
		    "$name: the recipient gets it marked");
		is(substr($got, length($front)), $want, '… and as it was');
	} elsif ($taken) {
		like($got, qr/\A(?!.*^X-Spamgreyd:).*\Q$text\E\z/ms,
		    "$name: the recipient gets it as it was");
	} else {
		is($got, 'nothing', "$name: the recipient gets nothing");
	}
	my $line = $class eq 'error' ?
	    qr/clamav error=\S+ stage=eom on-error=$strategy/ :
	    qr/\S+ found=$class name=\S+ strategy=$strategy/;
	ok(wait_log(qr/^(\w{16}) pass $line\n(?:.*\n)*\1 pass message .*outcome=$log{$strategy}/m),
	    "$name: the log");
	push(@table, sprintf('%-12s %-9s client: %-3s  MTA: %-4s  ' .
	    'recipient: %s', $class, $strategy, substr($reply, 0, 3),
	    $data ? 'DATA' : 'RCPT', $got eq 'nothing' ? $got :
	    ($got =~ /^X-Spamgreyd:/m ? 'marked, ' : 'as it was, ') .
	    ($got =~ /^(Subject: .*)\r$/m)[0]));
}

for my $strategy (qw(reject tempfail mark)) {
	# (No error rejects: it is none of the sender's.)
	my $on_error = $strategy eq 'reject' ? 'accept' : $strategy;
	my $port = pass_start($to, log => tmp() . "/log-$strategy",
	    text => "on virus log\non spam log", pass => <<"END");
mark subject "[X] "
reject at no
mark at no
strategy @{[map { "$_ $strategy" } grep { $_ ne 'error' } sort keys(%parts)]}
module clamav { socket "${\(Clam::socket_path())}"  on-error $on_error }
module spamassassin { server 127.0.0.1  flagged spam }
module attachment { name "*.exe" }
END
	wait_for('the mail server to be known', sub {
		my ($r) = eval { send_one($port, "Subject: first\r\n\r\nx\r\n") };
		return (defined $r && $r =~ /^250/);
	});
	for my $class (qw(virus spam unwanted unscannable)) {
		check($port, $class, $strategy);
	}
	clam_end();
	check($port, 'error', $on_error);
	is((stop())[0], 0, "$strategy: SIGTERM");
	clam_start();
}
diag($_) for @table;
sink_stop($sink);
done_testing();
