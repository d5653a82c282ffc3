#!/usr/bin/perl
#
# Each whole file in EXAMPLES of spamgreyd.conf(5), and each statement that the
# sample has commented out, is accepted by spamgreyd -n.

use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

my $prog = $ENV{SPAMGREYD} || './spamgreyd/spamgreyd';
my $tmp = tempdir(CLEANUP => 1);
umask(077);

sub slurp {
	my ($file) = @_;
	open(my $fh, '<:raw', $file) or die "$file: $!";
	local $/;
	return scalar <$fh>;
}

sub spew {
	my ($file, $text) = @_;
	open(my $fh, '>:raw', $file) or die "$file: $!";
	print $fh $text;
	close($fh) or die "$file: $!";
}

# The files that the examples name, in a directory of ours.
system('openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=mx.example.org ' .
    "-keyout $tmp/mx.key -out $tmp/mx.pem 2>/dev/null") == 0 or
    plan(skip_all => 'openssl(1) is not installed');
spew("$tmp/spamgreyd.key", 'x' x 64);
spew("$tmp/$_.txt", "192.0.2.1\n") for qw(black partners branches);

sub accepted {
	my ($name, $text) = @_;
	$text =~ s{"/etc/(?:ssl|mail|spamgreyd)/(?:private/)?}{"$tmp/}g;
	spew("$tmp/conf", $text);
	my $out = `$prog -n -f $tmp/conf 2>&1`;
	is($?, 0, "accepted: $name") or diag($out);
}

my ($examples) = slurp('spamgreyd/spamgreyd.conf.5') =~
    /^\.Sh EXAMPLES\n(.*?)^\.Sh /ms;
my @whole = $examples =~ /^\.Bd.*?\n(.*?)^\.Ed/gms;
cmp_ok(scalar @whole, '>=', 4, 'the manual has examples');
for my $text (@whole) {
	$text =~ s/\\e$/\\/gm;
	accepted("the manual's " . $text =~ s/\n.*//sr, $text);
}

# Statements of the top level; config.t has the pass block.
my $sample = slurp('spamgreyd/spamgreyd.conf.sample');
my @lines = $sample =~ /^(#[a-z][a-z-]* (?:[^\n]*\\\n#)*[^\n]*\n)/gm;
my %alone;
for my $text (grep { !/\{\n/ } @lines) {
	my ($word) = $text =~ /^#(\S+)/;
	$text =~ s/^#//gm;
	$text .= "whitelist partners file \"/etc/spamgreyd/partners.txt\"\n"
	    if $text =~ /except/;
	$alone{$word}++;
	accepted("the sample's " . $text =~ s/\s*\n.*//sr, $text);
}
is(join(' ', sort keys %alone), 'allowed blacklist contact firewall hostname ' .
    'listen spamd-setup spamtrap tls track whitelist', 'all were found');
for my $block (qw(learn sync)) {
	my ($text) = $sample =~ /^(#$block \{\n(?:#.*\n)*?#\}\n)/m;
	ok(defined $text, "the sample has $block");
	accepted("the sample's $block", ($text // '') =~ s/^#//gmr);
}
done_testing();
