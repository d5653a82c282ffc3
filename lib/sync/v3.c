/* Our sync datagrams; see v3.h. No socket, no clock, no database. */
#include <string.h>

#include "lib/base/be.h"
#include "lib/sync/v3.h"

#define VERSION		3
#define MAC_OFF		36		/* in the header */
#define WORD_BITS	64		/* of a window's words */

void
sync3_begin(struct sync3_out *o)
{
	o->len = 0;
}

/*
 * The first state may be as long as it is.  A state that does not fit behind
 * others is tried alone, to tell "full" from "never".
 */
int
sync3_add(struct sync3_out *o, const struct merge_state *s)
{
	size_t	n, at = o->len == 0 ? SYNC3_HDR : o->len;

	n = merge_put(o->b + at, sizeof(o->b) - at, s);
	if (n == 0 && o->len == 0)
		return (-1);
	if (n == 0 || (o->len != 0 && at + n > SYNC3_MAX)) {
		uint8_t	alone[MERGEIO_MAX];

		return (n == 0 && merge_put(alone, sizeof(alone), s) == 0 ?
		    -1 : 0);
	}
	o->len = at + n;
	return (1);
}

/*
 * The MAC is made over the datagram with zeros in its place, and written last.
 */
size_t
sync3_seal(struct sync3_out *o, const struct sync3_hdr *h,
    const struct sync_key *key)
{
	uint8_t	mac[SYNCMAC_V3_LEN];

	if (o->len == 0)
		return (0);
	memset(o->b, 0, SYNC3_HDR);
	o->b[0] = VERSION;
	be_put16(o->b + 2, (uint16_t)o->len);
	be_put64(o->b + 4, h->id);
	be_put64(o->b + 12, h->epoch);
	be_put64(o->b + 20, h->counter);
	be_put64(o->b + 28, (uint64_t)h->time);
	if (synckey_mac3(key, o->b, o->len, mac) == -1)
		return (0);
	memcpy(o->b + MAC_OFF, mac, sizeof(mac));
	return (o->len);
}

/* Also used by sync3_open, to check before anything is handed out. */
int
sync3_next(const uint8_t *data, size_t len, size_t *pos,
    struct merge_state *s, char *strbuf)
{
	size_t	n;

	if (*pos >= len || (n = merge_get(data + *pos, len - *pos, s,
	    strbuf)) == 0)
		return (0);
	*pos += n;
	return (1);
}

/* The MAC is made over a copy in which its own place is zero. */
static int
mac_is(const uint8_t *data, size_t len, const struct sync_key *key)
{
	uint8_t	copy[SYNC3_BIG], mac[SYNCMAC_V3_LEN];

	memcpy(copy, data, len);
	memset(copy + MAC_OFF, 0, SYNCMAC_V3_LEN);
	return (synckey_mac3(key, copy, len, mac) == 0 &&
	    synckey_same(mac, data + MAC_OFF, sizeof(mac)));
}

/*
 * The cheap checks come before the MAC, and the states are read only when the
 * MAC is right.
 */
const char *
sync3_open(const uint8_t *data, size_t len, const struct sync_key *key,
    int64_t now, struct sync3_hdr *h)
{
	struct merge_state	 s;
	char			 strbuf[MERGEIO_MAX];
	size_t			 pos = SYNC3_HDR;
	uint64_t		 t;

	if (len <= SYNC3_HDR || len > SYNC3_BIG)
		return ("length");
	if (data[0] != VERSION || data[1] != 0)
		return ("version");
	if (be_get16(data + 2) != len)
		return ("length");
	if (!mac_is(data, len, key))
		return ("key");
	h->id = be_get64(data + 4);
	h->epoch = be_get64(data + 12);
	h->counter = be_get64(data + 20);
	t = be_get64(data + 28);
	if (t > (uint64_t)ENTRY_TIME_MAX)
		return ("time");
	h->time = (int64_t)t;
	if (h->time > now + SYNC3_SKEW || h->time < now - SYNC3_SKEW)
		return ("time");
	if (h->counter == 0)
		return ("counter");
	while (sync3_next(data, len, &pos, &s, strbuf))
		continue;
	return (pos == len ? NULL : "an entry");
}

/* Forgets the counters that are now in the window for the first time. */
static void
advance(struct sync3_window *w, uint64_t top)
{
	uint64_t	n;

	if (top - w->top >= SYNC3_WINDOW)
		memset(w->seen, 0, sizeof(w->seen));
	else
		for (n = w->top + 1; n <= top; n++)
			w->seen[n % SYNC3_WINDOW / WORD_BITS] &=
			    ~(UINT64_C(1) << n % WORD_BITS);
	w->top = top;
}

/*
 * Only a datagram with a valid MAC may get here: a forged counter would move
 * the window.
 */
int
sync3_window(struct sync3_window *w, const struct sync3_hdr *h)
{
	uint64_t	bit, *word;

	if (h->epoch < w->epoch)
		return (0);
	if (h->epoch > w->epoch) {
		memset(w->seen, 0, sizeof(w->seen));
		w->epoch = h->epoch;
		w->top = 0;
	}
	if (h->counter > w->top)
		advance(w, h->counter);
	else if (w->top - h->counter >= SYNC3_WINDOW)
		return (0);
	word = &w->seen[h->counter % SYNC3_WINDOW / WORD_BITS];
	bit = UINT64_C(1) << h->counter % WORD_BITS;
	if (*word & bit)
		return (0);
	*word |= bit;
	return (1);
}
