/*
 * A list as addresses.  A line that is not an address is counted and, among
 * the first ones, reported.  A text with too many of them is not a list (most
 * often it is an error page) and is not used at all.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/addrset/listline.h"
#include "lib/base/log.h"
#include "lib/base/textfile.h"
#include "lib/list/read.h"

#define BAD_FEW		20	/* bad lines that any list may have */

/* Sets the reason why the list cannot be used; returns -1. */
static int __attribute__((__format__(printf, 2, 3)))
unusable(struct list_report *r, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	return (-1);
}

/*
 * Says whether there are too many bad lines: more than half, or more than one
 * in ten when there are more than BAD_FEW.
 */
static int
too_many(const struct list_report *r)
{
	return (r->bad > r->good ||
	    (r->bad > BAD_FEW && r->bad > r->good / 10));
}

/* A list while it is read. */
struct reading {
	const char		*name;
	int			 flags;
	struct addrset_build	*set;
	struct list_report	*r;
	void			(*say)(const char *, void *);
	void			*arg;
};

/* Counts a bad line; the text in it is encoded, since it may be hostile. */
static void
report_bad_line(struct reading *rd, const char *line, size_t len,
    const char *error)
{
	char	text[80], said[1200];

	if (++rd->r->bad > LIST_BAD_SAID || rd->say == NULL)
		return;
	log_encode(text, sizeof(text), line, len);
	snprintf(said, sizeof(said), "%.900s:%llu: warning: %s: %s", rd->name,
	    (unsigned long long)rd->r->lines, text, error);
	rd->say(said, rd->arg);
}

/*
 * One line: comment, bad, or a range.  A byte order mark before the first
 * line is skipped.
 */
static int
take_list_line(struct reading *rd, const char *line, size_t len)
{
	struct addr	 lo, hi;
	const char	*error;

	size_t		 bom;

	if (rd->r->lines++ == 0) {
		bom = text_bom(line, len);
		line += bom;
		len -= bom;
	}
	switch (listline_parse(line, len, rd->flags, &lo, &hi, &error)) {
	case LISTLINE_NONE:
		break;
	case LISTLINE_BAD:
		report_bad_line(rd, line, len, error);
		break;
	case LISTLINE_RANGE:
		if (++rd->r->good > LIST_RANGES_MAX)
			return (unusable(rd->r, "more than %d addresses and "
			    "networks", LIST_RANGES_MAX));
		if (addrset_build_range(rd->set, &lo, &hi) == -1)
			return (unusable(rd->r, "%s", strerror(errno)));
		break;
	}
	return (0);
}

/* Reads all lines.  -1: the list cannot be used. */
static int
take_lines(struct reading *rd, struct list_in *in)
{
	const char	*line, *why = "";
	size_t		 len;
	int		 got;

	while ((got = list_in_line(in, &line, &len, &why)) == 1)
		if (take_list_line(rd, line, len) == -1)
			return (-1);
	return (got == 0 ? 0 : unusable(rd->r, "%s", why));
}

/* Reads all, then judges by the counts whether it was a list. */
int
list_read(int fd, const char *name, int own, struct addrset_build *set,
    struct list_report *r, void (*say)(const char *, void *), void *arg)
{
	struct reading	 rd;
	struct list_in	*in;
	char		 more[1100];
	int		 rc;

	memset(r, 0, sizeof(*r));
	rd = (struct reading){ name, own ? LISTLINE_ALL : 0, set, r, say, arg };
	if ((in = list_in_open(fd)) == NULL)
		return (unusable(r, "%s", strerror(errno)));
	rc = take_lines(&rd, in);
	list_in_close(in);
	if (r->bad > LIST_BAD_SAID && say != NULL) {
		snprintf(more, sizeof(more),
		    "%.900s: warning: and %llu more such lines", name,
		    (unsigned long long)(r->bad - LIST_BAD_SAID));
		say(more, arg);
	}
	if (rc == -1)
		return (-1);
	if (too_many(r))
		return (unusable(r,
		    "%llu of %llu lines are not addresses: this is not an "
		    "address list",
		    (unsigned long long)r->bad,
		    (unsigned long long)(r->bad + r->good)));
	return (addrset_build_fold(set) == -1 ?
	    unusable(r, "%s", strerror(errno)) : 0);
}

/* Done after all lists are read, since a list may except a later one. */
int
list_except(struct addrset_build *const *sets, size_t n, const uint64_t *masks)
{
	size_t	i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < n; k++)
			if (masks[i] >> k & 1 &&
			    addrset_build_subtract(sets[i], sets[k]) == -1)
				return (-1);
		if (addrset_build_fold(sets[i]) == -1)
			return (-1);
	}
	return (0);
}
