#!/usr/bin/perl
# A chain of real milters before a real Postfix: opendkim, which adds its result
# to the header; opendmarc, which reads that; a filter that changes the subject,
# the sender and the recipients; and one that only records its input.  All use
# libmilter.  The test compares what is in Postfix' queue.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use POSIX ();
use Sys;
use Mta;
use Test::More;

my ($frontport, $passport) = (8025, 8027);
my $us = '198.51.100.1';
my $host = '198.51.100.10';

private();
my ($root, $why) = postfix_root('chain', 'opendkim', 'opendkim-tools',
    'opendmarc', 'python3-milter');
plan(skip_all => "filters and Postfix: $why") if !$root;
for my $a ($us, $host) {
	system('ip', 'addr', 'add', "$a/32", 'dev', 'lo') == 0 or die;
}
my @children;
END {
	local $?;
	kill('KILL', @children);
	postfix_kill($root) if $ENV{SG_PRIVATE} && $root;
}

# --- the DNS that opendmarc asks, on the port of this network
spit(tmp() . '/table', "_dmarc.example.com TXT 60 v=DMARC1; p=reject\n" .
    "example.com A 60 192.0.2.80\n");
spit("$root/etc/resolv.conf", "nameserver 127.0.0.1\n");
push(@children, background(tmp() . '/dnsd.out', $^X, 'regress/lib/dnsd.pl',
    53, tmp() . '/table'));
wait_for('the name server', sub { slurp(tmp() . '/dnsd.out') =~ /^ready$/m });

# --- the filters, each at a port of its own
my $dir = "$root/srv/chain";
my %port = map { $_ => mta_port() } qw(opendkim opendmarc edit look);
mkdir($dir) or die;
system('chroot', $root, 'opendkim-genkey', '-b', '1024', '-d', 'example.com',
    '-s', 'sel', '-D', '/srv/chain') == 0 or die "opendkim-genkey\n";
my $record = join('', slurp("$dir/sel.txt") =~ /"([^"]*)"/g);
# (opendkim-testmsg signs with SHA-1: the key must not forbid it)
$record =~ s/h=sha256;\s*//;
spit("$dir/keys", "sel._domainkey.example.com $record\n");
spit("$dir/opendkim.conf", <<"END");
Mode v
Socket inet:$port{opendkim}\@127.0.0.1
TestPublicKeys /srv/chain/keys
AlwaysAddARHeader yes
AuthservID mx.example.org
RequireSafeKeys no
TemporaryDirectory /tmp
END
spit("$dir/opendmarc.conf", <<"END");
Socket inet:$port{opendmarc}\@127.0.0.1
AuthservID mx.example.org
TrustedAuthservIDs mx.example.org
SPFIgnoreResults true
RejectFailures true
END
spit("$dir/filter.py", <<'END');
import os, sys, Milter
name, port = sys.argv[1:]
base = "/srv/chain/" + name

class Filter(Milter.Base):
	def tell(self, *words):
		with open(base + ".heard", "a") as f:
			f.write(" ".join(words) + "\n")
	def envfrom(self, path, *params):
		self.tell("mail", path, *params)
		return Milter.CONTINUE
	def envrcpt(self, path, *params):
		self.tell("rcpt", path, *params)
		return Milter.CONTINUE
	def header(self, field, value):
		self.tell("header", field + ":", value.replace("\n", " "))
		return Milter.CONTINUE
	def body(self, chunk):
		self.tell("body", repr(chunk))
		return Milter.CONTINUE
	def abort(self):
		self.tell("abort")
		return Milter.CONTINUE
	def eom(self):
		self.tell("end", "nrcpts=" + str(self.getsymval("{nrcpts}")))
		for line in open(base + ".wants"):
			word, *args = line.rstrip("\n").split("|")
			getattr(self, word)(*args)
		return Milter.CONTINUE
	def subject(self, text):
		self.chgheader("Subject", 1, text)
	def newbody(self, text):
		self.replacebody(text.encode() + b"\r\n")

Milter.factory = Filter
Milter.set_flags(Milter.ADDHDRS | Milter.CHGHDRS | Milter.CHGBODY |
    Milter.ADDRCPT | Milter.DELRCPT | Milter.CHGFROM | Milter.ADDRCPT_PAR)
Milter.runmilter(name, "inet:" + port + "@127.0.0.1", 60)
END
system('chmod', '-R', 'a+rwX', $dir) == 0 or die;

sub
filter
{
	my ($name, @cmd) = @_;
	my $out = tmp() . "/$name.out";
	my $pid = background($out, 'chroot', $root, @cmd);

	push(@children, $pid);
	wait_for($name, sub {
		waitpid($pid, POSIX::WNOHANG()) == 0 or
		    die "$name: " . slurp($out);
		IO::Socket::IP->new(PeerHost => '127.0.0.1',
		    PeerPort => $port{$name});
	});
}
filter('opendkim', 'opendkim', '-f', '-x', '/srv/chain/opendkim.conf');
filter('opendmarc', 'opendmarc', '-f', '-c', '/srv/chain/opendmarc.conf');
for my $name (qw(edit look)) {
	spit("$dir/$name.wants", '');
	filter($name, '/usr/bin/python3', '/srv/chain/filter.py', $name,
	    $port{$name});
}

# Returns what that filter has read since the last call.
my %heard;
sub
heard
{
	my ($name) = @_;
	my $all = slurp("$dir/$name.heard") // '';
	my $new = substr($all, $heard{$name} // 0);

	$heard{$name} = length($all);
	return ($new);
}

my $mta = postfix_start($root, mta_port());

# --- mails

my $plain = join("\r\n", 'From: <me@example.com>', 'To: <you@example.org>',
    'Subject: a line', 'Date: Mon, 23 Nov 2026 10:00:00 +0000',
    'Message-ID: <1@example.com>', '', 'hello', 'bye', '');

sub
signed
{
	my ($mail) = @_;

	spit("$dir/mail", $mail);
	my ($status, $out, $err) = run('chroot', $root, 'sh', '-c',
	    'opendkim-testmsg -C -d example.com -s sel -k ' .
	    '/srv/chain/sel.private < /srv/chain/mail');
	$status == 0 or die "opendkim-testmsg: $err\n";
	return ($out =~ s/\r?\n/\r\n/gr);
}

# The last reply.
sub
mail
{
	my ($mail, @to) = @_;
	my $s = smtp(from => $host, to => $us, port => $passport) or
	    return ("connect: $!");
	my $r = Sys::reply($s);

	for my $line ('EHLO client.example.com', 'MAIL FROM:<me@example.com>',
	    (map { "RCPT TO:$_" } @to ? @to : '<you@example.org>'), 'DATA') {
		print $s "$line\r\n";
		$s->flush();
		$r = Sys::reply($s);
		return ($r) if $r !~ /^[23]/;
	}
	print $s $mail =~ s/^\./../mgr, ".\r\n";
	$s->flush();
	return (Sys::reply($s));
}

# That message in Postfix' queue: its envelope, and the message.
sub
queued
{
	my ($reply) = @_;
	my ($id) = $reply =~ /^250 .*queued as (\w+)/ or return ('', $reply);
	my ($status, $env, $err) = run('chroot', $root, 'postcat', '-q', '-e',
	    $id);
	my ($status2, $text) = run('chroot', $root, 'postcat', '-q', '-h', '-b',
	    $id);

	$status == 0 && $status2 == 0 or die "postcat: $err\n";
	return ($env, $text);
}

sub
configure
{
	my (@names) = @_;

	conf("listen on $us port $frontport\n" .
	    "allowed domains { \"example.org\" }\nfirewall none\n" .
	    "tarpit { stutter no }\npass { listen on $us port $passport\n" .
	    "relay to 127.0.0.1 port $mta\nscan 30s\n" .
	    join('', map { "module milter \"$_\" { server 127.0.0.1 port " .
	    "$port{$_} }\n" } @names) . "}\n");
}


# --- opendmarc uses opendkim's result
configure(qw(opendkim opendmarc));
start();
db_ok('add', $host);
my $mail = signed($plain);
wait_for('a first mail', sub { return (mail($mail) =~ /^250/) });
my $r = mail($mail);
like($r, qr/^250 .*queued as/, 'a signed mail is taken');
my ($env, $text) = queued($r);
like($text, qr/^Authentication-Results: mx\.example\.org;(?:.*\n\s)*dkim=pass/m,
    'opendkim has found its signature good');
like($text, qr/^Authentication-Results: mx\.example\.org; dmarc=pass.*header\.from=example\.com/m,
    '… and so opendmarc its author');
like($text, qr/^Received: .*\n(?:\s.*\n)*Received: .*\n(?:\s.*\n)*Authentication-Results: .*dmarc=.*\n(?:\s.*\n)*Authentication-Results: .*\n(?:\s.*\n)*.*dkim=/m,
    'each field above that of the one before, below the trace');
like(mail($plain), qr/^550 5\.7\.1 rejected by DMARC policy for example\.com/,
    'without a signature it is refused by the policy');
like(mail("Authentication-Results: mx.example.org; dkim=pass " .
    "header.d=example.com\r\n$plain"), qr/^550 5\.7\.1 rejected by DMARC/,
    'a field that the client made up is gone before opendmarc looks');
configure(qw(opendmarc opendkim));
is((db('reload'))[0], 0, 'reload: the other way round');
wait_for('opendmarc, which has nothing to go by, to refuse', sub {
	return (mail($mail) =~ /^550 5\.7\.1 rejected by DMARC/);
});
pass('the order is that of the file');

# --- one that changes, before another
configure(qw(opendkim opendmarc edit look));
is((db('reload'))[0], 0, 'reload: four in a row');
wait_for('the last to hear of it', sub {
	mail($mail);
	return (slurp("$dir/look.heard") // '');
});
heard($_) for qw(edit look);
$r = mail($mail, '<you@example.org> NOTIFY=NEVER', '<other@example.org>');
like($r, qr/^250 .*queued as/, 'none of them against it');
like(heard('edit'), qr/^rcpt <you\@example\.org> NOTIFY=NEVER$/m,
    'a filter hears the parameters of a recipient');
like(heard('look'), qr/^header Authentication-Results: .*dmarc=pass.*\n(?:.*\n)*header Authentication-Results: .*dkim=pass/m,
    'the last sees the fields of both');
($env, $text) = queued($r);
my ($body) = $plain =~ /\r\n\r\n(.*)/s;
$body =~ s/\r//g;
like($text, qr/\n\n\Q$body\E\z/, 'the body is as it was');

spit("$dir/edit.wants", "subject|another line\nnewbody|other body\n" .
    "delrcpt|<you\@example.org>\naddrcpt|<third\@example.org>\n" .
    "addrcpt|<fourth\@example.org>|NOTIFY=NEVER\n" .
    "chgfrom|<bounce\@example.com>\naddheader|X-Edit|yes\n");
$r = mail($mail, '<you@example.org>', '<other@example.org>');
like($r, qr/^250 .*queued as/, 'one changes it all');
is(heard('look') =~ s/^header .*\n//mgr, "mail <me\@example.com>\n" .
    "rcpt <you\@example.org>\nrcpt <other\@example.org>\nabort\n" .
    "mail <bounce\@example.com>\nrcpt <other\@example.org>\n" .
    "rcpt <third\@example.org>\nrcpt <fourth\@example.org> NOTIFY=NEVER\n" .
    "body b'other body\\r\\n'\nend nrcpts=3\n",
    'the next hears all again, as it is now');
($env, $text) = queued($r);
like($env, qr/^sender: bounce\@example\.com$/m, 'Postfix has the new sender');
is(join(' ', sort($env =~ /^recipient: (\S+)$/mg)), 'fourth@example.org ' .
    'other@example.org third@example.org', '… the recipients that are left');
like($text, qr/^Subject: another line$/m, '… the other subject');
is(() = $text =~ /^Subject:/mg, 1, '… and only that one');
like($text, qr/^X-Edit: yes$/m, '… a field more');
is(() = $text =~ /^Authentication-Results: mx\.example\.org/mg, 2,
    '… those of opendkim and opendmarc');
like($text, qr/\n\nother body\n\z/, '… and the other body');

spit("$dir/edit.wants", "delrcpt|<you\@example.org>\n");
heard($_) for qw(edit look);
like(mail($mail), qr/^550 5\.7\.1 .*a filter removed all recipients/,
    'nobody left: refused');
unlike(heard('look'), qr/^end/m, '… and the next does not look');
spit("$dir/edit.wants", '');
$r = mail($mail);
like($r, qr/^250 .*queued as/, 'the next mail is taken');
($env, $text) = queued($r);
like($text, qr/^Subject: a line$/m, '… as it came');
my ($status) = stop();
is($status, 0, 'a clean end');
done_testing();
