#!/usr/bin/perl
#
# spamgreyd -n and -nv over the files beside this one.
#	good/N.in	parses; -nv prints N.ok, and of that the same again;
#			standard error is N.warn, or nothing
#	bad/N.in	is refused with exactly N.err, all of it in one run
# A first line "# flags: -D x=y" gives more arguments.  The program runs in a
# copy of this directory, so that its files belong to the user of the test and
# messages name a file as good/N.in.
# UPDATE=1 writes the output to the files instead of comparing: review the
# difference.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

my $prog = abs_path($ENV{SPAMGREYD} || './spamgreyd/spamgreyd');
my $top = abs_path('.');
my $here = abs_path(dirname($0));
my $tmp = tempdir(CLEANUP => 1);
umask(022);
mkdir("$tmp/tree") or die;
system('cp', '-r', map({ "$here/$_" } qw(good bad files)), "$tmp/tree") == 0 &&
    system('chmod', '-R', 'go-w', "$tmp/tree") == 0 or die 'no copy';
chdir("$tmp/tree") or die;
END { chdir("/") }

sub slurp {
	my ($file) = @_;
	open(my $fh, '<:raw', $file) or return undef;
	local $/;
	my $text = <$fh>;
	return defined $text ? $text : '';
}

sub spew {
	my ($file, $text) = @_;
	open(my $fh, '>:raw', $file) or die "$file: $!";
	print $fh $text;
	close($fh) or die "$file: $!";
}

# Exit status, standard output, standard error.
sub run {
	my (@args) = @_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0) {
		open(STDOUT, '>', "$tmp/out") or die;
		open(STDERR, '>', "$tmp/err") or die;
		exec($prog, @args) or die "$prog: $!";
	}
	waitpid($pid, 0);
	my $status = $? & 127 ? "signal " . ($? & 127) : $? >> 8;
	return ($status, slurp("$tmp/out"), slurp("$tmp/err"));
}

sub flags {
	my ($file) = @_;
	return slurp($file) =~ /\A# flags: (.*)/ ? split(' ', $1) : ();
}

# Equal to the file's text; the differing lines are shown.
sub is_file {
	my ($got, $file, $name) = @_;
	if ($ENV{UPDATE}) {
		$got eq '' ? unlink("$here/$file") : spew("$here/$file", $got);
	}
	my $want = slurp("$here/$file");
	is($got, defined $want ? $want : '', $name);
}

for my $in (sort glob('good/*.in')) {
	(my $base = $in) =~ s/\.in$//;
	my ($status, $out, $err) = run('-nv', flags($in), '-f', $in);
	is($status, 0, "$base is accepted");
	is_file($out, "$base.ok", "$base is printed back");
	is_file($err, "$base.warn", "$base: warnings");
	spew("$tmp/again", $out);
	my ($status2, $out2) = run('-nv', '-f', "$tmp/again");
	is($status2, 0, "$base: what was printed is accepted");
	is($out2, $out, "$base: and prints the same again");
}

for my $in (sort glob('bad/*.in')) {
	(my $base = $in) =~ s/\.in$//;
	my ($status, $out, $err) = run('-n', flags($in), '-f', $in);
	is($status, 1, "$base is refused");
	is($out, '', "$base: nothing on standard output");
	is_file($err, "$base.err", "$base: all errors, and no others");
	isnt($err, '', "$base: it is said why");
}

# The keywords of the grammar: parse.y's, and the names and the words of the
# settings of lib/conf/schema.h, whose forms a syntax error shows.
my $grammar = slurp("$top/lib/conf/parse.y");
my $manual = slurp("$top/spamgreyd/spamgreyd.conf.5");
my ($table) = $grammar =~ /keywords\[\] = \{(.*?)^\};/ms;
my @of_grammar = $table =~ /^\t\{ "([a-z0-9-]+)",\s+\w+ \},$/mg;
my (@forms, %of_schema);
{
	(my $schema = slurp("$top/lib/conf/schema.h")) =~ s{/\*.*?\*/}{}gs;
	my $string = qr/"((?:[^"\\]|\\.)*(?:"\s*"(?:[^"\\]|\\.)*)*)"/;
	while ($schema =~ /^([A-Z]+)\([^"]*?$string/mg) {
		my ($macro, $form) = ($1, $2);
		next if $macro eq 'OWN';
		$form =~ s/"\s*"//g;
		$form =~ s/\\n/\n/g;
		push @forms, split(/\n/, $form);
		next if $macro =~ /^(STATEMENT|BRACES|FORM)$/;
		$of_schema{$_} = 1 for $form =~ /(?<![\w"-])[a-z][a-z0-9-]*/g;
	}
}
my %either = map { $_ => 1 } @of_grammar, keys %of_schema;
my @keywords = sort keys %either;

# The forms have each keyword of the grammar, begin as the manual's do, and are
# of a block that there is.
{
	my (%known, @missing);
	cmp_ok(scalar @forms, '>', 80, 'the forms of statements are found');
	for my $form (@forms) {
		$known{$_} = 1 for $form =~ /[a-z][a-z0-9-]*/g;
		my ($word) = $form =~ /([a-z-]+)/;
		push @missing, $word if $manual !~ /^\.(?:It )?Ic \Q$word\E\b/m;
	}
	is("@missing", '', 'each begins as in the manual');
	cmp_ok(scalar @keywords, '>', 100, 'the keywords are found');
	is(join(' ', grep { !$known{$_} } @keywords), '',
	    'each keyword is in a form');
}

my ($status, $out, $err) = run('-n', '-f', "$tmp/nonexistent");
is($status, 1, 'a missing file is refused');
is($err, "$tmp/nonexistent: No such file or directory\n", 'and named');
($status, $out, $err) = run('-n', '-f', $tmp);
is($status, 1, 'a directory is refused');
is($err, "$tmp: Is a directory\n", 'and named');

# Without hostname: the system's own name.
spew("$tmp/empty", '');
($status, $out) = run('-nv', '-f', "$tmp/empty");
is($status, 0, 'an empty file is a configuration');
chomp(my $name = `uname -n`);
SKIP: {
	skip("the system's name is no host name", 1)
	    unless $name =~ /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i;
	like($out, qr/^hostname "\Q$name\E"$/m, "the system's name is taken");
}

# A chain of includes, none of them twice: 16 files, and not one more.
for my $n (1 .. 17) {
	spew("$tmp/$n.conf", $n == 17 ? "front 2\n" :
	    "include \"$tmp/" . ($n + 1) . ".conf\"\n");
}
($status, $out) = run('-nv', '-f', "$tmp/2.conf");
is($status, 0, '16 files deep');
like($out, qr/^front 2$/m, 'the deepest counts');
($status, $out, $err) = run('-n', '-f', "$tmp/1.conf");
is($status, 1, '17 files deep is refused');
is($err =~ s/.*warning:.*\n//r,
    "$tmp/16.conf:1: include \"$tmp/17.conf\": includes nested too deeply\n",
    'where it is too deep');

# A certificate and its key; other users must not be able to read the key.
SKIP: {
	skip('openssl(1) is not installed', 8) if system(
	    "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=mx.example.org"
	    . " -keyout $tmp/key.pem -out $tmp/cert.pem >/dev/null 2>&1") != 0;
	chmod(0600, "$tmp/key.pem");
	my $conf = <<"END";
hostname "mx.example.org"
firewall pf
tls certificate "$tmp/cert.pem" key "$tmp/key.pem"
listen on 127.0.0.1 port 25 tls certificate "$tmp/cert.pem" key "$tmp/key.pem"
listen on ::1 port 25
END
	spew("$tmp/tls.conf", $conf);
	($status, $out, $err) = run('-nv', '-f', "$tmp/tls.conf");
	is($status, 0, 'certificates are accepted');
	is($err, '', 'silently');
	like($out, qr/^\Q$_\E$/m, "printed: $_")
	    for grep { /tls/ } split(/\n/, $conf);
	(my $other = $conf) =~ s/^tls.*\K\bkey .*/key "$tmp\/other.pem"/m;
	system("openssl genrsa -out $tmp/other.pem 2048 >/dev/null 2>&1");
	chmod(0600, "$tmp/other.pem");
	spew("$tmp/other.conf", $other);
	($status, $out, $err) = run('-n', '-f', "$tmp/other.conf");
	is($status, 1, 'a key of another certificate is refused');
	like($err, qr{^\Q$tmp\E/other\.conf:3: tls certificate \S+ key \S+/other\.pem: .*belong}m,
	    'by file and line');
	chmod(0604, "$tmp/key.pem");
	($status, $out, $err) = run('-n', '-f', "$tmp/tls.conf");
	is($status, 1, 'a key that everybody may read is refused');
	is($err, join('', map { "$tmp/tls.conf:$_: $tmp/key.pem: everybody "
	    . "may read or write this key; chmod o= it\n" } 3, 4),
	    'for each that uses it');
}

# The block sync: its key must exist, and other users must not be able to read
# it.
spew("$tmp/sync.key", "secret\n");
chmod(0600, "$tmp/sync.key");
spew("$tmp/sync.conf", <<"END");
hostname mx.example.org firewall pf
sync {
	listen on 192.0.2.1, listen on 2001:db8::1 port 8030  key "$tmp/sync.key"
	peer 192.0.2.2 peer 2001:db8::2 port 9000
	peer 192.0.2.3 port 8026 spamd  accept spamd
	multicast "em0"
	multicast "em1" port 8031 ttl 4 spamd
}
END
($status, $out, $err) = run('-nv', '-f', "$tmp/sync.conf");
is($status, 0, 'a block sync is accepted');
is($err, '', 'silently');
like($out, qr/^sync \{\n\tkey "\Q$tmp\E\/sync\.key"
	listen on 192\.0\.2\.1 port 8025
	listen on 2001:db8::1 port 8030
	multicast "em0" port 8025 ttl 1
	multicast "em1" port 8031 ttl 4 spamd
	peer 192\.0\.2\.2 port 8025
	peer 2001:db8::2 port 9000
	peer 192\.0\.2\.3 port 8026 spamd
	accept spamd
\}$/m, 'printed back');
chmod(0644, "$tmp/sync.key");
($status, $out, $err) = run('-n', '-f', "$tmp/sync.conf");
is($status, 1, 'a sync key that everybody may read is refused');
is($err, "$tmp/sync.conf:2: $tmp/sync.key: everybody may read or write this "
    . "key; chmod o= it\n", 'by file and line');
chmod(0600, "$tmp/sync.key");
spew("$tmp/sync.key", '');
($status, $out, $err) = run('-n', '-f', "$tmp/sync.conf");
like($err, qr/sync\.key: empty; create a key with/, 'and an empty one');

# A listener on all addresses is one on this machine's own.
SKIP: {
	my ($own) = `ip -4 -o addr show 2>/dev/null` =~ /inet ((?!127)[\d.]+)/;
	skip('the machine has no address but loopback', 2) if !defined $own;
	spew("$tmp/own.conf", <<"END");
hostname mx.example.org allowed domains { example.org }
pass {
	listen on 0.0.0.0 port 8027
	relay to $own port 8027
}
END
	($status, $out, $err) = run('-n', '-f', "$tmp/own.conf");
	is($status, 1, 'a relay to an address of this machine is refused');
	like($err, qr/^\Q$tmp\E\/own\.conf:4: relay to \Q$own\E port 8027: this is our own/m,
	    'where our listener takes it');
}

# The certificate of the mail server is verified with the system's CAs.
spew("$tmp/ca.conf", <<'END');
hostname mx.example.org allowed domains { example.org }
pass { relay to 192.0.2.25 starttls verify "mail.example.org" }
END
($status, $out, $err) = run('-n', '-f', "$tmp/ca.conf");
my ($bundle) = $err =~ /CAs, (\S+): No such file/;
if (defined $bundle) {
	is($status, 1, 'without the system\'s CAs it is refused');
	ok(!-e $bundle, 'which are not there');
} else {
	is($status, 0, 'the system\'s CAs are taken');
	is($err =~ s/.*warning:.*\n//r, "configuration OK\n", 'silently');
}

# A user who can change the configuration can change what root does.
mkdir("$tmp/etc") or die;
spew("$tmp/etc/inc.conf", "front 2\n");
spew("$tmp/etc/list", "192.0.2.1\n");
spew("$tmp/etc/main.conf", "hostname mx.example.org\nfirewall pf\n" .
    "include \"$tmp/etc/inc.conf\"\nwhitelist \"l\" file \"$tmp/etc/list\"\n");
chmod(0666, "$tmp/etc/list");
($status, $out, $err) = run('-nv', '-f', "$tmp/etc/main.conf");
is($status, 0, 'a list is data, and everybody may write it');
is($err, '', 'a configuration of our own is no reason for a warning');
for my $file ('main', 'inc') {
	my $name = "$tmp/etc/$file.conf";
	my $at = $file eq 'main' ? $name : "$tmp/etc/main.conf:3";
	chmod(0646, $name);
	($status, $out, $err) = run('-n', '-f', "$tmp/etc/main.conf");
	is($status, 1, "$file: a file that everybody can write is refused");
	is($err, "$at: $name can be written by everybody; run chmod o-w " .
	    "$name\n", "$file: it is named");
	chmod(0664, $name);
	my $group = getgrgid((stat($name))[5]);
	($status, $out, $err) = run('-n', '-f', "$tmp/etc/main.conf");
	is($status, 0, "$file: one that a group can write is not");
	like($err, qr/^\Q$at: warning: $name\E can be written by the group \Q$group\E: /m,
	    "$file: a warning names the group");
	chmod(0644, $name);
	SKIP: {
		skip('needs root', 4) if $> != 0;
		chown(54321, -1, $name);
		($status, $out, $err) = run('-n', '-f', "$tmp/etc/main.conf");
		is($status, 1, "$file: a file of another user is refused");
		is($err, "$at: $name belongs to the user 54321, who is " .
		    "neither root nor the one who starts the daemon; run " .
		    "chown on it\n", "$file: the user is named");
		# By way of a link: its target counts.
		rename($name, "$name.real");
		symlink("$name.real", $name);
		($status) = run('-n', '-f', "$tmp/etc/main.conf");
		is($status, 1, "$file: a link to such a file is refused");
		unlink($name);
		rename("$name.real", $name);
		chown(0, -1, $name);
		($status) = run('-n', '-f', "$tmp/etc/main.conf");
		is($status, 0, "$file: root's again");
	}
}
chmod(0777, "$tmp/etc");
($status, $out, $err) = run('-n', '-f', "$tmp/etc/main.conf");
is($status, 1, 'a directory above it that everybody can write');
is($err, "$tmp/etc/main.conf: the directory $tmp/etc can be written by " .
    "everybody; run chmod o-w $tmp/etc\n", 'is named, once');
chmod(01777, "$tmp/etc");
($status, $out, $err) = run('-nv', '-f', "$tmp/etc/main.conf");
is("$status$err", '0', 'a sticky one, as /tmp is, does no harm');
chmod(0775, "$tmp/etc");
($status, $out, $err) = run('-nv', '-f', "$tmp/etc/main.conf");
is($status, 0, 'a directory that a group can write');
is(scalar(() = $err =~ /warning: the directory \Q$tmp\E\/etc can be written by the group/g),
    1, 'is a warning, once for both files');
chmod(0755, "$tmp/etc");
SKIP: {
	skip('needs root', 2) if $> != 0;
	chown(54321, -1, "$tmp/etc");
	($status, $out, $err) = run('-nv', '-f', "$tmp/etc/main.conf");
	is($status, 0, 'a directory of another user');
	like($err, qr/warning: \S+ is in the directory \S+ of the user 54321, who can replace it/,
	    'is a warning');
	chown(0, -1, "$tmp/etc");
}

# Files of editors of other systems.
spew("$tmp/crlf", "\xef\xbb\xbfhostname \\\r\n\tmx.example.org\r\nfirewall pf\r\n");
($status, $out, $err) = run('-nv', '-f', "$tmp/crlf");
is("$status$err", '0', 'a byte order mark and CR LF with a joined line');
like($out, qr/^hostname "mx\.example\.org"$/m, '… are read');
spew("$tmp/blist", "\xef\xbb\xbf192.0.2.1\r\n192.0.2.2\r\n");
spew("$tmp/crlf2", "hostname mx.example.org\nfirewall pf\nwhitelist \"l\" file \"$tmp/blist\"\n");
($status, $out, $err) = run('-n', '-f', "$tmp/crlf2");
like($err, qr/^configuration OK$/m, 'a list with a byte order mark is read');
unlike($err, qr/blist/, 'a list with a byte order mark has no bad line');
for my $help ('-h', '--help') {
	($status, $out, $err) = run($help);
	is("$status$err", '0', "$help: exit 0");
	like($out, qr/^usage: spamgreyd/, "$help: the usage");
}

# The sample that is shipped.
spew("$tmp/sample", slurp("$top/spamgreyd/spamgreyd.conf.sample"));
($status, $out, $err) = run('-n', '-f', "$tmp/sample");
is($status, 0, 'the sample is accepted');
unlike($err, qr/error|:\d+: (?!warning)/, 'with warnings at most');

# And its pass block, without the comment signs.
my ($block) = slurp("$top/spamgreyd/spamgreyd.conf.sample") =~
    /^(#pass \{\n.*?^#\}\n)/ms;
ok(defined $block, 'the sample has a pass block');
$block =~ s/^#//mg;
$block =~ s/^\t#(?=module \w|\t|\})/\t/mg;
$block =~ s/^\t\t#(?=\w)/\t\t/mg;
spew("$tmp/block.conf", "allowed domains { example.org }\nfirewall pf\n"
    . "hostname mx.example.org\n$block");
($status, $out, $err) = run('-nv', '-f', "$tmp/block.conf");
is($status, 0, 'which is accepted');
is($err, '', 'without a warning');
like($out, qr/zone "zen\.spamhaus\.org" \{/, 'the lists in it too');
like($out, qr/socket "[^"]*clamd\.ctl"/, 'and the scanner');
my $modules = "$top/spamgreyd/modules";
for my $file (glob("$modules/*.c $modules/*/*.c")) {
	my ($module) = $file =~ m{/(\w+)\.c$};
	next if $file =~ m{/(\w+)/\w+\.c$} && $1 ne $module && $1 ne 'modules';
	like($out, qr/^\tmodule \Q$module\E /m, "and the module $module");
}

# Every keyword of the grammar is in the manual.
cmp_ok(scalar @keywords, '>', 60, 'the table of keywords is found');
is_deeply(\@of_grammar, [sort @of_grammar], 'and is sorted');
my @missing = grep {
	$manual !~ /^\.(?:It )?(?:Op |Xo)?[^\n]*\bIc\b[^\n]*(?<![\w-])\Q$_\E(?![\w-])/m
} @keywords;
is("@missing", '', 'every keyword is in the manual');

done_testing();
