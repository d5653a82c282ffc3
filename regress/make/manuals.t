#!/usr/bin/perl
# Every manual page on a terminal of 80 columns, by mandoc and by groff: no
# warning, no longer line, and no column of a table that has a word a line.
use strict;
use warnings;
use open qw(:std :encoding(UTF-8));
use Test::More;

my %with = (mandoc => 'mandoc -Tutf8 -Owidth=78',
    groff => 'groff -mandoc -Tutf8 -rLL=78n');

for my $tool (sort keys %with) {
	SKIP: {
		skip("no $tool here", 1)
		    if system("command -v $tool >/dev/null 2>&1") != 0;
		for my $page (glob('spamgreyd/*.[578] spamgreydb/*.[578]')) {
			my @lines = map { s/.\x08//gr =~ s/\e\[[\d;]*m//gr }
			    `$with{$tool} $page 2>&1`;
			chomp(@lines);
			cmp_ok(scalar @lines, '>', 10, "$page, $tool: text");
			is(join("\n", grep { length($_) > 80 } @lines), '',
			    "$page, $tool: no line over 80 columns");
			is(join("\n", grep { /^\S*\Q$page\E:\d+:/ } @lines),
			    '', "$page, $tool: no warning");
			unlike(join("\n", @lines), qr/(^ {45,}\S+\n){3}/m,
			    "$page, $tool: no column with a word a line");
		}
	}
}
done_testing();
