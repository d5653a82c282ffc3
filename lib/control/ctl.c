/*
 * The command engine: requests of spamgreydb carried out on a policy, by the
 * store role for a client of the control socket, and by spamgreydb itself
 * when no daemon runs.  What a client sends is hostile: nothing here may end
 * the process.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/control/ctl_int.h"

#define WALK_STEP	256	/* entries between two looks at the clock */
#define EXPIRE_STEP	256	/* entries in a transaction */
#define NAME_LOG_MAX	192	/* octets of a list's name in the log */
#define EXPIRE_CLOCK_OK	1	/* flag of CTL_EXPIRE: the clock is right */

/* Type letters for db_walk, by the bits of a request. */
static const struct {
	unsigned int	bit;
	char		letter;
} type_bits[] = {
	{ CTL_T_GREY, ENTRY_GREY },
	{ CTL_T_WHITE, ENTRY_WHITE },
	{ CTL_T_TRAPPED, ENTRY_TRAPPED },
	{ CTL_T_SPAMTRAP, ENTRY_SPAMTRAP },
	{ CTL_T_STAMP, ENTRY_STAMP },
	{ CTL_T_VISIT, ENTRY_VISIT },
	{ CTL_T_REPUTE, ENTRY_REPUTE }
};

/* Starts a client; nothing is sent before it greets. */
struct ctl *
ctl_new(const struct ctl_env *env, struct ipc *out)
{
	struct ctl	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->env = *env;
	c->out = out;
	return (c);
}

/*
 * The sync note goes into the log at the end of the connection, since a bulk
 * sync merges in many requests.
 */
void
ctl_free(struct ctl *c)
{
	if (c == NULL)
		return;
	ctl_sync_note(c);
	free(c->import.text);
	free(c->import.items);
	free(c->sync.states);
	free(c);
}

int
ctl_busy(const struct ctl *c)
{
	return (c->job != JOB_NONE);
}

void
ctl_end(struct ctl *c, uint64_t id, uint8_t status, uint32_t count,
    const char *text)
{
	if (proto_put_end(c->out, id, status, count, text) == -1 ||
	    ipc_send(c->out, -1) == -1)
		c->broken = 1;
}

/* A line for the client to print, to standard output or error (CTL_TEXT_*). */
void
ctl_text(struct ctl *c, uint64_t id, uint8_t kind, const char *text)
{
	if (proto_put_text(c->out, id, kind, text) == -1 ||
	    ipc_send(c->out, -1) == -1)
		c->broken = 1;
}

/* Without memory for a change the database is not down. */
const char *
ctl_db_why(const struct ctl *c)
{
	const char	*why = db_why(c->env.db);

	return (*why != '\0' ? why : "no memory");
}

/* The text says what the administrator can do about it. */
void
ctl_end_db(struct ctl *c, uint64_t id, enum db_result rc)
{
	char	text[512];

	switch (rc) {
	case DB_OK:
		ctl_end(c, id, CTL_OK, 1, "");
		break;
	case DB_NONE:
		ctl_end(c, id, CTL_NOTFOUND, 0, "no such entry");
		break;
	case DB_DOWN:
		snprintf(text, sizeof(text), "the database cannot be used now "
		    "(%s); it is opened again as soon as possible",
		    ctl_db_why(c));
		ctl_end(c, id, CTL_FAILED, c->count, text);
		break;
	case DB_NEWER:
		ctl_end(c, id, CTL_FAILED, c->count, "the database holds "
		    "entries of a newer version of this program");
		break;
	case DB_BAD:
		ctl_end(c, id, CTL_FAILED, c->count, "the entry does not fit "
		    "into the database");
		break;
	}
}

/* Says in the log what a client changed; reads are not logged. */
void
ctl_note(struct ctl *c, const char *fmt, ...)
{
	char	line[512];
	va_list	ap;

	if (c->env.note == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	c->env.note(c, line, c->env.arg);
}

/* Returns 1, which ends the walk, when the entry could not be queued. */
int
ctl_entry(const struct entry *e, void *arg)
{
	struct ctl	*c = arg;

	if (proto_put_entry(c->out, c->id, e) == -1 ||
	    ipc_send(c->out, -1) == -1) {
		c->broken = 1;
		return (1);
	}
	c->count++;
	return (0);
}

/* A name and a value, for show, stats and learn. */
void
ctl_fact(struct ctl *c, uint64_t id, const char *name, const char *value)
{
	if (proto_put_fact(c->out, id, name, value) == -1 ||
	    ipc_send(c->out, -1) == -1)
		c->broken = 1;
}

/* For policy_show. */
static void
send_fact(const char *name, const char *value, void *arg)
{
	struct ctl	*c = arg;

	ctl_fact(c, c->id, name, value);
}

/* A fact of the request that is worked on. */
void
ctl_fact_number(struct ctl *c, const char *name, int64_t value)
{
	char	text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	ctl_fact(c, c->id, name, text);
}

/* For policy_stats. */
static void
stat_fact(const char *name, int64_t value, void *arg)
{
	ctl_fact_number(arg, name, value);
}

/* Counters that come after the time is over are dropped. */
void
ctl_answer_stat(struct ctl *c, const char *name, int64_t value)
{
	if (c->job == JOB_ASK)
		stat_fact(name, value, c);
}

/* Another process has answered what env.ask asked for. */
void
ctl_answer(struct ctl *c, uint8_t status, int more, const char *text)
{
	if (c->job != JOB_ASK)
		return;
	if (more) {
		ctl_text(c, c->id, CTL_TEXT_ERR, text);
		return;
	}
	c->job = JOB_NONE;
	ctl_end(c, c->id, status, 0, text);
}

/*
 * For db_walk.  A GREY or VISIT row is in the network that was asked for when
 * the address it shows is.  A host's row is when the network and the host (an
 * IPv6 /64, say) have a part in common, which db_walk has checked.
 */
static int
list_entry(const struct entry *e, void *arg)
{
	struct ctl	*c = arg;

	if (c->within.len > 0 && (e->type == ENTRY_GREY ||
	    e->type == ENTRY_VISIT) && !prefix_has(&c->within, &e->addr))
		return (0);
	return (ctl_entry(e, c));
}

/* Sends entries until the time or the room in the queue is used up. */
static void
walk_slice(struct ctl *c)
{
	enum db_result	 rc;
	int		(*fn)(const struct entry *, void *);

	fn = c->job == JOB_SHOW ? ctl_entry : c->job == JOB_REPUTE ?
	    ctl_repute_entry : c->job == JOB_INDEX ? ctl_sync_item :
	    list_entry;
	while (!c->pos.done && !c->broken) {
		rc = db_walk(c->env.db, &c->pos, c->types,
		    c->within.len > 0 ? &c->within : NULL, WALK_STEP, fn, c);
		if (rc != DB_OK) {
			c->job = JOB_NONE;
			ctl_end_db(c, c->id, rc);
			return;
		}
		if (clock_mono() >= c->slice_end ||
		    ipc_queued(c->out) >= CTL_QUEUE_HIGH)
			return;
	}
	if (c->job == JOB_INDEX)
		ctl_sync_indexed(c);
	c->job = JOB_NONE;
	ctl_end(c, c->id, CTL_OK, c->count, "");
}

/* Expires entries until the time is used up. */
static void
expire_slice(struct ctl *c)
{
	enum db_result	 rc;
	size_t		 n;
	int		 more;

	do {
		n = 0;
		more = 0;
		rc = policy_expire(c->env.policy, EXPIRE_STEP, &more, &n);
		if (rc != DB_OK) {
			c->job = JOB_NONE;
			ctl_end_db(c, c->id, rc);
			return;
		}
		c->count += (uint32_t)n;
		if (!more) {
			c->job = JOB_NONE;
			ctl_note(c, "expire count=%u", c->count);
			ctl_end(c, c->id, CTL_OK, c->count, "");
			return;
		}
	} while (clock_mono() < c->slice_end);
}

/* While the transaction of another caller is open, the client waits. */
int
ctl_work(struct ctl *c)
{
	if (c->broken)
		return (-1);
	if (c->job != JOB_NONE && db_in_txn(c->env.db))
		return (1);
	c->slice_end = clock_mono() + CTL_SLICE_MS;
	switch (c->job) {
	case JOB_LIST:
	case JOB_REPUTE:
	case JOB_SHOW:
	case JOB_INDEX:
		walk_slice(c);
		break;
	case JOB_MERGE:
		ctl_sync_slice(c);
		break;
	case JOB_EXPIRE:
		expire_slice(c);
		break;
	case JOB_IMPORT:
		ctl_import_slice(c);
		break;
	case JOB_NONE:
	case JOB_ASK:
		break;
	}
	if (c->broken)
		return (-1);
	return (c->job != JOB_NONE && c->job != JOB_ASK);
}

/* JOB_NONE only remembers the id, for facts that are sent at once. */
void
ctl_job_start(struct ctl *c, enum ctl_job job, uint64_t id)
{
	c->job = job;
	c->id = id;
	c->count = 0;
	memset(&c->pos, 0, sizeof(c->pos));
}

/* The version must be ours exactly: the two programs belong to one release. */
static int
req_hello(struct ctl *c, struct msg *m)
{
	uint32_t	version = msg_get_u32(m);

	if (msg_end(m) == -1)
		return (-1);
	ipc_begin(c->out, CTL_HELLO, m->id);
	ipc_put_u32(c->out, PROTO_VERSION);
	if (ipc_send(c->out, -1) == -1)
		return (-1);
	if (version != PROTO_VERSION) {
		ctl_end(c, m->id, CTL_VERSION, 0,
		    "spamgreydb and the daemon are different versions; restart "
		    "the daemon");
		return (-1);
	}
	c->hello = 1;
	return (0);
}

/* Without types, what spamdb lists.  within.len 0 is everything. */
static int
req_list(struct ctl *c, struct msg *m)
{
	struct ctl_list	 l;
	size_t		 i, n = 0;

	if (proto_get_list(m, &l) == -1 || l.within.len > 128)
		return (-1);
	if (l.types == 0)
		l.types = CTL_T_GREY | CTL_T_WHITE | CTL_T_TRAPPED |
		    CTL_T_SPAMTRAP;
	for (i = 0; i < sizeof(type_bits) / sizeof(type_bits[0]); i++) {
		if (l.types & type_bits[i].bit)
			c->types[n++] = type_bits[i].letter;
	}
	c->types[n] = '\0';
	if (n == 0)
		return (-1);
	addr_mask(&l.within.addr, l.within.len);
	c->within = l.within;
	ctl_job_start(c, JOB_LIST, m->id);
	return (0);
}

/* The facts, then the entries of the host and the tuples of its network. */
static int
req_show(struct ctl *c, struct msg *m)
{
	struct addr	addr;
	enum db_result	rc;

	msg_get_addr(m, &addr);
	if (msg_end(m) == -1)
		return (-1);
	ctl_job_start(c, JOB_NONE, m->id);
	if ((rc = policy_show(c->env.policy, &addr, send_fact,
	    c)) != DB_OK) {
		ctl_end_db(c, m->id, rc);
		return (0);
	}
	c->within.addr = addr;
	c->within.len = 128;
	memcpy(c->types, "TWg", 4);
	c->job = JOB_SHOW;
	return (0);
}

/* Expires now; with the flag the clock is taken as right. */
static int
req_expire(struct ctl *c, struct msg *m)
{
	const char	*why = "";
	char		 text[512];
	uint8_t		 flags = msg_get_u8(m);

	if (msg_end(m) == -1 || (flags & ~EXPIRE_CLOCK_OK) != 0)
		return (-1);
	if (policy_clock(c->env.policy, flags & EXPIRE_CLOCK_OK,
	    &why) == 0) {
		snprintf(text, sizeof(text),
		    "nothing is expired: %s; if the clock is right now, run "
		    "`spamgreydb expire --clock-ok'",
		    why);
		ctl_end(c, m->id, CTL_FAILED, 0, text);
		return (0);
	}
	if (flags & EXPIRE_CLOCK_OK)
		ctl_note(c, "clock-ok");
	ctl_job_start(c, JOB_EXPIRE, m->id);
	return (0);
}

/* Our counters, then those of other processes. */
static int
req_stats(struct ctl *c, struct msg *m)
{
	const char	*why;

	if (msg_end(m) == -1)
		return (-1);
	ctl_job_start(c, JOB_NONE, m->id);
	policy_stats(c->env.policy, stat_fact, c);
	why = policy_clock_why(c->env.policy);
	if (*why != '\0')
		send_fact("clock", why, c);
	if (c->env.ask == NULL) {
		ctl_end(c, m->id, CTL_OK, 0, "");
		return (0);
	}
	c->job = JOB_ASK;
	c->env.ask(c, CTL_STATS, 0, "", c->env.arg);
	return (0);
}

/* Whether the firewall's table has an address; only fw can look. */
static int
req_table(struct ctl *c, struct msg *m)
{
	struct addr	addr;
	char		text[ADDR_STRLEN];

	msg_get_addr(m, &addr);
	if (msg_end(m) == -1)
		return (-1);
	if (c->env.ask == NULL) {
		ctl_end(c, m->id, CTL_FAILED, 0, "no daemon is running");
		return (0);
	}
	ctl_job_start(c, JOB_ASK, m->id);
	c->env.ask(c, CTL_TABLE, 0, addr_str(&addr, text), c->env.arg);
	return (0);
}

/* What only the parent can do: it gets the body, and answers. */
static int
req_parent(struct ctl *c, struct msg *m)
{
	const struct ctl_type	*t = ctl_type(m->type);
	uint8_t			 arg = 0;
	const char		*text = "";
	char			 name[NAME_LOG_MAX];

	if (t->body == CTL_BODY_U8)
		arg = msg_get_u8(m);
	else if (t->body == CTL_BODY_STR)
		text = msg_get_str(m);
	if (msg_end(m) == -1)
		return (-1);
	if (c->env.ask == NULL) {
		ctl_end(c, m->id, CTL_FAILED, 0, "no daemon is running");
		return (0);
	}
	switch (m->type) {
	case CTL_LOG:
		ctl_note(c, "log verbose=%u", arg);
		break;
	case CTL_LOAD:
		ctl_note(c, "load list=%s", log_encode_str(name, sizeof(name),
		    text));
		break;
	case CTL_OUTCOME:		/* asks only, changes nothing */
		break;
	default:
		ctl_note(c, "%s", t->name);
		break;
	}
	ctl_job_start(c, JOB_ASK, m->id);
	c->env.ask(c, m->type, arg, text, c->env.arg);
	return (0);
}

/* A request that is handled here, one for the parent, and an answer. */
#define REQUEST(type, name, handler)					\
	{ type, name, CTL_BY_CLIENT, CTL_BODY_OWN, handler }
#define TO_PARENT(type, name, body)					\
	{ type, name, CTL_BY_CLIENT, body, req_parent }
#define ANSWER(type, name)						\
	{ type, name, CTL_BY_SERVER, CTL_BODY_OWN, NULL }

const struct ctl_type	ctl_types[] = {
	REQUEST(CTL_HELLO, "hello", req_hello),
	REQUEST(CTL_LIST, "list", req_list),
	REQUEST(CTL_GET, "get", ctl_req_get),
	REQUEST(CTL_ADD, "add", ctl_req_add),
	REQUEST(CTL_DELETE, "delete", ctl_req_delete),
	REQUEST(CTL_SHOW, "show", req_show),
	REQUEST(CTL_TABLE, "table", req_table),
	REQUEST(CTL_EXPIRE, "expire", req_expire),
	REQUEST(CTL_IMPORT, "import", ctl_req_import),
	REQUEST(CTL_IMPORT_END, "import-end", ctl_req_import_end),
	REQUEST(CTL_STATS, "stats", req_stats),
	REQUEST(CTL_LEARN, "learn", ctl_req_learn),
	REQUEST(CTL_REPUTE, "repute", ctl_req_repute),
	REQUEST(CTL_SYNC_INDEX, "sync-index", ctl_req_sync_index),
	REQUEST(CTL_SYNC_GET, "sync-get", ctl_req_sync_get),
	REQUEST(CTL_SYNC_MERGE, "sync-merge", ctl_req_sync_merge),
	TO_PARENT(CTL_RELOAD, "reload", CTL_BODY_STR),
	TO_PARENT(CTL_OUTCOME, "outcome", CTL_BODY_STR),
	TO_PARENT(CTL_LOAD, "load", CTL_BODY_STR),
	TO_PARENT(CTL_LOG, "log", CTL_BODY_U8),
	TO_PARENT(CTL_STOP, "stop", CTL_BODY_NONE),
	ANSWER(CTL_ENTRY, "entry"),
	ANSWER(CTL_TEXT, "text"),
	ANSWER(CTL_FACT, "fact"),
	ANSWER(CTL_SYNC_ITEM, "sync-item"),
	ANSWER(CTL_SYNC_STATE, "sync-state"),
	ANSWER(CTL_END, "end"),
	{ 0, NULL, CTL_BY_SERVER, CTL_BODY_OWN, NULL }
};

/* A linear search: there are fewer than thirty types, and requests are rare. */
const struct ctl_type *
ctl_type(uint16_t type)
{
	const struct ctl_type	*t;

	for (t = ctl_types; t->type != 0; t++)
		if (t->type == type)
			return (t);
	return (NULL);
}

/*
 * Checks the order of the conversation, then calls the handler.  While an
 * import is under way its frames are the only ones allowed.
 */
int
ctl_request(struct ctl *c, struct msg *m)
{
	const struct ctl_type	*t = ctl_type(m->type);

	if (c->broken || c->job != JOB_NONE || t == NULL || t->handler == NULL)
		return (-1);
	/* HELLO comes first and once. */
	if ((m->type == CTL_HELLO) == c->hello)
		return (-1);
	if (c->import.active && m->type != CTL_IMPORT &&
	    m->type != CTL_IMPORT_END)
		return (-1);
	return (t->handler(c, m) == -1 || c->broken ? -1 : 0);
}
