#!/usr/bin/perl
# What EHLO offers while the mail server is down, when it comes up, and when it
# is down again at the next start: not more than the mail server can do, not
# less than it was known to do, and the same in front and pass.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use Sys;
use Test::More;

my ($port, $passport, $mtaport) = (8025, 8027, 2525);
my @known = ('8BITMIME', 'DSN', 'SIZE 5000000');
my @unknown = ('8BITMIME', 'SMTPUTF8');

# A mail server that offers keywords that we pass on, and others that we do not.
sub
mta
{
	my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    LocalPort => $mtaport, Listen => 20, ReuseAddr => 1) or
	    die "mail server: $!\n";
	my $pid = fork() // die "fork: $!\n";

	return ($pid) if $pid;
	while (my $c = $l->accept()) {
		next if fork();
		print $c "220 mta ESMTP\r\n";
		while (my $line = <$c>) {
			if ($line =~ /^EHLO/i) {
				print $c map { "250-$_\r\n" } 'mta',
				    'SIZE 5000000', '8BITMIME', 'DSN',
				    'AUTH PLAIN', 'CHUNKING', 'BINARYMIME',
				    'ETRN', 'XCLIENT NAME ADDR', 'REQUIRETLS',
				    'LIMITS RCPTMAX=10', 'VRFY';
				print $c "250 PIPELINING\r\n";
			} else {
				print $c "250 2.0.0 ok\r\n";
			}
		}
		POSIX::_exit(0);
	}
	POSIX::_exit(1);
}

# The lines of the answer to EHLO.
sub
ehlo
{
	my ($to) = @_;
	my $s = smtp(port => $to) or return ("no connection: $!");

	Sys::reply($s);
	print $s "EHLO sender.example.com\r\n";
	$s->flush();
	return (split(/\r\n/, Sys::reply($s)));
}

# These keywords, in any order; and our own PIPELINING, which front has not.
sub
is_offer
{
	my ($to, $name, @want) = @_;
	my ($hello, @got) = ehlo($to);

	push(@want, 'PIPELINING') if $to == $passport;
	is_deeply([$hello, sort(map { s/^250[- ]//r } @got)],
	    ['250-mx.example.org', sort(@want)], $name);
}

private();
conf(<<"END");
listen on 127.0.0.1 port $port
allowed domains { example.org }
tarpit { stutter no }
pass {
	listen on 127.0.0.1 port $passport
	relay to 127.0.0.1 port $mtaport
}
END
my $mta;
END { kill('KILL', $mta) if $mta }

start();
pass('a mail server that is down keeps the daemon from nothing');
is_offer($port, 'front has what no mail may be bounced for', @unknown);
like((ehlo($passport))[0], qr/^421 4\.3\.2 /, 'pass does not say less');

$mta = mta();
wait_log(qr/mta-offers keywords=PIPELINING,SIZE,8BITMIME,DSN size=5000000$/m);
is_offer($passport, 'it is up: pass has what it can, and no more', @known);
wait_for('front to hear of it', sub {
	return (grep { /SIZE/ } ehlo($port));
});
is_offer($port, 'so has front', @known);

stop();
kill('KILL', $mta);
waitpid($mta, 0);
$mta = undef;
start();
is_offer($port, 'down again, and a new start: front knows it still', @known);
is_offer($passport, 'so does pass', @known);
like(smtp_code(port => $passport), qr/^451 4\.3\.0 .*cannot be reached/,
    'and the mail is put off');

done_testing();
