#!/usr/bin/perl
# try.pl PORT [RECIPIENT [SOURCE]]: one mail to 127.0.0.1 port PORT, as an
# unknown mail server would send it, with the whole dialogue printed as it
# comes.  Needs no more of Perl than Debian's perl-base has.
use strict;
use warnings;
use IO::Socket::INET;

my ($port, $rcpt, $source) = @ARGV;
die "usage: perl spamgreyd/try.pl PORT [RECIPIENT [SOURCE]]\n"
    if !defined $port || $port !~ /^\d+$/;
$rcpt = 'you@example.org' if !defined $rcpt;
$source = '127.0.0.1' if !defined $source;
$| = 1;

my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port,
    LocalAddr => $source) or die "127.0.0.1 port $port: $!\n";

# A reply byte by byte, so that the stuttering is seen; its code.
sub
reply
{
	my $line = '';

	while (sysread($s, my $c, 1)) {
		print $c;
		$line .= $c;
		next if $c ne "\n";
		return (substr($line, 0, 3)) if $line =~ /^\d{3} /;
		$line = '';
	}
	return ('');
}

sub
say_to
{
	print "> $_[0]\n";
	syswrite($s, "$_[0]\r\n");
	return (reply());
}

reply();
for my $cmd ('EHLO sender.example.com', 'MAIL FROM:<me@example.com>',
    "RCPT TO:<$rcpt>") {
	exit 0 if say_to($cmd) !~ /^2/;
}
# 354: we are in the tarpit, which takes the message and then refuses it.
if (say_to('DATA') eq '354') {
	print "> (a message)\n";
	syswrite($s, "Subject: hello\r\n\r\nhello\r\n.\r\n");
	reply();
}
