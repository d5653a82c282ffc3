/*
 * States as octets, and back.  No socket, no clock.
 */
#include <string.h>

#include "lib/base/hosts.h"
#include "lib/sync/mergeio.h"

#define F_IP6	1
#define F_TIMES	2
#define F_GEN	4
#define F_GONE	8
#define F_ALL	15

#define HEAD	3		/* kind and length */
#define TIME	5

struct put {
	uint8_t	*p, *end;
	int	 bad;
};

struct get {
	const uint8_t	*p, *end;
	char		*str;
	int		 bad;
};

int
merge_clean(const char *s)
{
	const unsigned char	*p = (const unsigned char *)s;

	for (; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			return (0);
	return (1);
}

static void
put_uint(struct put *w, uint64_t v, unsigned int n)
{
	if ((size_t)(w->end - w->p) < n) {
		w->bad = 1;
		return;
	}
	while (n-- > 0)
		*w->p++ = (uint8_t)(v >> (8 * n));
}

static void
put_time(struct put *w, int64_t t)
{
	if (t < 0 || t > ENTRY_TIME_MAX)
		w->bad = 1;
	put_uint(w, (uint64_t)t, TIME);
}

static void
put_bytes(struct put *w, const void *src, size_t len)
{
	if ((size_t)(w->end - w->p) < len) {
		w->bad = 1;
		return;
	}
	memcpy(w->p, src, len);
	w->p += len;
}

static void
put_str(struct put *w, const char *s, size_t max)
{
	size_t	len = strlen(s);

	if (len > max || !merge_clean(s)) {
		w->bad = 1;
		return;
	}
	put_uint(w, len, 2);
	put_bytes(w, s, len);
}

static void
put_strings(struct put *w, const struct entry *e)
{
	switch (e->type) {
	case ENTRY_GREY:
		put_str(w, e->helo, ENTRY_STR_MAX);
		put_str(w, e->from, ENTRY_STR_MAX);
		put_str(w, e->to, ENTRY_STR_MAX);
		return;
	case ENTRY_SPAMTRAP:
		put_str(w, e->rcpt, MAILADDR_KEY_MAX - 1);
		break;
	case ENTRY_TRAPPED:
		put_uint(w, e->reason, 1);
		break;
	default:
		break;
	}
	put_str(w, e->comment, ENTRY_STR_MAX);
}

size_t
merge_put(uint8_t *dst, size_t size, const struct merge_state *s)
{
	const struct entry	*e = &s->e;
	struct put		 w = { dst, dst + size, 0 };
	int			 ip6, flags = 0;
	size_t			 len;

	if (size < HEAD || !merge_syncs(e->type))
		return (0);
	ip6 = e->type != ENTRY_SPAMTRAP && !addr_is4(&e->addr);
	flags |= ip6 ? F_IP6 : 0;
	flags |= e->last != 0 ? F_TIMES : 0;
	flags |= e->last != 0 && e->gen != 0 ? F_GEN : 0;
	flags |= s->gone != 0 ? F_GONE : 0;
	w.p += HEAD;
	put_uint(&w, (unsigned int)flags, 1);
	if (e->type != ENTRY_SPAMTRAP)
		put_bytes(&w, e->addr.b + (ip6 ? 0 : 12), ip6 ? 16 : 4);
	if (flags & F_TIMES) {
		put_time(&w, e->last);
		put_time(&w, e->first);
		put_time(&w, e->pass);
		put_time(&w, e->expire);
		put_uint(&w, e->block, 4);
		put_uint(&w, e->passed, 4);
	}
	if (flags & F_GEN)
		put_time(&w, e->gen);
	if (flags & F_GONE) {
		put_time(&w, s->gone);
		put_time(&w, s->keep);
	}
	put_strings(&w, e);
	if (w.bad)
		return (0);
	len = (size_t)(w.p - dst);
	w.p = dst;
	put_uint(&w, e->type, 1);
	put_uint(&w, len - HEAD, 2);
	return (len);
}

static uint64_t
get_uint(struct get *r, unsigned int n)
{
	uint64_t	v = 0;

	if ((size_t)(r->end - r->p) < n) {
		r->bad = 1;
		return (0);
	}
	while (n-- > 0)
		v = v << 8 | *r->p++;
	return (v);
}

static int64_t
get_time(struct get *r)
{
	return ((int64_t)get_uint(r, TIME));
}

/* Strings of a datagram are never longer than the buffer for all of them. */
static const char *
get_str(struct get *r, size_t max)
{
	size_t	 len = get_uint(r, 2);
	char	*s = r->str;

	if (r->bad || len > max || len > (size_t)(r->end - r->p)) {
		r->bad = 1;
		return ("");
	}
	memcpy(s, r->p, len);
	s[len] = '\0';
	if (memchr(r->p, '\0', len) != NULL || !merge_clean(s)) {
		r->bad = 1;
		return ("");
	}
	r->p += len;
	r->str += len + 1;
	return (s);
}

static void
get_addr(struct get *r, int ip6, struct addr *addr)
{
	static const uint8_t	mapped[12] =
	    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	size_t			n = ip6 ? 16 : 4;

	if ((size_t)(r->end - r->p) < n) {
		r->bad = 1;
		return;
	}
	memcpy(addr->b, mapped, sizeof(mapped));
	memcpy(addr->b + 16 - n, r->p, n);
	r->p += n;
	/* One address has one form. */
	if (ip6 && addr_is4(addr))
		r->bad = 1;
}

static void
get_strings(struct get *r, struct entry *e)
{
	switch (e->type) {
	case ENTRY_GREY:
		e->helo = get_str(r, ENTRY_STR_MAX);
		e->from = get_str(r, ENTRY_STR_MAX);
		e->to = get_str(r, ENTRY_STR_MAX);
		return;
	case ENTRY_SPAMTRAP:
		e->rcpt = get_str(r, MAILADDR_KEY_MAX - 1);
		if (e->rcpt[0] == '\0')
			r->bad = 1;
		break;
	case ENTRY_TRAPPED:
		e->reason = (uint8_t)get_uint(r, 1);
		break;
	case ENTRY_WHITE:
		e->reason = WHITE_SYNC;
		break;
	default:
		break;
	}
	e->comment = get_str(r, ENTRY_STR_MAX);
}

static void
get_body(struct get *r, struct merge_state *s)
{
	struct entry	*e = &s->e;
	uint64_t	 flags = get_uint(r, 1);

	if (flags & ~(uint64_t)F_ALL ||
	    ((flags & F_GEN) && !(flags & F_TIMES)) ||
	    ((flags & F_IP6) && e->type == ENTRY_SPAMTRAP))
		r->bad = 1;
	if (e->type != ENTRY_SPAMTRAP)
		get_addr(r, (flags & F_IP6) != 0, &e->addr);
	if (flags & F_TIMES) {
		e->last = get_time(r);
		e->first = get_time(r);
		e->pass = get_time(r);
		e->expire = get_time(r);
		e->block = (uint32_t)get_uint(r, 4);
		e->passed = (uint32_t)get_uint(r, 4);
		if (e->last == 0)
			r->bad = 1;
	}
	if ((flags & F_GEN) && (e->gen = get_time(r)) == 0)
		r->bad = 1;
	if (flags & F_GONE) {
		s->gone = get_time(r);
		s->keep = get_time(r);
		if (s->gone == 0)
			r->bad = 1;
	}
	get_strings(r, e);
}

size_t
merge_get(const uint8_t *src, size_t size, struct merge_state *s, char *strbuf)
{
	struct get	 r = { src, src + size, strbuf, 0 };
	uint64_t	 kind = get_uint(&r, 1), len = get_uint(&r, 2);

	memset(s, 0, sizeof(*s));
	if (r.bad || len > (size_t)(r.end - r.p) || len + HEAD > MERGEIO_MAX ||
	    !merge_syncs((enum entry_type)kind))
		return (0);
	r.end = r.p + len;
	entry_init(&s->e, (enum entry_type)kind);
	get_body(&r, s);
	if (r.bad || r.p != r.end)
		return (0);
	return (HEAD + len);
}
