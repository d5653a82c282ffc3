#!/usr/bin/perl
# torture
# Ham and spam in many forms, through a real clamd, a real spamd, attachment and
# regex at once.  Each is delivered, those that should be marked are, and the
# bytes are those that were sent, except for our fields before them.  Only a
# forged mark is removed.
# Then msggen's messages with unusual bytes in the same way (make check: 40;
# make torture: 200).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Encode qw(encode);
use MIME::Base64;
use MIME::QuotedPrint;
use POSIX ();
use Sys;
use Mta;
use Clam;
use Spamd;
use ScanLoad;
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

my $n = 200;
my $seed = $ENV{SEED} // int(rand(1 << 30));
diag("SEED=$seed");

# --- the sample

my @words = qw(the meeting is on Tuesday please send report again invoice
    attached thanks kind regards we will see you there order number price);
sub pick { return ($_[int(rand(@_))]) }
sub text { return (join(' ', map { pick(@words) } 1 .. $_[0])) }
sub lines { return (join('', map { "$_\r\n" } @_)) }
sub paragraph { return (lines(map { text(5 + int(rand(8))) } 1 .. $_[0])) }
sub octets { return (join('', map { chr(int(rand(256))) } 1 .. $_[0])) }
# Any but CR, LF.
sub wild { return (octets($_[0]) =~ tr/\r\n/xx/r) }
sub utf8 { return (encode('UTF-8', join('', map { chr(pick(0xe4, 0xf6, 0xfc,
    0x20, 0x65, 0x431, 0x3b1, 0x4e2d, 0x1f600)) } 1 .. $_[0]))) }
sub b64 { return (encode_base64($_[0], "\r\n")) }
sub qp { return (encode_qp($_[0], "\r\n")) }

# The fields that everybody has, and more.
sub
head
{
	my ($i, @more) = @_;

	return (lines("From: Somebody <m$i\@example.com>",
	    'To: You <you@example.org>', "Subject: number $i " . text(3),
	    'Date: Mon, 02 Mar 2026 10:00:00 +0100',
	    "Message-ID: <$i.$seed\@example.com>", @more));
}

sub
part
{
	my ($body, @fields) = @_;

	return (lines(@fields, '') . $body);
}

sub
multi
{
	my ($type, $b, @parts) = @_;

	return (part(lines('A preamble for nobody.') . join('', map {
	    "--$b\r\n$_\r\n" } @parts) . "--$b--\r\nAn epilogue.\r\n",
	    "Content-Type: multipart/$type; boundary=\"$b\""));
}

sub
file_part
{
	my ($name, $data) = @_;

	return (part(b64($data), "Content-Type: application/octet-stream; " .
	    "name=\"$name\"", 'Content-Transfer-Encoding: base64',
	    "Content-Disposition: attachment; filename=\"$name\""));
}

my $plain = 'Content-Type: text/plain; charset=utf-8';
my $mime = 'MIME-Version: 1.0';
sub nested
{
	my ($depth) = @_;

	return ($depth == 0 ? part(paragraph(2), $plain) : multi('mixed',
	    "level$depth", part(paragraph(1), $plain), nested($depth - 1)));
}

# Returns a message by its number; those of @marked must be marked.
my @shapes = (
	plain => sub { head($_[0]) . "\r\n" . paragraph(10) },
	'empty body' => sub { head($_[0]) . "\r\n" },
	'header alone' => sub { head($_[0]) },
	'nothing at all' => sub { '' },
	'no header' => sub { "\r\n" . paragraph(3) },
	'no line is a field' => sub { paragraph(5) },
	'UTF-8' => sub { head($_[0], $mime, $plain,
	    'Content-Transfer-Encoding: 8bit') . "\r\n" .
	    lines(map { utf8(30) } 1 .. 20) },
	'Latin-1 in the header too' => sub { head($_[0], "X-Name: M\xfcller",
	    $mime, 'Content-Type: text/plain; charset=iso-8859-1') . "\r\n" .
	    lines("Gr\xfc\xdfe aus Z\xfcrich") },
	'any octets' => sub { head($_[0]) . "\r\n" .
	    lines(map { wild(int(rand(200))) } 1 .. 50) },
	'lines of 998' => sub { head($_[0]) . "\r\n" . lines(('x' x 998) x 5) },
	'lines far too long' => sub { head($_[0], 'X-Long: ' . 'y' x 5000) .
	    "\r\n" . lines('z' x 70_000, wild(20_000)) },
	'dots' => sub { head($_[0]) . "\r\n" . lines('.', '..', '.x', '...',
	    '', '.', 'QUIT', '.') },
	'empty lines' => sub { head($_[0]) . "\r\n" x 300 },
	'From lines' => sub { head($_[0]) . "\r\n" . lines('From me to you',
	    '>From', 'From: not a field') },
	'folded fields' => sub { head($_[0], "X-Fold: a\r\n b\r\n\tc\r\n \r\n d",
	    'References: ' . join("\r\n ", map { "<$_\@example.com>" } 1 .. 50)) .
	    "\r\n" . paragraph(2) },
	'words of RFC 2047' => sub { head($_[0], 'X-Subject: =?utf-8?B?' .
	    encode_base64(utf8(20), '') . '?= =?iso-8859-1?Q?=E4=F6?=') .
	    "\r\n" . paragraph(2) },
	'quoted-printable' => sub { head($_[0], $mime, $plain,
	    'Content-Transfer-Encoding: quoted-printable') . "\r\n" .
	    qp(utf8(500)) },
	'base64' => sub { head($_[0], $mime, $plain,
	    'Content-Transfer-Encoding: base64') . "\r\n" . b64(utf8(800)) },
	'base64 with broken lines' => sub { head($_[0], $mime,
	    'Content-Type: application/pdf; name=a.pdf',
	    'Content-Transfer-Encoding: base64') . "\r\n" .
	    join("\r\n\r\n", b64(octets(3000)) =~ s/\s//gr =~ /(.{1,13})/g) .
	    "\r\n" },
	'alternatives' => sub { head($_[0], $mime) . multi('alternative',
	    'alt', part(paragraph(4), $plain), part(lines('<html><body><p>' .
	    text(40) . '</p></body></html>'), 'Content-Type: text/html')) },
	'an attachment' => sub { head($_[0], $mime) . multi('mixed', 'm1',
	    part(paragraph(2), $plain), file_part('report.doc',
	    octets(20_000))) },
	'an attachment that is marked' => sub { head($_[0], $mime) .
	    multi('mixed', 'm1', part(paragraph(2), $plain),
	    file_part('setup.exe', "MZ" . octets(5_000))) },
	'a name of RFC 2231' => sub { head($_[0], $mime) . multi('mixed', 'm1',
	    part(b64(octets(500)), "Content-Type: application/zip;\r\n" .
	    " name*0*=utf-8''%e2%82%ac%20;\r\n name*1=rates.zip",
	    'Content-Transfer-Encoding: base64')) },
	'a mail in a mail' => sub { head($_[0], $mime) . multi('digest', 'd',
	    map { part(head($_) . "\r\n" . paragraph(2),
	    'Content-Type: message/rfc822') } 1 .. 3) },
	'deeply nested' => sub { head($_[0], $mime) . nested(15) },
	'a boundary that never comes' => sub { head($_[0], $mime,
	    'Content-Type: multipart/mixed; boundary=never') . "\r\n" .
	    paragraph(3) },
	'the end is missing' => sub { head($_[0], $mime) . (multi('mixed', 'e',
	    part(paragraph(2), $plain)) =~ s/--e--.*//sr) },
	'a report' => sub { head($_[0], $mime) . multi('report', 'r',
	    part(paragraph(2), $plain), part(lines('Reporting-MTA: dns; a',
	    '', 'Action: failed'), 'Content-Type: message/delivery-status')) },
	'our fields, forged' => sub { head($_[0], 'X-Spamgreyd: nothing',
	    'X-Spam-Flag: NO', 'X-Virus-Status: clean') . "\r\n" .
	    paragraph(2) },
	'a list' => sub { head($_[0], 'List-Id: <a.example.com>',
	    'DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=x; h=from;' .
	    " bh=AAAA;\r\n b=BBBB", 'List-Unsubscribe: <mailto:a@example.com>') .
	    "\r\n" . paragraph(20) },
	'spam' => sub { head($_[0]) . "\r\n" . paragraph(2) .
	    lines('nobody wants to see this', 'http://example.com/?' .
	    'x' x 300) . paragraph(2) },
	'spam in base64' => sub { head($_[0], $mime, $plain,
	    'Content-Transfer-Encoding: base64') . "\r\n" .
	    b64("nobody wants to see this\n" . utf8(100)) },
	'a subject that is marked' => sub { head($_[0]) =~
	    s/^Subject: .*?\r/Subject: unbeatable offers\r/mr . "\r\n" .
	    paragraph(2) },
	'600 KB of text' => sub { head($_[0]) . "\r\n" . paragraph(10_000) },
);
my %marked = map { $_ => 1 } 'an attachment that is marked', 'spam',
    'spam in base64', 'a subject that is marked';
my $huge = $n - 1;		# this one has 20 MB

sub
shape
{
	return ('20 MB') if $_[0] == $huge;
	return ($shapes[$_[0] * 2 % @shapes]);
}

sub
message
{
	my ($i) = @_;

	srand($seed + $i);
	return (head($i, $mime) . multi('mixed', 'h', part(paragraph(2), $plain),
	    file_part('film.bin', octets(1000) x 15_000))) if $i == $huge;
	return ($shapes[$i * 2 % @shapes + 1]->($i));
}

# --- past all of them

clam_start();
spamd_local('body SGTEST_SPAM /\bnobody wants to see this\b/',
    'score SGTEST_SPAM 50', 'time_limit 0');
spamd_start();
my $scanners = <<"END";
scan 280s
reject at no
mark at 40
module clamav { socket "${\(Clam::socket_path())}"  timeout 250s }
module spamassassin { server 127.0.0.1  timeout 250s }
module attachment { name "*.exe" mark  max-parts 10000  max-depth 100 }
module regex { header "Subject" "^unbeatable offers" mark
	body "never in any body of these" reject }
END

my $dir = tmp() . '/sample';
my $list = tmp() . '/list';
my ($sink, $to) = sink_start($dir);
my $port = pass_start($to, pass => $scanners, text => 'on spam log');
wait_for('the mail server to be known', sub {
	(dialogue(port => $port, to => '127.0.0.1', mail => 'first',
	    rcpt => ['you@example.org']))[-1] =~ /^250/ });
my $t = now();
waitpid($_, 0) for load_start(n => $n, workers => 4, rate => 1000,
    to => '127.0.0.1', from => '127.0.0.1', port => $port, list => $list,
    message => \&message);
diag(sprintf('%d messages of %d shapes in %.0f s', $n, @shapes / 2 + 1,
    now() - $t));

my %r = load_results($list);
my %got;
for my $file (glob("$dir/*.msg")) {
	my ($envelope, $text) = slurp($file) =~ /\A(.*?\n\n)(.*)\z/s;
	$envelope =~ /^FROM <m(\d+)\@/ and push(@{$got{$1}}, $text);
}
my (@refused, @other, @mark, @count);
for my $i (0 .. $n - 1) {
	my $name = "$i, " . shape($i);
	my $sent = message($i) =~ s/^X-Spamgreyd: [^\n]*\n//mr;
	my ($text, @more) = @{$got{$i} // []};

	push(@refused, "$name: " . ($r{$i} // [0, 'no result'])->[1])
	    if ($r{$i} // [0, ''])->[1] !~ /^250 /;
	push(@count, $name) if !defined $text || @more;
	next if !defined $text;
	my $front = substr($text, 0, length($text) - length($sent));
	push(@other, $name) if length($text) < length($sent) ||
	    substr($text, length($front)) ne $sent || $front !~
	    /\A(?:(?:Received|X-Spamgreyd[\w-]*): [^\n]*\r\n(?:[ \t][^\n]*\r\n)*)*\z/;
	push(@mark, $name) if ($front =~ /^X-Spamgreyd: /m ? 1 : 0) !=
	    ($marked{shape($i)} ? 1 : 0);
}
is("@refused", '', "$n messages: every one is taken");
is("@count", '', '… and there once');
is("@other", '', '… the same to the octet but for our fields in front');
is("@mark", '', '… and marked are those that should be');
is(counter('module.clamav.failed') . ' ' .
    counter('module.spamassassin.failed'), '0 0', 'no scanner failed');
is(counter('module.clamav.scanned'), $n + 1, 'clamd had all of them');
is(counter('module.spamassassin.scanned') +
    counter('module.spamassassin.too-large'), $n + 1,
    'spamd had all of them but the too large ones');
is((stop())[0], 0, 'SIGTERM');
sink_stop($sink);

# --- awkward octets
$n = torture_or(200, 40);
my @which = ('-n', $n, '-l', 0, '-S', $seed);
$dir = tmp() . '/octets';
($sink, $to) = sink_start($dir);
$port = pass_start($to, log => tmp() . '/log-octets', pass => $scanners,
    text => 'on spam log');
my ($status, $out, $err) = run(program('msggen'), '-r', '-c', 4, @which, $port);
my %c = counts($out);
is("$status $c{accepted}", "0 $n", "msggen: $n messages are taken") or
    diag($out, $err);
($status, $out, $err) = run(program('msgcmp'), @which, $dir);
%c = counts($out);
is("$status $c{files} $c{same}", "0 $n $n",
    '… and are the same to the octet but for our fields') or
    diag($out, $err);
is((stop())[0], 0, 'SIGTERM');
sink_stop($sink);
done_testing();
