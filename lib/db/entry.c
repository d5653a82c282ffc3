/*
 * An entry of the database: its form on disk; see entry.h.  Pure functions;
 * this file knows neither Berkeley DB nor time.  What comes from disk is
 * checked as if a stranger had written it: lengths, version, no octet left
 * over. The printed form is in entry_line.c.
 *
 * All integers are big-endian (be.h): the order of keys on disk is then the
 * order of addresses, and a database may move to a machine of the other byte
 * order.
 */
#include <string.h>

#include "lib/base/addr.h"
#include "lib/base/be.h"
#include "lib/db/entry.h"

#define FIXED_LEN	(1 + 1 + 3 * BE_TIME_LEN + 4 + 4)

/* Is it a kind of entry whose deletion leaves a tombstone? */
static int
may_be_gone(unsigned int c)
{
	return (c == ENTRY_GREY || c == ENTRY_WHITE || c == ENTRY_TRAPPED ||
	    c == ENTRY_SPAMTRAP);
}

/* Is the first octet of a key one of ours? */
static int
is_entry_type(unsigned int c)
{
	return (may_be_gone(c) || c == ENTRY_GONE || c == ENTRY_STAMP ||
	    c == ENTRY_VISIT || c == ENTRY_REPUTE || c == ENTRY_META);
}

/* No pointer of an entry is ever NULL. */
void
entry_init(struct entry *e, enum entry_type type)
{
	memset(e, 0, sizeof(*e));
	e->type = type;
	e->helo = e->from = e->to = e->rcpt = e->comment = "";
}

/* The kind whose fields it has: of a tombstone, what was deleted. */
static enum entry_type
entry_kind(const struct entry *e)
{
	return (e->type == ENTRY_GONE ? e->of : e->type);
}

/* A key is the type and what makes the entry the only one of its type. */
int
entry_encode_key(const struct entry *e, struct entry_key *key)
{
	struct be_writer w = { key->b, key->b + sizeof(key->b), 0 };
	size_t		 len;

	key->len = 0;
	be_write(&w, e->type, 1);
	if (e->type == ENTRY_GONE) {
		if (!may_be_gone(e->of))
			return (-1);
		be_write(&w, e->of, 1);
	}
	switch (entry_kind(e)) {
	case ENTRY_GREY:
		be_write_bytes(&w, e->net.b, sizeof(e->net.b));
		be_write(&w, e->hash, 8);
		break;
	case ENTRY_WHITE:
	case ENTRY_TRAPPED:
	case ENTRY_STAMP:
	case ENTRY_VISIT:
	case ENTRY_REPUTE:
		be_write_bytes(&w, e->net.b, sizeof(e->net.b));
		break;
	case ENTRY_SPAMTRAP:
	case ENTRY_META:	/* rcpt holds its name */
		len = strlen(e->rcpt);
		if (len == 0 || len >= MAILADDR_KEY_MAX)
			return (-1);
		be_write_bytes(&w, e->rcpt, len);
		break;
	default:
		return (-1);
	}
	if (w.bad)
		return (-1);
	key->len = (size_t)(w.p - key->b);
	return (0);
}

/*
 * The optional fields follow their flags, in the order of entry.h.  `last' is
 * left out when the other times tell it, which spares most entries five
 * octets.
 */
int
entry_encode(const struct entry *e, struct entry_key *key,
    struct entry_data *data)
{
	struct be_writer w = { data->b, data->b + sizeof(data->b), 0 };
	int		 ip6 = !addr_is4(&e->addr);
	int		 last = e->last != entry_guess_last(e);
	int		 why = e->type == ENTRY_WHITE && e->reason != 0;

	data->len = 0;
	/* META has no such form: db_meta_put writes it. */
	if (e->type == ENTRY_META || entry_encode_key(e, key) == -1)
		return (-1);
	be_write(&w, ENTRY_VERSION, 1);
	be_write(&w, (ip6 ? ENTRY_F_IP6 : 0) |
	    (e->gen != 0 ? ENTRY_F_GEN : 0) | (last ? ENTRY_F_LAST : 0) |
	    (why ? ENTRY_F_WHY : 0), 1);
	be_write_time(&w, e->first);
	be_write_time(&w, e->pass);
	be_write_time(&w, e->expire);
	be_write(&w, e->block, 4);
	be_write(&w, e->passed, 4);
	if (ip6)
		be_write_bytes(&w, e->addr.b, sizeof(e->addr.b));
	else
		be_write_bytes(&w, e->addr.b + ADDR4_AT, ADDR4_LEN);
	if (last)
		be_write_time(&w, e->last);
	if (e->gen != 0)
		be_write_time(&w, e->gen);
	if (why) {
		be_write(&w, e->reason, 1);
		be_write_str(&w, e->from, ENTRY_STR_MAX);
		be_write_str(&w, e->to, ENTRY_STR_MAX);
	}
	if (e->type == ENTRY_GONE) {
		be_write_time(&w, e->gone);
		be_write_time(&w, e->was);
	}
	if (entry_kind(e) == ENTRY_GREY) {
		be_write_str(&w, e->helo, ENTRY_STR_MAX);
		be_write_str(&w, e->from, ENTRY_STR_MAX);
		be_write_str(&w, e->to, ENTRY_STR_MAX);
	} else {
		if (entry_kind(e) == ENTRY_TRAPPED)
			be_write(&w, e->reason, 1);
		if (e->comment[0] != '\0')
			be_write_str(&w, e->comment, ENTRY_STR_MAX);
	}
	if (w.bad)
		return (-1);
	data->len = (size_t)(w.p - data->b);
	return (0);
}

/* The rest of a key, behind its type. */
static void
decode_key(struct be_reader *r, struct entry *e)
{
	uint64_t	of;

	if (e->type == ENTRY_GONE) {
		of = be_read(r, 1);
		if (r->bad || !may_be_gone((unsigned int)of)) {
			r->bad = 1;
			return;
		}
		e->of = (enum entry_type)of;
	}
	switch (entry_kind(e)) {
	case ENTRY_GREY:
		be_read_bytes(r, e->net.b, sizeof(e->net.b));
		e->hash = be_read(r, 8);
		break;
	case ENTRY_SPAMTRAP:
	case ENTRY_META:
		if (r->p == r->end ||
		    (size_t)(r->end - r->p) >= MAILADDR_KEY_MAX)
			r->bad = 1;
		else
			e->rcpt = be_read_text(r, (size_t)(r->end - r->p));
		break;
	default:
		be_read_bytes(r, e->net.b, sizeof(e->net.b));
		break;
	}
}

/* IPv4 is four octets on disk and its mapped form in memory. */
static void
decode_addr(struct be_reader *r, uint64_t flags, struct addr *addr)
{
	uint8_t	ip4[ADDR4_LEN] = { 0 };

	if (flags & ENTRY_F_IP6) {
		be_read_bytes(r, addr->b, sizeof(addr->b));
		return;
	}
	be_read_bytes(r, ip4, sizeof(ip4));
	addr_set4(addr, ip4);
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

/* The flags that an entry of this version and type may have. */
static uint64_t
flags_of(uint64_t version, enum entry_type type)
{
	if (version < 2)
		return (ENTRY_F_IP6);
	return (ENTRY_F_IP6 | ENTRY_F_GEN | ENTRY_F_LAST |
	    (version > 2 && type == ENTRY_WHITE ? ENTRY_F_WHY : 0));
}

/* The fields that versions 2 and 3 of the format added. */
static void
decode_merge(struct be_reader *r, uint64_t version, uint64_t flags,
    struct entry *e)
{
	if (version < 2 && e->type == ENTRY_GONE)
		r->bad = 1;
	e->last = flags & ENTRY_F_LAST ? be_read_time(r) :
	    entry_guess_last(e);
	if (flags & ENTRY_F_GEN)
		e->gen = be_read_time(r);
	if (flags & ENTRY_F_WHY) {
		e->reason = (uint8_t)be_read(r, 1);
		e->from = be_read_str(r, ENTRY_STR_MAX);
		e->to = be_read_str(r, ENTRY_STR_MAX);
	}
	if (e->type == ENTRY_GONE) {
		e->gone = be_read_time(r);
		e->was = be_read_time(r);
	}
}

/* A key has its whole length: octets left over make it malformed. */
int
entry_decode_key(const void *key, size_t len, struct entry *e, char *strbuf)
{
	const uint8_t	*k = key;
	struct be_reader r;

	if (len == 0 || len > ENTRY_KEY_MAX || !is_entry_type(k[0]))
		return (-1);
	entry_init(e, (enum entry_type)k[0]);
	r.p = k + 1;
	r.end = k + len;
	r.str = strbuf;
	r.bad = 0;
	decode_key(&r, e);
	return (r.bad || r.p != r.end ? -1 : 0);
}

/*
 * The version is looked at first: an entry of a newer one is not malformed,
 * and must not be overwritten.
 */
int
entry_decode(const void *key, size_t keylen, const void *data,
    size_t datalen, struct entry *e, char *strbuf)
{
	struct be_reader r;
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
	if ((version = be_read(&r, 1)) == 0)	/* there never was one */
		return (-1);
	if (e->type == ENTRY_META)
		return (0);
	flags = be_read(&r, 1);
	if (flags & ~flags_of(version, e->type))
		return (-1);
	e->first = be_read_time(&r);
	e->pass = be_read_time(&r);
	e->expire = be_read_time(&r);
	e->block = (uint32_t)be_read(&r, 4);
	e->passed = (uint32_t)be_read(&r, 4);
	decode_addr(&r, flags, &e->addr);
	decode_merge(&r, version, flags, e);
	if (entry_kind(e) == ENTRY_GREY) {
		e->helo = be_read_str(&r, ENTRY_STR_MAX);
		e->from = be_read_str(&r, ENTRY_STR_MAX);
		e->to = be_read_str(&r, ENTRY_STR_MAX);
	} else {
		if (entry_kind(e) == ENTRY_TRAPPED)
			e->reason = (uint8_t)be_read(&r, 1);
		if (!r.bad && r.p != r.end)
			e->comment = be_read_str(&r, ENTRY_STR_MAX);
	}
	return (r.bad || r.p != r.end ? -1 : 0);
}

/* Called by libdb for each write: no decoding, no strings. */
int64_t
entry_raw_expire(const void *data, size_t datalen)
{
	struct be_reader r;

	if (datalen < FIXED_LEN)
		return (0);
	r.p = (const uint8_t *)data + ENTRY_EXPIRE_OFF;
	r.end = (const uint8_t *)data + datalen;
	r.str = NULL;
	r.bad = 0;
	return (be_read_time(&r));
}
