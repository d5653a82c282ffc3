#!/usr/bin/perl
# try.pl [-n COUNT] PORT [RECIPIENT [SOURCE]]: sends one message to 127.0.0.1
# port PORT, as an unknown mail server would, and prints the whole dialogue as
# it comes.  With -n it sends COUNT messages in one session and prints only the
# reply that ended each.  It needs only Debian's perl-base.
use strict;
use warnings;
use IO::Socket::INET;

my $usage = "usage: perl spamgreyd/try.pl [-n COUNT] PORT [RECIPIENT [SOURCE]]\n";
my $count = 1;
if (@ARGV && $ARGV[0] eq '-n') {
	shift;
	$count = shift // '';
	die $usage if $count !~ /^[1-9]\d*$/;
}
my ($port, $rcpt, $source) = @ARGV;
die $usage if !defined $port || $port !~ /^\d+$/;
$rcpt = 'you@example.org' if !defined $rcpt;
$source = '127.0.0.1' if !defined $source;
$| = 1;

my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port,
    LocalAddr => $source) or die "127.0.0.1 port $port: $!\n";

# Prints a reply as it comes, so that the stuttering can be seen, and returns
# its last line.
sub
reply
{
	my $text = '';

	while (sysread($s, my $piece, 512)) {
		print $piece if $count == 1;
		$text .= $piece;
		return ($1) if $text =~ /^(\d{3} [^\n]*\n)\z/m;
	}
	print "(the connection was closed)\n";
	exit 0;
}

sub
say_to
{
	print "> $_[0]\n" if $count == 1;
	syswrite($s, "$_[0]\r\n");
	return (reply());
}

# Sends one message and returns the reply that ended it.
sub
mail
{
	my $last;

	for my $cmd ('MAIL FROM:<me@example.com>', "RCPT TO:<$rcpt>") {
		return ($last) if ($last = say_to($cmd)) !~ /^2/;
	}
	# 354 comes from the proxy, or from the tarpit, which refuses the
	# message afterwards.
	return ($last) if ($last = say_to('DATA')) !~ /^354/;
	print "> (a message)\n" if $count == 1;
	syswrite($s, "From: me\@example.com\r\nSubject: hello\r\n\r\n"
	    . "hello\r\n.\r\n");
	return (reply());
}

reply();
if (say_to('EHLO sender.example.com') =~ /^2/) {
	for my $n (1 .. $count) {
		my $last = mail();
		print "mail $n: $last" if $count > 1;
		say_to('RSET') if $last !~ /^2/ && $n < $count;
	}
	say_to('QUIT') if $count > 1;
}
