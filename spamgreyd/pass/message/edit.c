/*
 * The list of changes to a message.  Pure: what modules ask for is checked,
 * bounded, and made such that it can stand in a header.  Nothing is sent or
 * logged.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "spamgreyd/pass/message/edit_int.h"

/* Bytes of the body that are converted at once. */
#define COPY_CHUNK	8192

/* A zeroed list is an empty one. */
struct msgedit *
msgedit_new(void)
{
	return (calloc(1, sizeof(struct msgedit)));
}

void
msgedit_free(struct msgedit *e)
{
	size_t	i;

	if (e == NULL)
		return;
	for (i = 0; i < e->n; i++) {
		free(e->edit[i].name);
		free(e->edit[i].value);
	}
	free(e->edit);
	if (!e->body_lent)
		spool_free(e->body);
	free(e->tag);
	free(e);
}

int
msgedit_empty(const struct msgedit *e)
{
	return (e->n == 0 && e->body == NULL && e->tag == NULL);
}

/* Returns 1 if the rest of that line is only blanks. */
static int
is_blank(const char *s)
{
	s += strspn(s, " \t");
	return (*s == '\0' || *s == '\n' || (*s == '\r' && s[1] == '\n'));
}

/*
 * Makes a value as it stands behind the colon, with a blank in front if it has
 * none.  A fold stays a fold, except in front of a line of blanks, which some
 * readers take for the end of the header.  Returns memory of the caller, NULL
 * if there is none.  The result is at most twice as long plus a blank.
 */
static char *
value_make(const char *value)
{
	const char	*s, *after;
	char		*dst, *d;

	if ((dst = d = malloc(2 * strlen(value) + 2)) == NULL)
		return (NULL);
	if (strchr(" \t\r\n", *value) == NULL || *value == '\0')
		*d++ = ' ';
	for (s = value; *s != '\0'; s++) {
		after = *s == '\n' ? s + 1 : *s == '\r' && s[1] == '\n' ?
		    s + 2 : NULL;
		if (after != NULL && (*after == ' ' || *after == '\t')) {
			if (!is_blank(after)) {
				*d++ = '\r';
				*d++ = '\n';
			}
			s = after - 1;
		} else if (((unsigned char)*s < 0x20 && *s != '\t') ||
		    *s == 0x7f)
			*d++ = '?';
		else
			*d++ = *s;
	}
	*d = '\0';
	return (dst);
}

/* A name is printable ASCII without blanks and colons. */
static int
name_ok(const char *name)
{
	size_t	i;

	for (i = 0; name[i] != '\0'; i++)
		if (i == MSGEDIT_NAME_MAX || name[i] <= ' ' || name[i] > '~' ||
		    name[i] == ':')
			return (0);
	return (i > 0);
}

/*
 * Adds a change to the list; value is as it will stand in the header.  Returns
 * -1 with errno.  The 3 bytes are the colon and CRLF.
 */
static int
edit_put(struct msgedit *e, enum edit_kind kind, unsigned int index,
    int from_end, const char *name, const char *value)
{
	struct edit	*grown, *one;
	size_t		 len, size;

	len = strlen(name) + (value == NULL ? 0 : strlen(value)) + 3;
	if (e->n == MSGEDIT_MAX || e->octets + len > MSGEDIT_OCTETS) {
		errno = E2BIG;
		return (-1);
	}
	if (e->n == e->size) {
		size = e->size == 0 ? 8 : e->size * 2;
		grown = reallocarray(e->edit, size, sizeof(*grown));
		if (grown == NULL)
			return (-1);
		e->edit = grown;
		e->size = size;
	}
	one = &e->edit[e->n];
	one->kind = kind;
	one->index = index;
	one->from_end = from_end;
	one->name = strdup(name);
	one->value = value == NULL ? NULL : strdup(value);
	if (one->name == NULL || (value != NULL && one->value == NULL)) {
		free(one->name);
		free(one->value);
		return (-1);
	}
	e->octets += len;
	e->n++;
	return (0);
}

/* Checks name and value and adds the change. */
static int
edit_make(struct msgedit *e, enum edit_kind kind, unsigned int index,
    int from_end, const char *name, const char *value)
{
	char	*made = NULL;
	int	 r;

	if (!name_ok(name)) {
		errno = EINVAL;
		return (-1);
	}
	if (value != NULL && strlen(value) > MSGEDIT_OCTETS) {
		errno = E2BIG;
		return (-1);
	}
	if (value != NULL && (made = value_make(value)) == NULL)
		return (-1);
	r = edit_put(e, kind, index, from_end, name, made);
	free(made);
	return (r);
}

int
msgedit_add(struct msgedit *e, const char *name, const char *value)
{
	return (edit_make(e, EDIT_ADD, 0, 0, name, value));
}

int
msgedit_insert(struct msgedit *e, unsigned int index, const char *name,
    const char *value)
{
	return (edit_make(e, EDIT_INSERT, index, 0, name, value));
}

int
msgedit_insert_last(struct msgedit *e, unsigned int n, const char *name,
    const char *value)
{
	return (edit_make(e, EDIT_INSERT, n, 1, name, value));
}

int
msgedit_change(struct msgedit *e, unsigned int index, const char *name,
    const char *value)
{
	return (edit_make(e, EDIT_CHANGE, index, 0, name, value));
}

/* 0 has no meaning from the end and counts as 1. */
int
msgedit_change_last(struct msgedit *e, unsigned int n, const char *name,
    const char *value)
{
	return (edit_make(e, EDIT_CHANGE, n == 0 ? 1 : n, 1, name, value));
}

/* The index of an EDIT_DROP is its if_marked. */
int
msgedit_drop(struct msgedit *e, const char *prefix, int if_marked)
{
	return (edit_make(e, EDIT_DROP, if_marked != 0, 0, prefix, NULL));
}

/* Keeps the changes for which keep returns 1. */
static void
edit_sift(struct msgedit *e, int (*keep)(const struct edit *))
{
	size_t	i, kept = 0;

	for (i = 0; i < e->n; i++) {
		if (keep(&e->edit[i])) {
			e->edit[kept++] = e->edit[i];
			continue;
		}
		free(e->edit[i].name);
		free(e->edit[i].value);
	}
	e->n = kept;
}

static int
is_drop(const struct edit *one)
{
	return (one->kind == EDIT_DROP);
}

static int
is_for_all(const struct edit *one)
{
	return (one->kind != EDIT_DROP || one->index == 0);
}

/* A removal that is only for marked messages becomes one for all, or goes. */
void
msgedit_marked(struct msgedit *e, int marked)
{
	size_t	i;

	if (!marked)
		edit_sift(e, is_for_all);
	for (i = 0; i < e->n; i++)
		if (e->edit[i].kind == EDIT_DROP)
			e->edit[i].index = 0;
}

/* After an error of its module only the removal of forged fields remains. */
void
msgedit_only_drops(struct msgedit *e)
{
	edit_sift(e, is_drop);
	if (!e->body_lent)
		spool_free(e->body);
	e->body = NULL;
	e->body_lent = 0;
	e->body_last = 0;
	free(e->tag);
	e->tag = NULL;
}

/*
 * Converts line ends to CRLF, as lib/smtp/data.h does for what clients send: a
 * bare LF becomes CRLF, and a bare CR becomes a blank.  A body that was taken
 * from another list cannot be continued.
 */
int
msgedit_body(struct msgedit *e, const void *data, size_t len)
{
	const uint8_t	*s = data;
	uint8_t		 out[COPY_CHUNK];
	size_t		 i, n = 0;

	if (e->body_lent) {
		errno = EINVAL;
		return (-1);
	}
	if (e->body == NULL && (e->body = spool_new()) == NULL)
		return (-1);
	for (i = 0; i < len; i++) {
		if (n + 2 > sizeof(out)) {
			if (spool_write(e->body, out, n) == -1)
				return (-1);
			n = 0;
		}
		/* Only the next byte says whether a CR is part of a CRLF. */
		if (e->body_last == '\r' && s[i] != '\n')
			out[n++] = ' ';
		if (s[i] == '\n') {
			out[n++] = '\r';
			out[n++] = '\n';
		} else if (s[i] != '\r') {
			if (n + 1 > sizeof(out)) {
				if (spool_write(e->body, out, n) == -1)
					return (-1);
				n = 0;
			}
			out[n++] = s[i];
		}
		e->body_last = s[i];
	}
	return (n > 0 ? spool_write(e->body, out, n) : 0);
}

/* A later tag replaces an earlier one. */
int
msgedit_subject(struct msgedit *e, const char *tag)
{
	char	*copy;

	if (strlen(tag) > MSGEDIT_NAME_MAX) {
		errno = E2BIG;
		return (-1);
	}
	if ((copy = strdup(tag)) == NULL)
		return (-1);
	free(e->tag);
	e->tag = copy;
	return (0);
}

/*
 * Counted from the top, only a removal or an insertion moves later fields;
 * counted from the end, any change of that name may, because it may add a field
 * at the end.
 */
int
msgedit_moves(const struct msgedit *e, const char *name, int from_end)
{
	const struct edit	*one;
	size_t			 i;

	for (i = 0; i < e->n; i++) {
		one = &e->edit[i];
		if (one->kind == EDIT_DROP ?
		    strncasecmp(one->name, name, strlen(one->name)) == 0 :
		    (from_end || one->kind == EDIT_INSERT ||
		    (one->kind == EDIT_CHANGE && one->value == NULL)) &&
		    strcasecmp(one->name, name) == 0)
			return (1);
	}
	return (0);
}

/*
 * Changes of fields that were moved are counted, not made.  The body is lent,
 * not copied, because it may be large.
 */
int
msgedit_join(struct msgedit *e, const struct msgedit *from,
    int (*moved)(const char *, int, const void *), const void *arg,
    unsigned int *passed)
{
	const struct edit	*one;
	size_t			 i;

	*passed = 0;
	for (i = 0; i < from->n; i++) {
		one = &from->edit[i];
		if (one->kind == EDIT_CHANGE && one->index != 0 &&
		    moved != NULL && moved(one->name, one->from_end, arg)) {
			(*passed)++;
			continue;
		}
		if (edit_put(e, one->kind, one->index, one->from_end,
		    one->name, one->value) == -1)
			return (-1);
	}
	if (from->body != NULL) {
		if (!e->body_lent)
			spool_free(e->body);
		e->body = from->body;
		e->body_lent = 1;
	}
	return (from->tag == NULL ? 0 : msgedit_subject(e, from->tag));
}
