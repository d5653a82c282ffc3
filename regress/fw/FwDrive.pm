# What the tests of the role fw share: building the programs, starting the role
# under fwdrive, talking to it, and waiting for a condition.
package FwDrive;
use strict;
use warnings;
use Exporter 'import';
use File::Temp qw(tempdir);
use IPC::Open2;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(build tmp netns start say_to ask ready stat_of finish
    until_true logged log_like);

my %of;		# pid of a running role: its pipes and log

sub tmp { my $d = tempdir("fw.XXXXXX", TMPDIR => 1, CLEANUP => 1); return $d }

# Returns the words that run a command in a network namespace.  ip(8) does not
# work in a chroot whose root is not a mount point.
sub netns { return ('nsenter', "--net=/run/netns/$_[0]") }

# Builds the programs of regress/fw, and the emulated /dev/pf as a library and a
# command.
sub build {
	system('sh', 'regress/build.sh', 'regress/fw/fwdrive.c',
	    'regress/fw/pfemu.c', 'regress/fw/pfemuctl.c') == 0
	    or BAIL_OUT('the programs do not build');
}

# start(dir, env => {...}, netns => name, args => [...])
sub start {
	my ($dir, %o) = @_;
	my $log = "$dir/log";
	my @cmd = ('regress/obj/fwdrive', @{$o{args}});
	unshift @cmd, netns($o{netns}) if $o{netns};
	local %ENV = (%ENV, %{$o{env} || {}});
	my $pid = open2(my $out, my $in, 'sh', '-c',
	    'log=$1; shift; exec "$@" 2>>"$log"', 'sh', $log, @cmd);
	$in->autoflush(1);
	$of{$pid} = { in => $in, out => $out, log => $log };
	return $pid;
}

sub say_to { my ($pid, $line) = @_; print { $of{$pid}{in} } "$line\n" }

# Sends one command, and returns its answer, one line.
sub ask {
	my ($pid, $line) = @_;
	local $SIG{PIPE} = 'IGNORE';
	say_to($pid, $line) if defined $line;
	my $out = $of{$pid}{out};
	my $answer = <$out>;
	chomp $answer if defined $answer;
	return defined $answer ? $answer : 'no answer';
}

sub ready { my ($pid) = @_; return ask($pid, 'ready') }

sub stat_of {
	my ($pid, $name) = @_;
	my $value;
	my $out = $of{$pid}{out};
	say_to($pid, 'stat');
	for (1 .. 8) {
		my ($k, $v) = split ' ', <$out>;
		$value = $v if $k eq $name;
	}
	return $value;
}

sub finish {
	my ($pid) = @_;
	local $SIG{PIPE} = 'IGNORE';
	say_to($pid, 'quit');
	close $of{$pid}{in};
	waitpid($pid, 0);
	delete $of{$pid};
	return $?;
}

sub logged {
	my ($dir) = @_;
	open my $f, '<', "$dir/log" or return '';
	local $/;
	my $text = <$f>;
	return defined $text ? $text : '';
}

# Waits until the condition holds, at most a minute.  Returns the seconds that
# it took, or undef.
sub until_true {
	my ($cond) = @_;
	my $start = time;
	while (time - $start < 60) {
		return time - $start if $cond->();
		sleep 0.02;
	}
	return;
}

# A test that the log has the line, which may come later than the answer.
sub log_like {
	my ($dir, $re, $name) = @_;
	until_true(sub { logged($dir) =~ $re });
	return like(logged($dir), $re, $name);
}

END { my $st = $?; kill 'KILL', keys %of if %of; $? = $st }

1;
