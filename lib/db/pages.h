/*
 * How libdb lays out a page, for the files that read pages without it: check.c
 * and salvage.c.
 *
 * A page (libdb 4.6 to 6, of this machine's byte order) of 4096 bytes:
 *	0 LSN[8]  8 number[4]  12 previous[4]  16 next[4]  20 items[2]
 *	22 offset or length[2]  24 level[1]  25 type[1]  then, if the file has
 *	checksums, 28 checksum[4]; then from 26 or 32 the items' offsets[2]
 * A leaf's items are a key and its data in turn, each length[2] type[1] bytes,
 * or, when it is long, 0[2] type[1] 0[1] page[4] length[4], and the bytes are in
 * a chain of overflow pages.  In the index an item may also stand for a tree of
 * data with the same key, whose leaves have items without keys.
 */
#ifndef PAGES_H
#define PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PAGE		4096
#define PAGE_LEAF	5
#define PAGE_OVERFLOW	7
#define PAGE_DUPS	12
#define ITEM_BYTES	1
#define ITEM_DUPS	2
#define ITEM_OVERFLOW	3
#define ITEM_GONE	0x80
#define SUM_AT		28
#define HEAD		26
#define HEAD_SUM	32
/* The first page: magic[4] flags[1] number of the last page[4] */
#define META_MAGIC	12
#define META_BTREE	0x53162
#define META_FLAGS	26
#define META_LAST	32

static inline uint16_t
page_get16(const uint8_t *p)
{
	uint16_t	v;

	memcpy(&v, p, sizeof(v));
	return (v);
}

static inline uint32_t
page_get32(const uint8_t *p)
{
	uint32_t	v;

	memcpy(&v, p, sizeof(v));
	return (v);
}

/* libdb's checksum of a page, which is made with its own place zero. */
static inline int
page_sum_is_right(const uint8_t *page)
{
	uint32_t	h = 0;
	size_t		i;

	for (i = 0; i < PAGE; i++)
		h = h * 33 + (i >= SUM_AT && i < SUM_AT + 4 ? 0 : page[i]);
	return (h == page_get32(page + SUM_AT));
}

/* Item number i, of which at least `min' bytes are in the page; NULL: none. */
static inline const uint8_t *
page_item(const uint8_t *page, size_t head, size_t i, size_t min)
{
	size_t	at = head + 2 * i;

	if (at + 2 > PAGE)
		return (NULL);
	at = page_get16(page + at);
	return (at < head || at + min > PAGE ? NULL : page + at);
}

#endif
