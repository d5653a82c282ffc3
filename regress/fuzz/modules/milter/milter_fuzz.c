/* LINK: spamgreyd/modules/milter spamgreyd/pass/message */
/*
 * Any bytes of a filter: packets, whole and in pieces, each read as an answer
 * and as the options; and the same bytes as a message's header.  No pointer
 * leaves the packet, the results are bounded, and do not depend on the pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "spamgreyd/modules/milter/head.h"
#include "spamgreyd/modules/milter/proto.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
inside(const struct mp_packet *p, const char *s)
{
	const uint8_t	*u = (const uint8_t *)s;

	if (s != NULL && *s != '\0' && (u < p->data ||
	    u + strlen(s) >= p->data + p->len))
		abort();
}

static void
packet(const struct mp_packet *p)
{
	struct mp_answer	 a;
	struct mp_options	 o;
	const char		*why = NULL;

	if (mp_answer(p, &a, &why) == 0) {
		inside(p, a.name);
		inside(p, a.value);
		inside(p, a.path);
		inside(p, a.params);
		inside(p, a.reason);
		if (a.kind == MP_REPLYCODE && (a.code < 400 || a.code > 599 ||
		    strpbrk(a.text, "\r\n") != NULL ||
		    strlen(a.text) >= sizeof(a.text)))
			abort();
		if (a.kind == MP_REPLBODY && a.len != p->len)
			abort();
	} else if (why == NULL)
		abort();
	if (mp_negotiated(p, &o, &why) == 0) {
		if (o.version < MP_VERSION_MIN || o.version > MP_VERSION ||
		    (o.actions & ~MP_ACTIONS) != 0 ||
		    (o.steps & ~MP_STEPS) != 0)
			abort();
		if (o.version < 6 && ((o.actions & ~MP_ACTIONS_V2) != 0 ||
		    (o.steps & ~MP_STEPS_V4) != 0 || o.macros[0] != NULL))
			abort();
		mp_options_clear(&o);
	}
}

static void
packets(const uint8_t *data, size_t size)
{
	struct mp_packet	p, q;
	size_t			at = 0, cut;
	ssize_t			n;

	while ((n = mp_take(data + at, size - at, &p)) > 0) {
		if ((size_t)n > size - at || p.len + 5 != (size_t)n)
			abort();
		/* (of a long one not at each place) */
		for (cut = 0; cut < (size_t)n; cut += 1 + (size_t)n / 64)
			if (mp_take(data + at, cut, &q) > 0)
				abort();
		packet(&p);
		at += (size_t)n;
	}
}

/* All fields and the body are the message, less what parts them. */
static void
header(const uint8_t *data, size_t size)
{
	static uint8_t		 dst[MP_DATA_MAX];
	static struct milter_head h;
	struct spool		*spool = spool_new();
	uint64_t		 last = 0;
	ssize_t			 n;

	if (spool == NULL || spool_write(spool, data, size) == -1)
		exit(1);
	milter_head_begin(&h, spool);
	while ((n = milter_head_next(&h, dst, 200, size % 2 == 0)) > 0 ||
	    n == -2 || n == -3) {
		if (n > 200 || milter_head_body(&h) <= last)
			abort();
		last = milter_head_body(&h);
		if (n > 0 && (dst[n - 1] != '\0' || *dst == '\0' ||
		    memchr(dst, '\0', (size_t)n - 1) == NULL))
			abort();
	}
	if (n != 0 || milter_head_body(&h) > size)
		abort();
	spool_free(spool);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	spool_limits(1 << 20, 1 << 24);
	packets(data, size);
	header(data, size);
	return (0);
}
