#!/usr/bin/perl
# Classes and strategies, as smtp-vilter had them but without its discard: for
# each class of content and each strategy, what the client is told, what the
# mail server sees and what the recipient gets.  Then 200 messages of many
# shapes and one of 20 MB past every scanner: the same to the octet but for our
# fields.  clamd and spamd are fakes that say what the message asks for;
# attachment and regex are what they are.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use POSIX ();
use Sys;
use Mta;
use Test::More;

private();

# --- the fakes

my @children;
END { kill('KILL', @children) if @children }

# A server for a protocol, each connection a process of its own: its port.
sub
fake
{
	my ($answer) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    Listen => 50, ReuseAddr => 1) or die "fake: $!\n";
	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0) {
		@children = ();
		$SIG{CHLD} = 'IGNORE';
		while (1) {
			my $c = $listener->accept() or next;
			if (!fork()) {
				binmode($c);
				$answer->($c);
				POSIX::_exit(0);
			}
			close($c);
		}
	}
	push(@children, $pid);
	return ($listener->sockport());
}

sub
take
{
	my ($c, $n) = @_;
	my $data = '';

	while (length($data) < $n) {
		sysread($c, $data, $n - length($data), length($data)) or
		    POSIX::_exit(0);
	}
	return ($data);
}

# INSTREAM: chunks with their length, until one of 0.
sub
clamd
{
	my ($c) = @_;
	my $message = '';

	take($c, length("zINSTREAM\0"));
	while (my $n = unpack('N', take($c, 4))) {
		$message .= take($c, $n);
	}
	syswrite($c, $message =~ /^X-Fake: virus/m ?
	    "stream: Fake-Virus FOUND\0" : $message =~ /^X-Fake: unscannable/m ?
	    "INSTREAM size limit exceeded. ERROR\0" : "stream: OK\0");
}

sub
spamd
{
	my ($c) = @_;
	my ($text, $n) = ('', 0);

	while ($n = sysread($c, $text, 65536, length($text))) {
		;
	}
	my $spam = $text =~ /^X-Fake: spam/m;
	my $symbols = $spam ? "FAKE_SPAM\r\n" : '';
	syswrite($c, "SPAMD/1.1 0 EX_OK\r\nContent-length: " .
	    length($symbols) . "\r\nSpam: " . ($spam ? 'True ; 1.0' :
	    'False ; 0.0') . " / 0.5\r\n\r\n$symbols");
}

my $clamd = fake(\&clamd);
my $spamd = fake(\&spamd);

# Is that module in the program?
sub
has_module
{
	spit(tmp() . '/has.conf', "allowed domains { example.org }\n" .
	    "pass { relay to 127.0.0.1 port 1\nmodule nonsense { } }\n");
	my ($status, $out, $err) = run('spamgreyd/spamgreyd', '-n', '-f',
	    tmp() . '/has.conf');
	return ($err =~ /there are .*\b$_[0]\b/);
}
my $spamassassin = has_module('spamassassin') ?
    "module spamassassin { server 127.0.0.1 port $spamd flagged spam }" : '';

# --- one message, and what became of it

my ($dir, $mtalog) = (tmp() . '/sink', tmp() . '/sink.log');
my ($sink, $to) = sink_start($dir, '-l', $mtalog);

sub
messages
{
	my %name;
	opendir(my $d, $dir) or die "$dir: $!\n";
	return (map { "$dir/$_" } sort grep { /\.msg$/ } readdir($d));
}

# (the last reply, what the MTA saw of DATA, the delivered text or undef)
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

my %parts = (
	virus => ['X-Fake: virus', 'The message holds a virus: Fake-Virus',
	    'clamav=virus \(Fake-Virus\)'],
	spam => ['X-Fake: spam',
	    'The message was refused as spam: score 1.0 of 0.5',
	    'spamassassin=spam \(score[ \t\r\n]+1\.0[ \t\r\n]+of[ \t\r\n]+0\.5\)'],
	unwanted => ['Content-Disposition: attachment; filename="x.exe"',
	    'The message holds what is not wanted here: x.exe',
	    'attachment=unwanted \(x\.exe\)'],
	unscannable => ['X-Fake: unscannable',
	    'The message cannot be examined: INSTREAM size limit exceeded. ERROR',
	    'clamav=unscannable[ \t\r\n]+\(INSTREAM[ \t\r\n]+size[ \t\r\n]+limit' .
	    '[ \t\r\n]+exceeded\.[ \t\r\n]+ERROR\)'],
);
my @table;

for my $strategy (qw(reject tempfail mark)) {
	my $port = pass_start($to, log => tmp() . "/log-$strategy",
	    text => "on virus log\non spam log", pass => <<"END");
mark subject "[X] "
strategy @{[map { "$_ $strategy" } sort keys(%parts)]}
module clamav { server 127.0.0.1 port $clamd }
$spamassassin
module attachment { name "*.exe" }
END
	wait_for('the mail server to be known', sub {
		my ($r) = eval { send_one($port, "Subject: first\r\n\r\nx\r\n") };
		return (defined $r && $r =~ /^250/);
	});
	for my $class (sort keys(%parts)) {
		my ($field, $words, $header) = @{$parts{$class}};
		my $name = "$class, $strategy";
		my $code = { reject => '550 5.7.1', tempfail => '451 4.7.1',
		    mark => '250' }->{$strategy};
	SKIP: {
		skip("$name: module spamassassin is not in this program", 4)
		    if $class eq 'spam' && !$spamassassin;
		log_mark();
		my ($reply, $data, $got) = send_one($port,
		    "$field\r\nSubject: hello\r\n\r\ntext\r\n.dot\r\n");
		like($reply, $strategy eq 'mark' ? qr/^250/ :
		    qr/^\Q$code $words\E/, "$name: what the client is told");
		is($data, $strategy eq 'mark' ? 1 : 0,
		    "$name: what the mail server sees");
		if ($strategy eq 'mark') {
			like($got // 'nothing', qr/^X-Spamgreyd: [^\n]*(?:\n\t[^\n]*)*;\s+$header\r\n(?:.*\n)*\Q$field\E\r\nSubject: \[X\] hello\r\n\r\ntext\r\n\.dot\r\n\z/m,
			    "$name: the recipient gets it marked");
		} else {
			is($got, undef, "$name: the recipient gets nothing");
		}
		wait_log(qr/ message .*outcome=/);
		like(log_since(), qr/found=$class name=\S+ strategy=$strategy\n(?:.*\n)*.* message .*outcome=@{[{ reject => 'refused',
		    tempfail => 'deferred', mark => 'delivered' }->{$strategy}]}/,
		    "$name: the log");
		push(@table, sprintf('%-12s %-9s client: %-3s  MTA: %-4s  ' .
		    'recipient: %s', $class, $strategy, substr($reply, 0, 3),
		    $data ? 'DATA' : 'RCPT', !defined $got ? 'nothing' :
		    'marked, ' . ($got =~ /^(Subject: .*)\r$/m)[0]));
	}
	}
	is((stop())[0], 0, "$strategy: SIGTERM");
}
diag($_) for @table;
sink_stop($sink);

# --- 200 messages through all of them
my @which = ('-n', 200, '-l', 0, '-S', $ENV{SEED} // 1);
$dir = tmp() . '/same';
($sink, $to) = sink_start($dir);
my $port = pass_start($to, log => tmp() . '/log-same', pass => <<"END");
module clamav { server 127.0.0.1 port $clamd }
$spamassassin
module attachment { name "*.exe" reject  max-parts 10000  max-depth 100 }
module regex { header "Subject" "never in any subject" reject
	body "never in any body of these" reject }
END
my ($status, $out, $err) = run(program('msggen'), '-r', '-c', 4, @which, $port);
my %c = counts($out);
is("$status $c{accepted}", '0 200', '200 messages are taken') or
    diag($out, $err);
($status, $out, $err) = run(program('msgcmp'), @which, $dir);
%c = counts($out);
is("$status $c{files} $c{same}", '0 200 200',
    '… and are the same to the octet but for our fields') or diag($out, $err);
my $big = "Subject: big\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" .
    "--b\r\nContent-Transfer-Encoding: base64\r\n\r\n" .
    ("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2\r\n" x
    300000) . "--b--\r\n";
my ($reply, undef, $got) = send_one($port, $big);
like($reply, qr/^250/, '20 MB');
$got //= '';
is(substr($got, -length($big)) eq $big ? 'same' : 'other', 'same',
    '… the same to the octet');
unlike(substr($got, 0, -length($big)), qr/^X-Spamgreyd/m, '… and not marked');
is((stop())[0], 0, 'SIGTERM');
sink_stop($sink);
done_testing();
