/*
 * spamd's sync datagrams; see v2.h.  What spamd leaves unchecked is checked
 * here: strings end where their lengths say and have no control character, so
 * that nothing can be smuggled into a line of text.
 *
 * A datagram is sent with one item, but may come with several.  The offsets
 * are those of spamd's structures, which have no padding.
 */
#include <string.h>

#include "lib/base/be.h"
#include "lib/sync/mergeio.h"
#include "lib/sync/v2.h"

#define FAMILY		2		/* AF_INET on all systems */
#define MAC_OFF		8
#define GREY_FIXED	18		/* octets before the strings */
#define ADDR_LEN	16		/* a WHITE or TRAPPED item */
#define END_LEN		4		/* type and length */

/* Items are padded to a multiple of 16 octets. */
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

/* The address, the lengths with their NULs, the strings. */
static void
put_grey(uint8_t *p, const struct sync2_item *it)
{
	size_t	from = strlen(it->from) + 1, to = strlen(it->to) + 1;
	size_t	helo = strlen(it->helo) + 1;

	memcpy(p + 8, it->addr.b + ADDR4_AT, ADDR4_LEN);
	be_put16(p + 12, (uint16_t)from);
	be_put16(p + 14, (uint16_t)to);
	be_put16(p + 16, (uint16_t)helo);
	memcpy(p + GREY_FIXED, it->from, from);
	memcpy(p + GREY_FIXED + from, it->to, to);
	memcpy(p + GREY_FIXED + from + to, it->helo, helo);
}

/*
 * The MAC is made over the datagram with zeros in its place, and written last.
 */
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
	dst[0] = SYNC2_VERSION;
	dst[1] = FAMILY;
	be_put16(dst + 2, (uint16_t)total);
	be_put32(dst + 4, counter);
	be_put16(p, it->type);
	be_put16(p + 2, (uint16_t)len);
	be_put32(p + 4, it->when);
	if (it->type == SYNC2_GREY)
		put_grey(p, it);
	else {
		be_put32(p + 8, it->expire);
		memcpy(p + 12, it->addr.b + ADDR4_AT, ADDR4_LEN);
	}
	be_put16(p + len, SYNC2_END);
	be_put16(p + len + 2, END_LEN);
	if (synckey_mac2(key, dst, total, mac) == -1)
		return (0);
	memcpy(dst + MAC_OFF, mac, sizeof(mac));
	return (total);
}

/* A string of that length, with its NUL at the end and nowhere else. */
static const char *
item_str(const uint8_t **p, size_t len)
{
	const char	*s = (const char *)*p;

	if (len == 0 || len > SYNC2_STR_MAX + 1 ||
	    strnlen(s, len) != len - 1 || !merge_clean(s))
		return (NULL);
	*p += len;
	return (s);
}

/*
 * One item, whose own length lies inside the datagram.  NULL, or what is
 * wrong.
 */
static const char *
parse_item(const uint8_t *p, size_t len, struct sync2_item *it)
{
	size_t	from, to, helo;

	memset(it, 0, sizeof(*it));
	it->type = (enum sync2_type)be_get16(p);
	it->from = it->to = it->helo = "";
	if (it->type == SYNC2_WHITE || it->type == SYNC2_TRAPPED) {
		if (len != ADDR_LEN)
			return ("length of an address");
		it->when = be_get32(p + 4);
		it->expire = be_get32(p + 8);
		addr_set4(&it->addr, p + 12);
		return (NULL);
	}
	if (it->type != SYNC2_GREY)
		return ("unknown type");
	if (len < GREY_FIXED)
		return ("length of a tuple");
	it->when = be_get32(p + 4);
	addr_set4(&it->addr, p + 8);
	from = be_get16(p + 12);
	to = be_get16(p + 14);
	helo = be_get16(p + 16);
	if (round16(GREY_FIXED + from + to + helo) != len)
		return ("lengths of strings");
	p += GREY_FIXED;
	if ((it->from = item_str(&p, from)) == NULL ||
	    (it->to = item_str(&p, to)) == NULL ||
	    (it->helo = item_str(&p, helo)) == NULL)
		return ("a string");
	return (NULL);
}

/* Walks the items; fn NULL: only to see that all of them are valid. */
static const char *
walk_items(const uint8_t *p, const uint8_t *end,
    void (*fn)(const struct sync2_item *, void *), void *arg)
{
	struct sync2_item	 it;
	const char		*why;
	size_t			 len;

	for (;;) {
		if (end - p < END_LEN)
			return ("no end");
		len = be_get16(p + 2);
		if (len < END_LEN || len > (size_t)(end - p))
			return ("length of an item");
		if (be_get16(p) == SYNC2_END) {
			if (len != END_LEN || p + len != end)
				return ("bytes after the end");
			return (NULL);
		}
		if ((why = parse_item(p, len, &it)) != NULL)
			return (why);
		if (fn != NULL)
			fn(&it, arg);
		p += len;
	}
}

/* Nothing is handed out before the key and all items were checked. */
const char *
sync2_parse(const uint8_t *data, size_t len, const struct sync_key *key,
    uint32_t *counter, void (*fn)(const struct sync2_item *, void *),
    void *arg)
{
	uint8_t		 copy[SYNC2_MAX], mac[SYNCMAC_V2_LEN];
	const char	*why;

	if (len < SYNC2_HDR + END_LEN || len > SYNC2_MAX)
		return ("length");
	if (data[0] != SYNC2_VERSION || data[1] != FAMILY)
		return ("version");
	if (be_get16(data + 2) != len)
		return ("length");
	memcpy(copy, data, len);
	memset(copy + MAC_OFF, 0, SYNCMAC_V2_LEN);
	if (synckey_mac2(key, copy, len, mac) == -1 ||
	    !synckey_same(mac, data + MAC_OFF, sizeof(mac)))
		return ("key");
	*counter = be_get32(data + 4);
	if ((why = walk_items(data + SYNC2_HDR, data + len, NULL,
	    NULL)) != NULL)
		return (why);
	return (walk_items(data + SYNC2_HDR, data + len, fn, arg));
}
