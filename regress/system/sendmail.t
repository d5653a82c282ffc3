#!/usr/bin/perl
# Compares sendmail's limits for connections with ours: the same client does the
# same with a real sendmail 8.17 and with pass, both configured for the same
# purpose, with a plain sendmail behind pass.  Prints a table.  Each cell must
# be as written here, and the manual must have the reason for each difference
# (spamgreyd.conf(5), COMING FROM SENDMAIL).
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use FakeDns;
use Sys;
use Mta;
use SmtpClient;
use Test::More;
use Time::HiRes qw(sleep);

private();

my $server = '203.0.113.25';
my $exempt = '203.0.113.200';	# what each configuration has as such
my $listed = '203.0.113.210';	# what is on a DNSBL
my @pool = map { "203.0.113.$_" } 30 .. 199;
run('ip', 'addr', 'add', "$_/32", 'dev', 'lo')
    for $server, $exempt, $listed, @pool;

FakeDns::start('210.113.0.203.bl.test' => '127.0.0.2');
my $resolv = spit(tmp() . '/resolv.conf', "nameserver 127.0.0.1\n");
# Writes to the file itself, because the name may be a symbolic link.
my ($file) = (run('readlink', '-f', '/etc/resolv.conf'))[1] =~ /(.*)/;
run('mount', '--bind', $resolv, $file) if defined $file && -e $file;

my ($root, $no) = sendmail_root('sm');
plan(skip_all => "sendmail: $no") if !$root;
spit("$root/etc/resolv.conf", slurp($resolv));

# Our differences, in the manual's words.
my %why = (
	closed => 'here it is closed',
	remembered => 'a host that waited once need not wait again',
	at_connect => 'a client that is refused at connect is refused there',
	session => 'a new MAIL, RSET or connection starts the count again; here the count is for the session',
	global => 'Has no counterpart: it makes all clients wait',
	held => 'The 421 is held back for 5s',
	commands => 'here after 20',
	vrfy => 'VRFY is answered 252, EXPN and VERB are not known',
	early_pipe => 'are refused with 554 5.5.0 by',
	says_so => 'Sendmail closes without a reply; here a 421 says why',
);

# --- clients; each behaviour has an address that the server does not know
my $to;			# the port of the one that is asked

sub host { return (shift(@pool) // die "no more addresses\n") }

sub
client
{
	my ($from) = @_;

	return (SmtpClient->new(from => $from // host(), to => $server,
	    port => $to));
}

# A client that has said EHLO and MAIL.
sub
client_mail
{
	my $c = client(@_);

	$c->banner();
	$c->cmd('EHLO client.example.com');
	$c->cmd('MAIL FROM:<me@example.com>');
	return ($c);
}

# "250 250 421-closed": replies in a row; the last may be the end.
sub row { return (join(' ', @_)) }

# "220 after 2s", "220 at once".
sub
timed
{
	my ($reply, $took, $pause) = @_;

	return ("$reply " . ($took >= $pause - 0.05 ? "after ${pause}s" :
	    'at once'));
}

# Returns the outcome of a session after the banner, up to the first refusal.
sub
how_far
{
	my ($c) = @_;
	my @said = ($c->banner());

	for my $cmd ('EHLO client.example.com', 'MAIL FROM:<me@example.com>',
	    'RCPT TO:<user@example.org>') {
		return ("$said[0]-closed") if !$c->is_open();
		push(@said, $c->cmd($cmd));
		return (substr($cmd, 0, 4) . ' ' . $said[-1])
		    if $said[-1] !~ /^2/;
	}
	return ('mail');
}

# Opens a number of connections from one host at once and keeps them open.
sub
many
{
	my ($n, $from) = @_;
	my @c = map { client($from) } 1 .. $n;

	return (row(map { how_far($_) } @c));
}

sub
one_by_one
{
	my ($n, $from) = @_;
	my @far;

	for (1 .. $n) {
		my $c = client($from);
		push(@far, how_far($c));
		$c->quit();
	}
	return (row(@far));
}

# --- greet_pause
sub
early
{
	my $c = client();

	$c->send("EHLO client.example.com\r\n");
	my $said = $c->banner();
	$c->reply();
	return ("$said-closed") if !$c->is_open();
	return (row($said, 'MAIL', $c->cmd('MAIL FROM:<me@example.com>')));
}

sub
patient
{
	my ($from, $pause) = @_;
	my $c = client($from);
	my $said = $c->banner();
	my $t = $c->{took};

	$c->cmd('EHLO client.example.com');
	$c->quit();
	return (timed($said, $t, $pause));
}

sub
patient_twice
{
	my $from = host();

	patient($from, 2);
	return (patient($from, 2));
}

# --- conncontrol, ratecontrol
sub
one_goes
{
	my $from = host();
	my @c = map { client($from) } 1 .. 2;

	$_->banner() for @c;
	shift(@c)->quit();
	# The server may need a moment to notice.
	for (1 .. 50) {
		my $c = client($from);
		return ('mail') if how_far($c) eq 'mail';
		sleep(0.1);
	}
	return ('refused');
}

sub
after_window
{
	my $from = host();

	one_by_one(4, $from);
	sleep(7.1);
	return (one_by_one(1, $from));
}

sub
told_after
{
	my $from = host();

	one_by_one(3, $from);
	my $c = client($from);
	my $said = $c->banner();
	return (timed($said, $c->{took}, 5));
}

# --- recipients
sub
recipients
{
	my ($c, $pause, @rcpts) = @_;

	return (join(', ', map {
		my $said = $c->cmd("RCPT TO:<$_\@example.org>");
		$pause ? timed($said, $c->{took}, $pause) : $said;
	} @rcpts));
}

sub
bad_then_rset
{
	my $c = client_mail();

	recipients($c, 1, qw(no1 no2 no3));
	$c->cmd('RSET');
	$c->cmd('MAIL FROM:<me@example.com>');
	return (recipients($c, 1, 'no4'));
}

sub
too_many_rcpts
{
	my $c = client_mail();
	my $said = recipients($c, 0, map { 'user' } 1 .. 5);

	return (row($said . ', DATA', $c->cmd('DATA')));
}

sub
rcpt_from
{
	my ($from) = @_;

	return (recipients(client_mail($from), 0, 'user'));
}

# --- connections a second, of all: so many that sendmail is slow also when a new
# second begins in the middle of them
sub
many_at_once
{
	my $t = now();
	my @c = map { client() } 1 .. 15;
	my @said = map { $_->banner() } @c;

	return (row(@said) . (now() - $t >= 1.9 ? ', over 2s' : ''));
}

# --- size
sub
size_offered
{
	my $c = client();

	$c->banner();
	$c->cmd('EHLO client.example.com');
	return ($c->{text} =~ /^250[- ](SIZE.*?)\r$/m ? $1 : 'none');
}

sub
size_declared
{
	my $c = client();

	$c->banner();
	$c->cmd('EHLO client.example.com');
	return ($c->cmd('MAIL FROM:<me@example.com> SIZE=20000'));
}

sub
size_sent
{
	my $c = client_mail();

	$c->cmd('RCPT TO:<user@example.org>');
	$c->cmd('DATA');
	$c->send("Subject: x\r\n\r\n" . ('x' x 70 . "\r\n") x 300);
	my $said = $c->cmd('.');
	return (row($said, 'RSET', $c->cmd('RSET')));
}

# --- commands
sub
bad_commands
{
	my $c = client();
	my $n = 0;

	$c->banner();
	while ($n < 40) {
		my $said = $c->cmd('FOO');
		return ("$n refused, then " . $said .
		    ($c->is_open() ? '' : '-closed')) if $said !~ /^50/;
		$n++;
	}
	return ("$n refused");
}

sub
ask
{
	my @commands = @_;
	my $c = client();

	$c->banner();
	$c->cmd('EHLO client.example.com');
	return (join(', ', map { /^(\w+)/ && "$1 " . $c->cmd($_) }
	    @commands));
}

sub
pipelined
{
	my ($early) = @_;
	my $c = client();
	my $lines = "MAIL FROM:<me\@example.com>\r\n" .
	    "RCPT TO:<user\@example.org>\r\nDATA\r\n";

	$c->banner();
	if ($early) {
		$c->send("EHLO client.example.com\r\n$lines");
		$c->reply();
	} else {
		$c->cmd('EHLO client.example.com');
		$c->send($lines);
	}
	my @said = map { $c->reply() } 1 .. 3;
	push(@said, $c->cmd("Subject: x\r\n\r\nx\r\n.")) if $said[-1] eq '354';
	return (row(@said));
}

sub
foreign
{
	my $c = client();

	$c->banner();
	my $said = $c->cmd("GET / HTTP/1.1\r\nHost: $server\r\n");
	$c->reply() for 1 .. 2;
	return ($said . ($c->is_open() ? '' : '-closed'));
}

# --- time
sub
silent
{
	my $c = client();

	$c->banner();
	my $said = $c->reply();
	my $when = timed($said, $c->{took}, 2);
	return ($when . ($said eq 'closed' || $c->is_open() ? '' :
	    ', closed'));
}

my $limit2 = join(' ', ('mail') x 2);
my $limit3 = join(' ', ('mail') x 3);

# The scenarios: sendmail's configuration (mc, access), ours (pass, text), that
# of the server behind pass (mta); and for each behaviour: its name, the
# function, what sendmail does, what we do if that differs, and the reason.
my @scenarios = ({
	feature => 'greet_pause 2000',
	mc => 'FEATURE(`greet_pause\', `2000\')dnl',
	access => ["GreetPause:$exempt 0"],
	pass => "module greet_pause { wait 2s  wait 0s for $exempt }",
	rows => [
		['talks before the banner', \&early, '554 MAIL 550 5.0.0',
		    '554 5.5.1-closed', 'closed'],
		['waits', sub { patient(undef, 2) }, '220 after 2s'],
		['waits, its second visit', \&patient_twice, '220 after 2s',
		    '220 at once', 'remembered'],
		['is exempt', sub { patient($exempt, 2) }, '220 at once'],
	],
}, {
	feature => 'conncontrol nodelay terminate, ClientConn 2',
	mc => 'FEATURE(`delay_checks\')dnl
	    FEATURE(`conncontrol\', `nodelay\', `terminate\')dnl',
	access => ['ClientConn: 2', "ClientConn:$exempt 0"],
	pass => "module conncontrol { max 2  max 0 for $exempt }",
	rows => [
		['opens four', sub { many(4, host()) },
		    "$limit2 421 4.3.2-closed 421 4.3.2-closed"],
		['opens two, ends one, opens one', \&one_goes, 'mail'],
		['is exempt, opens four', sub { many(4, $exempt) },
		    "$limit2 $limit2"],
	],
}, {
	feature => 'conncontrol nodelay, ClientConn 2',
	mc => 'FEATURE(`delay_checks\')dnl
	    FEATURE(`conncontrol\', `nodelay\')dnl',
	access => ['ClientConn: 2'],
	pass => 'module conncontrol { max 2  reply tempfail }',
	rows => [
		['opens four', sub { many(4, host()) },
		    "$limit2 MAIL 452 4.3.2 MAIL 452 4.3.2"],
	],
}, {
	feature => 'conncontrol (delayed) terminate, ClientConn 2',
	mc => 'FEATURE(`delay_checks\')dnl
	    FEATURE(`conncontrol\', `\', `terminate\')dnl',
	access => ['ClientConn: 2'],
	pass => 'module conncontrol { max 2 }',
	rows => [
		['opens four', sub { many(4, host()) },
		    "$limit2 RCPT 421 4.3.2 RCPT 421 4.3.2",
		    "$limit2 421 4.3.2-closed 421 4.3.2-closed",
		    'at_connect'],
	],
}, {
	feature => 'ratecontrol nodelay terminate, ClientRate 3 in 6 s',
	mc => 'FEATURE(`delay_checks\')dnl
	    define(`confCONNECTION_RATE_WINDOW_SIZE\', `6s\')dnl
	    FEATURE(`ratecontrol\', `nodelay\', `terminate\')dnl',
	access => ['ClientRate: 3', "ClientRate:$exempt 0"],
	pass => "module ratecontrol { max 3 per 6s
	    max 0 per 6s for $exempt  hold no }",
	rows => [
		['comes five times', sub { one_by_one(5, host()) },
		    "$limit3 421 4.3.2-closed 421 4.3.2-closed"],
		['comes again after the window', \&after_window, 'mail'],
		['is exempt, comes five times',
		    sub { one_by_one(5, $exempt) }, "$limit3 $limit2"],
	],
}, {
	feature => 'ratecontrol nodelay terminate, ClientRate 3',
	mc => 'FEATURE(`delay_checks\')dnl
	    FEATURE(`ratecontrol\', `nodelay\', `terminate\')dnl',
	access => ['ClientRate: 3'],
	pass => 'module ratecontrol { max 3 per 60s }',
	rows => [
		['is told', \&told_after, '421 4.3.2 at once',
		    '421 4.3.2 after 5s', 'held'],
	],
}, {
	feature => 'ratecontrol nodelay, ClientRate 3',
	mc => 'FEATURE(`delay_checks\')dnl
	    FEATURE(`ratecontrol\', `nodelay\')dnl',
	access => ['ClientRate: 3'],
	pass => 'module ratecontrol { max 3 per 60s  reply tempfail }',
	rows => [
		['comes five times', sub { one_by_one(5, host()) },
		    "$limit3 MAIL 452 4.3.2 MAIL 452 4.3.2"],
	],
}, {
	feature => 'ratecontrol (delayed), ClientRate 3',
	mc => 'FEATURE(`delay_checks\')dnl
	    FEATURE(`ratecontrol\')dnl',
	access => ['ClientRate: 3'],
	pass => 'module ratecontrol { max 3 per 60s  reply tempfail }',
	rows => [
		['comes five times', sub { one_by_one(5, host()) },
		    "$limit3 RCPT 452 4.3.2 RCPT 452 4.3.2",
		    "$limit3 MAIL 452 4.3.2 MAIL 452 4.3.2", 'at_connect'],
	],
}, {
	feature => 'BadRcptThrottle 2',
	mc => 'define(`confBAD_RCPT_THROTTLE\', `2\')dnl',
	pass => 'module bad_rcpt_throttle { after 2 delay 1s }',
	rows => [
		['four unknown recipients, one known',
		    sub { recipients(client_mail(), 1, qw(no1 no2 no3 no4
		    user)) },
		    '550 5.1.1 at once, 550 5.1.1 at once, ' .
		    '550 5.1.1 after 1s, 550 5.1.1 after 1s, 250 after 1s'],
		['three, RSET, one', \&bad_then_rset, '550 5.1.1 at once',
		    '550 5.1.1 after 1s', 'session'],
	],
}, {
	feature => 'MaxRecipientsPerMessage 3',
	mc => 'define(`confMAX_RCPTS_PER_MESSAGE\', `3\')dnl',
	mta => 'define(`confMAX_RCPTS_PER_MESSAGE\', `3\')dnl',
	rows => [
		['five recipients, DATA', \&too_many_rcpts,
		    '250, 250, 250, 452 4.5.3, 452 4.5.3, DATA 354'],
	],
}, {
	feature => 'ConnectionRateThrottle 2',
	mc => 'define(`confCONNECTION_RATE_THROTTLE\', `2\')dnl',
	rows => [
		['fifteen hosts at once', \&many_at_once,
		    join(' ', (220) x 15) . ', over 2s',
		    join(' ', (220) x 15), 'global'],
	],
}, {
	feature => 'MaxMessageSize 10000',
	mc => 'define(`confMAX_MESSAGE_SIZE\', `10000\')dnl',
	mta => 'define(`confMAX_MESSAGE_SIZE\', `10000\')dnl',
	rows => [
		['EHLO', \&size_offered, 'SIZE 10000'],
		['MAIL SIZE=20000', \&size_declared, '552 5.2.3',
		    '552 5.3.4'],
		['21600 octets without SIZE', \&size_sent,
		    '552 5.2.3 RSET 250', '552 5.3.4 RSET 250'],
	],
}, {
	feature => 'dnsbl',
	mc => 'FEATURE(`dnsbl\', `bl.test\')dnl',
	pass => 'reject at 4  mark at 2
	    module dnsbl { zone "bl.test" { 127.0.0.2 points 4 } }',
	rows => [
		['is listed', sub { rcpt_from($listed) }, '550 5.7.1'],
		['is not', sub { rcpt_from() }, '250'],
	],
}, {
	feature => 'bad commands',
	rows => [
		['forty unknown commands', \&bad_commands,
		    '25 refused, then 421 4.7.0-closed',
		    '20 refused, then 421 4.7.0-closed', 'commands'],
		['GET / HTTP/1.1', \&foreign, '421 4.7.0-closed'],
	],
}, {
	feature => 'PrivacyOptions noexpn,novrfy',
	mc => 'define(`confPRIVACY_FLAGS\', `noexpn,novrfy\')dnl',
	rows => [
		['asks', sub { ask('VRFY user', 'EXPN user') },
		    'VRFY 252, EXPN 502 5.7.0', 'VRFY 252, EXPN 502 5.5.1'],
	],
}, {
	feature => 'PrivacyOptions none',
	mc => 'define(`confPRIVACY_FLAGS\', `public\')dnl',
	rows => [
		['asks', sub { ask('VRFY user', 'EXPN user') },
		    'VRFY 250, EXPN 250', 'VRFY 252, EXPN 502 5.5.1',
		    'vrfy'],
	],
}, {
	feature => 'pipelining',
	pass => 'module protocol { pipelining reject }',
	rows => [
		['after EHLO', sub { pipelined(0) }, '250 250 354 250'],
		['before the reply to EHLO', sub { pipelined(1) },
		    '550 5.0.0 550 5.0.0 550 5.0.0',
		    '554 5.5.0 554 5.5.0 503 5.5.1', 'early_pipe'],
	],
}, {
	feature => 'Timeout.command 2s',
	mc => 'define(`confTO_COMMAND\', `2s\')dnl',
	text => 'limit { idle 2s }',
	rows => [
		['says nothing', \&silent, 'closed after 2s',
		    '421 4.4.2 after 2s, closed', 'says_so'],
	],
});

# --- the two
my %cell;

# All clients are WHITE.  pass knows that when the command has ended.
sub
all_white
{
	my @all = ($exempt, $listed, @pool);

	db_ok('add', @all);
}

sub
play
{
	my ($who, $s) = @_;

	for my $row (@{$s->{rows}}) {
		my ($what, $fn, $theirs, $ours) = @$row;
		my $want = $who eq 'sendmail' ? $theirs : $ours // $theirs;
		my $got = eval { $fn->() } // "died: $@";
		$cell{"$s->{feature}|$what|$who"} = $got;
		is($got, $want, "$who: $s->{feature}: $what");
	}
}

for my $s (@scenarios) {
	$to = mta_port();
	sendmail_start($root, $server, $to, %$s);
	play('sendmail', $s);
	sendmail_stop($root);
}

for my $s (@scenarios) {
	my $mta = mta_port();
	sendmail_start($root, '127.0.0.1', $mta, mc => $s->{mta} // '');
	$to = pass_start($mta, pass => $s->{pass}, text => $s->{text},
	    listen => $server);
	all_white();
	play('spamgreyd', $s);
	stop();
	sendmail_stop($root);
}

# Each reason must be in the formatted manual.
my $manual = (run('mandoc', '-Tascii', 'spamgreyd/spamgreyd.conf.5'))[1];
$manual =~ s/.\x08//g;
$manual =~ s/.*^COMING FROM SENDMAIL$//ms or $manual = '';
$manual =~ s/^[A-Z].*//ms;
$manual =~ s/\s+/ /g;
ok(index($manual, $why{$_}) >= 0, "the manual has the reason: $why{$_}")
    for sort keys %why;

# --- the table
diag('feature | behaviour | sendmail | spamgreyd | same?');
for my $s (@scenarios) {
	for my $row (@{$s->{rows}}) {
		my ($what, undef, undef, $differs, $reason) = @$row;
		my ($a, $b) = map { $cell{"$s->{feature}|$what|$_"} }
		    qw(sendmail spamgreyd);
		my @code = map { s/ \d\.\d\.\d+//gr } $a, $b;
		my $same = $a eq $b ? 'yes' :
		    $code[0] eq $code[1] ? 'yes, enhanced code apart' :
		    'no: ' . ($reason // 'no reason given');
		diag(join(' | ', $s->{feature}, $what, $a, $b, $same));
		ok($same =~ /^yes/ || $why{$reason // ''},
		    "$s->{feature}: $what: the same, or for a reason");
	}
}
done_testing();
