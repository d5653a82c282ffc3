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

#include "spamgreyd/pass/message/edit_apply_int.h"

/* Bytes that are read at once. */
#define IN_CHUNK	8192
/*
 * Bytes of a subject in which the tag is looked for; a longer one just gets it.
 */
#define SUBJECT_MAX	16384

/* Writes all fields that are inserted before field number n. */
static void
put_inserts(struct msgapply *a, unsigned int n)
{
	for (; a->inserted < a->ninserts &&
	    a->inserts[a->inserted]->index <= n; a->inserted++)
		msgapply_put_edit(a, a->inserts[a->inserted]);
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

	msgapply_subject_end(a);
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
			msgapply_put_edit(a, &a->edit[i]);
	if (e->tag != NULL && !a->tagged)
		msgapply_put_subject(a, "Subject:", 8, 8);
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
				msgapply_put_str(a, "\r\n");
			msgapply_put(a, a->held, a->nheld);
		}
	}
	a->nheld = 0;
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
	return (msgapply_named(a, name));
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
		msgapply_put(a, a->held, a->nheld);
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
			one = msgapply_change_of(a, n, n->seen);
			all = msgapply_change_of(a, n, 0);
			if (one == NULL || (all != NULL && all > one))
				one = all;
		}
		if (one != NULL && one->value != NULL)
			msgapply_put_edit(a, one);
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
			msgapply_subject_give_up(a);
	} else if (a->todo == TODO_KEEP)
		msgapply_put(a, s, len);
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
			msgapply_subject_end(a);
		return;
	case HDRLINE_EMPTY:
	case HDRLINE_BODY:
		if (begins)
			msgapply_subject_end(a);
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
				msgapply_put(a, s, len);
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
		msgapply_put_str(a, "\r\n");
	body_begin(a, 0);
}

/* The current phase has read all that it needs. */
static void
phase_end(struct msgapply *a)
{
	if (a->phase == COUNTING) {
		a->nheld = 0;
		msgapply_counted(a);
		return;
	}
	if (a->phase == MAKING) {
		apply_end(a);
		if (a->e->body != NULL) {
			msgapply_put_str(a, "\r\n");
			a->phase = NEW_BODY;
			a->at = 0;
			return;
		}
	} else if (a->at > 0 && a->last != '\n')
		msgapply_put_str(a, "\r\n");
	msgapply_flush(a);
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
	if (msgapply_alloc(a) == -1) {
		msgapply_free(a);
		errno = ENOMEM;
		return (NULL);
	}
	hdrline_begin(&a->line, 0);
	msgapply_prepare(a);
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
			msgapply_put(a, chunk, (size_t)n);
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
