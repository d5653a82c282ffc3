/* LINK: spamgreyd/pass/message */
/*
 * Any changes of any message: lines still end in CRLF, the body stays the same
 * unless there is a new one, without changes the message stays the same, and a
 * subject with the tag does not get a second one.  The input: the number of
 * changes, each a byte of kind and index and two strings that end in a newline;
 * then the message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spamgreyd/pass/message/edit.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct text {
	uint8_t	*p;
	size_t	 len;
};

static struct text
text_of(const struct spool *s)
{
	struct text	t;

	t.len = (size_t)spool_size(s);
	if ((t.p = malloc(t.len + 1)) == NULL ||
	    spool_read(s, 0, t.p, t.len) != (ssize_t)t.len)
		abort();
	t.p[t.len] = '\0';
	return (t);
}

static struct spool *
spool_of(const uint8_t *p, size_t len)
{
	struct spool	*s = spool_new();
	size_t		 i;

	if (s == NULL)
		abort();
	for (i = 0; i < len; i++) {
		if (p[i] == '\n' && spool_write(s, "\r\n", 2) == -1)
			abort();
		if (p[i] != '\n' && p[i] != '\r' &&
		    spool_write(s, p + i, 1) == -1)
			abort();
	}
	/* As they come from clients. */
	if (len > 0 && p[len - 1] != '\n' && spool_write(s, "\r\n", 2) == -1)
		abort();
	return (s);
}

static void
check_lines(const struct text *t)
{
	size_t	i;

	for (i = 0; i < t->len; i++)
		if ((t->p[i] == '\r' && (i + 1 == t->len ||
		    t->p[i + 1] != '\n')) || (t->p[i] == '\n' && (i == 0 ||
		    t->p[i - 1] != '\r')))
			abort();
}

static const uint8_t *
find(const struct text *t)
{
	const uint8_t	*end;

	if (t->len >= 2 && memcmp(t->p, "\r\n", 2) == 0)
		return (t->p);
	end = memmem(t->p, t->len, "\r\n\r\n", 4);
	return (end == NULL ? NULL : end + 2);
}

/* From the first empty line on. */
static void
check_body(const struct text *in, const struct text *out)
{
	const uint8_t	*a = find(in);
	size_t		 len;

	if (a == NULL)
		return;
	len = in->len - (size_t)(a - in->p);
	if (out->len < len || memcmp(out->p + out->len - len, a, len) != 0)
		abort();
}

static int
same(const struct text *a, const struct text *b)
{
	return (a->len == b->len && memcmp(a->p, b->p, a->len) == 0);
}

/* A string up to a newline: how much was used. */
static size_t
string(const uint8_t *p, size_t len, char *dst, size_t size)
{
	size_t	n = 0;

	while (n < len && p[n] != '\n')
		n++;
	snprintf(dst, size, "%.*s", (int)n, (const char *)p);
	for (; *dst != '\0'; dst++)
		if (*dst == '|')
			*dst = '\n';	/* so that values have folds */
	return (n < len ? n + 1 : n);
}

static size_t
changes(struct msgedit *e, const uint8_t *p, size_t len, int *body, int *tag)
{
	char		name[64], value[256];
	unsigned int	index, kind, n;
	size_t		at = 1;

	for (n = len > 0 ? p[0] % 12 : 0; n > 0 && at < len; n--) {
		kind = p[at] >> 3 & 15;
		index = p[at++] & 7;
		at += string(p + at, len - at, name, sizeof(name));
		at += string(p + at, len - at, value, sizeof(value));
		if (kind == 0)
			(void)msgedit_add(e, name, value);
		else if (kind == 1)
			(void)msgedit_insert(e, index, name, value);
		else if (kind == 2)
			(void)msgedit_change(e, index, name, NULL);
		else if (kind == 3 && msgedit_body(e, value,
		    strlen(value)) == 0)
			*body = 1;
		else if (kind == 4 && msgedit_subject(e, "[SPAM] ") == 0)
			*tag = 1;
		else if (kind == 8)
			(void)msgedit_change_last(e, index, name, NULL);
		else if (kind == 9)
			(void)msgedit_insert_last(e, index, name, value);
		else if (kind == 10)
			(void)msgedit_drop(e, name, (int)index & 1);
		else if (kind > 4)
			(void)msgedit_change(e, index, name, value);
	}
	return (at < len ? at : len);
}

/* A second tag is none. */
static void
check_tag(const struct spool *s, const struct text *out)
{
	struct msgedit	*e = msgedit_new();
	struct spool	*again;
	struct text	 t;

	if (e == NULL || msgedit_subject(e, "[SPAM] ") == -1 ||
	    (again = msgedit_apply(e, s)) == NULL)
		abort();
	t = text_of(again);
	if (out->len < 8000 && !same(&t, out))
		abort();
	free(t.p);
	spool_free(again);
	msgedit_free(e);
}

/* In slices it is the same. */
static void
check_slices(const struct msgedit *e, const struct spool *in,
    const struct text *want)
{
	struct msgapply	*a = msgapply_new(e, in);
	struct spool	*out;
	struct text	 t;
	int		 r;

	if (a == NULL)
		abort();
	while ((r = msgapply_step(a, 1)) == 0)
		;
	if (r == -1)
		abort();
	out = msgapply_take(a);
	t = text_of(out);
	if (!same(&t, want))
		abort();
	free(t.p);
	spool_free(out);
	msgapply_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct msgedit	*e = msgedit_new();
	struct spool	*in, *out;
	struct text	 a, b;
	size_t		 used;
	int		 body = 0, tag = 0;

	spool_limits(1024, 64 * 1024 * 1024);
	if (e == NULL)
		abort();
	used = changes(e, data, len, &body, &tag);
	if (used & 1)
		msgedit_marked(e, used >> 1 & 1);
	in = spool_of(data + used, len - used);
	if ((out = msgedit_apply(e, in)) == NULL)
		abort();
	a = text_of(in);
	b = text_of(out);
	check_lines(&b);
	check_slices(e, in, &b);
	if (!body)
		check_body(&a, &b);
	if (msgedit_empty(e) && !same(&a, &b))
		abort();
	if (tag)
		check_tag(out, &b);
	free(a.p);
	free(b.p);
	spool_free(in);
	spool_free(out);
	msgedit_free(e);
	return (0);
}
