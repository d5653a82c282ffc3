/*
 * Is each page of a file whole, and how many entries has it?
 *
 * A page of zeros passes libdb's check, and ends a walk in silence.  Nor does
 * it look at pages that nothing has asked for yet.  So all pages are read after
 * a recovery, which has written all that there are (verify.c says when).
 */
#include <sys/types.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/db/db_int.h"
#include "lib/db/pages.h"

#define CHECK_PAGES	16

static int
page_is_whole(const uint8_t *page, uint32_t number, int sums)
{
	return ((page[25] != 0 || page_get32(page + 8) != 0) &&
	    page_get32(page + 8) == number &&
	    (!sums || page_sum_is_right(page)));
}

/* Does this data item of the entries' file have a place in the index? */
static int
expires(const uint8_t *item, const uint8_t *page, size_t head, int fd)
{
	uint8_t	over[PAGE];
	size_t	len = page_get16(item), room = (size_t)(page + PAGE - item) - 3;

	if ((item[2] & ~ITEM_GONE) != ITEM_OVERFLOW)
		return (entry_raw_expire(item + 3, len < room ? len : room) !=
		    0);
	return (room >= 9 && pread(fd, over, PAGE, (off_t)page_get32(item + 4) *
	    PAGE) == PAGE && entry_raw_expire(over + head, PAGE - head) != 0);
}

/* The entries in a page that have an expiry, or that the index has. */
static uint64_t
count_page(const uint8_t *page, size_t head, int index, int fd)
{
	const uint8_t	*key, *data;
	size_t		 i, n = page_get16(page + 20);
	size_t		 step = page[25] == PAGE_LEAF ? 2 : 1;
	uint64_t	 count = 0;

	if (page[25] != PAGE_LEAF && page[25] != PAGE_DUPS)
		return (0);
	for (i = 0; i + step <= n; i += step) {
		key = page_item(page, head, i, 4);
		data = page_item(page, head, i + step - 1, 3);
		if (key == NULL || data == NULL || (data[2] & ITEM_GONE))
			continue;
		if (index)
			count += data[2] != ITEM_DUPS;
		else
			count += (key[2] == ITEM_OVERFLOW ||
			    key[3] != ENTRY_META) &&
			    expires(data, page, head, fd);
	}
	return (count);
}

/* The pages behind the first one.  0, or 1: page c->page is damaged. */
static int
check_pages(int fd, uint8_t *block, int index, struct db_check *c)
{
	int		 sums = block[META_FLAGS] & 1;
	size_t		 head = sums ? HEAD_SUM : HEAD, i;
	uint32_t	 last = page_get32(block + META_LAST), n;
	const uint8_t	*page;
	ssize_t		 len;

	for (c->page = 1; c->page <= last;) {
		len = pread(fd, block, CHECK_PAGES * PAGE,
		    (off_t)c->page * PAGE);
		if ((n = len > 0 ? (uint32_t)len / PAGE : 0) == 0)
			return (1);
		for (i = 0; i < n && c->page <= last; i++, c->page++) {
			page = block + i * PAGE;
			if (!page_is_whole(page, c->page, sums))
				return (1);
			c->entries += count_page(page, head, index, fd);
		}
	}
	return (0);
}

int
db_pages_check(const char *path, int index, struct db_check *c)
{
	uint8_t	*block;
	int	 fd, rc = -1;

	c->entries = 0;
	if ((block = malloc(CHECK_PAGES * PAGE)) == NULL)
		return (-1);
	if ((fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)) != -1) {
		if (pread(fd, block, PAGE, 0) == PAGE &&
		    page_get32(block + META_MAGIC) == META_BTREE)
			rc = check_pages(fd, block, index, c);
		close(fd);
	}
	free(block);
	return (rc);
}
