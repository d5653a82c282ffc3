#!/usr/bin/perl
# sink.pl PORT: a mail server on 127.0.0.1 for make run.  It accepts all mail,
# prints it and keeps none.  It needs only Debian's perl-base.
use strict;
use warnings;
use IO::Socket::INET;

my ($port) = @ARGV;
die "usage: perl spamgreyd/sink.pl PORT\n"
    if !defined $port || $port !~ /^\d+$/;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
    LocalPort => $port, Listen => 20, ReuseAddr => 1) or
    die "sink: 127.0.0.1 port $port: $!\n";
$| = 1;
$SIG{CHLD} = 'IGNORE';

# Reads a message up to its final dot and returns it without the dots that SMTP
# added; undef when the connection ends before.
sub
message
{
	my ($c) = @_;
	my $text = '';

	while (my $line = <$c>) {
		return ($text) if $line eq ".\r\n";
		$line =~ s/^\.//;
		$line =~ s/\r\n$/\n/;
		$line =~ s/[^\n\x20-\x7e\t]/?/g;
		$text .= "    | $line";
	}
	return (undef);
}

sub
session
{
	my ($c) = @_;
	my $envelope = '';

	print $c "220 sink ESMTP\r\n";
	while (my $line = <$c>) {
		$line =~ s/[^\x20-\x7e]//g;
		if ($line =~ /^EHLO/i) {
			print $c "250-sink\r\n250-PIPELINING\r\n"
			    . "250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n";
		} elsif ($line =~ /^(MAIL|RCPT) (.*)/i) {
			$envelope = '' if uc($1) eq 'MAIL';
			$envelope .= " $2";
			print $c "250 2.1.0 Ok\r\n";
		} elsif ($line =~ /^DATA/i) {
			print $c "354 End data with <CR><LF>.<CR><LF>\r\n";
			my $text = message($c) // return;
			print "  the mail server gets a mail$envelope\n$text";
			print $c "250 2.0.0 Ok: the mail server has it\r\n";
		} elsif ($line =~ /^QUIT/i) {
			print $c "221 2.0.0 Bye\r\n";
			return;
		} else {
			print $c "250 2.0.0 Ok\r\n";
		}
	}
}

while (1) {
	my $c = $listener->accept() or next;
	my $pid = fork();
	if (defined $pid && $pid == 0) {
		close($listener);
		session($c);
		exit 0;
	}
	close($c);
}
