/*
 * Import for the command engine: the lines of one frame are parsed and sorted
 * into the order on disk (an export is nearly in that order already, and
 * pages that are filled from left to right become full pages), then entered
 * in transactions that are short enough for the mail that is served at the
 * same time.  While a frame is being worked on (ctl_busy) the client is not
 * read: that is the flow control.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/db/backup.h"
#include "lib/base/clock.h"
#include "lib/control/ctl_int.h"

#define IMPORT_TXN	256	/* entries in a transaction */
#define IMPORT_LOOK	16	/* entries between two looks at the clock */
#define IMPORT_REPORT	20	/* bad lines reported one by one */

/* Between two imports. */
static void
import_reset(struct ctl *c)
{
	c->import.active = 0;
	c->import.n = c->import.pos = 0;
	c->import.line = c->import.bad = c->import.over = 0;
}

/*
 * Reports a line that cannot be entered.  The first ones are reported one by
 * one, all are counted.
 */
static void
bad_line(struct ctl *c, unsigned int line, const char *why)
{
	char	text[256];

	if (c->import.bad++ < IMPORT_REPORT) {
		snprintf(text, sizeof(text), "line %u: %s", line, why);
		ctl_text(c, c->import.id, CTL_TEXT_ERR, text);
	}
}

/* The order on disk: type, net, hash. */
static int
item_cmp(const void *va, const void *vb)
{
	const struct import_item	*a = va, *b = vb;
	int				 r;

	if (a->e.type != b->e.type)
		return (a->e.type < b->e.type ? -1 : 1);
	if ((r = addr_cmp(&a->e.net, &b->e.net)) != 0)
		return (r);
	if (a->e.hash != b->e.hash)
		return (a->e.hash < b->e.hash ? -1 : 1);
	/* The same entry twice: in the order of the lines. */
	return (a->line < b->line ? -1 : a->line > b->line);
}

/*
 * Parses a line, and keeps it unless it is bad or a comment.  The entry
 * borrows from line.  Returns -1 when there is no memory.
 */
static int
import_add(struct ctl *c, char *line)
{
	struct import_item	*it;
	const char		*why = "not an entry";
	size_t			 size;

	c->import.line++;
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return (0);
	if (c->import.n == c->import.size) {
		size = c->import.size == 0 ? 256 : c->import.size * 2;
		if ((it = reallocarray(c->import.items, size,
		    sizeof(*it))) == NULL)
			return (-1);
		c->import.items = it;
		c->import.size = size;
	}
	it = &c->import.items[c->import.n];
	if (backup_parse(line, &it->e, &why) == -1) {
		bad_line(c, c->import.line, why);
		return (0);
	}
	it->line = c->import.line;
	policy_import_key(c->env.policy, &it->e);
	c->import.n++;
	return (0);
}

/*
 * A frame of lines.  An import has one id; after it failed, frames with that
 * id may still be under way, and are ignored.
 */
int
ctl_req_import(struct ctl *c, struct msg *m)
{
	const char	*line;
	char		*copy;
	size_t		 len, used = 0;

	if (c->import.dead != 0 && m->id == c->import.dead) {
		while (msg_left(m) > 0)
			(void)msg_get_str(m);
		return (0);
	}
	if (c->import.active && m->id != c->import.id)
		return (-1);
	/* No line is longer than the frame it came in. */
	if (c->import.text == NULL &&
	    (c->import.text = malloc(IPC_MAX)) == NULL)
		return (-1);
	if (!c->import.active) {
		import_reset(c);
		c->import.active = 1;
		c->import.id = m->id;
		c->count = 0;
	}
	c->import.n = c->import.pos = 0;
	while (msg_left(m) > 0) {
		line = msg_get_str(m);
		len = strlen(line) + 1;
		if (m->err || len > IPC_MAX - used)
			return (-1);
		copy = memcpy(c->import.text + used, line, len);
		used += len;
		if (import_add(c, copy) == -1)
			return (-1);
	}
	if (msg_end(m) == -1)
		return (-1);
	if (c->import.n > 0)
		qsort(c->import.items, c->import.n, sizeof(*c->import.items),
		    item_cmp);
	c->id = m->id;
	c->job = JOB_IMPORT;
	return (0);
}

/* Enters one line; a bad one is reported, and the import goes on. */
static enum db_result
import_item(struct ctl *c, const struct import_item *it)
{
	enum db_result	 rc;

	switch (rc = policy_import(c->env.policy, &it->e)) {
	case DB_OK:
		c->count++;
		return (DB_OK);
	case DB_NONE:
		c->import.over++;
		return (DB_OK);
	case DB_BAD:
		bad_line(c, it->line, "does not fit into the database");
		return (DB_OK);
	default:
		return (rc);
	}
}

/* What was committed stays; the client is told how far it went. */
static void
import_failed(struct ctl *c, enum db_result rc)
{
	char	text[512];

	snprintf(text, sizeof(text),
	    "stopped near line %u: %s; import the file again: no entry is "
	    "added twice",
	    c->import.line,
	    rc == DB_NEWER ? "the database holds entries of a newer version of "
			     "this program" :
			     ctl_db_why(c));
	ctl_note(c, "import count=%u failed", c->count);
	ctl_end(c, c->import.id, CTL_FAILED, c->count, text);
	c->import.dead = c->import.id;
	import_reset(c);
	c->job = JOB_NONE;
}

/* One transaction.  On an error its lines count for nothing. */
static enum db_result
import_txn(struct ctl *c)
{
	enum db_result	 rc;
	uint32_t	 before = c->count, over = c->import.over;
	unsigned int	 n = 0;

	if ((rc = policy_begin(c->env.policy)) != DB_OK)
		return (rc);
	while (c->import.pos < c->import.n && n < IMPORT_TXN) {
		rc = import_item(c, &c->import.items[c->import.pos++]);
		if (rc != DB_OK) {
			policy_abort(c->env.policy);
			c->count = before;
			c->import.over = over;
			return (rc);
		}
		if (++n % IMPORT_LOOK == 0 && clock_mono() >= c->slice_end)
			break;
	}
	if ((rc = policy_commit(c->env.policy)) != DB_OK) {
		policy_abort(c->env.policy);
		c->count = before;
		c->import.over = over;
	}
	return (rc);
}

/* Enters what was parsed, until the time of the slice is used up. */
void
ctl_import_slice(struct ctl *c)
{
	enum db_result	rc;

	do {
		if ((rc = import_txn(c)) != DB_OK) {
			import_failed(c, rc);
			return;
		}
		if (c->import.pos == c->import.n) {
			c->job = JOB_NONE;
			return;
		}
	} while (clock_mono() < c->slice_end);
}

/* The end of an import that failed needs no answer: it had one. */
int
ctl_req_import_end(struct ctl *c, struct msg *m)
{
	char	text[64];

	if (msg_end(m) == -1)
		return (-1);
	if (c->import.dead != 0 && m->id == c->import.dead) {
		c->import.dead = 0;
		return (0);
	}
	if (c->import.active && m->id != c->import.id)
		return (-1);
	if (!c->import.active)
		c->count = 0;		/* an empty file */
	snprintf(text, sizeof(text), "%u", c->import.bad);
	ctl_fact(c, m->id, "bad", text);
	snprintf(text, sizeof(text), "%u", c->import.over);
	ctl_fact(c, m->id, "expired", text);
	ctl_note(c, "import count=%u bad=%u expired=%u", c->count,
	    c->import.bad, c->import.over);
	ctl_end(c, m->id, c->import.bad > 0 ? CTL_FAILED : CTL_OK, c->count,
	    "");
	import_reset(c);
	return (0);
}
