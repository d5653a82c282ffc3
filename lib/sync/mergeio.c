/*
 * States as bytes, and back; see mergeio.h.  No socket, no clock.
 *
 * The reader refuses whatever the writer would never write: flags that do not
 * go together, an IPv4 address in its long form, a time of 0 where a flag says
 * that there is one.  So a state has exactly one form, and two machines can
 * compare hashes of bytes instead of states.
 *
 * Writer and reader note an error in `bad' and go on; it is checked once, at
 * the end.
 */
#include <string.h>

#include "lib/base/be.h"
#include "lib/base/hosts.h"
#include "lib/sync/mergeio.h"

/* The byte of flags; any other bit is malformed. */
#define F_IP6	1		/* the address has 16 bytes */
#define F_TIMES	2		/* the entry exists: its times and counts */
#define F_GEN	4		/* gen is there; else 0 */
#define F_GONE	8		/* it was deleted at some time */
#define F_ALL	15

#define HEAD	3		/* kind and length */

/* Control characters could forge lines in a log or in an export. */
int
merge_clean(const char *s)
{
	const unsigned char	*p = (const unsigned char *)s;

	for (; *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			return (0);
	return (1);
}

/* Writes a string of at most max bytes, which must be clean. */
static void
state_put_str(struct be_writer *w, const char *s, size_t max)
{
	if (!merge_clean(s))
		w->bad = 1;
	be_write_str(w, s, max);
}

/* Writes the strings that this type of entry has, in the order of mergeio.h. */
static void
put_strings(struct be_writer *w, const struct entry *e)
{
	switch (e->type) {
	case ENTRY_GREY:
		state_put_str(w, e->helo, ENTRY_STR_MAX);
		state_put_str(w, e->from, ENTRY_STR_MAX);
		state_put_str(w, e->to, ENTRY_STR_MAX);
		return;
	case ENTRY_SPAMTRAP:
		state_put_str(w, e->rcpt, MAILADDR_KEY_MAX - 1);
		break;
	case ENTRY_TRAPPED:
		be_write(w, e->reason, 1);
		break;
	default:
		break;
	}
	state_put_str(w, e->comment, ENTRY_STR_MAX);
}

/*
 * The head is written last, when the length is known.  A state without times is
 * one of which only the deletion is known.
 */
size_t
merge_put(uint8_t *dst, size_t size, const struct merge_state *s)
{
	const struct entry	*e = &s->e;
	struct be_writer	 w = { dst, dst + size, 0 };
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
	be_write(&w, (unsigned int)flags, 1);
	if (e->type != ENTRY_SPAMTRAP)
		be_write_bytes(&w, e->addr.b + (ip6 ? 0 : ADDR4_AT),
		    ip6 ? sizeof(e->addr.b) : ADDR4_LEN);
	if (flags & F_TIMES) {
		be_write_time(&w, e->last);
		be_write_time(&w, e->first);
		be_write_time(&w, e->pass);
		be_write_time(&w, e->expire);
		be_write(&w, e->block, 4);
		be_write(&w, e->passed, 4);
	}
	if (flags & F_GEN)
		be_write_time(&w, e->gen);
	if (flags & F_GONE) {
		be_write_time(&w, s->gone);
		be_write_time(&w, s->keep);
	}
	put_strings(&w, e);
	if (w.bad)
		return (0);
	len = (size_t)(w.p - dst);
	w.p = dst;
	be_write(&w, e->type, 1);
	be_write(&w, len - HEAD, 2);
	return (len);
}

/*
 * Reads a string.  The buffer for all strings is as large as the input, so that
 * each one fits.
 */
static const char *
state_str(struct be_reader *r, size_t max)
{
	const char	*s = be_read_str(r, max);

	if (merge_clean(s))
		return (s);
	r->bad = 1;
	return ("");
}

/* An address has one form only: IPv4 must be sent as four bytes. */
static void
state_addr(struct be_reader *r, int ip6, struct addr *addr)
{
	uint8_t	ip4[ADDR4_LEN] = { 0 };

	if (!ip6) {
		be_read_bytes(r, ip4, sizeof(ip4));
		addr_set4(addr, ip4);
		return;
	}
	be_read_bytes(r, addr->b, sizeof(addr->b));
	if (addr_is4(addr))
		r->bad = 1;
}

/*
 * The reason why a host is WHITE is not sent; here it is that a peer said so.
 */
static void
get_strings(struct be_reader *r, struct entry *e)
{
	switch (e->type) {
	case ENTRY_GREY:
		e->helo = state_str(r, ENTRY_STR_MAX);
		e->from = state_str(r, ENTRY_STR_MAX);
		e->to = state_str(r, ENTRY_STR_MAX);
		return;
	case ENTRY_SPAMTRAP:
		e->rcpt = state_str(r, MAILADDR_KEY_MAX - 1);
		if (e->rcpt[0] == '\0')
			r->bad = 1;
		break;
	case ENTRY_TRAPPED:
		e->reason = (uint8_t)be_read(r, 1);
		break;
	case ENTRY_WHITE:
		e->reason = WHITE_SYNC;
		break;
	default:
		break;
	}
	e->comment = state_str(r, ENTRY_STR_MAX);
}

/*
 * Reads what follows the head.  Combinations that merge_put never writes are
 * malformed.
 */
static void
get_body(struct be_reader *r, struct merge_state *s)
{
	struct entry	*e = &s->e;
	uint64_t	 flags = be_read(r, 1);

	if (flags & ~(uint64_t)F_ALL ||
	    ((flags & F_GEN) && !(flags & F_TIMES)) ||
	    ((flags & F_IP6) && e->type == ENTRY_SPAMTRAP))
		r->bad = 1;
	if (e->type != ENTRY_SPAMTRAP)
		state_addr(r, (flags & F_IP6) != 0, &e->addr);
	if (flags & F_TIMES) {
		e->last = be_read_time(r);
		e->first = be_read_time(r);
		e->pass = be_read_time(r);
		e->expire = be_read_time(r);
		e->block = (uint32_t)be_read(r, 4);
		e->passed = (uint32_t)be_read(r, 4);
		if (e->last == 0)
			r->bad = 1;
	}
	if ((flags & F_GEN) && (e->gen = be_read_time(r)) == 0)
		r->bad = 1;
	if (flags & F_GONE) {
		s->gone = be_read_time(r);
		s->keep = be_read_time(r);
		if (s->gone == 0)
			r->bad = 1;
	}
	get_strings(r, e);
}

/* The body must be used up exactly. */
size_t
merge_get(const uint8_t *src, size_t size, struct merge_state *s, char *strbuf)
{
	struct be_reader r = { src, src + size, strbuf, 0 };
	uint64_t	 kind = be_read(&r, 1), len = be_read(&r, 2);

	memset(s, 0, sizeof(*s));
	if (r.bad || len > be_left(&r) || len + HEAD > MERGEIO_MAX ||
	    !merge_syncs((enum entry_type)kind))
		return (0);
	r.end = r.p + len;
	entry_init(&s->e, (enum entry_type)kind);
	get_body(&r, s);
	if (r.bad || r.p != r.end)
		return (0);
	return (HEAD + len);
}
