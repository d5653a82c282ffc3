/*
 * DNS messages as pure functions, limited in what they look at: a name follows
 * a limited number of pointers, which lead backwards only, and only as many
 * records are read as an honest server sends.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/be.h"
#include "lib/dns/msg.h"

/* Sizes are in bytes; the formats are those of RFC 1035 4.1. */
#define HEADER		12
#define RR_FIXED	10	/* type, class, TTL, length */
#define LABEL_MAX	63
#define POINTERS_MAX	64	/* of one name */
#define ANSWERS_MAX	1000	/* records that are looked at */
#define TYPE_CNAME	5
#define TYPE_SOA	6
#define TYPE_DNAME	39
#define RCODE_SERVFAIL	2
#define RCODE_NXDOMAIN	3
#define RCODE_REFUSED	5
#define TTL_MAX		86400	/* s; a day is long enough */
#define FLAGS_MASK	0xf8	/* QR and opcode, of the third byte */
#define FLAGS_ANSWER	0x80	/* the same bits of an answer to a query */
#define RCODE_MASK	0x0f	/* of the fourth byte */
#define POINTER_BITS	0xc0	/* a length byte that begins a pointer */
#define POINTER_OFFSET	0x3fff	/* the other bits: from the message's start */
#define SOA_MIN		20	/* the five numbers that end a SOA */

/* A record; rd points into the message. */
struct rr {
	size_t		 owner;		/* where its name begins */
	unsigned int	 type, class;
	uint32_t	 ttl;
	struct dns_rr	 rd;
};

/* The answer section, and the name that the chain of aliases has come to. */
struct chain {
	const uint8_t	*msg;
	size_t		 len;
	size_t		 answers;	/* where they begin */
	unsigned int	 n;		/* how many there are */
	struct dns_name	 name;		/* the question, then each alias */
	uint32_t	 ttl;		/* the least of what was used */
};

/* Moves *at behind the name that is there: 0, or -1.  A pointer ends a name. */
static int
name_skip(const uint8_t *msg, size_t len, size_t *at)
{
	unsigned int	c;

	while (*at < len) {
		c = msg[(*at)++];
		if (c == 0)
			return (0);
		if (c > LABEL_MAX) {
			(*at)++;
			return ((c & POINTER_BITS) == POINTER_BITS &&
			    *at <= len ? 0 : -1);
		}
		if (c > len - *at)
			return (-1);
		*at += c;
	}
	return (-1);
}

/*
 * Appends a label in lower case.  Room for the zero of the root always remains.
 */
static int
name_add(struct dns_name *n, const uint8_t *label, unsigned int len)
{
	unsigned int	i;

	if (len + 2 > sizeof(n->wire) - n->len)
		return (-1);
	n->wire[n->len++] = (uint8_t)len;
	for (i = 0; i < len; i++)
		n->wire[n->len++] = (uint8_t)ascii_lower((char)label[i]);
	return (0);
}

/*
 * Reads the name at `at', without compression.  A pointer must lead to before
 * the name that it is in, so that names cannot form a loop.  0, or -1.
 */
static int
name_read(const uint8_t *msg, size_t len, size_t at, struct dns_name *n)
{
	size_t		from = at, to;
	unsigned int	c, pointers = 0;

	n->len = 0;
	while (at < len && (c = msg[at]) != 0) {
		if (c <= LABEL_MAX) {
			if (c > len - at - 1 ||
			    name_add(n, msg + at + 1, c) == -1)
				return (-1);
			at += c + 1;
			continue;
		}
		if ((c & POINTER_BITS) != POINTER_BITS || len - at < 2 ||
		    ++pointers > POINTERS_MAX)
			return (-1);
		if ((to = be_get16(msg + at) & POINTER_OFFSET) >= from)
			return (-1);
		from = at = to;
	}
	if (at >= len)
		return (-1);
	n->wire[n->len++] = 0;
	return (0);
}

/* Both names are in lower case, so that their bytes can be compared. */
static int
name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return (a->len == b->len && memcmp(a->wire, b->wire, a->len) == 0);
}

/*
 * If name is `above' or below it, returns the bytes of name in front of
 * `above'; otherwise -1.
 */
static int
name_below(const struct dns_name *name, const struct dns_name *above)
{
	size_t	at;

	for (at = 0; at < name->len; at += 1U + name->wire[at])
		if (name->len - at == above->len &&
		    memcmp(name->wire + at, above->wire, above->len) == 0)
			return ((int)at);
	return (-1);
}

/* A final dot is optional; an empty label is not allowed. */
int
dns_name_from(struct dns_name *n, const char *text)
{
	size_t	len;

	n->len = 0;
	for (; *text != '\0'; text += len + (text[len] == '.')) {
		len = strcspn(text, ".\\");
		if (len == 0 || len > LABEL_MAX || text[len] == '\\' ||
		    name_add(n, (const uint8_t *)text, (unsigned int)len) == -1)
			return (-1);
	}
	if (n->len == 0)
		return (-1);
	n->wire[n->len++] = 0;
	return (0);
}

/* Five bytes must be free for one more: four of \DDD, and the NUL. */
void
dns_name_text(const struct dns_name *n, char *dst, size_t size)
{
	static const char	plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "0123456789-_/";
	size_t			at, i, used = 0;
	const uint8_t		*label;

	for (at = 0; n->wire[at] != 0; at += 1U + n->wire[at]) {
		label = n->wire + at + 1;
		if (at > 0 && used + 1 < size)
			dst[used++] = '.';
		for (i = 0; i < n->wire[at] && used + 5 < size; i++)
			if (label[i] != 0 && strchr(plain, label[i]) != NULL)
				dst[used++] = (char)label[i];
			else
				used += (size_t)snprintf(dst + used,
				    size - used, "\\%03u", label[i]);
	}
	dst[used] = '\0';
}

/*
 * Reads the record at *at, and moves *at behind it.  0, or -1: it is malformed,
 * or its data ends outside of the message.
 */
static int
next_rr(const uint8_t *msg, size_t len, size_t *at, struct rr *rr)
{
	rr->owner = *at;
	if (name_skip(msg, len, at) == -1 || len - *at < RR_FIXED)
		return (-1);
	rr->type = be_get16(msg + *at);
	rr->class = be_get16(msg + *at + 2);
	rr->ttl = be_get32(msg + *at + 4);
	rr->rd.len = be_get16(msg + *at + 8);
	*at += RR_FIXED;
	if (rr->rd.len > len - *at)
		return (-1);
	rr->rd.msg = msg;
	rr->rd.msglen = len;
	rr->rd.data = msg + *at;
	*at += rr->rd.len;
	/* RFC 2181 8: with the top bit set it counts as zero. */
	if (rr->ttl > INT32_MAX)
		rr->ttl = 0;
	if (rr->ttl > TTL_MAX)
		rr->ttl = TTL_MAX;
	return (0);
}

/* Reads the name that is all of the record's data behind `skip' bytes. */
static int
rr_name(const struct dns_rr *rr, size_t skip, struct dns_name *n)
{
	size_t	at = (size_t)(rr->data - rr->msg) + skip, end = at;

	if (rr->len <= skip || name_skip(rr->msg, rr->msglen, &end) == -1 ||
	    end != (size_t)(rr->data - rr->msg) + rr->len)
		return (-1);
	return (name_read(rr->msg, rr->msglen, at, n));
}

/* All of the data is the name. */
int
dns_rr_ptr(const struct dns_rr *rr, struct dns_name *n)
{
	return (rr_name(rr, 0, n));
}

/* The name stands behind a preference of two bytes, which is not used. */
int
dns_rr_mx(const struct dns_rr *rr, struct dns_name *n)
{
	return (rr_name(rr, 2, n));
}

/* The length must agree with the type, since A and AAAA differ by it. */
int
dns_rr_addr(const struct dns_rr *rr, enum dns_type type, struct addr *to)
{
	if (rr->len != (type == DNS_A ? ADDR4_LEN : sizeof(to->b)))
		return (-1);
	if (type == DNS_A)
		addr_set4(to, rr->data);
	else
		memcpy(to->b, rr->data, sizeof(to->b));
	return (0);
}

/*
 * A TXT record is a row of strings, each with a byte for its length before it.
 */
int
dns_rr_txt(const struct dns_rr *rr, char *dst, size_t size, size_t *len)
{
	size_t	at, n, used = 0;

	*len = 0;
	for (at = 0; at < rr->len; at += n) {
		n = rr->data[at++];
		if (n > rr->len - at ||
		    memchr(rr->data + at, '\0', n) != NULL)
			return (-1);
		*len += n;
		if (used + 1 < size) {
			size_t	fits = n < size - 1 - used ? n :
				    size - 1 - used;

			memcpy(dst + used, rr->data + at, fits);
			used += fits;
		}
	}
	dst[used] = '\0';
	return (rr->len == 0 ? -1 : 0);
}

/* why is static text. */
static struct dns_result
failed(const char *why)
{
	struct dns_result	r = { DNS_FAILED, 0, why };

	return (r);
}

/*
 * Checks that the message is an answer to exactly that question, and finds its
 * answers.  NULL, or what is wrong.
 */
static const char *
question(struct chain *w, const char *name, enum dns_type type)
{
	struct dns_name	 n;
	size_t		 at = HEADER;
	unsigned int	 rcode;

	if (w->len < HEADER || w->len > UINT16_MAX ||
	    (w->msg[2] & FLAGS_MASK) != FLAGS_ANSWER)
		return ("not an answer");
	rcode = w->msg[3] & RCODE_MASK;
	if (rcode != 0 && rcode != RCODE_NXDOMAIN)
		return (rcode == RCODE_SERVFAIL ? "server failure" :
		    rcode == RCODE_REFUSED ? "refused by the server" :
		    "the server reported an error");
	if (be_get16(w->msg + 4) != 1 ||
	    name_read(w->msg, w->len, at, &n) == -1 ||
	    name_skip(w->msg, w->len, &at) == -1 || w->len - at < 4)
		return ("malformed answer");
	if (dns_name_from(&w->name, name) == -1 ||
	    !name_equal(&n, &w->name) ||
	    be_get16(w->msg + at) != (unsigned int)type ||
	    be_get16(w->msg + at + 2) != DNS_CLASS_IN)
		return ("answers a different question");
	w->answers = at + 4;
	w->n = be_get16(w->msg + 6);
	return (w->n > ANSWERS_MAX ? "too many records" : NULL);
}

/*
 * Checks that all answers are well formed; *at is then the byte behind them,
 * where the authority section begins.
 */
static int
answers_ok(const struct chain *w, size_t *at)
{
	struct rr	rr;
	unsigned int	i;

	*at = w->answers;
	for (i = 0; i < w->n; i++)
		if (next_rr(w->msg, w->len, at, &rr) == -1)
			return (-1);
	return (0);
}

/*
 * Calls fn for the records of that type that the name has.  Returns how many fn
 * has taken.
 */
static unsigned int
take_records(struct chain *w, enum dns_type type, dns_rr_fn fn, void *arg)
{
	struct rr	 rr;
	struct dns_name	 owner;
	size_t		 at = w->answers;
	unsigned int	 i, found = 0;

	for (i = 0; i < w->n && next_rr(w->msg, w->len, &at, &rr) == 0; i++) {
		if (rr.class != DNS_CLASS_IN ||
		    rr.type != (unsigned int)type ||
		    name_read(w->msg, w->len, rr.owner, &owner) == -1 ||
		    !name_equal(&owner, &w->name) || !fn(&rr.rd, arg))
			continue;
		found++;
		if (rr.ttl < w->ttl)
			w->ttl = rr.ttl;
	}
	return (found);
}

/*
 * Applies a DNAME record of `above' to the name (RFC 6672 2.2): its end is
 * replaced by target.  -1: the name is not below it, or becomes too long.
 */
static int
rename_below(struct dns_name *name, const struct dns_name *above,
    const struct dns_name *target)
{
	int	before = name_below(name, above);

	if (before <= 0 || (size_t)before + target->len > sizeof(name->wire))
		return (-1);
	memcpy(name->wire + before, target->wire, target->len);
	name->len = (size_t)before + target->len;
	return (0);
}

/*
 * Follows one alias: a CNAME of the name itself, or a DNAME of a name above it.
 * 1, or 0: there is no such record.
 */
static int
follow(struct chain *w, unsigned int type)
{
	struct rr	 rr;
	struct dns_name	 owner, target;
	size_t		 at = w->answers;
	unsigned int	 i;

	for (i = 0; i < w->n && next_rr(w->msg, w->len, &at, &rr) == 0; i++) {
		if (rr.class != DNS_CLASS_IN || rr.type != type ||
		    name_read(w->msg, w->len, rr.owner, &owner) == -1 ||
		    rr_name(&rr.rd, 0, &target) == -1)
			continue;
		if (type == TYPE_CNAME && name_equal(&owner, &w->name))
			w->name = target;
		else if (type != TYPE_DNAME ||
		    rename_below(&w->name, &owner, &target) == -1)
			continue;
		if (rr.ttl < w->ttl)
			w->ttl = rr.ttl;
		return (1);
	}
	return (0);
}

/*
 * Returns how long a negative answer may be kept (RFC 2308 5), in seconds, by
 * the SOA of the zone that the name is in; 0: the answer does not say.  at:
 * where the authority section begins.
 */
static uint32_t
negative_ttl(const struct chain *w, size_t at)
{
	struct rr	 rr;
	struct dns_name	 zone;
	unsigned int	 n = be_get16(w->msg + 8);
	uint32_t	 minimum;

	if (n > ANSWERS_MAX)
		n = ANSWERS_MAX;
	for (; n > 0 && next_rr(w->msg, w->len, &at, &rr) == 0; n--)
		if (rr.class == DNS_CLASS_IN && rr.type == TYPE_SOA &&
		    rr.rd.len >= SOA_MIN &&
		    name_read(w->msg, w->len, rr.owner, &zone) == 0 &&
		    name_below(&w->name, &zone) != -1) {
			minimum = be_get32(rr.rd.data + rr.rd.len - 4);
			return (rr.ttl < minimum ? rr.ttl : minimum);
		}
	return (0);
}

/*
 * Looks for records of the name, and follows the next alias while there are
 * none.  The TTL is the smallest of all records that were used.
 */
struct dns_result
dns_walk(const uint8_t *msg, size_t len, const char *name, enum dns_type type,
    dns_rr_fn fn, void *arg)
{
	struct dns_result	 r = { DNS_FOUND, 0, NULL };
	struct chain		 w = { .msg = msg, .len = len, .ttl = TTL_MAX };
	const char		*why;
	unsigned int		 steps = 0;
	size_t			 end;

	if ((why = question(&w, name, type)) != NULL)
		return (failed(why));
	if (answers_ok(&w, &end) == -1)
		return (failed("malformed answer"));
	while (take_records(&w, type, fn, arg) == 0) {
		if (!follow(&w, TYPE_CNAME) && !follow(&w, TYPE_DNAME)) {
			r.status = DNS_NOTHING;
			r.ttl = negative_ttl(&w, end);
			return (r);
		}
		if (++steps > DNS_CHAIN_MAX)
			return (failed("too many aliases"));
	}
	r.ttl = w.ttl;
	return (r);
}
