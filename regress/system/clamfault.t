#!/usr/bin/perl
# limit 900
# long
# torture
# Kills, stops, slows down and restarts a real clamd while mail is delivered
# (ScanFault.pm), with each value of `on-error'.
# make check: one round of faults each; make torture: 3,000 deliveries.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Sys;
use Clam;
use ScanFault;
use Test::More;

private();

my ($root, $why) = clam_root('clam');
plan(skip_all => "clamd: $why") if !$root;
END { local $?; Clam::clam_end() if $ENV{SG_PRIVATE} }

my $seed = $ENV{SEED} // int(rand(1 << 30));
srand($seed);
diag("SEED=$seed");

my %clamd = (
	start => \&clam_start,
	end => \&clam_end,
	stop => sub { kill('STOP', clam_pid()) },
	go => sub { kill('CONT', clam_pid()) },
	term => sub {
		kill('TERM', clam_pid());
		waitpid(clam_pid(), 0);
	},
);

clam_start();
for my $on_error (qw(tempfail accept mark)) {
	scan_faults($on_error, module => 'clamav', text => 'on virus log',
	    options => 'socket "' . Clam::socket_path() . '"',
	    bad => our_virus(), refused => qr/^550 5\.7\.1 .*Spamgreyd\.Test-1/,
	    n => torture_or(1000, 1), workers => 8, scanner => \%clamd);
}
done_testing();
