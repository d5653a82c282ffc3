# The report of `make bench`: what missed its target, and RESULTS.md with its
# plots.
package Report;

use strict;
use warnings;
use Bench;
use Plot;
use POSIX ();
use Sys qw(slurp);

our $dir = 'regress/bench';

# What each program does for a session or message, because it is not the same
# work.
my @does = (
    ['spamgreyd', 'keeps the tuple in Berkeley DB; a session is answered ' .
	'after its transaction is on the disk (fsync, one for all that wait)'],
    ['limit server', 'regress/bench/smtp_limit.c: answers from fixed ' .
	'strings, decides and stores nothing'],
    ['postscreen', 'its test of pipelining, which ends with 450 at RCPT; ' .
	'stores the address of the client, not the tuple, in a Berkeley DB ' .
	'file, and syncs it to the disk for each; each session comes from ' .
	'another address'],
    ['postgrey', 'policy service behind Postfix\' smtpd; stores the tuple in ' .
	'Berkeley DB, in a transaction for each, synced to the disk before ' .
	'the reply'],
    ['OpenSMTPD', 'has no greylist: a builtin filter defers each recipient; ' .
	'stores nothing; looks up the name of the client in a file; 5 ' .
	'clients at a time, because its listen queue has 5 places'],
    ['rspamd', 'milter behind Postfix\' smtpd; takes the message, evaluates ' .
	'its rules without the network, and stores two hashes in redis, ' .
	'which writes to the disk now and then'],
    ['HAProxy', 'copies bytes as a TCP proxy; does not know SMTP'],
    ['Postfix\' proxy', 'smtpd with smtpd_proxy_filter: speaks SMTP on both ' .
	'sides, stores nothing, a process for each session'],
    ['pass', 'speaks SMTP on both sides, keeps the message until the mail ' .
	'server has it, adds and changes header lines; no module'],
);

sub
of_kind
{
	my ($kind, $records) = @_;

	return (grep { $_->{kind} eq $kind } @$records);
}

sub
reached
{
	my ($r) = @_;
	my ($bound, $side) = @{$Bench::targets{$r->{name}}};

	return ($side eq 'least' ? $r->{value} >= $bound :
	    $r->{value} <= $bound);
}

# Returns a line for each target that was missed.
sub
missed
{
	my ($records) = @_;

	return (map {
		my ($bound, $side, $what, $unit) =
		    @{$Bench::targets{$_->{name}}};
		sprintf('%s: %s%s, at %s %s', $what, number($_->{value}),
		    $unit ne '' ? " $unit" : '', $side, $bound);
	} grep { !reached($_) } of_kind('target', $records));
}

# Returns the exit status and the last lines, from the records and the names of
# the parts that failed.
sub
ending
{
	my ($records, @failed) = @_;
	my @missed = missed($records);
	my $all = of_kind('target', $records);

	return (@failed || (@missed && !short()) ? 1 : 0,
	    (map { "below the target: $_" } @missed),
	    (map { "failed: $_" } @failed),
	    $all - @missed . ' targets reached, ' . @missed . ' missed, ' .
	    @failed . ' parts failed');
}

sub
markdown
{
	my ($head, @rows) = @_;

	return (join('', map { '| ' . join(' | ', @$_) . " |\n" } $head,
	    [map { '---' } @$head], @rows) . "\n");
}

sub
output_of
{
	my ($cmd) = @_;
	my $text = `$cmd 2>/dev/null`;

	$text =~ s/\s+\z//;
	return ($text);
}

# Returns the load average of the last minute: what else runs.
sub load { return ((split(/ /, slurp('/proc/loadavg')))[0]) }

sub
machine
{
	my ($load) = @_;
	my $cpu = output_of('sed -n "s/^model name.*: //p" /proc/cpuinfo | ' .
	    'head -n 1');
	my $mem = output_of('sed -n "s/^MemTotal: *\\([0-9]*\\) kB/\\1/p" ' .
	    '/proc/meminfo');

	return (
	    ['date', POSIX::strftime('%Y-%m-%d %H:%M UTC', gmtime())],
	    ['processor', $cpu . ', ' . output_of('nproc') . ' cores'],
	    ['memory', sprintf('%.1f GiB', $mem / 1024 / 1024)],
	    ['kernel', output_of('uname -sr')],
	    ['file system of the databases', output_of('stat -f -c %T "' .
		($ENV{TMPDIR} // '/tmp') . '"')],
	    ['load average before', $load]);
}

sub
versions
{
	my ($records) = @_;
	my %v = map { $_->{name} => $_->{version} }
	    of_kind('version', $records);

	return (['spamgreyd', output_of('git describe --always --dirty')],
	    ['libdb', output_of('dpkg-query -W -f \'${Version}\' libdb5.3')],
	    map { [$_, $v{$_}] } sort(keys(%v)));
}

# Makes the plots.  Returns [file, title] of each.
sub
plots
{
	my ($records) = @_;
	my %of;
	my @bars = map { $_->{bar} } of_kind('bar', $records);

	for (of_kind('point', $records)) {
		my $plot = $of{$_->{plot}} //= { order => [] };
		push(@{$plot->{order}}, $_->{series})
		    if !$plot->{points}{$_->{series}};
		push(@{$plot->{points}{$_->{series}}}, [$_->{x}, $_->{y}]);
	}
	my $series = sub {
		my $plot = $of{$_[0]};
		return ([map { [$_, $plot->{points}{$_}] } @{$plot->{order}}]);
	};
	Plot::lines(file => "$dir/memory.svg",
	    title => 'Memory against held connections',
	    note => 'what the processes of each server take more than without',
	    x => 'connections held', y => 'MiB', series => $series->('memory'));
	Plot::bars(file => "$dir/sessions.svg",
	    title => 'Greylisted sessions a second',
	    note => '50 clients at a time; median, the line from quartile ' .
	    'to quartile', y => 'sessions a second', bars => \@bars);
	Plot::lines(file => "$dir/entries.svg",
	    title => 'Cost against stored entries', logx => 1, logy => 1,
	    x => 'entries in the database', y => 'milliseconds',
	    series => $series->('entries'));
	return (['memory.svg', 'Memory against held connections'],
	    ['sessions.svg', 'Greylisted sessions a second'],
	    ['entries.svg', 'Cost against stored entries']);
}

sub
results
{
	my ($records, $took, $load) = @_;
	my @targets = map {
		my ($bound, $side, $what, $unit) =
		    @{$Bench::targets{$_->{name}}};
		[$what, "at $side $bound $unit", number($_->{value}),
		    $_->{n} > 1 ? number($_->{low}) . ' to ' .
		    number($_->{high}) : '', $_->{n},
		    reached($_) ? 'yes' : '**no**']
	} of_kind('target', $records);

	open(my $f, '>', "$dir/RESULTS.md") or
	    die "$dir/RESULTS.md: $!\n";
	print $f "# Results of `make bench`\n\n" .
	    "Written by `make bench`; README.md says how to read it.\n\n" .
	    markdown(['machine', ''], machine($load)) .
	    markdown(['program', 'version'], versions($records)) .
	    "## Targets\n\nA ratio is the median of the ratios of its " .
	    "rounds.\n\n" .
	    markdown(['what', 'target', 'median', 'from the lowest to the ' .
	    'highest', 'rounds', 'reached'], @targets);
	print $f "![$_->[1]]($_->[0])\n\n" for plots($records);
	print $f "## Figures\n\n";
	print $f "### $_->{title}\n\n", markdown($_->{head}, @{$_->{rows}})
	    for of_kind('table', $records);
	print $f "## What each program does\n\nIt is not the same work.\n\n",
	    map { "- $_->[0]: $_->[1].\n" } @does;
	# (make soak)
	print $f "\n## An hour at half load\n\n", slurp("$dir/soak.md")
	    if -e "$dir/soak.md";
	my %skipped = map { ("$_->{name}: $_->{why}" => 1) }
	    of_kind('skipped', $records);
	print $f "\nSkipped:\n\n", map { "- $_\n" } sort(keys(%skipped))
	    if %skipped;
	print $f sprintf("\nTime: %s.\n", join(', ', map {
	    sprintf('%s %.0f s', $_, $took->{$_}) } sort(keys(%$took))));
	close($f) or die "$dir/RESULTS.md: $!\n";
}

1;
