#!/usr/bin/perl
# Other readers of mail: each name that Python's email package or gmime makes of
# a message is among the names that lib/mime finds.
use strict;
use warnings;
use Test::More;

my $cd = "Content-Disposition: attachment;";
my $exe = "$cd filename=e.exe\r\n\r\nM\r\n";
my $multi = "Content-Type: multipart/mixed;";
my %message = (
	"a comment behind a name" => "$cd filename=x.bat (comment)\r\n\r\nM\r\n",
	"a comment in a name" => "$cd filename=x.()bat\r\n\r\nM\r\n",
	"a comment with a semicolon" =>
	    "$cd (a; filename=y.bat) filename=x.bat\r\n\r\nM\r\n",
	"pieces that begin at 1" =>
	    "$cd filename*1=x.; filename*2=bat\r\n\r\nM\r\n",
	"pieces with a hole" => "$cd filename*0=x.; filename*5=bat\r\n\r\nM\r\n",
	"pieces in another order" =>
	    "$cd filename*1=bat; filename*0=x.\r\n\r\nM\r\n",
	"coded pieces" =>
	    "$cd filename*0*=utf-8''x%2E; filename*1=bat\r\n\r\nM\r\n",
	"a piece and the whole" =>
	    "$cd filename=y.txt; filename*0=x.; filename*1=bat\r\n\r\nM\r\n",
	"UTF-7" => "$cd filename*=utf-7''x%2BAC4-bat\r\n\r\nM\r\n",
	"UTF-16" => "$cd filename*=utf-16be''%00x%00.%00b\r\n\r\nM\r\n",
	"EBCDIC" => "$cd filename*=cp500''%81K%85%A7%85\r\n\r\nM\r\n",
	"NUL" => "$cd filename*=utf-8''x.bat%00.txt\r\n\r\nM\r\n",
	"an escape" => "$cd filename=\"x.b\\at\"\r\n\r\nM\r\n",
	"quotes without an end" => "$cd filename=\"x.bat\r\n\r\nM\r\n",
	"a missing semicolon" =>
	    "Content-Type: text/plain name=x.bat\r\n\r\nM\r\n",
	"blanks in a name" => "$cd filename=x y.bat\r\n\r\nM\r\n",
	"both names" => "$cd filename=x.bat\r\n" .
	    "Content-Type: text/plain; name=y.bat\r\n\r\nM\r\n",
	"two boundaries" => "$multi boundary=a; boundary=b\r\n\r\n" .
	    "--b\r\n$exe--a\r\n$cd filename=f.exe\r\n\r\nM\r\n",
	"two types" => "$multi boundary=a\r\n$multi boundary=b\r\n\r\n" .
	    "--b\r\n$exe--a\r\n$cd filename=f.exe\r\n\r\nM\r\n",
	"a coded boundary" => "$multi boundary*=us-ascii''%61\r\n\r\n--a\r\n$exe",
	"a boundary in pieces" =>
	    "$multi boundary*0=a; boundary*1=b\r\n\r\n--ab\r\n$exe",
	"a boundary with a comment" => "$multi boundary=a (b)\r\n\r\n--a\r\n$exe" .
	    "--a (b)\r\n$cd filename=f.exe\r\n\r\nM\r\n",
	"a fold without its blank" => "$multi boundary=a\r\n\r\n--a\r\n$cd\r\n" .
	    "filename=e.exe\r\n\r\nM\r\n",
	"a line that is no field" => "$multi boundary=a\r\n\r\n--a\r\nnone\r\n$exe",
	"a boundary with text behind it" =>
	    "$multi boundary=a\r\n\r\n--ab\r\n$exe--a\r\n$cd filename=f.exe\r\n" .
	    "\r\nM\r\n",
	"a form feed for a blank" => "$cd filename\f=x.bat\r\n\r\nM\r\n",
	"a star in a name" => "$cd filename=x.bat*y\r\n\r\nM\r\n",
	"a message of another type" => "$multi boundary=a\r\n\r\n--a\r\n" .
	    "Content-Type: message/external-body\r\n\r\n$exe",
	"the last boundary right behind one" =>
	    "$multi boundary=a\r\n\r\n--a\r\n--a--\r\n$exe",
	"a mailbox's line in a part" =>
	    "$multi boundary=a\r\n\r\n--a\r\nFrom x\r\n$exe",
);

my $python = <<'END';
import email, email.policy, sys
for file in sys.argv[1:]:
    text = open(file, "rb").read()
    names = []
    for policy in (email.policy.compat32, email.policy.default):
        try:
            for part in email.message_from_bytes(text, policy=policy).walk():
                name = part.get_filename()
                if name:
                    names.append(name)
        except Exception as e:
            print("# " + repr(e), file=sys.stderr)
    with open(file + ".python", "wb") as out:
        for name in names:
            out.write(name.encode("utf-8", "replace") + b"\n")
END

my $gmime = <<'END';
#include <gmime/gmime.h>
#include <stdio.h>
static void
each(GMimeObject *parent, GMimeObject *part, gpointer arg)
{
	const char *n = NULL;
	(void)parent; (void)arg;
	if (GMIME_IS_PART(part))
		n = g_mime_part_get_filename(GMIME_PART(part));
	if (n != NULL)
		printf("%s\n", n);
}
int
main(void)
{
	GMimeStream *s; GMimeParser *p; GMimeMessage *m;
	g_mime_init();
	s = g_mime_stream_file_new(stdin);
	p = g_mime_parser_new_with_stream(s);
	m = g_mime_parser_construct_message(p, NULL);
	if (m != NULL) {
		each(NULL, g_mime_message_get_mime_part(m), NULL);
		g_mime_message_foreach(m, each, NULL);
	}
	return (0);
}
END

my $dir = "/tmp/readers.$$";
mkdir $dir or die "$dir: $!";
END { system("rm", "-rf", $dir) if defined $dir; }

sub put { my ($file, $text) = @_;
	open(my $fh, '>:raw', "$dir/$file") or die "$file: $!";
	print $fh $text;
	close $fh;
}

sub lines { my ($command) = @_;
	return map { s/\n\z//r } `$command 2>/dev/null`;
}

# What a name is when what file systems and readers strip is gone.
sub bare { my ($name) = @_;
	$name =~ s/[\x00-\x1f\x7f]//g;
	$name =~ s/^['" ]+|['" .]+$//g;
	return $name;
}

system("sh", "regress/build.sh", "regress/unit/mime/mime_names.c") == 0 or
    die "mime_names cannot be built";
put("python.py", $python);
put("gmime.c", $gmime);
my @messages = sort keys %message;
my @files = map { "$dir/message$_" } 0 .. $#messages;
put("message$_", $message{$messages[$_]}) for 0 .. $#messages;
# Python takes long to start, so it reads all of them.
my %reader;
$reader{"Python's email"} = sub { return "cat $_[0].python" }
    if system("python3 $dir/python.py @files 2>/dev/null") == 0;
$reader{gmime} = sub { return "$dir/gmime <$_[0]" }
    if system(($ENV{CC} // "cc") .
    " -o $dir/gmime $dir/gmime.c \$(pkg-config --cflags --libs gmime-3.0) " .
    ">/dev/null 2>&1") == 0;
for my $who ("Python's email", "gmime") {
	SKIP: for my $i (0 .. $#messages) {
		skip "$who: " . ($who eq 'gmime' ?
		    "no libgmime-3.0 to compile with" : "no python3"),
		    scalar @messages unless $reader{$who};
		my %ours = map { bare($_) => 1 }
		    lines("regress/obj/mime_names <$files[$i]");
		my @missing = grep { $_ ne '' && !$ours{$_} }
		    map { bare($_) } lines($reader{$who}->($files[$i]));
		is(join(", ", @missing), "", "$who: $messages[$i]");
	}
}
done_testing();
