#!/usr/bin/perl
# The whole daemon with a real rspamd, with Debian's rules and some of the
# test's own: each action, the changes of the header, and that rspamd gets the
# client, the sender and the recipients.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Sys;
use Mta;
use Test::More;

my ($passport, $sinkport, $dnsport, $rport) = (8027, 2525, 5353, 11333);
my $us = '198.51.100.1';

private();

my ($root, $why) = root('rs', 'rspamd', 'redis-server');
plan(skip_all => "rspamd: $why") if !$root;
my @hosts = map { "198.51.100.$_" } 10 .. 12;
for my $a ($us, @hosts) {
	system('ip', 'addr', 'add', "$a/32", 'dev', 'lo') == 0 or die;
}
my @children;
END { local $?; kill('KILL', @children) if @children }
sub child { push(@children, background(tmp() . '/out', @_)) }
spit(tmp() . '/table', '');
push(@children, mail_sink($sinkport));
child($^X, 'regress/lib/dnsd.pl', $dnsport, tmp() . '/table');
listening('the name server', $dnsport);

# --- rspamd

# Two maps: words of the subject, and values of the session.
my $etc = "$root/etc/rspamd";
my $maps = '';
sub
map_of
{
	my ($name, $type, $text, $more) = @_;

	spit("$etc/$name.map", "$text\n");
	$maps .= "$name { type = \"$type\"; map = \"/etc/rspamd/$name.map\"; " .
	    "$more }\n";
}
for my $score (50, 70, 100) {
	map_of("SG_POINTS$score", 'header', "/points$score/",
	    "header = \"Subject\"; regexp = true; score = $score;");
}
map_of('SG_SOFT', 'header', '/softly/', 'header = "Subject"; regexp = true; ' .
    'prefilter = true; action = "soft reject"; ' .
    'message = "Come back another day";');
map_of('SG_IP', 'ip', $hosts[0], 'score = 0.01;');
map_of('SG_HELO', 'helo', 'client.example.com', 'score = 0.01;');
map_of('SG_FROM', 'from', 'me@example.com', 'score = 0.01;');
map_of('SG_RCPT', 'rcpt', 'you@example.org', 'score = 0.01;');
for my $f (['multimap.conf', $maps],
    ['options.inc', "dns { nameserver = [\"127.0.0.1:$dnsport\"]; }\n" .
    "enable_test_patterns = true;\ndisable_hyperscan = true;\n"],
    ['worker-normal.inc', "bind_socket = \"127.0.0.1:$rport\"; count = 2;\n"],
    ['worker-proxy.inc', "enabled = false;\n"],
    ['worker-controller.inc', "bind_socket = \"127.0.0.1:11334\";\n"],
    ['worker-fuzzy.inc', "enabled = false;\n"],
    ['logging.inc', "type = \"console\";\n"],
    ['milter_headers.conf', 'use = ["x-spam-status"];' . "\n"],
    ['actions.conf', "greylist = 35; add_header = 40; rewrite_subject = 60; " .
    "reject = 90; subject = \"[spam] %s\";\n"]) {
	spit("$etc/local.d/$f->[0]", $f->[1]);
}
# Its changes of a message, by a word of the subject.
spit("$etc/rspamd.local.lua", <<'END');
rspamd_config:register_symbol({
  name = 'SG_MILTER', type = 'postfilter',
  callback = function(task)
    local s = task:get_header('Subject') or ''
    if s:match('wishes') then
      task:set_milter_reply({
        add_headers = {
          ['X-Lua'] = { value = 'at the end', order = -1 },
          ['X-Top'] = { value = 'on top', order = 0 },
        },
        remove_headers = { ['X-Drop'] = -1, ['X-All'] = 0 },
        change_from = 'bounce@example.net',
        add_rcpt = { 'extra@example.org' },
        del_rcpt = { '<other@example.org>' },
      })
    elseif s:match('nothing') then
      task:set_milter_reply({ no_action = true })
    elseif s:match('vanish') then
      task:set_milter_reply({ reject = 'discard' })
    elseif s:match('impossible') then
      task:set_milter_reply({ change_body = 'another',
        add_headers = { ['X-Half'] = 'done' } })
    end
  end
})
END
my ($uid, $gid) = slurp("$root/etc/passwd") =~ /^_rspamd:[^:]*:(\d+):(\d+):/m;
mkdir("$root/run/rspamd");
mkdir("$root/var/lib/rspamd");
chown($uid, $gid, "$root/run/rspamd", "$root/var/lib/rspamd");
my $rspamd;
sub
rspamd_start
{
	$rspamd = background(tmp() . '/rspamd.out', 'chroot', $root, 'rspamd',
	    '-f', '-u', '_rspamd', '-g', '_rspamd');
	push(@children, $rspamd);
	wait_for('rspamd', sub {
		waitpid($rspamd, POSIX::WNOHANG()) == 0 or
		    die 'rspamd: ' . slurp(tmp() . '/rspamd.out');
		my $s = IO::Socket::INET->new("127.0.0.1:$rport") or return (0);
		print $s "GET /ping HTTP/1.0\r\n\r\n";
		local $/;
		return ((<$s> // '') =~ /pong/);
	}, 120);
}

# --- mails
sub
mail
{
	my ($from, $subject, %o) = @_;

	return (ordinary_mail($subject, from => $from, to => $us,
	    port => $passport, %o));
}
sub mark { return (mail_last() =~ /^(X-Spamgreyd:[^\r\n]*(?:\r\n\s[^\r\n]*)*)/m ? $1 =~ s/\r\n\s+/ /gr : '') }

sub
configure
{
	my ($module, $more) = @_;

	conf("listen on 127.0.0.1 port 8025\n" .
	    "allowed domains { \"example.org\" }\nfirewall none\n" .
	    "on spam log\n" .
	    "pass { listen on $us port $passport\n" .
	    "relay to 127.0.0.1 port $sinkport\n" . ($more // '') .
	    "module rspamd { $module }\n}\n");
}
sub
again
{
	configure(@_);
	is((db('reload'))[0], 0, 'reload: ' . $_[0] =~ s/\n/ /gr);
}

my $gtube = 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL' .
    '*C.34X';
my $us_host = $hosts[0];
rspamd_start();
configure('server 127.0.0.1');
start();
db_ok('add', @hosts);
wait_for('a first session', sub { mail($us_host, 'hello') =~ /^250/ });
is(mark(), '', 'an ordinary mail is not marked');
log_mark();
like(mail($us_host, 'hello'), qr/^250/, 'and taken');
wait_log(qr/ pass rspamd action=no\S*action score=\S+ symbols=/);
for my $symbol ('IP', 'HELO', 'FROM', 'RCPT') {
	log_like(qr/symbols=\S*\bSG_$symbol\b/,
	    "it was told the client's $symbol");
}
like(mail($us_host, 'hello', body => [$gtube]), qr/^550 5\.7\.1 /,
    'GTUBE is refused');
like(mail($us_host, 'points100'), qr/^550 5\.7\.1 .*spam/, 'reject');
like(mail($us_host, 'softly'), qr/^451 4\.7\.1 Come back another day/,
    'soft reject, with its words');
like(mail($us_host, 'points50', head => ['X-Spam-Status: No, honestly']),
    qr/^250/, 'add header: taken');
like(mark(), qr/rspamd=unwanted \(add header/, '… marked');
like(mail_last(), qr/^X-Spam-Status: Yes/m, '… its field is there');
unlike(mail_last(), qr/honestly/, '… a forged one is not');
like(mail($us_host, 'points70'), qr/^250/, 'rewrite subject: taken');
like(mail_last(), qr/^Subject: \[spam\] points70\r$/m,
    '… with another subject');
like(mail($us_host, 'wishes', rcpt => ['you@example.org',
    'other@example.org'], head => ['X-Drop: 1', 'X-All: 1', 'X-Drop: 2',
    'x-all: 2', 'X-Lua: forged', 'X-Spam: No', 'X-Rspamd-Score: -100']),
    qr/^250/, 'changes that a rule of ours wants: taken');
my ($fields) = mail_last() =~ /^(.*?\r\n)\r\n/s;
like($fields, qr/\A(?:Received:[^\r]*\r\n(?:\s[^\r]*\r\n)*)X-Top: on top\r$/m,
    '… a field on top');
like($fields, qr/^X-Lua: at the end\r\n(?!X-Drop|From)/m, '… one at the end');
like($fields, qr/^X-Drop: 1\r$/m, '… of a name');
unlike($fields, qr/^X-Drop: 2/m, '… the last has gone');
unlike($fields, qr/^X-All/im, '… all of another');
unlike($fields, qr/forged|^X-Spam: No|^X-Rspamd-Score: -100/m,
    '… and what a client forged');
is(join(' ', sort(split(' ', mail_envelope()))),
    '<bounce@example.net> <extra@example.org> <you@example.org>',
    '… another sender, one recipient more and one less');
like(mail($us_host, 'points100 nothing'), qr/^250/, 'no action: taken');
like(mail_last(), qr/^X-Rspamd-Action: reject\r$/m, '… and said');
like(mail($us_host, 'points100 vanish'), qr/^550 5\.7\.1 /,
    'to be discarded: refused');
log_mark();
like(mail($us_host, 'impossible', head => ['X-Spam-Status: No, honestly']),
    qr/^250/, 'what cannot be done: on-error accept');
wait_log(qr/ pass rspamd error=\S*change_body\S* stage=eom on-error=accept/);
unlike(mail_last(), qr/X-Half|honestly|another/,
    '… nothing of it is done, nothing forged passes');
again("server 127.0.0.1\non-error tempfail");
like(mail($us_host, 'impossible'), qr/^451 4\.3\.0/, '… or as on-error says');
again("server 127.0.0.1\nscore points", "reject at 45\n");
like(mail($us_host, 'points50'), qr{^550 .* 5[\d.]+ points, limit 45 \(content 5},
    'score points: refused by ours');
again("server 127.0.0.1\nmax-size 2K");
like(mail($us_host, 'points100', body => [('x' x 70) x 100]), qr/^250/,
    'larger than max-size: taken');
again("server 127.0.0.1\ntimeout 2s\non-error tempfail");
my @tree = ($rspamd, split(' ',
    slurp("/proc/$rspamd/task/$rspamd/children")));
kill('STOP', @tree);
like(mail($us_host, 'hello'), qr/^451 4\.3\.0/, 'stopped: put off');
kill('CONT', @tree);
wait_for('rspamd', sub { mail($us_host, 'points100') =~ /^550/ });
kill('KILL', @tree);
waitpid($rspamd, 0);
like(mail($us_host, 'hello'), qr/^451 4\.3\.0/, 'killed: put off');
again("server 127.0.0.1");
like(mail($us_host, 'hello'), qr/^250/, 'by default it goes on');
cmp_ok(counter('module.rspamd.failed'), '>=', 2, 'failures are counted');
is((stop())[0], 0, 'SIGTERM');
done_testing();
