#!/usr/bin/perl
# torture
# Kills, stops, slows down and restarts a real spamd while mail is delivered
# (ScanFault.pm), with each value of `on-error'.
# make check: one round of faults each; make torture: 3,000 deliveries.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Spamd;
use ScanFault;
use Test::More;

private();

my ($root, $why) = spamd_root('sa');
plan(skip_all => "spamd: $why") if !$root;
# It starts often, so it has one rule instead of all of Debian's.
spamd_local();
mkdir("$root/srv/rules") or die "$root/srv/rules: $!\n";
spit("$root/srv/rules/own.cf",
    "body SGTEST_BAD /\\bnobody wants to see this\\b/\n" .
    "score SGTEST_BAD 50\n");
END { local $?; Spamd::spamd_end() if $ENV{SG_PRIVATE} }

my $seed = $ENV{SEED} // int(rand(1 << 30));
srand($seed);
diag("SEED=$seed");

my %spamd = (
	start => sub { spamd_start('-C', '/srv/rules') },
	end => \&spamd_end,
	stop => \&spamd_stop,
	go => \&spamd_go,
	term => sub {
		kill('TERM', $Spamd::pid);
		waitpid($Spamd::pid, 0);
	},
);

$spamd{start}->();
for my $on_error (qw(tempfail accept mark)) {
	scan_faults($on_error, module => 'spamassassin',
	    text => 'on spam log', options => 'server 127.0.0.1',
	    bad => 'nobody wants to see this',
	    refused => qr{^550 5\.7\.1 .* 50 points, limit 10 \(content 50\)},
	    n => torture_or(1000, 1), workers => 4, scanner => \%spamd);
}
done_testing();
