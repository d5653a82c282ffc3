#!/usr/bin/perl
# The role fw with nftables: the time to set 100,000 addresses, and that of one
# beside them.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../system", "$FindBin::Bin/../fw";
use Bench;
use FwDrive ();
use Sys;

private();

my (@took, @longest);
my $dir = tmp();

FwDrive::build();
run('ip', 'netns', 'add', 'gate');
for my $round (0 .. (short() ? 1 : 5)) {
	my ($status, $out, $err) = run(FwDrive::netns('gate'), 'sh', '-c',
	    'nft flush ruleset && nft -f spamgreyd/nftables.conf.sample');
	if ($status != 0) {
		peer_skipped('nftables', $err);
		exit(0);
	}
	my $fw = FwDrive::start($dir, netns => 'gate', args => ['nft',
	    'spamgrey']);
	FwDrive::say_to($fw, 'set 100000');
	my ($ms) = FwDrive::ready($fw) =~ /^ready (\d+) ms/ or
	    die 'fw: ' . slurp("$dir/log");
	push(@took, $ms / 1000) if $round > 0;
	my $each = FwDrive::ask($fw, 'each add 1000 200000');
	my ($longest) = $each =~ /^done 1000 longest (\d+) ms/ or
	    die "fw: $each\n";
	push(@longest, $longest) if $round > 0;
	FwDrive::finish($fw);
}
measured('fw.promotion', @longest);
measured('fw.set', @took);
