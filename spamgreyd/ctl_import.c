/*
 * Import for the command engine: the lines of one frame are kept, then
 * entered in transactions that are short enough for the mail that goes on
 * meanwhile.  A client sends no further frame's lines into this file while
 * one is being worked on (ctl_busy): that is the flow control.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/backup.h"
#include "../lib/clock.h"
#include "ctl_int.h"

#define IMPORT_TXN	256	/* entries in a transaction */
#define IMPORT_LOOK	16	/* entries between two looks at the clock */
#define IMPORT_REPORT	20	/* bad lines told one by one */

static void
import_reset(struct ctl *c)
{
	c->import.active = 0;
	c->import.len = c->import.pos = 0;
	c->import.line = c->import.bad = 0;
}

int
ctl_req_import(struct ctl *c, struct msg *m)
{
	const char	*line;
	size_t		 len;

	if (c->import.dead != 0 && m->id == c->import.dead)
		return (0);
	if (c->import.active && m->id != c->import.id)
		return (-1);
	/* No line is longer than the frame it came in. */
	if (c->import.text == NULL) {
		if ((c->import.text = malloc(IPC_MAX)) == NULL)
			return (-1);
		c->import.size = IPC_MAX;
	}
	if (!c->import.active) {
		import_reset(c);
		c->import.active = 1;
		c->import.id = m->id;
		c->count = 0;
	}
	c->import.len = c->import.pos = 0;
	while (msg_left(m) > 0) {
		line = msg_get_str(m);
		len = strlen(line) + 1;
		if (m->err || c->import.len + len > c->import.size)
			return (-1);
		memcpy(c->import.text + c->import.len, line, len);
		c->import.len += len;
	}
	if (msg_end(m) == -1)
		return (-1);
	c->id = m->id;
	c->job = JOB_IMPORT;
	return (0);
}

/* A line that cannot be entered: the first ones are told by number. */
static void
bad_line(struct ctl *c, const char *why)
{
	char	text[256];

	if (c->import.bad++ < IMPORT_REPORT) {
		snprintf(text, sizeof(text), "line %u: %s", c->import.line,
		    why);
		ctl_text(c, c->import.id, CTL_TEXT_ERR, text);
	}
}

/* DB_OK too when the line was bad: the import goes on without it. */
static enum db_result
import_line(struct ctl *c, char *line)
{
	struct entry	 e;
	const char	*why = "not an entry";
	enum db_result	 rc;

	c->import.line++;
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return (DB_OK);
	if (backup_parse(line, &e, &why) == -1) {
		bad_line(c, why);
		return (DB_OK);
	}
	switch (rc = policy_import(c->env.policy, &e)) {
	case DB_OK:
		c->count++;
		return (DB_OK);
	case DB_BAD:
		bad_line(c, "does not fit into the database");
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

	snprintf(text, sizeof(text), "stopped near line %u: %s; import it "
	    "again, nothing is entered twice", c->import.line,
	    rc == DB_NEWER ? "the database holds entries of a newer version "
	    "of this program" : db_why(c->env.db));
	ctl_note(c, "import count=%u failed", c->count);
	ctl_end(c, c->import.id, CTL_FAILED, c->count, text);
	c->import.dead = c->import.id;
	import_reset(c);
	c->job = JOB_NONE;
}

/* One transaction. */
static enum db_result
import_txn(struct ctl *c)
{
	enum db_result	 rc;
	uint32_t	 before = c->count;
	unsigned int	 n = 0;
	char		*line;

	if ((rc = policy_begin(c->env.policy)) != DB_OK)
		return (rc);
	while (c->import.pos < c->import.len && n < IMPORT_TXN) {
		line = c->import.text + c->import.pos;
		c->import.pos += strlen(line) + 1;
		if ((rc = import_line(c, line)) != DB_OK) {
			policy_abort(c->env.policy);
			c->count = before;
			return (rc);
		}
		if (++n % IMPORT_LOOK == 0 && clock_mono() >= c->slice_end)
			break;
	}
	if ((rc = policy_commit(c->env.policy)) != DB_OK) {
		policy_abort(c->env.policy);
		c->count = before;
	}
	return (rc);
}

void
ctl_import_slice(struct ctl *c)
{
	enum db_result	rc;

	do {
		if ((rc = import_txn(c)) != DB_OK) {
			import_failed(c, rc);
			return;
		}
		if (c->import.pos == c->import.len) {
			c->job = JOB_NONE;
			return;
		}
	} while (clock_mono() < c->slice_end);
}

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
	ctl_note(c, "import count=%u bad=%u", c->count, c->import.bad);
	ctl_end(c, m->id, c->import.bad > 0 ? CTL_FAILED : CTL_OK, c->count,
	    "");
	import_reset(c);
	return (0);
}
