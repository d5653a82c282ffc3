/*
 * The bulk sync for the command engine: a hash for each entry (in slices, as
 * a list), what is known of some keys, and the merging of what another
 * machine knows, in short transactions as in an import.  Comparing, and the
 * connection to the other machine, are spamgreydb's.  States come from
 * another machine: each is checked before it is merged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/sync/mergeio.h"
#include "lib/control/ctl_int.h"

#define MERGE_TXN	256	/* states in a transaction */
#define MERGE_LOOK	16	/* states between two looks at the clock */

/*
 * Starts the walk.  All hashes are made with the seed, and are of the time
 * asof.
 */
int
ctl_req_sync_index(struct ctl *c, struct msg *m)
{
	const uint8_t	*seed;
	size_t		 len;

	seed = msg_get_data(m, &len);
	c->sync.asof = msg_get_i64(m);
	if (msg_end(m) == -1 || len != sizeof(c->sync.seed))
		return (-1);
	memcpy(c->sync.seed, seed, len);
	c->sync.unsaid = 0;
	memset(&c->within, 0, sizeof(c->within));
	memcpy(c->types, "DSTWXg", 7);
	ctl_job_start(c, JOB_INDEX, m->id);
	return (0);
}

/* For db_walk: sends the hashes of a record, with its key. */
int
ctl_sync_item(const struct entry *e, void *arg)
{
	struct ctl		*c = arg;
	struct policy_digest	 d;
	struct entry_key	 key;

	switch (policy_digest(c->env.policy, e, c->sync.seed, c->sync.asof,
	    &d)) {
	case 0:
		return (0);
	case -1:
		c->sync.unsaid++;
		return (0);
	default:
		break;
	}
	if (entry_encode_key(e, &key) == -1)
		return (0);
	ipc_begin(c->out, CTL_SYNC_ITEM, c->id);
	ipc_put_u64(c->out, d.id);
	ipc_put_u64(c->out, d.sum);
	ipc_put_u8(c->out, d.tomb != 0);
	ipc_put_u64(c->out, d.alone);
	ipc_put_data(c->out, key.b, key.len);
	if (ipc_send(c->out, -1) == -1) {
		c->broken = 1;
		return (1);
	}
	c->count++;
	return (0);
}

/* How many entries could not be sent because of control characters. */
void
ctl_sync_indexed(struct ctl *c)
{
	ctl_fact_number(c, "unsaid", c->sync.unsaid);
}

/* Sends the state of a key, if there is still any. */
static enum db_result
send_state(struct ctl *c, const struct entry *key)
{
	struct merge_state	s;
	enum db_result		rc;
	uint8_t			octets[MERGEIO_MAX];
	size_t			n;

	rc = policy_known(c->env.policy, key, &s);
	if (rc == DB_NONE || rc == DB_BAD)
		return (DB_OK);
	if (rc != DB_OK)
		return (rc);
	if ((n = merge_put(octets, sizeof(octets), &s)) == 0)
		return (DB_OK);
	ipc_begin(c->out, CTL_SYNC_STATE, c->id);
	ipc_put(c->out, octets, n);
	if (ipc_send(c->out, -1) == -1)
		c->broken = 1;
	c->count++;
	return (DB_OK);
}

/*
 * Answers with a state for each key that is still known; keys are checked one
 * by one.
 */
int
ctl_req_sync_get(struct ctl *c, struct msg *m)
{
	char		 strbuf[ENTRY_KEY_MAX];
	struct entry	 key;
	enum db_result	 rc = DB_OK;
	const uint8_t	*p;
	size_t		 len;
	unsigned int	 n;

	ctl_job_start(c, JOB_NONE, m->id);
	for (n = 0; msg_left(m) > 0; n++) {
		p = msg_get_data(m, &len);
		if (m->err || n == CTL_SYNC_KEYS ||
		    entry_decode_key(p, len, &key, strbuf) == -1 ||
		    key.type == ENTRY_META)
			return (-1);
		if (rc == DB_OK)
			rc = send_state(c, &key);
	}
	if (msg_end(m) == -1)
		return (-1);
	if (rc != DB_OK)
		ctl_end_db(c, m->id, rc);
	else
		ctl_end(c, m->id, CTL_OK, c->count, "");
	return (0);
}

/* Takes the states of one frame; ctl_sync_slice merges them. */
int
ctl_req_sync_merge(struct ctl *c, struct msg *m)
{
	size_t	len = msg_left(m);

	if (c->sync.states == NULL &&
	    (c->sync.states = malloc(IPC_MAX)) == NULL)
		return (-1);
	if (len == 0 || len > IPC_MAX)
		return (-1);
	memcpy(c->sync.states, m->data + m->pos, len);
	m->pos += len;
	c->sync.len = len;
	c->sync.pos = 0;
	c->sync.refused = 0;
	c->sync.why[0] = '\0';
	ctl_job_start(c, JOB_MERGE, m->id);
	return (0);
}

/* Counts a state that is refused, and keeps the first reason. */
static void
count_refused(struct ctl *c, const char *why)
{
	if (c->sync.refused++ == 0)
		snprintf(c->sync.why, sizeof(c->sync.why), "%s", why);
}

/*
 * Merges the next state of the frame.  A malformed one ends the frame,
 * because it is not known where the next one begins.
 */
static enum db_result
merge_one(struct ctl *c)
{
	static char		 strbuf[MERGEIO_MAX];
	struct merge_state	 s;
	enum db_result		 rc;
	const char		*why;
	size_t			 n;
	int			 news;

	n = merge_get(c->sync.states + c->sync.pos, c->sync.len - c->sync.pos,
	    &s, strbuf);
	if (n == 0) {
		count_refused(c, "malformed");
		c->sync.pos = c->sync.len;
		return (DB_OK);
	}
	c->sync.pos += n;
	if ((why = merge_refuse(&s, clock_wall())) != NULL) {
		count_refused(c, why);
		return (DB_OK);
	}
	if ((rc = policy_merge(c->env.policy, &s, &news)) == DB_BAD) {
		count_refused(c, "it does not fit into the database");
		return (DB_OK);
	}
	if (rc == DB_OK && news)
		c->count++;
	return (rc);
}

/* One transaction. */
static enum db_result
merge_txn(struct ctl *c)
{
	enum db_result	 rc;
	uint32_t	 before = c->count;
	unsigned int	 n = 0;

	if ((rc = policy_begin(c->env.policy)) != DB_OK)
		return (rc);
	while (rc == DB_OK && c->sync.pos < c->sync.len && n < MERGE_TXN) {
		rc = merge_one(c);
		if (++n % MERGE_LOOK == 0 && clock_mono() >= c->slice_end)
			break;
	}
	if (rc == DB_OK)
		rc = policy_commit(c->env.policy);
	if (rc != DB_OK) {
		policy_abort(c->env.policy);
		c->count = before;
	}
	return (rc);
}

/* In key=value form, as all notes. */
void
ctl_sync_note(struct ctl *c)
{
	if (c->sync.all > 0 || c->sync.all_refused > 0)
		ctl_note(c, "sync merged=%llu refused=%llu",
		    (unsigned long long)c->sync.all,
		    (unsigned long long)c->sync.all_refused);
}

/* Merges the states of one frame, then reports what was refused. */
void
ctl_sync_slice(struct ctl *c)
{
	enum db_result	rc;

	do {
		if ((rc = merge_txn(c)) != DB_OK) {
			c->job = JOB_NONE;
			ctl_end_db(c, c->id, rc);
			return;
		}
	} while (c->sync.pos < c->sync.len && clock_mono() < c->slice_end);
	if (c->sync.pos < c->sync.len)
		return;
	c->job = JOB_NONE;
	ctl_fact_number(c, "refused", c->sync.refused);
	ctl_fact(c, c->id, "why", c->sync.why);
	c->sync.all += c->count;
	c->sync.all_refused += c->sync.refused;
	ctl_end(c, c->id, CTL_OK, c->count, "");
}
