/*
 * Writes a message with its changes: bytes, new fields, and the subject with its
 * tag.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/mime/word.h"
#include "spamgreyd/pass/message/edit_apply_int.h"

/*
 * If the first line of a subject is longer than this, the tag gets a line of
 * its own: a line should have at most 998 bytes (RFC 5322, 2.1.1).
 */
#define LINE_FULL	900

/*
 * Writes what is collected.  A failure is only noted; msgapply_step reports it.
 */
void
msgapply_flush(struct msgapply *a)
{
	if (a->fill > 0 && a->error == 0 &&
	    spool_write(a->out, a->chunk, a->fill) == -1)
		a->error = errno == 0 ? EIO : errno;
	a->fill = 0;
}

void
msgapply_put(struct msgapply *a, const void *data, size_t len)
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
			msgapply_flush(a);
	}
}

void
msgapply_put_str(struct msgapply *a, const char *text)
{
	msgapply_put(a, text, strlen(text));
}

/*
 * Writes a subject with its tag, or as it is if its decoded text has the tag
 * already.  field is the whole field without its last CRLF; its value begins at
 * `at'.
 */
void
msgapply_put_subject(struct msgapply *a, const char *field, size_t len,
    size_t at)
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
		msgapply_put(a, field, len);
	else {
		for (skip = 0; skip < vlen && (value[skip] == ' ' ||
		    value[skip] == '\t'); skip++)
			;
		eol = memchr(value, '\r', vlen);
		msgapply_put(a, field, at);
		msgapply_put_str(a, " ");
		msgapply_put(a, tag, taglen);
		if ((eol == NULL ? vlen : (size_t)(eol - value)) > LINE_FULL)
			msgapply_put_str(a, "\r\n ");
		else if (skip < vlen && value[skip] != '\r')
			msgapply_put_str(a, " ");
		msgapply_put(a, value + skip, vlen - skip);
	}
	msgapply_put_str(a, "\r\n");
	a->tagged = 1;
	free(text);
}

/* Writes a new field.  A new subject gets the tag, too. */
void
msgapply_put_edit(struct msgapply *a, const struct edit *e)
{
	struct buf	b;

	if (a->e->tag != NULL && !a->tagged &&
	    strcasecmp(e->name, "Subject") == 0) {
		memset(&b, 0, sizeof(b));
		if (buf_printf(&b, "%s:%s", e->name, e->value) == -1)
			a->error = ENOMEM;
		else
			msgapply_put_subject(a, (const char *)buf_ptr(&b), buf_len(&b),
			    strlen(e->name) + 1);
		buf_free(&b);
		return;
	}
	msgapply_put_str(a, e->name);
	msgapply_put_str(a, ":");
	msgapply_put_str(a, e->value);
	msgapply_put_str(a, "\r\n");
}

/* The collected subject is complete. */
void
msgapply_subject_end(struct msgapply *a)
{
	const char	*field, *colon;
	size_t		 len = buf_len(&a->subject);

	if (len == 0)
		return;
	field = (const char *)buf_ptr(&a->subject);
	while (len > 0 && (field[len - 1] == '\r' || field[len - 1] == '\n'))
		len--;
	colon = memchr(field, ':', len);
	msgapply_put_subject(a, field, len, (size_t)(colon - field) + 1);
	buf_drain(&a->subject, buf_len(&a->subject));
}

/*
 * The subject is too long to be looked at: it gets the tag where it begins, and
 * its text is copied from now on.
 */
void
msgapply_subject_give_up(struct msgapply *a)
{
	const char	*field = (const char *)buf_ptr(&a->subject);
	size_t		 len = buf_len(&a->subject), at;

	at = (size_t)((const char *)memchr(field, ':', len) - field) + 1;
	msgapply_put(a, field, at);
	msgapply_put_str(a, " ");
	msgapply_put_str(a, a->e->tag + strspn(a->e->tag, " "));
	msgapply_put_str(a, "\r\n ");
	while (at < len && (field[at] == ' ' || field[at] == '\t'))
		at++;
	msgapply_put(a, field + at, len - at);
	a->tagged = 1;
	a->todo = TODO_KEEP;
	buf_drain(&a->subject, len);
}
