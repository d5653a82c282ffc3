/*
 * Any bytes from an SMTP server: the reply is the same in one piece and in
 * single bytes, printable, and within its bound.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/smtp/reply.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
look_at(const struct smtpreply *r)
{
	struct smtp_ehlo	e;
	const char		*p;
	unsigned int		 i;
	size_t			 n, k;

	if (r->code < 200 || r->code > 599 || r->len != strlen(r->text) ||
	    r->len > SMTPREPLY_MAX || r->lines == 0 || r->len < 2 ||
	    memcmp(r->text + r->len - 2, "\r\n", 2) != 0)
		abort();
	for (i = 0; (p = smtpreply_line(r, i, &n)) != NULL; i++) {
		if (p < r->text || p + n + 2 > r->text + r->len)
			abort();
		for (k = 0; k < n; k++)
			if ((unsigned char)p[k] < 0x20 || p[k] == 0x7f)
				abort();
	}
	if (i != r->lines)
		abort();
	smtp_ehlo_parse(r, &e);
}

/* The first reply, octet by octet; its result and length used in all. */
static enum smtpreply_result
slowly(struct smtpreply *r, const uint8_t *data, size_t size, size_t *at)
{
	enum smtpreply_result	res = SMTPREPLY_MORE;
	size_t			used;

	for (*at = 0; *at < size && res == SMTPREPLY_MORE; *at += used)
		res = smtpreply_input(r, data + *at, 1, &used);
	return (res);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtpreply	a = { 0 }, b = { 0 };
	enum smtpreply_result	ra, rb;
	size_t			used, at;

	for (;;) {
		ra = smtpreply_input(&a, data, size, &used);
		rb = slowly(&b, data, size, &at);
		if (ra != rb || used > size)
			abort();
		if (ra != SMTPREPLY_DONE)
			break;
		look_at(&a);
		if (used != at || a.code != b.code || a.lines != b.lines ||
		    strcmp(a.text, b.text) != 0)
			abort();
		data += used;
		size -= used;
		smtpreply_reuse(&a);
		smtpreply_clear(&b);
	}
	if (ra == SMTPREPLY_MORE && used != size)
		abort();
	smtpreply_clear(&a);
	smtpreply_clear(&b);
	return (0);
}
