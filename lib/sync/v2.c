/*
 * spamd's sync datagrams.  What it leaves unchecked is checked here: strings
 * end where their lengths say and hold no control character, so that nothing
 * can be smuggled into a line of text.
 */
#include <string.h>

#include "lib/sync/mergeio.h"
#include "lib/sync/v2.h"

#define VERSION		2
#define FAMILY		2		/* AF_INET on all systems */
#define MAC_OFF		8
#define GREY_FIXED	18
#define ADDR_LEN	16
#define END_LEN		4

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t
get16(const uint8_t *p)
{
	return ((uint32_t)p[0] << 8 | p[1]);
}

static uint32_t
get32(const uint8_t *p)
{
	return (get16(p) << 16 | get16(p + 2));
}

static size_t
round16(size_t n)
{
	return ((n + 15) & ~(size_t)15);
}

/* The length of a GREY item; 0: it cannot be sent. */
static size_t
grey_len(const struct sync2_item *it)
{
	const char	*s[3];
	size_t		 i, n, len = GREY_FIXED;

	s[0] = it->from;
	s[1] = it->to;
	s[2] = it->helo;
	for (i = 0; i < 3; i++) {
		if ((n = strlen(s[i])) > SYNC2_STR_MAX || !merge_clean(s[i]))
			return (0);
		len += n + 1;
	}
	return (round16(len));
}

static void
put_grey(uint8_t *p, const struct sync2_item *it)
{
	size_t	from = strlen(it->from) + 1, to = strlen(it->to) + 1;
	size_t	helo = strlen(it->helo) + 1;

	memcpy(p + 8, it->addr.b + 12, 4);
	put16(p + 12, (uint32_t)from);
	put16(p + 14, (uint32_t)to);
	put16(p + 16, (uint32_t)helo);
	memcpy(p + GREY_FIXED, it->from, from);
	memcpy(p + GREY_FIXED + from, it->to, to);
	memcpy(p + GREY_FIXED + from + to, it->helo, helo);
}

size_t
sync2_build(uint8_t dst[SYNC2_MAX], uint32_t counter,
    const struct sync2_item *it, const struct sync_key *key)
{
	uint8_t	 mac[SYNCMAC_V2_LEN];
	uint8_t	*p = dst + SYNC2_HDR;
	size_t	 len, total;

	if (!addr_is4(&it->addr))
		return (0);
	len = it->type == SYNC2_GREY ? grey_len(it) : ADDR_LEN;
	total = SYNC2_HDR + len + END_LEN;
	if (len == 0 || total > SYNC2_MAX || it->type == SYNC2_END)
		return (0);
	memset(dst, 0, total);
	dst[0] = VERSION;
	dst[1] = FAMILY;
	put16(dst + 2, (uint32_t)total);
	put32(dst + 4, counter);
	put16(p, it->type);
	put16(p + 2, (uint32_t)len);
	put32(p + 4, it->when);
	if (it->type == SYNC2_GREY)
		put_grey(p, it);
	else {
		put32(p + 8, it->expire);
		memcpy(p + 12, it->addr.b + 12, 4);
	}
	put16(p + len, SYNC2_END);
	put16(p + len + 2, END_LEN);
	if (synckey_mac2(key, dst, total, mac) == -1)
		return (0);
	memcpy(dst + MAC_OFF, mac, sizeof(mac));
	return (total);
}

static void
get_ip4(const uint8_t *p, struct addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->b[10] = addr->b[11] = 0xff;
	memcpy(addr->b + 12, p, 4);
}

/* A string of that length, its NUL at the end and nowhere else. */
static const char *
get_str(const uint8_t **p, size_t len)
{
	const char	*s = (const char *)*p;

	if (len == 0 || len > SYNC2_STR_MAX + 1 ||
	    strnlen(s, len) != len - 1 || !merge_clean(s))
		return (NULL);
	*p += len;
	return (s);
}

/* Of an item whose own length is inside the datagram. */
static const char *
parse_item(const uint8_t *p, size_t len, struct sync2_item *it)
{
	size_t	from, to, helo;

	memset(it, 0, sizeof(*it));
	it->type = (enum sync2_type)get16(p);
	it->from = it->to = it->helo = "";
	if (it->type == SYNC2_WHITE || it->type == SYNC2_TRAPPED) {
		if (len != ADDR_LEN)
			return ("length of an address");
		it->when = get32(p + 4);
		it->expire = get32(p + 8);
		get_ip4(p + 12, &it->addr);
		return (NULL);
	}
	if (it->type != SYNC2_GREY)
		return ("unknown type");
	if (len < GREY_FIXED)
		return ("length of a tuple");
	it->when = get32(p + 4);
	get_ip4(p + 8, &it->addr);
	from = get16(p + 12);
	to = get16(p + 14);
	helo = get16(p + 16);
	if (round16(GREY_FIXED + from + to + helo) != len)
		return ("lengths of strings");
	p += GREY_FIXED;
	if ((it->from = get_str(&p, from)) == NULL ||
	    (it->to = get_str(&p, to)) == NULL ||
	    (it->helo = get_str(&p, helo)) == NULL)
		return ("a string");
	return (NULL);
}

/* Walks the items; fn NULL: only to see that all of them are right. */
static const char *
walk(const uint8_t *p, const uint8_t *end,
    void (*fn)(const struct sync2_item *, void *), void *arg)
{
	struct sync2_item	 it;
	const char		*why;
	size_t			 len;

	for (;;) {
		if (end - p < END_LEN)
			return ("no end");
		len = get16(p + 2);
		if (len < END_LEN || len > (size_t)(end - p))
			return ("length of an item");
		if (get16(p) == SYNC2_END) {
			if (len != END_LEN || p + len != end)
				return ("octets behind the end");
			return (NULL);
		}
		if ((why = parse_item(p, len, &it)) != NULL)
			return (why);
		if (fn != NULL)
			fn(&it, arg);
		p += len;
	}
}

const char *
sync2_parse(const uint8_t *data, size_t len, const struct sync_key *key,
    uint32_t *counter, void (*fn)(const struct sync2_item *, void *),
    void *arg)
{
	uint8_t		 copy[SYNC2_MAX], mac[SYNCMAC_V2_LEN];
	const char	*why;

	if (len < SYNC2_HDR + END_LEN || len > SYNC2_MAX)
		return ("length");
	if (data[0] != VERSION || data[1] != FAMILY)
		return ("version");
	if (get16(data + 2) != len)
		return ("length");
	memcpy(copy, data, len);
	memset(copy + MAC_OFF, 0, SYNCMAC_V2_LEN);
	if (synckey_mac2(key, copy, len, mac) == -1 ||
	    !synckey_same(mac, data + MAC_OFF, sizeof(mac)))
		return ("key");
	*counter = get32(data + 4);
	if ((why = walk(data + SYNC2_HDR, data + len, NULL, NULL)) != NULL)
		return (why);
	return (walk(data + SYNC2_HDR, data + len, fn, arg));
}
