#!/usr/bin/perl
# make install-compat: with both makes, spamdb becomes a name for spamgreydb.
# It never replaces the file of another program.
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use Test::More;

my $top = getcwd();
my $tmp = tempdir(CLEANUP => 1);
# Started by root, the command works as its own user.
chmod(0755, $tmp);
# This make's flags are not for that one.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};

# Status and all output of a command.
sub
run
{
	my $out = qx(@_ 2>&1 </dev/null);

	return ($? >> 8, $out);
}

sub
compat
{
	my ($make, $dest) = @_;

	return (run("$make -s DESTDIR='$dest' PREFIX=/usr/local ",
	    'install-compat'));
}

sub
spit
{
	my ($file, $text) = @_;

	open(my $f, '>', $file) or die "$file: $!\n";
	print $f $text;
	close($f) or die "$file: $!\n";
}

for my $make (qw(make bmake)) {
	SKIP: {
		skip("no $make here", 8) if (run("command -v $make"))[0] != 0;
		my $dest = "$tmp/dest of $make";
		my ($sbin, $man) = ("$dest/usr/local/sbin",
		    "$dest/usr/local/share/man/man8");
		my ($status, $out) = compat($make, $dest);

		is($status, 0, "$make install-compat") or diag($out);
		is(readlink("$sbin/spamdb"), 'spamgreydb', "$make: the link");
		is(readlink("$man/spamdb.8"), 'spamgreydb.8',
		    "$make: the manual page's");
		ok(-s "$man/spamdb.8", "$make: which leads to it");
		spit("$tmp/conf", "hostname \"mx.example.org\"\n" .
		    "state directory \"$tmp/state of $make\"\n" .
		    "control socket \"$tmp/sock\"\nfirewall pf\n");
		run("'$sbin/spamdb' -f '$tmp/conf' -a 192.0.2.1");
		($status, $out) = run("'$sbin/spamdb' -f '$tmp/conf'");
		like($out, qr/^WHITE\|192\.0\.2\.1\|\|\|\d+\|\d+\|\d+\|\d+\|\d+$/,
		    "$make: spamdb is spamgreydb");
		is((compat($make, $dest))[0], 0, "$make: again");

		unlink("$sbin/spamdb", "$man/spamdb.8");
		spit("$sbin/spamdb", "another\n");
		($status, $out) = compat($make, $dest);
		ok($status != 0 && $out =~ m{/sbin/spamdb: belongs to another} &&
		    -s "$sbin/spamdb" == 8 && !-e "$man/spamdb.8",
		    "$make: another's stays, and nothing is made");
		unlink("$sbin/spamdb");
		symlink('/nonexistent/spamdb.8', "$man/spamdb.8") or die;
		($status, $out) = compat($make, $dest);
		ok($status != 0 && $out =~ m{/man8/spamdb\.8: belongs to another}
		    && readlink("$man/spamdb.8") eq '/nonexistent/spamdb.8' &&
		    !-e "$sbin/spamdb", "$make: nor another's link");
	}
}
chdir($top);
done_testing();
