#!/usr/bin/perl
# smtpclient.pl: mails to port 25 of this machine.  One line of standard input
# each: address to come from, sender, recipient, HELO, parted by tabs; the
# answer is the reply to DATA, or the one before that refused it, on a line.
use strict;
use warnings;
use IO::Socket::IP;

$| = 1;

sub
reply
{
	my ($s) = @_;
	my $text = '';

	while (defined(my $line = <$s>)) {
		$text .= $line;
		last if $line !~ /^\d{3}-/;
	}
	$text =~ s/[\r\n]+/ /g;
	return ($text);
}

sub
mail
{
	my ($src, $from, $to, $helo) = @_;
	my $s = IO::Socket::IP->new(LocalHost => $src, PeerHost =>
	    $src =~ /:/ ? '::1' : '127.0.0.1', PeerPort => 25) or
	    return ("no connection: $@");
	my $r = reply($s);

	for my $line ("EHLO $helo", "MAIL FROM:$from", "RCPT TO:$to", 'DATA') {
		return ($r) if $r !~ /^2/;
		print $s "$line\r\n";
		$r = reply($s);
	}
	print $s "QUIT\r\n" if $r !~ /^3/;
	return ($r);
}

while (defined(my $line = <STDIN>)) {
	chomp($line);
	print mail(split(/\t/, $line)), "\n";
}
