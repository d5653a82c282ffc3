/*
 * Makes a message with its changes in one pass from one spool to another, or in
 * two passes if fields are counted from the end: the first one counts them
 * (COUNTING).  What a line of the header is, is decided by lib/mime/hdrline.
 * Pure.
 *
 * A field that begins is held until its colon is seen; then it is known what
 * becomes of it.  Its text is copied or dropped as it comes, except that of the
 * subject, which is collected when it gets a tag.
 */
#include <sys/types.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/buf.h"
#include "lib/mime/hdrline.h"
#include "lib/mime/word.h"
#include "spamgreyd/pass/message/edit_int.h"

/* Bytes that are read at once, and bytes that are written at once. */
#define IN_CHUNK	8192
#define OUT_CHUNK	16384
/*
 * Bytes of a subject in which the tag is looked for; a longer one just gets it.
 */
#define SUBJECT_MAX	16384
/*
 * If the first line of a subject is longer than this, the tag gets a line of
 * its own: a line should have at most 998 bytes (RFC 5322, 2.1.1).
 */
#define LINE_FULL	900

/*
 * Where in the message the next byte is: at the beginning of a line, in a
 * field, or in the body.
 */
enum where { AT_LINE, IN_FIELD, IN_BODY };
/* What becomes of the field whose text comes. */
enum todo { TODO_KEEP, TODO_DROP, TODO_SUBJECT };
enum phase { COUNTING, MAKING, NEW_BODY, DONE };

/*
 * The changes of the fields of one name, and how many fields of that name there
 * were so far.
 */
struct named {
	const char	*name;
	/* The range of its changes in msgapply.changes. */
	size_t		 first, n;
	unsigned int	 seen;
};
struct msgapply {
	const struct msgedit	*e;
	const struct spool	*in;
	struct spool		*out;
	enum phase		 phase;
	/* The position up to which the message, or the new body, was read. */
	uint64_t		 at;
	/* A copy of e's changes, with all indices counted from the top. */
	struct edit		*edit;
	/* errno of the first failure; nothing is written after it. */
	int			 error;
	uint8_t			 chunk[OUT_CHUNK];
	size_t			 fill;
	/* The last byte that was written. */
	uint8_t			 last;
	enum where		 where;
	enum todo		 todo;
	struct hdrline		 line;
	/* The beginning of a line of which it is not known yet what it is. */
	uint8_t			 held[HDRLINE_MAX];
	size_t			 nheld;
	unsigned int		 fields;
	/* By position; of one position the newer change first. */
	const struct edit	**inserts;
	size_t			 ninserts, inserted;
	/* By name, index and age. */
	const struct edit	**changes;
	size_t			 nchanges;
	struct named		*names;
	size_t			 nnames;
	/* Removals by the beginning of the name. */
	const struct edit	**drops;
	size_t			 ndrops;
	/* By the number of the change: its field is added at the end. */
	uint8_t			*wanted;
	/* The subject from its name on, while it is collected. */
	struct buf		 subject;
	/* The tag is in the new header. */
	int			 tagged;
};

/*
 * Writes what is collected.  A failure is only noted; msgapply_step reports it.
 */
static void
flush(struct msgapply *a)
{
	if (a->fill > 0 && a->error == 0 &&
	    spool_write(a->out, a->chunk, a->fill) == -1)
		a->error = errno == 0 ? EIO : errno;
	a->fill = 0;
}

static void
put(struct msgapply *a, const void *data, size_t len)
{
	const uint8_t	*s = data;
	size_t		 n;

	if (len == 0)
		return;
	a->last = s[len - 1];
	while (len > 0) {
		n = sizeof(a->chunk) - a->fill;
		if (n > len)
			n = len;
		memcpy(a->chunk + a->fill, s, n);
		a->fill += n;
		s += n;
		len -= n;
		if (a->fill == sizeof(a->chunk))
			flush(a);
	}
}

static void
put_str(struct msgapply *a, const char *text)
{
	put(a, text, strlen(text));
}

/*
 * Writes a subject with its tag, or as it is if its decoded text has the tag
 * already.  field is the whole field without its last CRLF; its value begins at
 * `at'.
 */
static void
put_subject(struct msgapply *a, const char *field, size_t len, size_t at)
{
	char		*text = NULL;
	const char	*value = field + at, *eol;
	size_t		 taglen, vlen = len - at, size = 3 * vlen + 1, skip;
	const char	*tag = a->e->tag + strspn(a->e->tag, " ");

	for (taglen = strlen(tag); taglen > 0 && tag[taglen - 1] == ' ';)
		taglen--;
	if (!a->tagged && (text = malloc(size)) == NULL)
		a->error = ENOMEM;
	if (text != NULL)
		(void)mimeword_text(text, size, value, vlen);
	if (a->tagged || (text != NULL &&
	    memmem(text, strlen(text), tag, taglen) != NULL))
		put(a, field, len);
	else {
		for (skip = 0; skip < vlen && (value[skip] == ' ' ||
		    value[skip] == '\t'); skip++)
			;
		eol = memchr(value, '\r', vlen);
		put(a, field, at);
		put_str(a, " ");
		put(a, tag, taglen);
		if ((eol == NULL ? vlen : (size_t)(eol - value)) > LINE_FULL)
			put_str(a, "\r\n ");
		else if (skip < vlen && value[skip] != '\r')
			put_str(a, " ");
		put(a, value + skip, vlen - skip);
	}
	put_str(a, "\r\n");
	a->tagged = 1;
	free(text);
}

/* Writes a new field.  A new subject gets the tag, too. */
static void
put_edit(struct msgapply *a, const struct edit *e)
{
	struct buf	b;

	if (a->e->tag != NULL && !a->tagged &&
	    strcasecmp(e->name, "Subject") == 0) {
		memset(&b, 0, sizeof(b));
		if (buf_printf(&b, "%s:%s", e->name, e->value) == -1)
			a->error = ENOMEM;
		else
			put_subject(a, (const char *)buf_ptr(&b), buf_len(&b),
			    strlen(e->name) + 1);
		buf_free(&b);
		return;
	}
	put_str(a, e->name);
	put_str(a, ":");
	put_str(a, e->value);
	put_str(a, "\r\n");
}

/* The collected subject is complete. */
static void
subject_end(struct msgapply *a)
{
	const char	*field, *colon;
	size_t		 len = buf_len(&a->subject);

	if (len == 0)
		return;
	field = (const char *)buf_ptr(&a->subject);
	while (len > 0 && (field[len - 1] == '\r' || field[len - 1] == '\n'))
		len--;
	colon = memchr(field, ':', len);
	put_subject(a, field, len, (size_t)(colon - field) + 1);
	buf_drain(&a->subject, buf_len(&a->subject));
}

/*
 * The subject is too long to be looked at: it gets the tag where it begins, and
 * its text is copied from now on.
 */
static void
subject_give_up(struct msgapply *a)
{
	const char	*field = (const char *)buf_ptr(&a->subject);
	size_t		 len = buf_len(&a->subject), at;

	at = (size_t)((const char *)memchr(field, ':', len) - field) + 1;
	put(a, field, at);
	put_str(a, " ");
	put_str(a, a->e->tag + strspn(a->e->tag, " "));
	put_str(a, "\r\n ");
	while (at < len && (field[at] == ' ' || field[at] == '\t'))
		at++;
	put(a, field + at, len - at);
	a->tagged = 1;
	a->todo = TODO_KEEP;
	buf_drain(&a->subject, len);
}

/* Writes all fields that are inserted before field number n. */
static void
put_inserts(struct msgapply *a, unsigned int n)
{
	for (; a->inserted < a->ninserts &&
	    a->inserts[a->inserted]->index <= n; a->inserted++)
		put_edit(a, a->inserts[a->inserted]);
}

/*
 * The header has ended: writes all fields that belong after all others, in the
 * order in which they were asked for.  Among them are changes of fields that do
 * not exist; of several for one number only the last one counts.
 */
static void
header_end(struct msgapply *a)
{
	const struct msgedit	*e = a->e;
	const struct edit	*one;
	size_t			 i, k;

	subject_end(a);
	if (a->fields == 0)
		put_inserts(a, 1);
	for (; a->inserted < a->ninserts; a->inserted++)
		a->wanted[a->inserts[a->inserted] - a->edit] = 1;
	for (i = 0; i < a->nnames; i++)
		for (k = a->names[i].first; k < a->names[i].first +
		    a->names[i].n; k++) {
			one = a->changes[k];
			if (one->index > a->names[i].seen &&
			    one->value != NULL && (k + 1 ==
			    a->names[i].first + a->names[i].n ||
			    a->changes[k + 1]->index != one->index))
				a->wanted[one - a->edit] = 1;
		}
	for (i = 0; i < e->n; i++)
		if ((a->wanted[i] || a->edit[i].kind == EDIT_ADD) &&
		    a->edit[i].value != NULL)
			put_edit(a, &a->edit[i]);
	if (e->tag != NULL && !a->tagged)
		put_subject(a, "Subject:", 8, 8);
}

/*
 * The header is over, and what is held of the next line belongs to the body.
 * If the header ended without an empty line, one is written.
 */
static void
body_begin(struct msgapply *a, int empty)
{
	a->where = IN_BODY;
	if (a->phase != COUNTING) {
		header_end(a);
		if (a->e->body == NULL) {
			if (!empty && a->nheld > 0 && a->last == '\n' &&
			    !msgedit_empty(a->e))
				put_str(a, "\r\n");
			put(a, a->held, a->nheld);
		}
	}
	a->nheld = 0;
}

static int
name_cmp(const void *key, const void *member)
{
	return (strcasecmp(key, ((const struct named *)member)->name));
}

/* Returns the newest change for that number of the name, or NULL. */
static const struct edit *
change_of(const struct msgapply *a, const struct named *n, unsigned int index)
{
	size_t	lo = n->first, hi = n->first + n->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (a->changes[mid]->index <= index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo > n->first && a->changes[lo - 1]->index == index ?
	    a->changes[lo - 1] : NULL);
}

/*
 * Returns the changes of the field whose name and colon are held, NULL if there
 * are none.  *subject: it is the subject.
 */
static struct named *
field_named(struct msgapply *a, int *subject)
{
	char	name[MSGEDIT_NAME_MAX + 1];
	size_t	len;

	*subject = 0;
	for (len = a->nheld - 1; len > 0 && (a->held[len - 1] == ' ' ||
	    a->held[len - 1] == '\t'); len--)
		;
	if (len > MSGEDIT_NAME_MAX)
		return (NULL);
	memcpy(name, a->held, len);
	name[len] = '\0';
	*subject = strcasecmp(name, "Subject") == 0;
	return (a->nnames == 0 ? NULL : bsearch(name, a->names, a->nnames,
	    sizeof(*a->names), name_cmp));
}

/*
 * A field that is neither removed nor changed: it is copied, or collected if it
 * is the subject and gets a tag.
 */
static void
field_keep(struct msgapply *a, int subject)
{
	if (a->e->tag == NULL || a->tagged || !subject) {
		a->todo = TODO_KEEP;
		put(a, a->held, a->nheld);
		return;
	}
	a->todo = TODO_SUBJECT;
	if (buf_add(&a->subject, a->held, a->nheld) == -1)
		a->error = ENOMEM;
}

/* Returns 1 if the field is removed because of how its name begins. */
static int
is_dropped(const struct msgapply *a)
{
	size_t	i, n;

	for (i = 0; i < a->ndrops; i++) {
		n = strlen(a->drops[i]->name);
		if (n < a->nheld && strncasecmp((const char *)a->held,
		    a->drops[i]->name, n) == 0)
			return (1);
	}
	return (0);
}

/*
 * A field begins; its name and colon are held.  Decides what becomes of it.  Of
 * a change for its number and one for all of its name the newer one counts:
 * they are in one array, so the pointers tell the age.
 */
static void
field_begin(struct msgapply *a)
{
	const struct edit	*one = NULL, *all;
	struct named		*n;
	int			 subject;

	n = field_named(a, &subject);
	a->fields++;
	if (n != NULL)
		n->seen++;
	a->todo = TODO_DROP;
	if (a->phase != COUNTING) {
		put_inserts(a, a->fields);
		if (n != NULL) {
			one = change_of(a, n, n->seen);
			all = change_of(a, n, 0);
			if (one == NULL || (all != NULL && all > one))
				one = all;
		}
		if (one != NULL && one->value != NULL)
			put_edit(a, one);
		else if (one == NULL && !is_dropped(a))
			field_keep(a, subject);
	}
	a->nheld = 0;
	a->where = IN_FIELD;
}

/*
 * Takes bytes of a field's text, at most to the end of the line.  Returns how
 * many.
 */
static size_t
field_text(struct msgapply *a, const uint8_t *s, size_t len)
{
	const uint8_t	*eol = memchr(s, '\n', len);

	if (eol != NULL) {
		len = (size_t)(eol - s) + 1;
		a->where = AT_LINE;
		hdrline_begin(&a->line, 1);
	}
	if (a->todo == TODO_SUBJECT) {
		if (buf_add(&a->subject, s, len) == -1)
			a->error = ENOMEM;
		else if (buf_len(&a->subject) > SUBJECT_MAX)
			subject_give_up(a);
	} else if (a->todo == TODO_KEEP)
		put(a, s, len);
	return (len);
}

/*
 * Takes one byte at the beginning of a line, until it is known what the line
 * is.
 */
static void
header_octet(struct msgapply *a, uint8_t c)
{
	int			begins = a->nheld == 0;
	enum hdrline_kind	kind = hdrline_octet(&a->line, c);

	a->held[a->nheld++] = c;
	switch (kind) {
	case HDRLINE_FOLD:
		a->nheld = 0;
		a->where = IN_FIELD;
		(void)field_text(a, &c, 1);
		return;
	case HDRLINE_FIELD:
		field_begin(a);
		return;
	case HDRLINE_MORE:
		if (begins)
			subject_end(a);
		return;
	case HDRLINE_EMPTY:
	case HDRLINE_BODY:
		if (begins)
			subject_end(a);
		body_begin(a, kind == HDRLINE_EMPTY);
	}
}

/* Takes bytes of the message, whatever they belong to. */
static void
apply_octets(struct msgapply *a, const uint8_t *s, size_t len)
{
	size_t	n;

	for (; len > 0 && a->error == 0; s += n, len -= n) {
		n = len;
		if (a->where == IN_BODY) {
			if (a->phase == MAKING && a->e->body == NULL)
				put(a, s, len);
		} else if (a->where == IN_FIELD)
			n = field_text(a, s, len);
		else {
			n = 1;
			header_octet(a, *s);
		}
	}
}

/* The message has ended. If that was within the header, the header ends now. */
static void
apply_end(struct msgapply *a)
{
	if (a->where == IN_BODY)
		return;
	if (a->where == IN_FIELD && a->todo == TODO_KEEP && a->last != '\n')
		put_str(a, "\r\n");
	body_begin(a, 0);
}

static int
insert_cmp(const void *x, const void *y)
{
	const struct edit	*a = *(const struct edit *const *)x;
	const struct edit	*b = *(const struct edit *const *)y;

	if (a->index != b->index)
		return (a->index < b->index ? -1 : 1);
	/* A later one is put above an earlier one at the same place. */
	return (a > b ? -1 : a < b);
}

/* By name and number; the newest change of a number comes last. */
static int
change_cmp(const void *x, const void *y)
{
	const struct edit	*a = *(const struct edit *const *)x;
	const struct edit	*b = *(const struct edit *const *)y;
	int			 r = strcasecmp(a->name, b->name);

	if (r != 0)
		return (r);
	if (a->index != b->index)
		return (a->index < b->index ? -1 : 1);
	return (a < b ? -1 : a > b);
}

static void
apply_sort(struct msgapply *a)
{
	qsort(a->inserts, a->ninserts, sizeof(*a->inserts), insert_cmp);
	qsort(a->changes, a->nchanges, sizeof(*a->changes), change_cmp);
}

/* Everything is allocated once, for the number of changes. */
static int
apply_alloc(struct msgapply *a)
{
	size_t	n = a->e->n + 1;

	a->edit = calloc(n, sizeof(*a->edit));
	a->inserts = calloc(n, sizeof(*a->inserts));
	a->changes = calloc(n, sizeof(*a->changes));
	a->drops = calloc(n, sizeof(*a->drops));
	a->names = calloc(n, sizeof(*a->names));
	a->wanted = calloc(n, 1);
	a->out = spool_new();
	return (a->edit == NULL || a->inserts == NULL || a->changes == NULL ||
	    a->drops == NULL || a->names == NULL || a->wanted == NULL || a->out == NULL ? -1 : 0);
}

/*
 * Sorts the changes into those by position, by name, and by prefix, and
 * collects the names.  Removals that are for marked messages only have index 1
 * and are left out.
 */
static void
apply_prepare(struct msgapply *a)
{
	struct edit	*one;
	struct named	*n;
	size_t		 i;

	a->phase = MAKING;
	for (i = 0; i < a->e->n; i++) {
		one = &a->edit[i];
		*one = a->e->edit[i];
		if (one->kind == EDIT_INSERT)
			a->inserts[a->ninserts++] = one;
		else if (one->kind == EDIT_CHANGE)
			a->changes[a->nchanges++] = one;
		else if (one->kind == EDIT_DROP && one->index == 0)
			a->drops[a->ndrops++] = one;
		if (one->from_end)
			a->phase = COUNTING;
	}
	apply_sort(a);
	for (i = 0; i < a->nchanges; i++) {
		n = a->nnames == 0 ? NULL : &a->names[a->nnames - 1];
		if (n == NULL || strcasecmp(n->name, a->changes[i]->name) != 0) {
			n = &a->names[a->nnames++];
			n->name = a->changes[i]->name;
			n->first = i;
		}
		n->n++;
	}
}

/*
 * All fields are counted: indices from the end become indices from the top, and
 * the message is read again from its beginning.  A field that does not exist
 * gets UINT_MAX.
 */
static void
counted(struct msgapply *a)
{
	struct named	*n;
	struct edit	*one;
	unsigned int	 there;
	size_t		 i;

	for (i = 0; i < a->e->n; i++) {
		one = &a->edit[i];
		if (!one->from_end)
			continue;
		if (one->kind == EDIT_CHANGE) {
			n = bsearch(one->name, a->names, a->nnames,
			    sizeof(*a->names), name_cmp);
			there = n == NULL ? 0 : n->seen;
			one->index = one->index > there ? UINT_MAX :
			    there - one->index + 1;
		} else if (one->index > 0)
			one->index = one->index > a->fields ? 1 :
			    a->fields - one->index + 2;
		else
			one->index = UINT_MAX;
	}
	apply_sort(a);
	for (i = 0; i < a->nnames; i++)
		a->names[i].seen = 0;
	a->fields = 0;
	a->where = AT_LINE;
	hdrline_begin(&a->line, 0);
	a->at = 0;
	a->phase = MAKING;
}

/* The current phase has read all that it needs. */
static void
phase_end(struct msgapply *a)
{
	if (a->phase == COUNTING) {
		a->nheld = 0;
		counted(a);
		return;
	}
	if (a->phase == MAKING) {
		apply_end(a);
		if (a->e->body != NULL) {
			put_str(a, "\r\n");
			a->phase = NEW_BODY;
			a->at = 0;
			return;
		}
	} else if (a->at > 0 && a->last != '\n')
		put_str(a, "\r\n");
	flush(a);
	a->phase = DONE;
}

/* Returns NULL with errno.  e and in stay the caller's and must not change. */
struct msgapply *
msgapply_new(const struct msgedit *e, const struct spool *in)
{
	struct msgapply	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return (NULL);
	a->e = e;
	a->in = in;
	if (apply_alloc(a) == -1) {
		msgapply_free(a);
		errno = ENOMEM;
		return (NULL);
	}
	hdrline_begin(&a->line, 0);
	apply_prepare(a);
	return (a);
}

/* Reads in chunks, so it may read up to a chunk more than asked for. */
int
msgapply_step(struct msgapply *a, size_t octets)
{
	uint8_t	chunk[IN_CHUNK];
	ssize_t	n;
	size_t	done = 0;

	while (a->error == 0 && a->phase != DONE && done < octets) {
		n = spool_read(a->phase == NEW_BODY ? a->e->body : a->in,
		    a->at, chunk, sizeof(chunk));
		if (n < 0) {
			a->error = errno == 0 ? EIO : errno;
			break;
		}
		a->at += (uint64_t)n;
		done += (size_t)n;
		if (a->phase == NEW_BODY)
			put(a, chunk, (size_t)n);
		else
			apply_octets(a, chunk, (size_t)n);
		/*
		 * The body is not read when counting, and not if there is a new
		 * body.
		 */
		if (n == 0 || (a->where == IN_BODY && (a->phase == COUNTING ||
		    (a->phase == MAKING && a->e->body != NULL))))
			phase_end(a);
	}
	if (a->error != 0) {
		errno = a->error;
		return (-1);
	}
	return (a->phase == DONE);
}

struct spool *
msgapply_take(struct msgapply *a)
{
	struct spool	*out = a->out;

	a->out = NULL;
	return (out);
}

void
msgapply_free(struct msgapply *a)
{
	if (a == NULL)
		return;
	spool_free(a->out);
	free(a->edit);
	free(a->inserts);
	free(a->changes);
	free(a->drops);
	free(a->names);
	free(a->wanted);
	buf_free(&a->subject);
	free(a);
}

/* All at once, for messages whose size does not matter. */
struct spool *
msgedit_apply(const struct msgedit *e, const struct spool *in)
{
	struct msgapply	*a;
	struct spool	*out = NULL;
	int		 error;

	if ((a = msgapply_new(e, in)) == NULL)
		return (NULL);
	if (msgapply_step(a, SIZE_MAX) == 1)
		out = msgapply_take(a);
	error = errno;
	msgapply_free(a);
	errno = error;
	return (out);
}
