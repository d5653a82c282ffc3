#!/usr/bin/perl
# limit 900
# long
# The defects that were found in spamd, and for each the tests that show that
# spamgreyd does not have it.  Each named test must exist.  The cheap ones are
# run here and must pass; make check runs the others, which need whole daemons.
use strict;
use warnings;
use Test::More;

# [what spamd does, [file, name of the test], …]
my @defects = (
	['only the first of several matching blacklists is reported',
	    ['regress/smtp/blacklisted.case', 'blacklisted'],
	    ['regress/system/logspamd.t', 'a blacklisted host: tags are cut']],
	['replies of several lines are broken, or end in a bare LF',
	    ['regress/smtp/blacklisted.case', 'blacklisted'],
	    ['regress/smtp/stutter-black.case', 'stutter-black'],
	    ['regress/unit/addrset/listcfg_test.c', 'escapes as in spamd; no ' .
	    'empty line at the end']],
	['without HELO a tuple vanishes; a stale destination is taken',
	    ['regress/smtp/order.case', 'order'],
	    ['regress/smtp/visits.case', 'visits']],
	['-c below 800 does not start without -B',
	    ['regress/store/spamgreydb_convert.t', '-c: spamgreyd -n'],
	    ['regress/smtp/limit-all.case', 'limit-all']],
	# (spamdb -a does it here too: that is an administrator's word)
	['a WHITE host that is trapped stays so for up to 36 days; ' .
	    'spamlogd and sync end a trap',
	    ['regress/unit/policy/policy_test.c', 'past: WHITE again, before any ' .
	    'expiry run'],
	    ['regress/unit/policy/policy_test.c', 'WHITE survived'],
	    ['regress/unit/policy/policy_sync_test.c', 'WHITE ends no trap'],
	    ['regress/store/spamgreydb_spamdb.t', 'for 24 hours'],
	    ['regress/system/traps.t', '… but is TRAPPED while it lasts'],
	    ['regress/system/track.t', 'a trapped one gets nothing'],
	    ['regress/system/sync.t', 'which ends no trap']],
	['WHITE of a peer does not renew what is known',
	    ['regress/unit/policy/policy_sync_test.c', 'the latest expiry']],
	['a peer can put lines of its own into the greylister',
	    ['regress/unit/sync/sync2_test.c', 'a newline, that spamd would take'],
	    ['regress/unit/sync/sync2_test.c', 'no NUL where it ought to be'],
	    ['regress/unit/sync/sync2_test.c', 'a NUL where it ought not'],
	    ['regress/unit/sync/sync2_test.c', 'no control character'],
	    ['regress/unit/sync/sync3_test.c', 'no control characters']],
	['128 lists are one too many; an empty address ends spamd',
	    ['regress/unit/addrset/listcfg_test.c', 't;"m";inet;2;127.0.0.8/32;'],
	    ['regress/unit/addrset/listcfg_test.c', 'the count is 2, but there are 1 ' .
	    'IPv4 addresses'],
	    ['regress/system/setup.t', 'of 128 lists 64 are taken'],
	    ['regress/system/setup.t', 'an empty address ends nobody']],
	['0.0.0.0, 255.255.255.255 and a range backwards lose addresses',
	    ['regress/unit/addrset/listline_test.c', '0.0.0.0/8'],
	    ['regress/unit/addrset/listline_test.c', '255.255.255.0/24'],
	    ['regress/unit/addrset/listline_test.c', '192.0.2.9 - 192.0.2.1'],
	    ['regress/unit/addrset/addrset_test.c', '0.0.0.0/0 less 128.0.0.0/1'],
	    ['regress/unit/addrset/addrset_test.c', '0.0.0.0/0 less 0.0.0.0/1'],
	    ['regress/system/lists.t', '0.0.0.0/8 loses nothing'],
	    ['regress/system/lists.t', 'nor does the last one']],
	['commands behind another in one packet are lost',
	    ['regress/smtp/pipelined.case', 'pipelined']],
	['example.org lets notexample.org in',
	    ['regress/unit/policy/policy_test.c', 'x@notexample.org'],
	    ['regress/system/traps.t', 'not what only ends in it']],
	['a blacklisted host that matures is written as WHITE',
	    ['regress/unit/policy/policy_test.c', 'is not promoted'],
	    ['regress/unit/policy/policy_test.c', 'no WHITE']],
	['-y interface and -Y interface:ttl exclude each other',
	    ['regress/store/spamgreydb_convert.t',
	    '-y and -Y of one interface: spamgreyd -n'],
	    ['regress/system/sync.t', 'one datagram for both']],
	['-M overwrites WHITE unread',
	    ['regress/unit/policy/policy_test.c', 'low-priority MX first: trapped'],
	    ['regress/unit/policy/policy_test.c', 'is not trapped'],
	    ['regress/unit/policy/policy_test.c', 'trapped over WHITE']]
);

sub
slurp
{
	my ($file) = @_;

	open(my $f, '<', $file) or return ('');
	local $/;
	my $text = <$f>;
	return ($text);
}

my %out;
# Returns the output of a cheap test; undef: it is not a cheap one.
sub
output
{
	my ($file) = @_;
	my $cmd;

	return ($out{$file}) if exists $out{$file};
	if ($file =~ m{^regress/unit/(?:\w+/)*(\w+)\.c$}) {
		$cmd = "sh regress/build.sh $file && regress/obj/$1";
	} elsif ($file =~ /\.case$/) {
		$cmd = "$^X regress/smtp/run.t $file";
	} elsif ($file =~ m{^regress/store/}) {
		$cmd = "$^X $file";
	} else {
		return ($out{$file} = undef);
	}
	return ($out{$file} = qx(($cmd) 2>/dev/null </dev/null));
}

# Returns a name as a source has it, over several lines and with escapes.
sub
named
{
	my ($file, $name) = @_;
	my $text = slurp($file);

	$text =~ s/["']\s*\.?\s*\n\s*["']//g;
	$text =~ s/\\(["'])/$1/g;
	return (index($text, $name) >= 0);
}

for my $i (0 .. $#defects) {
	my ($what, @tests) = @{$defects[$i]};

	note(sprintf('%2d. %s', $i + 1, $what));
	for my $t (@tests) {
		my ($file, $name) = @$t;
		my $out = output($file);
		my $good;

		note("      $file: $name");
		if (defined $out) {
			my @lines = $out =~ /^((?:not )?ok \d+ - \Q$name\E)$/mg;
			$good = @lines > 0 && !grep { /^not/ } @lines;
		} else {
			$good = -x $file && named($file, $name);
		}
		ok($good, ($i + 1) . ": $file: $name");
	}
}
is(scalar(@defects), 14, 'all of them');
done_testing();
