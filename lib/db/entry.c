/*
 * An entry of the database: its form on disk.  Pure functions; this file
 * knows neither Berkeley DB nor time.  What comes from disk is checked as if
 * a stranger had written it: lengths, version, no octet left over.
 * The printed form is in entry_line.c.
 *
 * Octets are written one by one, most significant first: the order of keys on
 * disk is then the order of addresses, and a database may move to a machine
 * of the other byte order.
 */
#include <string.h>

#include "lib/base/addr.h"
#include "lib/db/entry.h"

#define TIME_LEN	5
#define FIXED_LEN	(1 + 1 + 3 * TIME_LEN + 4 + 4)

/* A place to write at, with its end; `bad' latches. */
struct put {
	uint8_t	*p;
	uint8_t	*end;
	int	 bad;
};

struct get {
	const uint8_t	*p;
	const uint8_t	*end;
	char		*str;		/* where the next string goes */
	int		 bad;
};

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

/* Forty bits: enough for 34,000 years, and three octets less, five times. */
static void
put_time(struct put *w, int64_t t)
{
	if (t < 0 || t > ENTRY_TIME_MAX)
		w->bad = 1;
	put_uint(w, (uint64_t)t, TIME_LEN);
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
put_str(struct put *w, const char *s)
{
	size_t	len = strlen(s);

	if (len > ENTRY_STR_MAX) {
		w->bad = 1;
		return;
	}
	put_uint(w, len, 2);
	put_bytes(w, s, len);
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

static void
get_bytes(struct get *r, void *dst, size_t len)
{
	if ((size_t)(r->end - r->p) < len) {
		r->bad = 1;
		return;
	}
	memcpy(dst, r->p, len);
	r->p += len;
}

/* To the caller's buffer, which holds any key and any data together. */
static const char *
get_str(struct get *r, size_t len)
{
	char	*s = r->str;

	if (len > (size_t)(r->end - r->p) || memchr(r->p, '\0', len) != NULL) {
		r->bad = 1;
		return ("");
	}
	memcpy(s, r->p, len);
	s[len] = '\0';
	r->p += len;
	r->str += len + 1;
	return (s);
}

/* With its length before it. */
static const char *
get_lstr(struct get *r)
{
	size_t	len = get_uint(r, 2);

	if (r->bad || len > ENTRY_STR_MAX) {
		r->bad = 1;
		return ("");
	}
	return (get_str(r, len));
}

static int
may_be_gone(unsigned int c)
{
	return (c == ENTRY_GREY || c == ENTRY_WHITE || c == ENTRY_TRAPPED ||
	    c == ENTRY_SPAMTRAP);
}

static int
is_type(unsigned int c)
{
	return (c == ENTRY_GONE || c == ENTRY_GREY || c == ENTRY_WHITE || c == ENTRY_TRAPPED ||
	    c == ENTRY_SPAMTRAP || c == ENTRY_STAMP || c == ENTRY_VISIT ||
	    c == ENTRY_REPUTE || c == ENTRY_META);
}

void
entry_init(struct entry *e, enum entry_type type)
{
	memset(e, 0, sizeof(*e));
	e->type = type;
	e->helo = e->from = e->to = e->rcpt = e->comment = "";
}

/* What the fields are those of: of a tombstone, what it was. */
static enum entry_type
kind_of(const struct entry *e)
{
	return (e->type == ENTRY_GONE ? e->of : e->type);
}

int
entry_encode_key(const struct entry *e, struct entry_key *key)
{
	struct put	 w = { key->b, key->b + sizeof(key->b), 0 };
	size_t		 len;

	key->len = 0;
	put_uint(&w, e->type, 1);
	if (e->type == ENTRY_GONE) {
		if (!may_be_gone(e->of))
			return (-1);
		put_uint(&w, e->of, 1);
	}
	switch (kind_of(e)) {
	case ENTRY_GREY:
		put_bytes(&w, e->net.b, sizeof(e->net.b));
		put_uint(&w, e->hash, 8);
		break;
	case ENTRY_WHITE:
	case ENTRY_TRAPPED:
	case ENTRY_STAMP:
	case ENTRY_VISIT:
	case ENTRY_REPUTE:
		put_bytes(&w, e->net.b, sizeof(e->net.b));
		break;
	case ENTRY_SPAMTRAP:
	case ENTRY_META:	/* rcpt holds its name */
		len = strlen(e->rcpt);
		if (len == 0 || len >= MAILADDR_KEY_MAX)
			return (-1);
		put_bytes(&w, e->rcpt, len);
		break;
	default:
		return (-1);
	}
	if (w.bad)
		return (-1);
	key->len = (size_t)(w.p - key->b);
	return (0);
}

int
entry_encode(const struct entry *e, struct entry_key *key,
    struct entry_data *data)
{
	struct put	 w = { data->b, data->b + sizeof(data->b), 0 };
	int		 ip6 = !addr_is4(&e->addr);
	int		 last = e->last != entry_guess_last(e);
	int		 why = e->type == ENTRY_WHITE && e->reason != 0;

	data->len = 0;
	/* META has no such form: db_meta_put writes it. */
	if (e->type == ENTRY_META || entry_encode_key(e, key) == -1)
		return (-1);
	put_uint(&w, ENTRY_VERSION, 1);
	put_uint(&w, (ip6 ? ENTRY_F_IP6 : 0) |
	    (e->gen != 0 ? ENTRY_F_GEN : 0) | (last ? ENTRY_F_LAST : 0) |
	    (why ? ENTRY_F_WHY : 0), 1);
	put_time(&w, e->first);
	put_time(&w, e->pass);
	put_time(&w, e->expire);
	put_uint(&w, e->block, 4);
	put_uint(&w, e->passed, 4);
	if (ip6)
		put_bytes(&w, e->addr.b, 16);
	else
		put_bytes(&w, e->addr.b + 12, 4);
	if (last)
		put_time(&w, e->last);
	if (e->gen != 0)
		put_time(&w, e->gen);
	if (why) {
		put_uint(&w, e->reason, 1);
		put_str(&w, e->from);
		put_str(&w, e->to);
	}
	if (e->type == ENTRY_GONE) {
		put_time(&w, e->gone);
		put_time(&w, e->was);
	}
	if (kind_of(e) == ENTRY_GREY) {
		put_str(&w, e->helo);
		put_str(&w, e->from);
		put_str(&w, e->to);
	} else {
		if (kind_of(e) == ENTRY_TRAPPED)
			put_uint(&w, e->reason, 1);
		if (e->comment[0] != '\0')
			put_str(&w, e->comment);
	}
	if (w.bad)
		return (-1);
	data->len = (size_t)(w.p - data->b);
	return (0);
}

static void
decode_key(struct get *r, struct entry *e)
{
	uint64_t	of;

	if (e->type == ENTRY_GONE) {
		of = get_uint(r, 1);
		if (r->bad || !may_be_gone((unsigned int)of)) {
			r->bad = 1;
			return;
		}
		e->of = (enum entry_type)of;
	}
	switch (kind_of(e)) {
	case ENTRY_GREY:
		get_bytes(r, e->net.b, sizeof(e->net.b));
		e->hash = get_uint(r, 8);
		break;
	case ENTRY_SPAMTRAP:
	case ENTRY_META:
		if (r->p == r->end ||
		    (size_t)(r->end - r->p) >= MAILADDR_KEY_MAX)
			r->bad = 1;
		else
			e->rcpt = get_str(r, (size_t)(r->end - r->p));
		break;
	default:
		get_bytes(r, e->net.b, sizeof(e->net.b));
		break;
	}
}

/* IPv4 is four octets on disk and its mapped form in memory. */
static void
decode_addr(struct get *r, uint64_t flags, struct addr *addr)
{
	static const uint8_t	mapped[12] =
	    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	if (flags & ENTRY_F_IP6) {
		get_bytes(r, addr->b, 16);
		return;
	}
	memcpy(addr->b, mapped, sizeof(mapped));
	get_bytes(r, addr->b + 12, 4);
}

/*
 * When an entry was last asserted, as far as its times tell: when it was made,
 * or passed, or (a trap, a spamtrap, a stamp) was last hit.
 */
int64_t
entry_guess_last(const struct entry *e)
{
	int64_t	last = e->first;

	if (e->type == ENTRY_GREY) {
		if (e->pass < e->expire && e->pass > last)
			last = e->pass;		/* it passed then */
	} else if (e->pass > last)
		last = e->pass;
	return (last > 0 ? last : 1);
}

/* The flags that may be there. */
static uint64_t
flags_of(uint64_t version, enum entry_type type)
{
	if (version < 2)
		return (ENTRY_F_IP6);
	return (ENTRY_F_IP6 | ENTRY_F_GEN | ENTRY_F_LAST |
	    (version > 2 && type == ENTRY_WHITE ? ENTRY_F_WHY : 0));
}

/* What versions 2 and 3 added. */
static void
decode_merge(struct get *r, uint64_t version, uint64_t flags, struct entry *e)
{
	if (version < 2 && e->type == ENTRY_GONE)
		r->bad = 1;
	e->last = flags & ENTRY_F_LAST ? (int64_t)get_uint(r, TIME_LEN) :
	    entry_guess_last(e);
	if (flags & ENTRY_F_GEN)
		e->gen = (int64_t)get_uint(r, TIME_LEN);
	if (flags & ENTRY_F_WHY) {
		e->reason = (uint8_t)get_uint(r, 1);
		e->from = get_lstr(r);
		e->to = get_lstr(r);
	}
	if (e->type == ENTRY_GONE) {
		e->gone = (int64_t)get_uint(r, TIME_LEN);
		e->was = (int64_t)get_uint(r, TIME_LEN);
	}
}

int
entry_decode_key(const void *key, size_t len, struct entry *e, char *strbuf)
{
	const uint8_t	*k = key;
	struct get	 r;

	if (len == 0 || len > ENTRY_KEY_MAX || !is_type(k[0]))
		return (-1);
	entry_init(e, (enum entry_type)k[0]);
	r.p = k + 1;
	r.end = k + len;
	r.str = strbuf;
	r.bad = 0;
	decode_key(&r, e);
	return (r.bad || r.p != r.end ? -1 : 0);
}

int
entry_decode(const void *key, size_t keylen, const void *data,
    size_t datalen, struct entry *e, char *strbuf)
{
	struct get	 r;
	uint64_t	 version, flags;

	if (datalen == 0 || datalen > ENTRY_DATA_MAX ||
	    entry_decode_key(key, keylen, e, strbuf) == -1)
		return (-1);
	r.str = strbuf + keylen;	/* its string and NUL are no longer */
	r.bad = 0;
	r.p = data;
	r.end = r.p + datalen;
	if (*r.p > ENTRY_VERSION)
		return (-2);
	if ((version = get_uint(&r, 1)) == 0)	/* there never was a version 0 */
		return (-1);
	if (e->type == ENTRY_META)
		return (0);
	flags = get_uint(&r, 1);
	if (flags & ~flags_of(version, e->type))
		return (-1);
	e->first = (int64_t)get_uint(&r, TIME_LEN);
	e->pass = (int64_t)get_uint(&r, TIME_LEN);
	e->expire = (int64_t)get_uint(&r, TIME_LEN);
	e->block = (uint32_t)get_uint(&r, 4);
	e->passed = (uint32_t)get_uint(&r, 4);
	decode_addr(&r, flags, &e->addr);
	decode_merge(&r, version, flags, e);
	if (kind_of(e) == ENTRY_GREY) {
		e->helo = get_lstr(&r);
		e->from = get_lstr(&r);
		e->to = get_lstr(&r);
	} else {
		if (kind_of(e) == ENTRY_TRAPPED)
			e->reason = (uint8_t)get_uint(&r, 1);
		if (!r.bad && r.p != r.end)
			e->comment = get_lstr(&r);
	}
	return (r.bad || r.p != r.end ? -1 : 0);
}

/* Called by libdb for each write: no decoding, no strings. */
int64_t
entry_raw_expire(const void *data, size_t datalen)
{
	struct get	 r;

	if (datalen < FIXED_LEN)
		return (0);
	r.p = (const uint8_t *)data + ENTRY_EXPIRE_OFF;
	r.end = (const uint8_t *)data + datalen;
	r.str = NULL;
	r.bad = 0;
	return ((int64_t)get_uint(&r, TIME_LEN));
}
