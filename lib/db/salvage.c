/*
 * Reads what can be read of a damaged file of entries.  libdb gives up at the
 * first bad page, and its own salvage trusts what it reads; so the leaves of
 * the tree are read here, page by page, without the tree above them.
 *
 * A page (libdb 4.6 to 6, of this machine's byte order) of 4096 bytes:
 *	0 LSN[8]  8 number[4]  12 previous[4]  16 next[4]  20 items[2]
 *	22 offset or length[2]  24 level[1]  25 type[1]  then, if the file has
 *	checksums, 28 checksum[4]; then from 26 or 32 the items' offsets[2]
 * A leaf's items are a key and its data in turn, each length[2] type[1] bytes,
 * or, when it is long, 0[2] type[1] 0[1] page[4] length[4], and the bytes are in
 * a chain of overflow pages.
 *
 * Between two checkpoints pages reach the disk in any order, so that an entry
 * can be on two pages; the page that was changed last is read last.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/db/db_int.h"

#define PAGE		4096
#define PAGE_LEAF	5
#define PAGE_OVERFLOW	7
#define ITEM_BYTES	1
#define ITEM_OVERFLOW	3
#define SUM_AT		28
#define HEAD		26
#define HEAD_SUM	32
/* The first page: magic[4] flags[1] number of the last page[4] */
#define META_MAGIC	12
#define META_BTREE	0x53162
#define META_FLAGS	26
#define META_LAST	32
#define CHECK_PAGES	16

struct page {
	uint32_t	file, off;	/* of its LSN */
	uint32_t	number;
};
struct reader {
	int		 fd;
	size_t		 head;		/* where a page's items begin */
	struct page	*leaf;
	size_t		 n;
	uint8_t		 page[PAGE], over[PAGE];
	uint8_t		 item[2][ENTRY_DATA_MAX];	/* key, data */
};

static uint16_t
get16(const uint8_t *p)
{
	uint16_t	v;

	memcpy(&v, p, sizeof(v));
	return (v);
}

static uint32_t
get32(const uint8_t *p)
{
	uint32_t	v;

	memcpy(&v, p, sizeof(v));
	return (v);
}

/* libdb's checksum of a page, which is made with its own place zero. */
static int
sum_is_right(const uint8_t *page)
{
	uint32_t	h = 0;
	size_t		i;

	for (i = 0; i < PAGE; i++)
		h = h * 33 + (i >= SUM_AT && i < SUM_AT + 4 ? 0 : page[i]);
	return (h == get32(page + SUM_AT));
}

/* 1: that page, whole and of that type. */
static int
read_page(struct reader *r, uint32_t number, uint8_t *page, int type)
{
	return (pread(r->fd, page, PAGE, (off_t)number * PAGE) == PAGE &&
	    page[25] == type && get32(page + 8) == number &&
	    (r->head == HEAD || sum_is_right(page)));
}

/* Follows the chain of a long item.  Returns its length, or 0. */
static size_t
read_chain(struct reader *r, uint32_t number, size_t want, uint8_t *dst)
{
	size_t	len, have = 0;

	if (want > ENTRY_DATA_MAX)
		return (0);
	while (have < want) {
		if (number == 0 || !read_page(r, number, r->over,
		    PAGE_OVERFLOW))
			return (0);
		len = get16(r->over + 22);
		if (len == 0 || len > PAGE - r->head || len > want - have)
			return (0);
		memcpy(dst + have, r->over + r->head, len);
		have += len;
		number = get32(r->over + 16);
	}
	return (have);
}

/* Item number i of r->page.  Returns its length, or 0: there is none. */
static size_t
read_item(struct reader *r, size_t i, uint8_t *dst)
{
	size_t		 at = r->head + 2 * i, len;
	const uint8_t	*p;

	if (at + 2 > PAGE)
		return (0);
	at = get16(r->page + at);
	if (at < r->head || at + 3 > PAGE)
		return (0);
	p = r->page + at;
	if (p[2] == ITEM_OVERFLOW && at + 12 <= PAGE)
		return (read_chain(r, get32(p + 4), get32(p + 8), dst));
	len = get16(p);
	if (p[2] != ITEM_BYTES || len > PAGE - at - 3 || len > ENTRY_DATA_MAX)
		return (0);
	memcpy(dst, p + 3, len);
	return (len);
}

static int
by_age(const void *a, const void *b)
{
	const struct page	*x = a, *y = b;

	if (x->file != y->file)
		return (x->file < y->file ? -1 : 1);
	return (x->off < y->off ? -1 : x->off > y->off);
}

/* Finds the leaves.  A file has checksums if any of its leaves has a right
 * one.  0, or -1 with errno. */
static int
find_leaves(struct reader *r)
{
	struct stat	st;
	uint32_t	n, pages;
	int		sums = 0;

	if (fstat(r->fd, &st) == -1)
		return (-1);
	pages = (uint32_t)(st.st_size / PAGE);
	if ((r->leaf = calloc(pages + 1, sizeof(*r->leaf))) == NULL)
		return (-1);
	for (n = 0; n < pages && !sums; n++)
		sums = read_page(r, n, r->page, PAGE_LEAF) &&
		    sum_is_right(r->page);
	r->head = sums ? HEAD_SUM : HEAD;
	for (n = 0; n < pages; n++)
		if (read_page(r, n, r->page, PAGE_LEAF)) {
			r->leaf[r->n].file = get32(r->page);
			r->leaf[r->n].off = get32(r->page + 4);
			r->leaf[r->n++].number = n;
		}
	qsort(r->leaf, r->n, sizeof(*r->leaf), by_age);
	return (0);
}

/* All items of one leaf; ends when fn fails. */
static int
read_leaf(struct reader *r, uint32_t number, int (*fn)(const void *, size_t,
    const void *, size_t, void *), void *arg)
{
	size_t	i, n, klen, dlen;
	int	rc = 0;

	if (!read_page(r, number, r->page, PAGE_LEAF))
		return (0);
	n = get16(r->page + 20);
	for (i = 0; i + 1 < n && rc == 0; i += 2) {
		klen = read_item(r, i, r->item[0]);
		dlen = read_item(r, i + 1, r->item[1]);
		if (klen > 0 && klen <= ENTRY_KEY_MAX && dlen > 0)
			rc = fn(r->item[0], klen, r->item[1], dlen, arg);
	}
	return (rc);
}

/*
 * A page of zeros passes libdb's check, and ends a walk in silence.  Nor does
 * it look at pages that nothing has asked for yet.  So all pages are read after
 * a recovery, which has written all that there are.
 */
static int
page_is_whole(const uint8_t *page, uint32_t number, int sums)
{
	return (page[25] != 0 || get32(page + 8) != 0) &&
	    get32(page + 8) == number && (!sums || sum_is_right(page));
}

int
db_pages_check(const char *path, uint32_t *number)
{
	uint8_t		*block;
	uint32_t	 last, n = 0;
	ssize_t		 len = 0;
	size_t		 i;
	int		 fd, sums, rc = 0;

	if ((block = malloc(CHECK_PAGES * PAGE)) == NULL)
		return (0);
	if ((fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) == -1 ||
	    pread(fd, block, PAGE, 0) != PAGE ||
	    get32(block + META_MAGIC) != META_BTREE) {
		if (fd != -1)
			close(fd);
		free(block);
		return (0);		/* libdb has opened it all the same */
	}
	sums = block[META_FLAGS] & 1;
	last = get32(block + META_LAST);
	for (*number = 1; rc == 0 && *number <= last; *number += n) {
		len = pread(fd, block, CHECK_PAGES * PAGE,
		    (off_t)*number * PAGE);
		n = len > 0 ? (uint32_t)len / PAGE : 0;
		rc = n == 0;
		for (i = 0; i < n && rc == 0 && *number + i <= last; i++)
			if (!page_is_whole(block + i * PAGE,
			    *number + (uint32_t)i, sums)) {
				rc = 1;
				n = (uint32_t)i;
			}
	}
	close(fd);
	free(block);
	return (rc);
}

int
db_salvage(const char *path, int (*fn)(const void *, size_t, const void *,
    size_t, void *), void *arg)
{
	struct reader	*r;
	size_t		 i;
	int		 rc = -1, saved;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (-1);
	r->head = HEAD;
	if ((r->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) != -1) {
		rc = find_leaves(r);
		for (i = 0; i < r->n && rc == 0; i++)
			rc = read_leaf(r, r->leaf[i].number, fn, arg);
		saved = errno;
		close(r->fd);
		errno = saved;
	} else if (errno == ENOENT)
		rc = 0;		/* nothing to be read */
	free(r->leaf);
	free(r);
	return (rc);
}
