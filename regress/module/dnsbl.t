#!/usr/bin/perl
# The module dnsbl with the resolver and a name server, which answers over UDP
# and TCP, late, wrongly, or not at all: points come from good answers alone,
# and nobody waits past the budget for any other.
use strict;
use warnings;
use File::Temp qw(tempdir);
use IO::Socket::INET;

my $n = 0;
my $failed = 0;
sub is
{
	my ($got, $want, $name) = @_;
	my $good = $got eq $want;

	printf("%sok %d - %s\n", $good ? '' : 'not ', ++$n, $name);
	return if $good;
	$failed = 1;
	$got =~ s/^/#      got: /gm;
	$want =~ s/^/# expected: /gm;
	print "$got\n$want\n";
}

system('sh', 'regress/build.sh', 'regress/module/dnsbl_drive.c') == 0 or
    die "Bail out! dnsbl_drive does not build\n";
my $dir = tempdir(CLEANUP => 1);
my $pid;
END { if ($pid) { kill('TERM', $pid); waitpid($pid, 0); $? = $failed; } }
$SIG{$_} = sub { exit(1) } for qw(INT TERM HUP);

# A port that is free for both.
sub free_port
{
	for (1 .. 50) {
		my $t = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
		    Proto => 'tcp', Listen => 1) or next;
		my $port = $t->sockport();
		my $u = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
		    LocalPort => $port, Proto => 'udp') or next;
		return ($port);
	}
	die "Bail out! no free port\n";
}

my $port = free_port();
sub table
{
	open(my $f, '>', "$dir/table.new") or die;
	print $f @_;
	close($f);
	rename("$dir/table.new", "$dir/table");
}
table('');
our $ready;		# a lexical would be closed, and waited for, before END
$pid = open($ready, '-|', $^X, 'regress/lib/dnsd.pl', $port, "$dir/table",
    "$dir/asked") or die "Bail out! dnsd.pl: $!\n";
<$ready> =~ /ready/ or die "Bail out! dnsd.pl is not ready\n";

# Blocks are one argument; the rest are clients.
sub drive
{
	my ($server, $block, @clients) = @_;

	unlink("$dir/asked");
	open(my $p, '-|', 'regress/obj/dnsbl_drive', "127.0.0.1:$server",
	    "dnsbl { $block }", @clients) or die;
	my $out = join('', grep { !/^log:.*stage=/ } <$p>);
	close($p);
	return ($? == 0 ? $out : "${out}status $?\n");
}
sub asked
{
	open(my $f, '<', "$dir/asked") or return ('');
	return (join('', <$f>));
}

my $zones = 'zone "bl.test" { 127.0.0.2-127.0.0.7 points 4 ' .
    '127.0.0.10-127.0.0.11 points 2 } ' .
    'zone "list.dnswl.org" { 127.0.x.2 points -3 127.0.x.1 points -1 }';
table(<<'END');
1.2.0.192.bl.test A 300 127.0.0.4
2.2.0.192.bl.test A 300 127.0.0.2
2.2.0.192.bl.test A 300 127.0.0.3
2.2.0.192.bl.test A 300 127.0.0.11
2.2.0.192.list.dnswl.org A 300 127.0.5.2
3.2.0.192.bl.test A 300 127.255.255.254
3.2.0.192.list.dnswl.org A 300 127.0.0.255
4.2.0.192.bl.test servfail
4.2.0.192.list.dnswl.org refused
5.2.0.192.bl.test A 300 127.0.0.2
5.2.0.192.bl.test truncate
6.2.0.192.bl.test A 300 127.0.0.2
6.2.0.192.bl.test delay 0.3
7.2.0.192.bl.test A 300 93.184.216.34
9.2.0.192.bl.test CNAME 300 2.0.0.127.bl.test
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.bl.test A 300 127.0.0.2
END
is(drive($port, $zones, '192.0.2.1'), "192.0.2.1 4 - -\n", 'listed');
is(asked(), "1.2.0.192.bl.test 1\n1.2.0.192.list.dnswl.org 1\n",
    'each zone is asked');
is(drive($port, $zones, '192.0.2.2'), "192.0.2.2 3 vouched -\n",
    'several answers, each pattern once, and a list of good repute');
is(drive($port, $zones, '192.0.2.99'), "192.0.2.99 0 - -\n", 'not listed');
is(drive($port, $zones, '192.0.2.4'), "192.0.2.4 0 - -\n",
    'SERVFAIL and REFUSED add nothing');
is(drive($port, $zones, '192.0.2.5'), "192.0.2.5 4 - -\n",
    'truncated: asked again over TCP');
is(drive($port, $zones, '192.0.2.6'), "192.0.2.6 4 - -\n",
    'an answer that takes its time is waited for');
is(drive($port, $zones, '2001:db8::1'), "2001:db8::1 4 - -\n", 'IPv6');
my $out = drive($port, $zones, '192.0.2.3', '192.0.2.3', '192.0.2.7');
is(join('', grep { !/^log:/ } split(/^/, $out)),
    "192.0.2.3 0 - -\n192.0.2.3 0 - -\n192.0.2.7 0 - -\n",
    'what no list entry looks like is neutral');
is(join('', map { /zone (\S+) answers/ ? "$1 " : '' } split(/^/, $out)),
    'bl.test list.dnswl.org ', 'told once for each zone');
is(drive($port, $zones, '192.0.2.1', '192.0.2.1', '192.0.2.99', '192.0.2.99'),
    "192.0.2.1 4 - -\n192.0.2.1 4 - -\n192.0.2.99 0 - -\n" .
    "192.0.2.99 0 - -\n", 'the same host twice');
is(asked(), "1.2.0.192.bl.test 1\n1.2.0.192.list.dnswl.org 1\n" .
    "99.2.0.192.bl.test 1\n99.2.0.192.list.dnswl.org 1\n",
    'is asked about once, listed or not');
is(drive($port, "$zones reject at 4", '192.0.2.1', '192.0.2.2'),
    "192.0.2.1 4 - 550 5.7.1 Your address 192.0.2.1 is listed by bl.test\n" .
    "192.0.2.2 3 vouched -\n", 'reject at, by the sum of the lists');
is(drive($port, $zones, '127.0.0.1', '10.1.2.3', '192.168.1.1', '::1',
    'fe80::1'), join('', map { "$_ 0 - -\n" } '127.0.0.1', '10.1.2.3',
    '192.168.1.1', '::1', 'fe80::1'), 'our own');
is(asked(), '', 'are not asked about');

# Lists that do not answer: the sum is that of the others, which did.
table(<<'END');
*.drop.test drop
*.late.test A 300 127.0.0.2
*.late.test delay 600
*.wrongid.test A 300 127.0.0.2
*.wrongid.test wrongid
*.garbage.test garbage
*.good.test A 300 127.0.0.2
END
for my $zone (qw(drop late wrongid garbage)) {
	is(drive($port, "zone \"$zone.test\" { 127.0.0.2 points 4 } " .
	    'zone "good.test" { 127.0.0.2 points 1 } budget 500ms reject at 5',
	    '192.0.2.1'), "192.0.2.1 1 - -\n", "$zone: adds nothing");
}

# Records that do not answer the question, and aliases that do.
table(join('', map { "$_\n" } '*.owner.test A 300 127.0.0.2',
    '*.owner.test owner elsewhere.test', '*.question.test A 300 127.0.0.2',
    '*.question.test question elsewhere.test',
    '*.qtype.test A 300 127.0.0.2', '*.qtype.test qtype 28',
    '*.type.test A 300 127.0.0.2', '*.type.test type 99',
    '*.alias.test CNAME 300 n8.test', 'n0.test CNAME 300 n0.test',
    '*.loop.test CNAME 300 n0.test', '*.nine.test CNAME 300 n9.test',
    'renamed.test DNAME 300 alias.test', 'n1.test A 300 127.0.0.2',
    map { "n$_.test CNAME 300 n" . ($_ - 1) . '.test' } 2 .. 9));
for my $zone (qw(owner question qtype type loop nine)) {
	is(drive($port, "zone \"$zone.test\" { 127.0.0.2 points 4 } " .
	    'budget 500ms', '192.0.2.1'), "192.0.2.1 0 - -\n",
	    "lies ($zone) add nothing");
}
for my $zone (qw(alias renamed)) {
	is(drive($port, "zone \"$zone.test\" { 127.0.0.2 points 4 }",
	    '192.0.2.1'), "192.0.2.1 " . ($zone eq 'alias' ? 4 : 0) . " - -\n",
	    "an answer behind eight aliases counts, behind nine not ($zone)");
}
is(drive(free_port(), "$zones budget 1s reject at 1", '192.0.2.1',
    '2001:db8::1'), "192.0.2.1 0 - -\n2001:db8::1 0 - -\n",
    'no name server at all');
print "1..$n\n";
exit($failed);
