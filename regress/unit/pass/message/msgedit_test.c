/*
 * Changes of a message: the exact bytes of the result, with the message cut at
 * every place, at once and in slices; which changes of several modules count;
 * and which are refused.
 */
/* LINK: spamgreyd/pass/message */
#include <sys/types.h>

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#include "lib/mime/hdrline.h"
#include "lib/mime/word.h"
#include "spamgreyd/pass/message/edit.h"
#include "regress/lib/tap.h"

#define MSG	"A: 1\r\nSubject: hello\r\nA: 2\r\n\tfolded\r\nB: x\r\na: 3\r\n" \
		"\r\nbody\r\n.dot\r\n"

static struct msgedit	*edit;

static struct spool *
spool_of(const char *text)
{
	struct spool	*s = spool_new();

	if (s == NULL || spool_write(s, text, strlen(text)) == -1)
		exit(1);
	return (s);
}

static const char *
text_of(const struct spool *s)
{
	static char	text[256 * 1024];
	ssize_t		n;

	if (s == NULL)
		return (NULL);
	n = spool_read(s, 0, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	return (text);
}

static void
begin(void)
{
	if ((edit = msgedit_new()) == NULL)
		exit(1);
}

/* In slices of that size; NULL: never done. */
static struct spool *
sliced(const struct msgedit *e, const struct spool *in, size_t octets)
{
	struct msgapply	*a = msgapply_new(e, in);
	struct spool	*out;
	int		 i, r = 0;

	if (a == NULL)
		exit(1);
	for (i = 0; i < 100000 && r == 0; i++)
		r = msgapply_step(a, octets);
	out = r == 1 ? msgapply_take(a) : NULL;
	msgapply_free(a);
	return (out);
}

/* `edit' on that message; it is freed. */
static void
gives(const char *in, const char *want, const char *name)
{
	struct spool	*s = spool_of(in), *out;

	out = sliced(edit, s, 1);
	if (out == NULL || strcmp(text_of(out), want) != 0)
		is_str(text_of(out), want, "in slices");
	spool_free(out);
	out = msgedit_apply(edit, s);
	is_str(text_of(out), want, name);
	spool_free(out);
	spool_free(s);
	msgedit_free(edit);
	edit = NULL;
}

/* A name of almost a line is one; what is longer begins the body. */
static void
long_names(void)
{
	static const unsigned int	len[] = { 500, 996,
					    HDRLINE_MAX - 1, HDRLINE_MAX, 2047 };
	static char			in[6000], want[6000];
	unsigned int			i;

	for (i = 0; i < 5; i++) {
		snprintf(in, sizeof(in), "%0*d: x\r\nX-Spam: no\r\n\r\nb\r\n",
		    (int)len[i], 0);
		snprintf(want, sizeof(want), len[i] < HDRLINE_MAX ?
		    "%0*d: x\r\nX-Spam: yes\r\n\r\nb\r\n" :
		    "X-Spam: yes\r\n\r\n%0*d: x\r\nX-Spam: no\r\n\r\nb\r\n",
		    (int)len[i], 0);
		begin();
		msgedit_change(edit, 0, "X-Spam", NULL);
		msgedit_add(edit, "X-Spam", "yes");
		gives(in, want, "a long name");
	}
}

static void
fields(void)
{
	begin();
	ok(msgedit_empty(edit), "nothing asked");
	gives(MSG, MSG, "nothing changed");

	begin();
	is_int(msgedit_add(edit, "X-New", "one"), 0, "a field more");
	ok(!msgedit_empty(edit), "is something");
	is_int(msgedit_add(edit, "A", "4"), 0, "another of a name there is");
	gives(MSG, "A: 1\r\nSubject: hello\r\nA: 2\r\n\tfolded\r\nB: x\r\n"
	    "a: 3\r\nX-New: one\r\nA: 4\r\n\r\nbody\r\n.dot\r\n",
	    "stand at the end of the header");

	begin();
	msgedit_change(edit, 2, "a", "two");
	msgedit_change(edit, 1, "B", NULL);
	gives(MSG, "A: 1\r\nSubject: hello\r\na: two\r\na: 3\r\n\r\n"
	    "body\r\n.dot\r\n", "the second of a name, folds and all; a field "
	    "that goes");

	begin();
	msgedit_change(edit, 0, "A", NULL);
	gives(MSG, "Subject: hello\r\nB: x\r\n\r\nbody\r\n.dot\r\n",
	    "all of a name");
	begin();
	msgedit_change(edit, 0, "A", NULL);
	msgedit_change(edit, 3, "A", "kept");
	gives(MSG, "Subject: hello\r\nB: x\r\nA: kept\r\n\r\nbody\r\n.dot\r\n",
	    "the later word counts");
	begin();
	msgedit_change(edit, 3, "A", "kept");
	msgedit_change(edit, 0, "A", NULL);
	gives(MSG, "Subject: hello\r\nB: x\r\n\r\nbody\r\n.dot\r\n",
	    "either way");
	begin();
	msgedit_change(edit, 1, "A", NULL);
	msgedit_change(edit, 2, "A", "second");
	gives(MSG, "Subject: hello\r\nA: second\r\nB: x\r\na: 3\r\n\r\n"
	    "body\r\n.dot\r\n", "indices are of the message as it came");
	begin();
	msgedit_change(edit, 4, "A", "not this");
	msgedit_change(edit, 4, "A", "four");
	msgedit_change(edit, 5, "A", NULL);
	msgedit_change(edit, 1, "C", "new");
	msgedit_change(edit, 9, "B", "gone");
	msgedit_change(edit, 9, "B", NULL);
	gives(MSG, "A: 1\r\nSubject: hello\r\nA: 2\r\n\tfolded\r\nB: x\r\n"
	    "a: 3\r\nA: four\r\nC: new\r\n\r\nbody\r\n.dot\r\n",
	    "more than there are: added");
}

static void
inserts(void)
{
	begin();
	msgedit_insert(edit, 0, "X0", "zero");
	msgedit_insert(edit, 1, "X1", "one");
	msgedit_insert(edit, 1, "X1", "later");
	msgedit_insert(edit, 3, "X3", "three");
	msgedit_insert(edit, 5, "X5", "five");
	msgedit_insert(edit, 99, "X99", "end");
	msgedit_insert(edit, 6, "X6", "end too");
	msgedit_add(edit, "Y", "last");
	gives(MSG, "X0: zero\r\nX1: later\r\nX1: one\r\nA: 1\r\n"
	    "Subject: hello\r\nX3: three\r\nA: 2\r\n\tfolded\r\nB: x\r\n"
	    "X5: five\r\na: 3\r\nX99: end\r\nX6: end too\r\nY: last\r\n"
	    "\r\nbody\r\n.dot\r\n", "places");
	begin();
	msgedit_change(edit, 1, "A", NULL);
	msgedit_insert(edit, 2, "X", "y");
	gives(MSG, "X: y\r\nSubject: hello\r\nA: 2\r\n\tfolded\r\nB: x\r\n"
	    "a: 3\r\n\r\nbody\r\n.dot\r\n", "a field that goes has its place");
	begin();
	msgedit_insert(edit, 1, "X", "y");
	msgedit_add(edit, "Z", "z");
	gives("\r\nbody\r\n", "X: y\r\nZ: z\r\n\r\nbody\r\n", "no header");
	begin();
	msgedit_insert(edit, 0, "X", "y");
	gives("", "X: y\r\n", "nothing at all");
	begin();
	msgedit_add(edit, "X", "y");
	gives("A: b", "A: b\r\nX: y\r\n", "no end of line");
	begin();
	msgedit_add(edit, "X", "y");
	gives("A: b\r\nthis is text\r\n", "A: b\r\nX: y\r\n\r\nthis is text\r\n",
	    "what is no field ends the header");
	begin();
	msgedit_add(edit, "X", "y");
	gives(" blank first\r\nA: b\r\n", "X: y\r\n\r\n blank first\r\nA: b\r\n",
	    "nor is a fold of nothing");
	begin();
	msgedit_change(edit, 1, "Subject", "new");
	gives("Subject \t: old\r\n\r\n", "Subject: new\r\n\r\n",
	    "blanks before the colon");
}

static void
from_end(void)
{
	begin();
	msgedit_change_last(edit, 1, "A", NULL);
	gives(MSG, "A: 1\r\nSubject: hello\r\nA: 2\r\n\tfolded\r\nB: x\r\n"
	    "\r\nbody\r\n.dot\r\n", "the last of a name");
	begin();
	msgedit_change_last(edit, 3, "a", NULL);
	msgedit_change_last(edit, 2, "A", "two");
	msgedit_change_last(edit, 4, "A", NULL);
	msgedit_change_last(edit, 1, "C", NULL);
	msgedit_change_last(edit, 2, "B", "none");
	gives(MSG, "Subject: hello\r\nA: two\r\nB: x\r\na: 3\r\nB: none\r\n"
	    "\r\nbody\r\n.dot\r\n", "others; what is not there");
	begin();
	msgedit_change(edit, 3, "A", "from the top");
	msgedit_change_last(edit, 1, "A", "from the end");
	gives(MSG, "A: 1\r\nSubject: hello\r\nA: 2\r\n\tfolded\r\nB: x\r\n"
	    "A: from the end\r\n\r\nbody\r\n.dot\r\n",
	    "the same field either way: the last word");
	begin();
	msgedit_insert_last(edit, 1, "X1", "end");
	msgedit_insert_last(edit, 2, "X2", "above one");
	msgedit_insert_last(edit, 5, "X5", "above four");
	msgedit_insert_last(edit, 6, "X6", "top");
	msgedit_insert_last(edit, 99, "X99", "top too");
	msgedit_add(edit, "Y", "last");
	gives(MSG, "X99: top too\r\nX6: top\r\nA: 1\r\nX5: above four\r\n"
	    "Subject: hello\r\nA: 2\r\n\tfolded\r\nB: x\r\nX2: above one\r\n"
	    "a: 3\r\nX1: end\r\nY: last\r\n\r\nbody\r\n.dot\r\n",
	    "places from the end");
	begin();
	msgedit_insert_last(edit, 1, "X", "y");
	msgedit_change_last(edit, 1, "A", NULL);
	msgedit_body(edit, "new", 3);
	gives("A: 1\r\nA: 2", "A: 1\r\nX: y\r\n\r\nnew\r\n",
	    "of a message cut in its header, with a new body");
	begin();
	msgedit_insert_last(edit, 1, "X", "y");
	gives("", "X: y\r\n", "of nothing at all");
}

/* The wishes of two modules, in the order of the configuration. */
static struct msgedit	*list1, *list2;

static void
two(void)
{
	if ((list1 = msgedit_new()) == NULL ||
	    (list2 = msgedit_new()) == NULL)
		exit(1);
}

static void
both_give(const char *in, const char *want, const char *name)
{
	unsigned int	passed;

	begin();
	if (msgedit_join(edit, list1, NULL, NULL, &passed) == -1 ||
	    msgedit_join(edit, list2, NULL, NULL, &passed) == -1)
		exit(1);
	gives(in, want, name);
	msgedit_free(list1);
	msgedit_free(list2);
}

/* What one does moves nothing of another's. */
static void
apart(void)
{
	static const char	in[] = "A: 1\r\nA: 2\r\nB: 3\r\n\r\nx\r\n";

	two();
	msgedit_change(list1, 1, "A", NULL);
	msgedit_change(list2, 1, "A", NULL);
	both_give(in, "A: 2\r\nB: 3\r\n\r\nx\r\n",
	    "both remove the first: the first is gone, the second is not");
	two();
	msgedit_insert(list1, 0, "A", "new");
	msgedit_change(list2, 1, "A", NULL);
	both_give(in, "A: new\r\nA: 2\r\nB: 3\r\n\r\nx\r\n",
	    "an insertion moves no number of another");
	two();
	msgedit_change(list1, 1, "A", NULL);
	msgedit_insert(list2, 0, "A", "new");
	both_give(in, "A: new\r\nA: 2\r\nB: 3\r\n\r\nx\r\n",
	    "nor the other way round");
	two();
	msgedit_change(list1, 1, "A", NULL);
	msgedit_change(list2, 2, "A", "two");
	both_give(in, "A: two\r\nB: 3\r\n\r\nx\r\n",
	    "nor does a removal");
}

static void
conflicts(void)
{
	static const char	in[] = "A: 1\r\nA: 2\r\nB: 3\r\n\r\nx\r\n";
	unsigned int		passed;

	two();
	msgedit_add(list1, "A", "kept");
	msgedit_change(list2, 0, "A", NULL);
	both_give(in, "B: 3\r\nA: kept\r\n\r\nx\r\n",
	    "to remove all is of what came, not of what is added");
	two();
	msgedit_change(list1, 0, "A", NULL);
	msgedit_add(list2, "A", "kept");
	both_give(in, "B: 3\r\nA: kept\r\n\r\nx\r\n", "in either order");
	two();
	msgedit_change(list1, 1, "A", "first's");
	msgedit_change(list2, 1, "A", "second's");
	both_give(in, "A: second's\r\nA: 2\r\nB: 3\r\n\r\nx\r\n",
	    "both change it: the last one's");
	two();
	msgedit_change(list1, 1, "A", NULL);
	msgedit_change(list2, 1, "A", "second's");
	both_give(in, "A: second's\r\nA: 2\r\nB: 3\r\n\r\nx\r\n",
	    "removed and changed: the last one's");
	two();
	msgedit_change(list1, 1, "A", "first's");
	msgedit_change(list2, 0, "A", NULL);
	both_give(in, "B: 3\r\n\r\nx\r\n", "changed and removed");
	two();
	msgedit_change(list1, 1, "C", "first's");
	msgedit_change(list2, 1, "C", "second's");
	both_give(in, "A: 1\r\nA: 2\r\nB: 3\r\nC: second's\r\n\r\nx\r\n",
	    "both change what is not there: once");
	two();
	msgedit_add(list1, "C", "first's");
	msgedit_add(list2, "C", "second's");
	both_give(in, "A: 1\r\nA: 2\r\nB: 3\r\nC: first's\r\nC: second's\r\n"
	    "\r\nx\r\n", "both add: both, in their order");
	two();
	msgedit_insert(list1, 3, "C", "first's");
	msgedit_insert_last(list2, 2, "C", "second's");
	both_give(in, "A: 1\r\nA: 2\r\nC: second's\r\nC: first's\r\nB: 3\r\n"
	    "\r\nx\r\n", "at one place: the last one's above");
	two();
	msgedit_change_last(list1, 1, "A", NULL);
	msgedit_add(list2, "A", "3");
	both_give(in, "A: 1\r\nB: 3\r\nA: 3\r\n\r\nx\r\n",
	    "the last is the last that came");
	two();
	msgedit_body(list1, "first", 5);
	msgedit_body(list2, "second", 6);
	begin();
	if (msgedit_join(edit, list1, NULL, NULL, &passed) == -1)
		exit(1);
	is_int(msgedit_body(edit, "x", 1), -1, "a joined body is its owner's");
	msgedit_free(edit);
	both_give(in, "A: 1\r\nA: 2\r\nB: 3\r\n\r\nsecond\r\n",
	    "two bodies: the last one's");
}

static void
values(void)
{
	char	name[200];

	begin();
	msgedit_add(edit, "X", "a\n\tb\r\n c");
	msgedit_add(edit, "Y", "a\nEvil: x\r\n\r\nbody\rz\x01\x7f");
	msgedit_add(edit, "Z", "\tleading");
	msgedit_add(edit, "F", "\n\tfolded at once");
	msgedit_add(edit, "E", "");
	msgedit_add(edit, "W", "a\n\t\n\t \n b\n ");
	msgedit_add(edit, "U", "gr\303\274n\xff");
	gives("\r\n", "X: a\r\n\tb\r\n c\r\nY: a?Evil: x????body?z??\r\n"
	    "Z:\tleading\r\nF:\r\n\tfolded at once\r\nE: \r\n"
	    "W: a\t\t \r\n b \r\nU: gr\303\274n\xff\r\n\r\n",
	    "only what may stand in a header");
	begin();
	is_int(msgedit_add(edit, "a b", "x"), -1, "no blank in a name");
	is_int(msgedit_add(edit, "a:b", "x"), -1, "no colon");
	is_int(msgedit_add(edit, "", "x"), -1, "a name");
	is_int(msgedit_add(edit, "gr\303\274n", "x"), -1, "ASCII");
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	is_int(msgedit_add(edit, name, "x"), -1, "not too long");
	name[128] = '\0';
	is_int(msgedit_add(edit, name, "x"), 0, "but so long");
	msgedit_free(edit);
	begin();
	msgedit_change(edit, 1, name, NULL);
	strlcat(name, ": y\r\n\r\n", sizeof(name));
	gives(name, "\r\n", "which is found too");
}

static void
bounds(void)
{
	static char	big[100 * 1024 + 1];
	int		i, taken = 0;

	begin();
	for (i = 0; i < 2000; i++)
		taken += msgedit_add(edit, "X", "y") == 0;
	is_int(taken, MSGEDIT_MAX, "so many changes");
	msgedit_free(edit);
	begin();
	memset(big, 'x', sizeof(big) - 1);
	is_int(msgedit_add(edit, "X", big), 0, "100K");
	is_int(msgedit_add(edit, "X", big), 0, "200K");
	is_int(msgedit_add(edit, "X", big), -1, "so many octets");
	ok(errno == E2BIG, "which is said");
	msgedit_free(edit);
}

static void
bodies(void)
{
	struct msgedit	*other, *joined;
	unsigned int	 passed;

	begin();
	is_int(msgedit_body(edit, "new\nbody\r", 9), 0, "a new body");
	is_int(msgedit_body(edit, "\nmore\rhere", 10), 0, "in pieces");
	gives(MSG, "A: 1\r\nSubject: hello\r\nA: 2\r\n\tfolded\r\nB: x\r\n"
	    "a: 3\r\n\r\nnew\r\nbody\r\nmore here\r\n",
	    "its lines end in CRLF");
	begin();
	is_int(msgedit_body(edit, "", 0), 0, "an empty one");
	ok(!msgedit_empty(edit), "is something");
	gives("A: b\r\n\r\nbody\r\n", "A: b\r\n\r\n", "is one");
	begin();
	msgedit_body(edit, "x", 1);
	gives("A: b\r\nno header\r\n", "A: b\r\n\r\nx\r\n",
	    "in place of what ended the header");
	begin();
	msgedit_body(edit, "x\r\n", 3);
	gives("A: b\r\n", "A: b\r\n\r\nx\r\n", "of none");
	begin();
	msgedit_body(edit, "first", 5);
	msgedit_add(edit, "X", "1");
	if ((other = msgedit_new()) == NULL || (joined = msgedit_new()) == NULL)
		exit(1);
	msgedit_body(other, "second\n", 7);
	msgedit_add(other, "X", "2");
	msgedit_change(other, 1, "A", NULL);
	is_int(msgedit_join(joined, edit, NULL, NULL, &passed), 0, "joined");
	is_int(msgedit_join(joined, other, NULL, NULL,
	    &passed), 0, "twice");
	is_int(passed, 0, "all of both");
	msgedit_free(edit);
	edit = joined;
	gives("A: b\r\n\r\nbody\r\n", "X: 1\r\nX: 2\r\n\r\nsecond\r\n",
	    "the later body, and all fields");
	msgedit_free(other);
}

static int
moved(const char *name, int from_end, const void *arg)
{
	return (msgedit_moves(arg, name, from_end));
}

/* What moves fields of a name, and what is then no place any more. */
static void
places(void)
{
	struct msgedit	*first = msgedit_new(), *all = msgedit_new();
	unsigned int	 passed;

	if (first == NULL || all == NULL)
		exit(1);
	msgedit_add(first, "Added", "1");
	msgedit_change(first, 1, "Changed", "2");
	msgedit_insert(first, 1, "Inserted", "3");
	msgedit_change(first, 2, "Gone", NULL);
	ok(!msgedit_moves(first, "Added", 0), "at the end: none moves");
	ok(!msgedit_moves(first, "changed", 0), "another value: none");
	ok(msgedit_moves(first, "INSERTED", 0), "one more: the others do");
	ok(msgedit_moves(first, "gone", 0), "one less: so do they");
	ok(msgedit_moves(first, "added", 1), "but from the end all do");
	ok(!msgedit_moves(first, "other", 1), "of that name");
	begin();
	msgedit_change(edit, 1, "Gone", "x");
	msgedit_change_last(edit, 1, "Added", NULL);
	msgedit_change_last(edit, 1, "Other", NULL);
	msgedit_change(edit, 1, "Changed", "x");
	msgedit_change(edit, 0, "Inserted", NULL);
	msgedit_insert(edit, 1, "Gone", "y");
	is_int(msgedit_join(all, edit, moved, first, &passed), 0, "joined");
	is_int(passed, 2, "but for places that have moved");
	msgedit_free(first);
	msgedit_free(edit);
	edit = all;
	gives("Changed: 1\r\nGone: 1\r\nInserted: 1\r\nOther: 1\r\n\r\n",
	    "Gone: y\r\nChanged: x\r\nGone: 1\r\n\r\n", "the rest is done");
}

static void
subject(const char *in, const char *want, const char *name)
{
	begin();
	msgedit_subject(edit, "[SPAM] ");
	gives(in, want, name);
}

static void
subjects(void)
{
	static char	in[40000], want[40100], line[1000];
	size_t		i;

	subject("A: b\r\nSubject: hello\r\nC: d\r\n\r\nSubject: no\r\n",
	    "A: b\r\nSubject: [SPAM] hello\r\nC: d\r\n\r\nSubject: no\r\n",
	    "a subject's tag");
	subject("SUBJECT:hello\r\n\r\n", "SUBJECT: [SPAM] hello\r\n\r\n",
	    "no blank after the colon");
	subject("Subject: [SPAM] hello\r\n\r\n",
	    "Subject: [SPAM] hello\r\n\r\n", "not twice");
	subject("Subject: Re: [SPAM] hello\r\n\r\n",
	    "Subject: Re: [SPAM] hello\r\n\r\n", "nor in an answer");
	subject("Subject: =?utf-8?Q?=5BSPAM=5D_gr=C3=BCn?=\r\n\r\n",
	    "Subject: =?utf-8?Q?=5BSPAM=5D_gr=C3=BCn?=\r\n\r\n",
	    "nor in an encoded word");
	subject("Subject: =?ISO-8859-1?B?W1NQQU1dIGhhbGxv?=\r\n\r\n",
	    "Subject: =?ISO-8859-1?B?W1NQQU1dIGhhbGxv?=\r\n\r\n",
	    "of either encoding");
	subject("Subject: =?utf-8?q?=5BSP?=\r\n =?utf-8?b?QU1dIHg=?=\r\n\r\n",
	    "Subject: =?utf-8?q?=5BSP?=\r\n =?utf-8?b?QU1dIHg=?=\r\n\r\n",
	    "nor in two of them");
	subject("Subject: =?utf-8?Q?gr=C3=BCn?=\r\n =?utf-8?Q?er?=\r\n\r\n",
	    "Subject: [SPAM] =?utf-8?Q?gr=C3=BCn?=\r\n =?utf-8?Q?er?=\r\n\r\n",
	    "before an encoded word");
	subject("Subject:\r\n\tfolded\r\nA: b\r\n\r\n",
	    "Subject: [SPAM]\r\n\tfolded\r\nA: b\r\n\r\n", "before a fold");
	subject("Subject: [SP\r\n AM]\r\n\r\n",
	    "Subject: [SPAM] [SP\r\n AM]\r\n\r\n", "a fold is a blank");
	subject("Subject:\r\n\r\n", "Subject: [SPAM]\r\n\r\n", "an empty one");
	subject("A: b\r\n\r\n", "A: b\r\nSubject: [SPAM]\r\n\r\n", "none");
	subject("", "Subject: [SPAM]\r\n", "no message");
	subject("Subject: cut", "Subject: [SPAM] cut\r\n", "cut");
	subject("Subject: a\r\nSubject: b\r\n\r\n",
	    "Subject: [SPAM] a\r\nSubject: b\r\n\r\n", "the first of two");
	memset(line, 'x', 950);
	snprintf(in, sizeof(in), "Subject: %s\r\n\r\n", line);
	snprintf(want, sizeof(want), "Subject: [SPAM]\r\n %s\r\n\r\n", line);
	subject(in, want, "before a long line");
	snprintf(in, sizeof(in), "Subject: a\r\n");
	for (i = 0; i < 30; i++)
		snprintf(in + strlen(in), sizeof(in) - strlen(in), "\t%s\r\n",
		    line);
	snprintf(want, sizeof(want), "Subject: [SPAM] \r\n a%s", in + 10);
	subject(in, want, "one too long to be looked at");
	begin();
	msgedit_subject(edit, "[SPAM] ");
	msgedit_change(edit, 1, "Subject", "new");
	gives("Subject: old\r\nA: b\r\n\r\n", "Subject: [SPAM] new\r\n"
	    "A: b\r\n\r\n", "a changed one");
	begin();
	msgedit_subject(edit, "[SPAM] ");
	msgedit_change(edit, 1, "Subject", NULL);
	gives("Subject: old\r\nA: b\r\n\r\n", "A: b\r\nSubject: [SPAM]\r\n\r\n",
	    "a deleted one");
	begin();
	msgedit_subject(edit, "[SPAM] ");
	msgedit_insert(edit, 2, "X", "y");
	gives("Subject: old\r\nA: b\r\n\r\n", "Subject: [SPAM] old\r\nX: y\r\n"
	    "A: b\r\n\r\n", "before an insert");
}

/* A subject across what is read at once. */
static void
chunks(void)
{
	static char	in[32 * 1024], want[33 * 1024];
	size_t		pad, bad = 0;
	struct spool	*s, *out;

	for (pad = 8100; pad < 8300; pad++) {
		memset(in, 'x', pad);
		memcpy(in, "X: ", 3);
		snprintf(in + pad, sizeof(in) - pad,
		    "\r\nSubject: hi\r\n\tyou\r\nB: c\r\n\r\nbody\r\n");
		memcpy(want, in, pad);
		snprintf(want + pad, sizeof(want) - pad, "\r\nSubject: [T] hi"
		    "\r\n\tyou\r\nZ: z\r\n\r\nbody\r\n");
		begin();
		msgedit_subject(edit, "[T]");
		msgedit_change(edit, 1, "B", NULL);
		msgedit_add(edit, "Z", "z");
		s = spool_of(in);
		out = msgedit_apply(edit, s);
		if (out == NULL || strcmp(text_of(out), want) != 0)
			bad++;
		spool_free(out);
		spool_free(s);
		msgedit_free(edit);
	}
	is_int(bad, 0, "wherever the message is cut");
}

static void
words(void)
{
	char	text[128];

	(void)mimeword_text(text, sizeof(text), "a =?utf-8?q?b?= c", 17);
	is_str(text, "a b c", "a word among others");
	(void)mimeword_text(text, sizeof(text), "=?windows-1252?q?=80?=", 22);
	is_str(text, "\342\202\254", "windows-1252");
	(void)mimeword_text(text, sizeof(text), "=?koi8-r?b?xM8=?=!", 18);
	is_str(text, "\?\?!", "a character set that is not known");
	(void)mimeword_text(text, sizeof(text), "=?utf-8*de?q?x?= =?x", 20);
	is_str(text, "x =?x", "a language, and no word");
	(void)mimeword_text(text, sizeof(text), "=?utf-8?q?=C3?=", 15);
	is_str(text, "?", "half a character");
	(void)mimeword_text(text, 4, "abcdef", 6);
	is_str(text, "abc", "no more than has room");
}

/* All of a prefix, at once or of a marked message alone. */
static void
drops(void)
{
	static const char	in[] = "X-Spam-Flag: NO\r\nSubject: a\r\n"
				    "x-spam-own : 1\r\n\tmore\r\nX-Spam: 1\r\n"
				    "X-SPAM-: 2\r\nB: X-Spam-B: 1\r\n\r\n"
				    "X-Spam-Body: 1\r\n";
	static const char	out[] = "Subject: a\r\nX-Spam: 1\r\n"
				    "B: X-Spam-B: 1\r\n\r\nX-Spam-Body: 1\r\n";
	struct msgedit		*joined;
	char			 name[300], text[400];
	unsigned int		 passed;

	begin();
	is_int(msgedit_drop(edit, "X-Spam-", 0), 0, "a prefix");
	ok(msgedit_moves(edit, "x-spam-flag", 0), "moves its fields");
	ok(!msgedit_moves(edit, "X-Spam", 0), "and no others");
	gives(in, out, "goes, from the header alone");
	begin();
	is_int(msgedit_drop(edit, "X-Spam-", 1), 0, "of a marked message");
	gives(in, in, "nobody has said whether it is");
	begin();
	(void)msgedit_drop(edit, "X-Spam-", 1);
	msgedit_marked(edit, 0);
	ok(msgedit_empty(edit), "not marked: nothing is asked");
	gives(in, in, "and nothing changes");
	begin();
	(void)msgedit_add(edit, "X-Spam-Flag", "YES");
	(void)msgedit_drop(edit, "X-Spam-", 1);
	(void)msgedit_insert(edit, 0, "X-Spam-Level", "***");
	msgedit_marked(edit, 1);
	joined = msgedit_new();
	if (joined == NULL || msgedit_join(joined, edit, NULL, NULL,
	    &passed) == -1)
		exit(1);
	msgedit_free(edit);
	edit = joined;
	gives(in, "X-Spam-Level: ***\r\nSubject: a\r\nX-Spam: 1\r\n"
	    "B: X-Spam-B: 1\r\nX-Spam-Flag: YES\r\n\r\n"
	    "X-Spam-Body: 1\r\n", "marked: what is new stays");
	begin();
	(void)msgedit_drop(edit, "X-Spam-", 0);
	(void)msgedit_change(edit, 1, "X-Spam-Flag", "MAYBE");
	gives("X-Spam-Flag: A\r\nX-Spam-Flag: B\r\n\r\n",
	    "X-Spam-Flag: MAYBE\r\n\r\n", "a change by number is one");
	begin();
	(void)msgedit_drop(edit, "X-Spam-", 0);
	memset(name, 'n', sizeof(name));
	memcpy(name, "X-Spam-", 7);
	snprintf(text, sizeof(text), "%.290s: 1\r\nA: 1\r\n\r\n", name);
	gives(text, "A: 1\r\n\r\n", "a long name too");
	begin();
	(void)msgedit_add(edit, "A", "1");
	(void)msgedit_drop(edit, "X-Spam-", 0);
	(void)msgedit_change(edit, 0, "B", NULL);
	(void)msgedit_body(edit, "new", 3);
	(void)msgedit_subject(edit, "[tag]");
	msgedit_only_drops(edit);
	gives(in, out, "nothing else is left");
	begin();
	is_int(msgedit_drop(edit, "X Spam", 0), -1, "not part of a name");
	msgedit_free(edit);
	edit = NULL;
}

int
main(void)
{
	spool_limits(128 * 1024, 16 * 1024 * 1024);
	long_names();
	fields();
	inserts();
	from_end();
	apart();
	conflicts();
	drops();
	values();
	bounds();
	bodies();
	places();
	subjects();
	chunks();
	words();
	return (done());
}
