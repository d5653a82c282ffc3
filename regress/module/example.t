#!/usr/bin/perl
# The module that spamgreyd/README.md has as an example: dropped into a copy of
# the tree it builds with no other edit, is known to the configuration, and does
# its work in the running daemon, for mail over loopback.
use strict;
use warnings;
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();

my $n = 0;
my $failed = 0;
# ($$@): a match that fails is false here, not nothing.
sub ok($$@)
{
	my ($good, $name, @notes) = @_;

	printf("%sok %d - %s\n", $good ? '' : 'not ', ++$n, $name);
	return if $good;
	$failed = 1;
	print map { "# $_\n" } map { split(/\n/) } @notes;
}
sub slurp
{
	open(my $f, '<', $_[0]) or return ('');
	local $/;
	return (<$f> // '');
}

my $main = $$;
my @children;
my $dir = tempdir(CLEANUP => 1);
END {
	if ($$ == $main) {
		kill('TERM', @children);
		waitpid($_, 0) for @children;
		$? = $failed if $? == 0;
	}
}
$SIG{$_} = sub { exit(1) } for qw(INT TERM HUP);
$SIG{PIPE} = 'IGNORE';

# As nobody, when it is root that tests: the daemon then runs as who it is.
my $nobody = 65534;
sub unprivileged
{
	return if $> != 0;
	POSIX::setgid($nobody);
	$) = "$nobody $nobody";
	POSIX::setuid($nobody);
}
sub child
{
	my ($fn) = @_;
	my $pid = fork() // die "fork: $!\n";

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
		unprivileged();
		$fn->();
		POSIX::_exit(127);
	}
	push(@children, $pid);
	return ($pid);
}

# The copy, with what is built already; the example; and nothing else.
my $tree = "$dir/tree";
make_path($tree);
system('cp', '-pR', 'Makefile', 'lib', 'out', 'spamgreyd', 'spamgreydb',
    $tree) == 0
    or die "Bail out! no copy of the tree\n";
my ($example) = slurp('spamgreyd/README.md') =~ /^```c\n(.*?)^```$/ms;
ok(defined $example, 'the text has an example');
$example //= '';
my $lines = () = $example =~ /\n/g;
ok($lines >= 80 && $lines <= 130, "of about 100 lines", "it has $lines");
open(my $f, '>', "$tree/spamgreyd/modules/senders.c") or die;
print $f $example;
close($f);
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
my $out = `cd $tree && make 2>&1`;
ok($? == 0, 'it builds when it is dropped in', $out);
ok($out !~ /warning/, 'without a warning', grep { /warning/ } split(/^/, $out));
my $daemon = "$tree/spamgreyd/spamgreyd";

sub port
{
	return (IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp',
	    Listen => 1)->sockport());
}
my ($fport, $pport, $mport) = (port(), port(), port());
sub config
{
	my ($block) = @_;

	open(my $c, '>', "$dir/conf") or die;
	print $c <<"END";
hostname "mx.example.org"
state directory "$dir/state"
control socket "$dir/sock"
listen on 127.0.0.1 port $fport
firewall none
allowed domains { "example.org" }
pass {
	listen on 127.0.0.1 port $pport
	relay to 127.0.0.1 port $mport
	mark at 4
	module senders { $block }
}
END
	close($c);
}
chmod(0755, $dir);
make_path("$dir/state");
chmod(0700, "$dir/state");
chown($nobody, $nobody, $dir, "$dir/state") if $> == 0;

config('speed 5');
$out = `$daemon -n -f $dir/conf 2>&1`;
ok($out =~ /module senders: unknown option "speed"; valid options are reject, points,/,
    'its options are known', $out);
config('reject "nobody"');
$out = `$daemon -n -f $dir/conf 2>&1`;
ok($out =~ /module senders: reject: a sender is user\@domain/,
    'and what they take', $out);
config('reject "@spam.example" points 5.5 "news@example.net"');
$out = `$daemon -nv -f $dir/conf 2>&1`;
ok($? == 0 && $out =~ /points 5\.5 "news\@example\.net"/, 'it is printed back',
    $out);

# A mail server that takes all, and keeps it.
child(sub {
	my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    LocalPort => $mport, Listen => 16, ReuseAddr => 1) or
	    die "mail server: $!\n";
	local $SIG{CHLD} = 'IGNORE';
	while (1) {
		my $s = $l->accept() or next;
		next if fork();
		my $data = 0;
		syswrite($s, "220 sink ESMTP\r\n");
		while (my $line = <$s>) {
			if ($data) {
				open(my $m, '>>', "$dir/mail");
				syswrite($m, $line);
				next if $line ne ".\r\n";
				$data = 0;
				syswrite($s, "250 2.0.0 taken\r\n");
			} elsif ($line =~ /^DATA/i) {
				$data = 1;
				syswrite($s, "354 go on\r\n");
			} elsif ($line =~ /^QUIT/i) {
				syswrite($s, "221 2.0.0 bye\r\n");
				last;
			} else {
				syswrite($s, "250 2.0.0 ok\r\n");
			}
		}
		POSIX::_exit(0);
	}
});
child(sub {
	open(STDERR, '>', "$dir/log");
	open(STDOUT, '>&', \*STDERR);
	exec($daemon, '-d', '-f', "$dir/conf");
});

# The last line of a reply.
sub answer
{
	my ($s) = @_;

	while (my $line = <$s>) {
		return ($line) if $line =~ /^\d\d\d /;
	}
	return ('');
}
sub command
{
	my ($s, $text) = @_;

	syswrite($s, "$text\r\n");
	return (answer($s));
}
# A session that has come through EHLO: pass answers 421 until it knows what
# the mail server offers.
sub session
{
	for (1 .. 300) {
		my $s = IO::Socket::INET->new("127.0.0.1:$pport");
		if ($s && answer($s) =~ /^220/ &&
		    command($s, 'EHLO client.example.net') =~ /^250/) {
			return ($s);
		}
		select(undef, undef, undef, 0.1);
	}
	print map { "# $_\n" } split(/\n/, slurp("$dir/log"));
	print "Bail out! no session with the daemon\n";
	exit(1);
}

my $s = session();
command($s, 'MAIL FROM:<any@spam.example>');
my $r = command($s, 'RCPT TO:<user@example.org>');
ok($r =~ /^550 5\.7\.1 Mail from this sender/, 'a sender is refused', $r);
$r = command($s, 'RCPT TO:<postmaster@example.org>');
ok($r =~ /^250/, 'but not to postmaster', $r);
command($s, 'RSET');
$r = command($s, 'MAIL FROM:<news@example.net>') .
    command($s, 'RCPT TO:<user@example.org>');
ok($r =~ /^250.*\n250/, 'one with points is not', $r);
command($s, 'DATA');
$r = command($s, "Subject: news\r\n\r\nhello\r\n.");
ok($r =~ /^250/, 'its message is taken', $r);
$r = slurp("$dir/mail");
ok($r =~ /^X-Spamgreyd: score=5\.5 mark=4 reject=10; senders=5\.5 /m &&
    $r =~ /\(sender\s+news\@example\.net\)\r$/m, 'and marked with the reason',
    $r);
command($s, 'MAIL FROM:<else@example.net>');
command($s, 'RCPT TO:<user@example.org>');
command($s, 'DATA');
unlink("$dir/mail");
$r = command($s, "Subject: else\r\n\r\nhello\r\n.");
ok($r =~ /^250/, 'another sender', $r);
$r = slurp("$dir/mail");
ok($r =~ /Subject: else/ && $r !~ /X-Spamgreyd/, 'has no mark', $r);
command($s, 'QUIT');
# A role's lines come to the log some milliseconds later.
my $refused = qr/pass senders stage=rcpt reply=550\/5\.7\.1/;
for (1 .. 1000) {
	last if slurp("$dir/log") =~ $refused;
	select(undef, undef, undef, 0.01);
}
ok(slurp("$dir/log") =~ $refused, 'the log has the refusal',
    slurp("$dir/log"));
$r = `$tree/spamgreydb/spamgreydb -f $dir/conf stats 2>&1`;
ok($r =~ /module\.senders\.refused\s+1$/m &&
    $r =~ /module\.senders\.spared\s+1$/m &&
    $r =~ /module\.senders\.matched\s+3$/m, 'stats have its counters', $r);
print "1..$n\n";
exit($failed);
