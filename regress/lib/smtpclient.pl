#!/usr/bin/perl
# smtpclient.pl: sends mails to port 25 of this machine.  Each line of standard
# input is one mail: source address, sender, recipient and HELO, separated by
# tabs.  It prints a line for each: the reply to DATA, or the refusal before it.
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
