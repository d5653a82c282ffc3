/*
 * What spamd-setup(8) sends to port 8026.  All of a connection is read; then
 * each line is merged into the lists that were there before.  A line with an
 * error changes nothing of the list that it names, and is reported.
 */
#include <sys/types.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/addrset/listcfg.h"
#include "spamgreyd/list/job_int.h"

#define SETUP_READ	65536			/* bytes of a read */
#define SETUP_IDLE	30000			/* ms without data */
#define SETUP_MAX	(64 * 1024 * 1024)	/* bytes of a connection */

/*
 * Reads until the other end closes.  Only a pause that is too long ends the job
 * here; the parent kills the process when the whole connection takes too long.
 */
static void
read_connection(int conn, struct buf *b)
{
	struct pollfd	p = { conn, POLLIN, 0 };
	ssize_t		n;
	void		*room;

	for (;;) {
		if (poll(&p, 1, SETUP_IDLE) == 0)
			job_end("no data for %d seconds", SETUP_IDLE / 1000);
		if ((room = buf_reserve(b, SETUP_READ)) == NULL)
			job_end("%s", strerror(errno));
		n = read(conn, room, SETUP_READ);
		if (n == -1 && errno != EINTR && errno != EAGAIN)
			job_end("%s", strerror(errno));
		if (n == 0)
			return;
		if (n > 0)
			buf_grew(b, (size_t)n);
		if (buf_len(b) > SETUP_MAX)
			job_end("more than 64 MB were sent");
	}
}

/* The callback of listcfg_parse. */
static int
add_prefix(const struct prefix *p, void *arg)
{
	return (addrset_build_add(arg, p));
}

/* NULL: there is no list of that name yet. */
static struct list_setup *
find_setup(struct list_setups *all, const char *name)
{
	struct list_setup	*s;

	TAILQ_FOREACH(s, all, entry)
		if (strcmp(s->name, name) == 0)
			return (s);
	return (NULL);
}

/* Replaces the list of that name, or appends a new one.  Takes set. */
static void
replace(struct list_setups *all, const struct listcfg *c,
    struct addrset_build *set, int64_t now)
{
	struct list_setup	*s = find_setup(all, c->tag);

	if ((s == NULL && (s = list_setup_new(all, c->tag)) == NULL) ||
	    addrset_build_fold(set) == -1)
		job_end("%s", strerror(errno));
	free(s->message);
	if ((s->message = strdup(c->message)) == NULL)
		job_end("%s", strerror(errno));
	addrset_build_free(s->set);
	s->set = set;
	s->loaded = now;
}

/* Names the list, if the line could be read so far, and otherwise the line. */
static void
report_refused(const struct listcfg *c, unsigned int number, const char *why)
{
	char	line[400];

	if (c->tag[0] != '\0')
		snprintf(line, sizeof(line), "list \"%s\" of spamd-setup: %s",
		    c->tag, why);
	else
		snprintf(line, sizeof(line), "line %u of spamd-setup: %s",
		    number, why);
	job_say(line, NULL);
}

/* The limit is ADDRSET_LISTS_MAX. */
static size_t
count_setups(const struct list_setups *all)
{
	const struct list_setup	*s;
	size_t			 n = 0;

	TAILQ_FOREACH(s, all, entry)
		n++;
	return (n);
}

/* Merges one line.  Returns 1 when a list was replaced or emptied, else 0. */
static int
take_setup_line(struct list_setups *all, const char *line, size_t len,
    unsigned int number, int64_t now)
{
	static struct listcfg	 c;
	struct addrset_build	*set;
	enum listcfg_result	 r;

	if ((set = addrset_build_new()) == NULL)
		job_end("%s", strerror(errno));
	r = listcfg_parse(line, len, &c, add_prefix, set);
	if (r == LISTCFG_BAD)
		report_refused(&c, number, c.error);
	else if (r != LISTCFG_NONE && job_name_taken(c.tag))
		report_refused(&c, number, "the configuration has a list of "
		    "that name");
	else if (r == LISTCFG_LIST && find_setup(all, c.tag) == NULL &&
	    count_setups(all) >= ADDRSET_LISTS_MAX)
		report_refused(&c, number, "there are too many lists");
	else if (r == LISTCFG_LIST ||
	    (r == LISTCFG_CLEAR && find_setup(all, c.tag) != NULL)) {
		/* A list that is emptied keeps its message. */
		if (r == LISTCFG_CLEAR)
			strlcpy(c.message, find_setup(all, c.tag)->message,
			    sizeof(c.message));
		replace(all, &c, set, now);
		return (1);
	}
	addrset_build_free(set);
	return (0);
}

/*
 * Writes all lists again if one has changed.  If the file that was there before
 * is damaged, only the new lists are written.
 */
void
job_take_setup(int conn, int64_t now, int before, int out)
{
	struct list_setups	 all = TAILQ_HEAD_INITIALIZER(all);
	struct buf		 b = { NULL, 0, 0, 0 };
	const char		*line, *nl, *end;
	unsigned int		 number = 0, taken = 0;

	read_connection(conn, &b);
	if (before != -1 && list_setup_read(before, &all) == -1)
		list_setup_free(&all);
	line = (const char *)buf_ptr(&b);
	end = line + buf_len(&b);
	for (; line < end; line = nl + 1) {
		if ((nl = memchr(line, '\n', (size_t)(end - line))) == NULL)
			nl = end;
		taken += (unsigned int)take_setup_line(&all, line,
		    (size_t)(nl - line), ++number, now);
	}
	if (taken > 0 && list_setup_write(out, &all) == -1)
		job_end("the lists cannot be written: %s", strerror(errno));
	job_taken(taken);
	job_end(NULL);
}
