#!/usr/bin/perl
# spamgreydb convert: it makes a spamgreyd.conf of spamd's files that spamgreyd
# -n accepts. Each flag of the four programs has its place in the output and in
# the manual page.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Db;
use Test::More;

my $n = 0;

# What is printed for these files, each a text.
sub
convert
{
	return (db('convert', map { spit('in' . $n++, $_) } @_));
}

# Is it a configuration?  Certificates, keys and lists are not looked up.
sub
parses
{
	my ($conf, $what) = @_;
	my $file = spit('out.conf', $conf . "state directory \"" . dir() .
	    "/s\"\n");
	chown(0, 0, $file) if $> == 0;	# a configuration of who reads it
	my $err = qx(spamgreyd/spamgreyd -n -f $file 2>&1);

	is($? >> 8, 0, "$what: spamgreyd -n") or diag("$err\n$conf");
}

sub
flag
{
	my ($flags, $want, $what) = @_;
	my ($status, $out, $err) = convert("spamd_flags=\"$flags\"\n");

	is("$status$err", '0', "$what: understood");
	like($out, $want, "$what: done");
	parses($out, $what);
}

my ($status, $out, $err) = convert("spamd_flags=\n");
is("$status$err", '0', 'no flags');
like($out, qr/^\s*pass 25m\b.*^\s*grey 4h\b.*^\s*white 864h\b/ms,
    'spamd\'s times');
like($out, qr/^firewall pf table "spamd-white"$/m, 'its table');
like($out, qr/^listen on 127\.0\.0\.1 port 8025$/m, 'its port');
like($out, qr/stutter 1s for 10s  reply 450/, 'its stutter');
like($out, qr/^# log spamd\t/m, 'its log lines are offered');
parses($out, 'no flags');

flag('-4', qr/reply 450/, '-4');
flag('-5', qr/reply 550/, '-5');
flag('-B 10', qr/^# spamd -B 10:/m, '-B');
flag('-b', qr/^# spamd -b:/m, '-b');
flag('-c 123', qr/connections 123/, '-c');
flag('-d', qr/^# spamd -d is/m, '-d');
flag('-G 2:3:400', qr/pass 2m\b.*grey 3h\b.*white 400h\b/s, '-G');
flag('-h mx.example.org', qr/^hostname "mx\.example\.org"$/m, '-h');
flag('-l 192.0.2.1 -p 9025', qr/^listen on 192\.0\.2\.1 port 9025$/m, '-l -p');
flag('-M 192.0.2.9', qr/to 192\.0\.2\.9 port smtp.*low-priority-mx$/ms, '-M');
flag("-n 'Big Mailer 1.0'", qr/^# spamd -n .*Big Mailer 1\.0$/m, '-n');
flag('-s 3 -S 30', qr/stutter 3s for 30s/, '-s -S');
flag('-s 0', qr/stutter no/, '-s 0');
flag('-S 0', qr/stutter 1s for 0s/, '-S 0');
flag('-v', qr/^# spamd -v is/m, '-v');
flag('-w 1', qr/^# spamd -w/m, '-w');

# files that are not there: as text only
($status, $out) = convert("spamd_flags='-C /c.pem -K /k.pem'\n");
like($out, qr{^tls certificate "/c\.pem" key "/k\.pem"}m, '-C -K');
($status, $out) = convert("spamd_flags='-y 192.0.2.1 -Y 192.0.2.2 -Y em0:3'\n"
    . "spamlogd_flags=\"-I -i em1 -l pflog2 -W 100 -Y 192.0.2.2\"\n");
like($out, qr/^track pflog2 interface em1 outbound no$/m, 'spamlogd');
like($out, qr/^# spamlogd -W 100/m, '-W');
is(() = $out =~ /peer 192\.0\.2\.2 spamd/g, 1, '-Y of both, once');
like($out, qr/^\tmulticast "em0" ttl 3 spamd$/m, '-Y of an interface');
like($out, qr/^\tlisten on 192\.0\.2\.1 port 8025\n.*^\taccept spamd\n/ms, '-y');
spit('key', "secret\n");
chmod(0600, dir() . '/key');
parses($out =~ s{/etc/mail/spamd\.key}{dir() . '/key'}er, 'sync and track');

# spamd itself does not start with these two
($status, $out, $err) = convert("spamd_flags='-y em0 -Y em0:2'\n");
is(() = $out =~ /^\tmulticast "em0" ttl 2 spamd$/mg, 1,
    '-y and -Y of one interface: one group');
parses($out =~ s{/etc/mail/spamd\.key}{dir() . '/key'}er,
    '-y and -Y of one interface');

# spamd.conf
spit('white.txt', "192.0.2.7\n");
my $black = spit('black.txt', "192.0.2.0/24\n");
my $conf = <<"END";
# lists
all:\\
	:first:exempt:second:missing:

first:\\
	:black:\\
	:msg="Your address %A is: \\"listed\\"\\n\\
	100% \\\\ ask":\\
	:file=$black:
exempt|other:\\
	:white:\\
	:file=@{[dir()]}/white.txt:
second:black:msg="x":method=https:file=www.example.org/list.gz:
third:black:msg="y":method=exec:file=/bin/echo -n 1.2.3.4:
END
($status, $out, $err) = convert($conf);
like($out, qr/^blacklist "first" file "\Q$black\E" \\\n    message "Your address %A is: \\"listed\\"\\n 100%% \/ ask" reply 450 except \{ "exempt" \}$/m,
    'a list with its message and what is taken out');
like($out, qr/^whitelist "exempt" file/m, 'a white list');
like($out, qr{^blacklist "second" url "https://www\.example\.org/list\.gz"}m,
    'a URL');
like($out, qr/^# List third is not in/m, 'a list that is not in all');
like($out, qr/^# NOT CONVERTED: .*list missing has no file/m, 'a list that is not there');
parses($out =~ s/^blacklist "second".*\n.*\n//mr, 'lists');
($status, $out, $err) = convert($conf, "spamd_black=YES\n");
like($out, qr/ reply 450 except \{ "exempt" \} table "spamd"$/m,
    'blacklists alone fill their table');

# spamd.alloweddomains
($status, $out, $err) = convert("\@example.com\nexample.org\n# x\n\n" .
    "joe\@example.net\n");
like($out, qr/^allowed domains \{\n\t"\@example\.com"\n\t"example\.org" "\.example\.org"\n\t"joe\@example\.net"\n\} trap after 1 in 1h\b/m,
    'allowed domains');
parses($out, 'allowed domains');

# files as they are found: FreeBSD's, which is a shell's script; with the line
# ends and the mark of another system; cut off; put together
($status, $out, $err) = convert(<<'END');
hostname="bsd.example.org"
if [ -f /etc/rc.conf.more ]; then
	. /etc/rc.conf.more
fi
obspamd_enable="YES"	# as it says
obspamd_flags="-v -G 2:3:400"
obspamd_flags="-G 5:4:864 -5"
obspamlogd_enable="YES"
END
is("$status$err", '0', 'FreeBSD\'s rc.conf');
like($out, qr/pass 5m\b.*reply 550/s, '… the last flags count');
like($out, qr/^track pflog0\b/m, '… spamlogd runs without flags');
unlike($out, qr/^allowed domains/m, '… and "fi" is no domain');
parses($out, 'FreeBSD');
($status, $out, $err) = convert("spamlogd_flags=\"\"\n", "spamlogd_flags=NO\n");
unlike($out, qr/^track/m, 'what is off in the last file is off');
($status, $out, $err) = convert("\xef\xbb\xbf\@example.com\r\n" .
    "example.org.\r\n");
like($out, qr/^allowed domains \{\n\t"\@example\.com"\n\t"example\.org" "\.example\.org"\n\} trap after 1 in 1h\b/m,
    'a mark and CRLF');
($status, $out, $err) = convert($conf =~ s/\n/\r\n/gr);
like($out, qr/^blacklist "first" file .* except \{ "exempt" \}$/ms,
    'lists with CRLF');
($status, $out, $err) = convert("spamd_flags=\"-h mx.example.org\"\n$conf");
like($out, qr/^hostname "mx\.example\.org"\n.*^blacklist "first"/ms,
    'two files in one');
for my $text ('', "\n \n# only\n", "all:\\\n\t:a:\\", '\\', 'spamd_flags="-G 5') {
	($status, $out, $err) = convert($text);
	parses($out, 'odd: ' . ($text =~ s/\n/ /gr));
}

# a list, or what is of it, that spamgreyd.conf cannot hold
my $many = join(':', 'all', 1 .. 70) . ":\n" . join('', map {
    "$_:black:msg=\"x\":file=$black:\n" } 1 .. 70);
for my $t ([$many, qr/list 65: more than 64 lists/, 64],
    ["all:a,b:\na,b:black:msg=\"x\":file=$black:\n",
    qr/list a,b: a name holds letters/, 0],
    ["all:a:\na:black:msg=\"x\":method=exec:file=run me:\n",
    qr/list a: the program's name must begin/, 0],
    ["all:a:w:\na:black:msg=\"x\":file=$black:\nw:white:\n",
    qr/list w has no file/, 1],
    ["all:a:\na:black:msg=\"" . 'x' x 9000 . "\":file=$black:\n",
    qr/list a: its message is cut/, 1],
    ["all:a:\na:black:msg=\"" . '%A ' x 300 . "\":file=$black:\n",
    qr/\A\z/, 1],
    ["a:black:msg=\"x\":file=$black:\n", qr/there is no `all'/, 0]) {
	($status, $out, $err) = convert($t->[0]);
	like($err, $t->[1], "told: $t->[1]");
	is($status, $err eq '' ? 0 : 1, '… in the status');
	is(() = $out =~ /^blacklist /mg, $t->[2], '… and the rest is done');
	parses($out, $t->[1]);
}
($status, $out, $err) = convert("-bad-.org\n\@\n[192.0.2.1]\nexample.org\n");
is(() = $err =~ /is neither a domain nor an address/g, 3, 'no domains');
parses($out, 'no domains');

# what cannot be taken
for my $t (['-x', qr/in\d+:1: spamd: unknown option -x/],
    ['-G 1:2', qr/-G needs three numbers/], ['-G a:1:1', qr/-G a is not/],
    ['-s 11', qr/-s 11 is not a number from 0 to 10/],
    ['-l mx.example.org', qr/-l mx\.example\.org: only an IP address/],
    ['-h my,host', qr/-h my,host is not a host name/],
    ['-C /c.pem', qr/-C and -K go together/],
    ['-G 300:4:864', qr/-G 300:4:864: nothing could ever pass/],
    ['-y gw.example.com', qr/-y gw\.example\.com: neither an address/],
    ['-Y gw.example.com', qr/-Y gw\.example\.com: neither an address/],
    ['-Y em0:300', qr/-Y em0:300: neither/],
    ['-p', qr/the argument of -p is missing/], ['word', qr/"word" is not an option/]) {
	($status, $out, $err) = convert("spamd_flags=\"$t->[0]\"\n");
	is($status, 1, "$t->[0]: 1");
	like($err, $t->[1], '… and why');
	like($out, qr/^# NOT CONVERTED: .*spamd: /m, '… in the output too');
	parses($out, $t->[0]);
}
is((db('convert'))[0], 2, 'no file');
($status, $out, $err) = db('convert', '/nonexistent');
is($status, 1, 'a file that is not there');
like($err, qr{/nonexistent: No such file}, '… is named');
($status, $out, $err) = convert("a\0b\n");
is($status, 1, 'no text');

# The page has every flag of the reference.
my $page = slurp('spamgreyd/spamgreyd-spamd.7');
my %flags = (
	'spamd(8)' => '4 5 b B c C d G h K l M n p s S v w y Y',
	'spamdb(8)' => 'a d G t T',
	'spamlogd(8)' => 'D I i l W Y',
	'spamd-setup(8)' => 'b D d n'
);
for my $program (sort(keys(%flags))) {
	my ($part) = $page =~ /^\.Ss \Q$program\E\n(.*?)^\.Ss/ms;
	for my $f (split(/ /, $flags{$program})) {
		like($part, qr/^\.It (?:.* )?Fl (?:\w , )*$f\b.* Ta /m,
		    "$program: -$f");
	}
}

# What is dropped is named, whatever it is.
($status, $out, $err) = convert("all:\\\n\t:a:\n\na:\\\n\t:black:\\\n" .
    "\t:method=rsync:\\\n\t:file=x:\n",
    "\@example.org\nb\xc3\xbccher.example\n\@\@bad\n");
like($out, qr/NOT CONVERTED: .*the method "rsync" is unknown/,
    'an unknown method is named as dropped');
like($out, qr/NOT CONVERTED: .*"\@\@bad" is neither/,
    'an address that no recipient can have is named as dropped');
like($out, qr/"xn--bcher-kva\.example"/, 'an international domain is kept');
done_testing();
