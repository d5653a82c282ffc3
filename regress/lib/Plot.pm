# Plots as SVG files, for the results of benches.  Needs nothing but Perl.
#	Plot::lines(file => 'x.svg', title => 'T', x => 'label', y => 'label',
#	    series => [[name, [[x, y], ...]], ...])
#		logx => 1, logy => 1: that axis is logarithmic, and its values
#		must be above 0
#		note => 'a line below the title'
#	Plot::bars(file => 'x.svg', title => 'T', y => 'label',
#	    bars => [[name, value, low, high], ...])
#		low and high, the spread, may be left out
#		note as above
# Both write the file and return its name.
package Plot;

use strict;
use warnings;

# Colours that people with any colour vision tell apart, on white.
my @colours = map { "#$_" } qw(0072b2 d55e00 009e73 cc79a7 e69f00 56b4e9 5b5b5b);
my ($width, $height) = (760, 440);
my ($left, $right, $top, $bottom) = (76, 170, 64, 56);

sub
text
{
	my ($x, $y, $text, %o) = @_;
	my $more = '';

	$text =~ s/&/&amp;/g;
	$text =~ s/</&lt;/g;
	$text =~ s/>/&gt;/g;
	$more .= " text-anchor=\"$o{anchor}\"" if $o{anchor};
	$more .= " font-size=\"$o{size}\"" if $o{size};
	$more .= " font-weight=\"bold\"" if $o{bold};
	$more .= ' fill="' . ($o{fill} // '#222') . '"';
	$more .= sprintf(' transform="rotate(-90 %.1f %.1f)"', $x, $y)
	    if $o{upright};
	return (sprintf("<text x=\"%.1f\" y=\"%.1f\"%s>%s</text>\n", $x, $y,
	    $more, $text));
}

sub
line
{
	my ($x1, $y1, $x2, $y2, $colour) = @_;

	return (sprintf('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" ' .
	    "stroke=\"%s\"/>\n", $x1, $y1, $x2, $y2, $colour));
}

# Writes a number as people do: 1,000,000, 0.25, 12.
sub
number
{
	my ($n) = @_;
	my $text = abs($n) >= 100 ? sprintf('%.0f', $n) : sprintf('%.3g', $n);

	1 while $text =~ s/^(-?\d+)(\d{3})\b/$1,$2/;
	return ($text);
}

# Returns the step of a linear axis: 1, 2 or 5 times a power of ten, so that
# there are four to ten steps.
sub
step
{
	my ($range) = @_;
	my $power = 10 ** floor_log10($range / 5);

	for my $k (1, 2, 5) {
		return ($k * $power) if $range / ($k * $power) <= 8;
	}
	return (10 * $power);
}

sub
floor_log10
{
	my $l = log($_[0]) / log(10);

	return ($l < int($l) ? int($l) - 1 : int($l));
}

# Returns an axis for these values: its ticks, and where from 0 to 1 a value
# is.  A linear axis begins at 0, or below where there are negative values.
sub
axis
{
	my ($log, @values) = @_;
	my ($low, $high) = (sort { $a <=> $b } @values)[0, -1];
	my (@ticks, $at);

	if ($log) {
		die "plot: a value that is not above 0\n" if $low <= 0;
		my $from = floor_log10($low * 1.0000001);
		my $to = $from + 1;
		$to++ while 10 ** $to < $high * 0.9999999;
		@ticks = map { 10 ** $_ } $from .. $to;
		$at = sub { (log($_[0]) / log(10) - $from) / ($to - $from) };
	} else {
		$low = 0 if $low > 0;
		$high = $low + 1 if $high <= $low;
		my $step = step($high - $low);
		my $from = $step * int($low / $step - ($low < 0 ? 1 : 0));
		my $n = 1;
		$n++ while $from + $n * $step < $high * 0.9999999;
		@ticks = map { $from + $_ * $step } 0 .. $n;
		$at = sub { ($_[0] - $from) / ($n * $step) };
	}
	return (\@ticks, $at);
}

sub
write_svg
{
	my ($o, $w, $h, @parts) = @_;
	my $head = text(16, 26, $o->{title}, size => 17, bold => 1);

	$head .= text(16, 46, $o->{note}, fill => '#555') if defined $o->{note};
	open(my $f, '>:encoding(UTF-8)', $o->{file}) or
	    die "$o->{file}: $!\n";
	print $f "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"$w\" " .
	    "height=\"$h\" viewBox=\"0 0 $w $h\" " .
	    "font-family=\"sans-serif\" font-size=\"12\">\n" .
	    "<rect width=\"$w\" height=\"$h\" fill=\"#fff\"/>\n", $head,
	    @parts, "</svg>\n";
	close($f) or die "$o->{file}: $!\n";
	return ($o->{file});
}

# Moves the names at the right ends of the lines apart, so that each can be
# read: [y, name, colour] in the order of y, at least 15 apart.
sub
spread
{
	my @labels = sort { $a->[0] <=> $b->[0] } @_;
	my $max = $height - $bottom + 4;

	for my $i (1 .. $#labels) {
		my $min = $labels[$i - 1][0] + 15;
		$labels[$i][0] = $min if $labels[$i][0] < $min;
	}
	for my $i (reverse 0 .. $#labels) {
		$labels[$i][0] = $max if $labels[$i][0] > $max;
		$max = $labels[$i][0] - 15;
	}
	return (@labels);
}

sub
lines
{
	my %o = @_;
	my @series = grep { @{$_->[1]} } @{$o{series}};
	my ($w, $h) = ($width - $left - $right, $height - $top - $bottom);
	my (@parts, @labels);

	die "plot: $o{file} has no values\n" if !@series;
	my ($xticks, $xat) = axis($o{logx}, map { map { $_->[0] } @{$_->[1]} }
	    @series);
	my ($yticks, $yat) = axis($o{logy}, map { map { $_->[1] } @{$_->[1]} }
	    @series);
	my $px = sub { $left + $w * $xat->($_[0]) };
	my $py = sub { $top + $h * (1 - $yat->($_[0])) };

	for my $t (@$yticks) {
		push(@parts, line($left, $py->($t), $left + $w, $py->($t),
		    '#ddd'), text($left - 8, $py->($t) + 4, number($t),
		    anchor => 'end'));
	}
	for my $t (@$xticks) {
		push(@parts, line($px->($t), $top + $h, $px->($t),
		    $top + $h + 5, '#888'), text($px->($t), $top + $h + 20,
		    number($t), anchor => 'middle'));
	}
	push(@parts, line($left, $top + $h, $left + $w, $top + $h, '#888'),
	    text($left + $w / 2, $height - 14, $o{x}, anchor => 'middle'),
	    text(18, $top + $h / 2, $o{y}, anchor => 'middle', upright => 1));
	for my $i (0 .. $#series) {
		my ($name, $points) = @{$series[$i]};
		my $colour = $colours[$i % @colours];
		my @at = map { [$px->($_->[0]), $py->($_->[1])] }
		    sort { $a->[0] <=> $b->[0] } @$points;

		push(@parts, "<polyline fill=\"none\" stroke=\"$colour\" " .
		    'stroke-width="2" points="' . join(' ', map {
		    sprintf('%.1f,%.1f', @$_) } @at) . "\"/>\n");
		# Many points are a line already.
		push(@parts, map { sprintf('<circle cx="%.1f" cy="%.1f" ' .
		    "r=\"3.5\" fill=\"%s\"/>\n", @$_, $colour) } @at)
		    if @at <= 40;
		push(@labels, [$at[-1][1] + 4, $name, $colour]);
	}
	push(@parts, map { text($left + $w + 10, $_->[0], $_->[1],
	    fill => $_->[2], bold => 1) } spread(@labels));
	return (write_svg(\%o, $width, $height, @parts));
}

sub
bars
{
	my %o = @_;
	my @bars = @{$o{bars}};
	my ($name_w, $each) = (200, 34);
	my $w = $width - $name_w - 100;
	my $h = $top + $each * @bars;
	my @parts;

	die "plot: $o{file} has no values\n" if !@bars;
	my ($ticks, $at) = axis(0, map { grep { defined } @$_[1 .. $#$_] }
	    @bars);
	for my $t (@$ticks) {
		my $x = $name_w + $w * $at->($t);
		push(@parts, line($x, $top, $x, $h, '#ddd'), text($x, $h + 18,
		    number($t), anchor => 'middle'));
	}
	for my $i (0 .. $#bars) {
		my ($name, $value, $low, $high) = @{$bars[$i]};
		my $y = $top + $each * $i;
		my $x = $name_w + $w * $at->($value);
		my $zero = $name_w + $w * $at->(0);
		my $end = $x;

		push(@parts, text($name_w - 10, $y + $each / 2 + 4, $name,
		    anchor => 'end'), sprintf('<rect x="%.1f" y="%.1f" ' .
		    "width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
		    $zero < $x ? $zero : $x, $y + 5, abs($x - $zero),
		    $each - 10, $colours[$i == 0 ? 0 : 5]));
		if (defined $low && defined $high) {
			my ($a, $b) = map { $name_w + $w * $at->($_) } $low,
			    $high;
			my $m = $y + $each / 2;
			push(@parts, line($a, $m, $b, $m, '#222'),
			    map { line($_, $m - 5, $_, $m + 5, '#222') } $a, $b);
			$end = $b if $b > $end;
		}
		push(@parts, text($end + 8, $y + $each / 2 + 4,
		    number($value)));
	}
	push(@parts, text($name_w + $w / 2, $h + 40, $o{y},
	    anchor => 'middle'));
	return (write_svg(\%o, $width, $h + 54, @parts));
}

1;
