# What the tests of spamgreydb share: a directory and a configuration of their
# own.  The command runs there without a daemon, and as an ordinary user even
# when root runs the tests.  This needs only Perl's core modules.
package Db;

use strict;
use warnings;
use Exporter qw(import);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use POSIX ();
use Test::More;

our $err_whole;
our @EXPORT = qw(dir db db_raw db_ok db_start db_in spit slurp lines conf);

my $nobody = 65534;
my $dir = tempdir('/tmp/spamgreydb.XXXXXX', CLEANUP => 1);
my $command = "$dir/spamgreydb";

# Use a copy, because the tree may be where only root can go.
copy('spamgreydb/spamgreydb', $command) or
    die "build first: no spamgreydb/spamgreydb\n";
chmod(0755, $command);
chown($nobody, $nobody, $dir) if $> == 0;
conf('');

sub dir { return ($dir) }

sub
spit
{
	my ($name, $text) = @_;

	open(my $f, '>', "$dir/$name") or die "$name: $!\n";
	binmode($f);
	print $f $text;
	close($f) or die "$name: $!\n";
	chown($nobody, $nobody, "$dir/$name") if $> == 0;
	return ("$dir/$name");
}

sub
slurp
{
	open(my $f, '<', $_[0]) or return ('');
	binmode($f);
	local $/;
	return (<$f> // '');
}

sub lines { return (sort(split(/\n/, $_[0]))) }

sub
conf
{
	return (spit('conf', <<"END" . $_[0]));
state directory "$dir/state"
control socket "$dir/sock"
END
}

# Starts the command.  Standard input may be a file, standard output a
# descriptor.  Returns the process id.
sub
db_start
{
	my ($in, $out, @args) = @_;
	my $pid = fork();

	defined $pid or die "fork: $!\n";
	return ($pid) if $pid != 0;
	open(STDIN, '<', $in // '/dev/null') or POSIX::_exit(127);
	if (ref $out) {
		open(STDOUT, '>&', $out);
	} else {
		open(STDOUT, '>', $out // "$dir/out");
	}
	open(STDERR, '>', "$dir/err");
	if ($> == 0) {
		$) = "$nobody $nobody";
		POSIX::setgid($nobody);
		POSIX::setuid($nobody);
	}
	exec($command, '-f', "$dir/conf", @args) or POSIX::_exit(127);
}

# Returns (status, standard output, standard error).  The status of a signal is
# 128 plus its number.
sub
db_in
{
	my ($in, @args) = @_;

	waitpid(db_start($in, undef, @args), 0);
	my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	$err_whole = slurp("$dir/err");
	# Every command prints this without a daemon.  One test is enough.
	my $err = $err_whole =~ s/^spamgreydb: no daemon; \w+ (?:from|in) \S+\n//mr;
	return ($status, slurp("$dir/out"), $err);
}

# The same without -f.
sub
db_raw
{
	my $pid = fork();

	if ($pid == 0) {
		open(STDOUT, '>', "$dir/out");
		open(STDERR, '>', "$dir/err");
		exec($command, @_) or POSIX::_exit(127);
	}
	waitpid($pid, 0);
	return ($? >> 8, slurp("$dir/out"), slurp("$dir/err"));
}

sub db { return (db_in(undef, @_)) }

sub
db_ok
{
	my ($status, $out, $err) = db(@_);

	diag("spamgreydb @_: $status $err") if $status != 0 || $err ne '';
	return ($out);
}

1;
