/*
 * Reads what can be read of a damaged file of entries.  libdb gives up at the
 * first bad page, and its own salvage trusts what it reads; so the leaves of
 * the tree are read here, page by page, without the tree above them.
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
#include "lib/db/pages.h"

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

/* 1: that page, whole and of that type. */
static int
read_page(struct reader *r, uint32_t number, uint8_t *page, int type)
{
	return (pread(r->fd, page, PAGE, (off_t)number * PAGE) == PAGE &&
	    page[25] == type && page_get32(page + 8) == number &&
	    (r->head == HEAD || page_sum_is_right(page)));
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
		len = page_get16(r->over + 22);
		if (len == 0 || len > PAGE - r->head || len > want - have)
			return (0);
		memcpy(dst + have, r->over + r->head, len);
		have += len;
		number = page_get32(r->over + 16);
	}
	return (have);
}

/* Item number i of r->page.  Returns its length, or 0: there is none. */
static size_t
read_item(struct reader *r, size_t i, uint8_t *dst)
{
	const uint8_t	*p = page_item(r->page, r->head, i, 3);
	size_t		 len, room;

	if (p == NULL)
		return (0);
	room = (size_t)(r->page + PAGE - p);
	if (p[2] == ITEM_OVERFLOW && room >= 12)
		return (read_chain(r, page_get32(p + 4), page_get32(p + 8),
		    dst));
	len = page_get16(p);
	if (p[2] != ITEM_BYTES || len > room - 3 || len > ENTRY_DATA_MAX)
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
		    page_sum_is_right(r->page);
	r->head = sums ? HEAD_SUM : HEAD;
	for (n = 0; n < pages; n++)
		if (read_page(r, n, r->page, PAGE_LEAF)) {
			r->leaf[r->n].file = page_get32(r->page);
			r->leaf[r->n].off = page_get32(r->page + 4);
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
	n = page_get16(r->page + 20);
	for (i = 0; i + 1 < n && rc == 0; i += 2) {
		klen = read_item(r, i, r->item[0]);
		dlen = read_item(r, i + 1, r->item[1]);
		if (klen > 0 && klen <= ENTRY_KEY_MAX && dlen > 0)
			rc = fn(r->item[0], klen, r->item[1], dlen, arg);
	}
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
