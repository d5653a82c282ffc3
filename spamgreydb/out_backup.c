/*
 * The lines of an export, in an order that is the same for the same entries.
 * Tuples of one network stand on disk in the order of a hash whose key is
 * different in each database, so they are held back and sorted as text.  All
 * other entries come in order.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/db/backup.h"
#include "lib/base/buf.h"
#include "spamgreydb/spamgreydb.h"

static struct buf	 lines;			/* each with its NUL */
static size_t		*at, nat, size;		/* where each begins */
static struct addr	 net;			/* whose they are */

static int
line_cmp(const void *a, const void *b)
{
	const char	*text = (const char *)buf_ptr(&lines);

	return (strcmp(text + *(const size_t *)a, text + *(const size_t *)b));
}

/* Prints the lines held back, sorted. */
int
out_backup_end(void)
{
	static char	 line[ENTRY_LINE_MAX + 1];
	const char	*text;
	size_t		 i, len;
	int		 r = 0;

	if (nat > 1)
		qsort(at, nat, sizeof(*at), line_cmp);
	for (i = 0; r == 0 && i < nat; i++) {
		text = (const char *)buf_ptr(&lines) + at[i];
		len = strlen(text);
		memcpy(line, text, len);
		r = out_line(line, len);
	}
	nat = 0;
	buf_drain_keep(&lines, buf_len(&lines));
	return (r);
}

/* Keeps a line; the buffer has room for its NUL. */
static int
hold_line(char *line, size_t len)
{
	size_t	*more, n;

	if (nat == size) {
		n = size == 0 ? 256 : 2 * size;
		if ((more = reallocarray(at, n, sizeof(*at))) == NULL) {
			out_error("no memory");
			return (-1);
		}
		at = more;
		size = n;
	}
	at[nat] = buf_len(&lines);
	line[len] = '\0';
	if (buf_add(&lines, line, len + 1) == -1) {
		out_error("no memory");
		return (-1);
	}
	nat++;
	return (0);
}

/*
 * GREY entries of one network stand together on disk, so a new network ends
 * the last.
 */
int
out_backup(const struct entry *e)
{
	static char	line[ENTRY_LINE_MAX + 1];
	size_t		len = backup_line(e, line);

	if (nat > 0 &&
	    (e->type != ENTRY_GREY || addr_cmp(&e->net, &net) != 0) &&
	    out_backup_end() == -1)
		return (-1);
	if (e->type != ENTRY_GREY || len == 0)
		return (out_line(line, len));
	net = e->net;
	return (hold_line(line, len));
}
