/*
 * The database on this side, whether a daemon holds it or this process: the
 * index, what is known of some ids, and merging.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/sync/mergeio.h"
#include "spamgreydb/sync/sync.h"

#define FRAME_STATES	(IPC_MAX - 64)	/* bytes of states in a request */
#define FRAME_KEYS	(IPC_MAX - 64)	/* bytes of keys in a request */
#define KEY_COST	2		/* bytes of a key beside itself */

/* A missing database is made, since the other side may fill it. */
int
local_open(struct sync_local *l)
{
	if (l->conn == NULL)
		l->conn = conn_open(l->conf, CONN_MAKE);
	return (l->conn == NULL ? -1 : 0);
}

/* The index is gone too. */
void
local_close(struct sync_local *l)
{
	conn_close(l->conn);
	l->conn = NULL;
	bulkset_clear(&l->set);
}

/* Our version, time, and how keys are cut. */
void
local_hello(const struct sync_local *l, struct bulk_hello *h)
{
	const struct grey_conf	*g = &l->conf->grey;

	memset(h, 0, sizeof(*h));
	h->version = BULK_VERSION;
	h->now = clock_wall();
	h->match4 = (uint8_t)g->match.ip4;
	h->match6 = (uint8_t)g->match.ip6;
	h->admit4 = (uint8_t)g->admit.ip4;
	h->admit6 = (uint8_t)g->admit.ip6;
	h->helo = g->match_helo != 0;
}

/* An answer; frames of one type in it go to fn. */
struct reply {
	int		(*fn)(struct sync_local *, struct msg *, void *);
	uint16_t	 type;		/* those */
	void		*arg;
	struct answer	 answer;
};

/* Waits for the whole answer.  -1: reported. */
static int
wait_reply(struct sync_local *l, struct reply *r)
{
	struct msg	m;
	int		rc;

	if (conn_send(l->conn) == -1)
		return (-1);
	for (;;) {
		if ((rc = conn_next(l->conn, &m, 1)) == 0)
			out_error("there was no answer");
		if (rc <= 0)
			return (-1);
		if (r->fn != NULL && m.type == r->type) {
			if (r->fn(l, &m, r->arg) == -1)
				return (-1);
			continue;
		}
		if ((rc = request_frame(&m, &r->answer)) == -1)
			return (-1);
		if (rc == 0)
			continue;
		if (r->answer.status == CTL_OK)
			return (0);
		out_error("%s", r->answer.text);
		return (-1);
	}
}

/* One record of the index. */
static int
index_item(struct sync_local *l, struct msg *m, void *arg)
{
	uint64_t	 id = msg_get_u64(m), sum = msg_get_u64(m);
	uint8_t		 tomb = msg_get_u8(m);
	uint64_t	 alone = msg_get_u64(m);
	const uint8_t	*key;
	size_t		 len;

	(void)arg;
	key = msg_get_data(m, &len);
	if (msg_end(m) == -1 || key == NULL) {
		out_error("the answer is malformed");
		return (-1);
	}
	if (bulkset_add(&l->set, tomb ? BULK_TOMB : BULK_LIVE, id, sum, key,
	    len) == -1 || (tomb && bulkset_add(&l->set, BULK_TOMB_ALONE, id,
	    alone, key, len) == -1)) {
		out_error("no memory for the ids of all entries");
		return (-1);
	}
	return (0);
}

/* How many entries cannot be sent. */
static void
index_fact(const char *name, const char *value, void *arg)
{
	struct sync_local	*l = arg;

	if (strcmp(name, "unsaid") == 0)
		l->unsaid = (uint32_t)strtoul(value, NULL, 10);
}

/* The keys are kept beside the hashes, to ask for states later. */
int
local_index(struct sync_local *l, const uint8_t seed[BULK_SEED], int64_t asof)
{
	struct reply	r;

	if (local_open(l) == -1)
		return (-1);
	memset(&r, 0, sizeof(r));
	r.fn = index_item;
	r.type = CTL_SYNC_ITEM;
	r.answer.fact = index_fact;
	r.answer.arg = l;
	bulkset_clear(&l->set);
	ipc_begin(conn_ipc(l->conn), CTL_SYNC_INDEX, 1);
	ipc_put_data(conn_ipc(l->conn), seed, BULK_SEED);
	ipc_put_i64(conn_ipc(l->conn), asof);
	if (wait_reply(l, &r) == -1)
		return (-1);
	if (bulkset_done(&l->set) == -1) {
		out_error("no memory for the ids of all entries");
		return (-1);
	}
	return (0);
}

/* States are passed on as they are encoded. */
static int
add_state(struct sync_local *l, struct msg *m, void *arg)
{
	struct bulk_put	*w = arg;
	size_t		 n = msg_left(m);

	(void)l;
	bulk_bytes(w, m->data + m->pos, n);
	m->pos += n;
	return (0);
}

/*
 * One request for states.  Returns how many of the ids it was for: those that
 * are not in the index need no answer.
 */
static int
states_some(struct sync_local *l, const uint64_t *ids, size_t n,
    struct reply *r)
{
	const struct bulk_member	*m;
	const uint8_t			*key;
	struct ipc			*ipc = conn_ipc(l->conn);
	size_t				 i, len, octets = 0;
	unsigned int			 keys = 0;

	for (i = 0; i < n && keys < CTL_SYNC_KEYS; i++) {
		if ((m = bulkset_find(&l->set, ids[i])) == NULL)
			continue;	/* it is not in the index */
		key = bulkset_key(&l->set, m, &len);
		if (octets + KEY_COST + len > FRAME_KEYS)
			break;
		octets += KEY_COST + len;
		if (keys++ == 0)
			ipc_begin(ipc, CTL_SYNC_GET, 1);
		ipc_put_data(ipc, key, len);
	}
	if (keys > 0 && wait_reply(l, r) == -1)
		return (-1);
	return ((int)i);
}

/* Asks for as many as fit even if each state had the greatest length. */
int
local_states(struct sync_local *l, const uint64_t *ids, size_t n,
    struct bulk_put *w, size_t *done)
{
	struct reply	r;
	size_t		room, some;
	int		k;

	memset(&r, 0, sizeof(r));
	r.fn = add_state;
	r.type = CTL_SYNC_STATE;
	r.arg = w;
	*done = 0;
	while (*done < n && (room = (sizeof(w->b) - w->len) /
	    MERGEIO_MAX) > 0) {
		some = n - *done < room ? n - *done : room;
		if ((k = states_some(l, ids + *done, some, &r)) == -1)
			return (-1);
		*done += (size_t)k;
	}
	return (0);
}

/* Why the first state was refused, and how many were. */
static void
merge_fact(const char *name, const char *value, void *arg)
{
	struct bulk_done	*d = arg;

	if (strcmp(name, "refused") == 0)
		d->refused += (uint32_t)strtoul(value, NULL, 10);
	else if (strcmp(name, "why") == 0 && d->why[0] == '\0')
		strlcpy(d->why, value, sizeof(d->why));
}

/* One request to merge. */
static int
merge_some(struct sync_local *l, const uint8_t *p, size_t len,
    struct bulk_done *d)
{
	struct reply	r;

	memset(&r, 0, sizeof(r));
	r.answer.fact = merge_fact;
	r.answer.arg = d;
	ipc_begin(conn_ipc(l->conn), CTL_SYNC_MERGE, 1);
	ipc_put(conn_ipc(l->conn), p, len);
	if (wait_reply(l, &r) == -1)
		return (-1);
	d->news += r.answer.count;
	return (0);
}

/* Cuts between states, so that each request has whole ones. */
int
local_merge(struct sync_local *l, const uint8_t *p, size_t len,
    struct bulk_done *d)
{
	struct merge_state	s;
	static char		strbuf[MERGEIO_MAX];
	size_t			n, from = 0, to = 0;

	while (to < len) {
		if ((n = merge_get(p + to, len - to, &s, strbuf)) == 0) {
			d->refused++;
			if (d->why[0] == '\0')
				strlcpy(d->why, "malformed", sizeof(d->why));
			break;
		}
		if (to + n - from > FRAME_STATES) {
			if (merge_some(l, p + from, to - from, d) == -1)
				return (-1);
			from = to;
		}
		to += n;
	}
	return (to > from ? merge_some(l, p + from, to - from, d) : 0);
}
