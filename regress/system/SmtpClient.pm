# An SMTP client that records replies and their times, for tests that compare
# servers.  A reply is "250", "550 5.1.1" (a refusal has its enhanced code), or
# "closed" at the end of the connection.  {text} is its whole text, {took} the
# seconds that it took.
package SmtpClient;

use strict;
use warnings;
use IO::Select;
use IO::Socket::IP;
use Sys ();

# A server that is silent for so long is broken.  The limit only keeps the test
# from hanging.
use constant PATIENCE => 90;

sub
new
{
	my ($class, %o) = @_;
	my $sock = IO::Socket::IP->new(LocalHost => $o{from},
	    PeerHost => $o{to}, PeerPort => $o{port}, Timeout => PATIENCE) or
	    die "connect to $o{to} port $o{port} from $o{from}: $!\n";

	return (bless({ sock => $sock, in => '', asked => Sys::now(),
	    eof => 0, text => '', took => 0 }, $class));
}

# Reads more input.  Returns 0 at its end.
sub
more
{
	my ($self) = @_;

	return (0) if $self->{eof};
	IO::Select->new($self->{sock})->can_read(PATIENCE) or
	    die "no answer for ${\PATIENCE} s\n";
	my $n = sysread($self->{sock}, $self->{in}, 65536,
	    length($self->{in}));
	$self->{eof} = 1 if !$n;
	return (!$self->{eof});
}

sub
reply
{
	my ($self) = @_;

	my $text;

	while (!defined $text) {
		($text) = $self->{in} =~
		    /\A((?:\d{3}-[^\n]*\n)*\d{3}(?![-\d])[^\n]*\n)/;
		last if defined $text || !$self->more();
	}
	$self->{took} = Sys::now() - $self->{asked};
	return ($self->{text} = 'closed') if !defined $text;
	$self->{text} = $text;
	substr($self->{in}, 0, length($text)) = '';
	return ($text =~ /^([45]\d\d [45]\.\d+\.\d+)/ ? $1 :
	    substr($text, 0, 3));
}

sub banner { return ($_[0]->reply()) }

sub
send
{
	my ($self, $text) = @_;

	local $SIG{PIPE} = 'IGNORE';
	$self->{asked} = Sys::now();
	while (length($text)) {
		my $n = syswrite($self->{sock}, $text);
		last if !defined $n;
		substr($text, 0, $n) = '';
	}
}

sub
cmd
{
	my ($self, $line) = @_;

	$self->send("$line\r\n");
	return ($self->reply());
}

# Returns whether the connection is still open.  The server has as long to close
# it as a command takes.
sub
is_open
{
	my ($self) = @_;

	return (0) if $self->{eof};
	return (1) if $self->{in} ne '';
	# Only after a 421 or 554 the server may close the connection.
	return (1) if $self->{text} !~ /^(421|554)/;
	return ($self->cmd('NOOP') ne 'closed') if $self->{text} =~ /^554/;
	return ($self->more() ? 1 : 0);
}

sub
quit
{
	my ($self) = @_;

	$self->cmd('QUIT') if !$self->{eof};
	1 while $self->more();
	close($self->{sock});
}

1;
