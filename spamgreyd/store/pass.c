/*
 * Store and pass: what hosts did after the handover (their messages, their
 * events), and what the mail server (MTA) offers.  Batches and host states
 * work as with a front (front.c).
 *
 * What the MTA offers is kept in META, so that after a start front and pass
 * know it before any MTA was asked.  It is not promised to anybody, so while
 * the database is down it is simply written later.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/be.h"
#include "lib/base/log.h"
#include "spamgreyd/store/ctl.h"
#include "spamgreyd/store/store.h"

#define CAPS_META	"caps"
#define CAPS_FIXED	12	/* u32 keywords, u64 size; then relays */
#define CAPS_RELAYS_MAX	2048		/* bytes of the text that are kept */

/*
 * Front or pass saw a host break a rule.  The policy may trap or demote the
 * host; what it did goes into the log.
 */
void
store_on_event(struct chan *ch, struct msg *m, void *arg)
{
	struct peer		*f = arg;
	struct event_msg	 ev;
	enum conf_action	 did;
	enum db_result		 rc;
	const char		*why_not;
	char			 ip[ADDR_STRLEN];

	(void)ch;
	if (proto_get_event(m, &ev) == -1 || store_batch_begin(f) == -1)
		return;
	rc = policy_event(f->store->policy, &ev, &did, &why_not);
	if (rc != DB_OK)
		store_batch_failed(f->store, rc);
	else if (did != ACT_LOG)
		log_event(m->id, did == ACT_TRAP ? "trap" : "demote",
		    "address=%s event=%s", addr_str(&ev.client, ip),
		    host_event_str(ev.event));
	else if (why_not != NULL)
		log_event(m->id, "spared", "address=%s event=%s why=%s",
		    addr_str(&ev.client, ip), host_event_str(ev.event),
		    why_not);
}

/* A counter of a peer, for `spamgreydb stats'. */
void
store_on_stat(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	store_ctl_stat(m);
}

/* A message was relayed, or refused as spam or virus. */
static void
on_mail_seen(struct chan *ch, struct msg *m, void *arg)
{
	struct peer		*f = arg;
	struct mail_seen	 seen;
	enum db_result		 rc;

	(void)ch;
	if (proto_get_mail_seen(m, &seen) == -1 || store_batch_begin(f) == -1)
		return;
	if ((rc = policy_mail(f->store->policy, &seen)) != DB_OK)
		store_batch_failed(f->store, rc);
}

/*
 * Copies the capabilities into st.  Returns -1 when there is no memory, and
 * nothing has changed then.
 */
static int
caps_keep(struct store *st, const struct mta_caps *c)
{
	char	*relays;

	if ((relays = strdup(c->relays)) == NULL)
		return (-1);
	free(st->caps_relays);
	st->caps = *c;
	st->caps.relays = st->caps_relays = relays;
	return (0);
}

/* Compares all that is sent and stored. */
static int
caps_same(const struct mta_caps *a, const struct mta_caps *b)
{
	return (a->known == b->known && a->keywords == b->keywords &&
	    a->size == b->size && a->relays != NULL &&
	    strcmp(a->relays, b->relays) == 0);
}

/*
 * pass has asked the MTA; what is new goes to the fronts, and to disk at the
 * next second.
 */
static void
on_pass_caps(struct chan *ch, struct msg *m, void *arg)
{
	struct peer	*f = arg;
	struct store	*st = f->store;
	struct mta_caps	 c;

	(void)ch;
	if (proto_get_caps(m, &c) == -1 || caps_same(&st->caps, &c))
		return;
	if (strlen(c.relays) > CAPS_RELAYS_MAX || caps_keep(st, &c) == -1) {
		log_warnx("store: the capabilities of the MTA cannot be kept");
		return;
	}
	st->caps_unsaved = 1;
	store_caps_send(st);
}

/* Tells all peers, if there is anything to tell. */
void
store_caps_send(struct store *st)
{
	struct peer	*f;

	if (st->caps.relays == NULL)
		return;			/* nothing is known yet */
	TAILQ_FOREACH(f, &st->peers, entry)
		if (proto_put_caps(chan_ipc(f->chan), &st->caps) == 0)
			(void)chan_send(f->chan, -1);
}

/*
 * Reads what an earlier run stored.  What pass has told since is newer and
 * stays.
 */
void
store_caps_load(struct store *st)
{
	uint8_t		b[CAPS_FIXED + CAPS_RELAYS_MAX + 1];
	struct mta_caps	c = { .known = 1 };
	size_t		len;

	if (st->caps.relays != NULL || db_meta_get(st->db, CAPS_META, b,
	    sizeof(b) - 1, &len) != DB_OK || len < CAPS_FIXED)
		return;
	c.keywords = be_get32(b);
	c.size = be_get64(b + 4);
	b[len] = '\0';
	c.relays = (char *)b + CAPS_FIXED;
	c.keywords &= CAPS_ALL;
	if (caps_keep(st, &c) == -1)
		log_warnx("store: no memory for the capabilities of the MTA");
}

/* Writes to META in a transaction of its own, when no batch is open. */
void
store_caps_save(struct store *st)
{
	uint8_t		b[CAPS_FIXED + CAPS_RELAYS_MAX];
	size_t		len = strlen(st->caps.relays == NULL ? "" :
			    st->caps.relays);
	enum db_result	rc;

	if (!st->caps_unsaved || !db_is_up(st->db) ||
	    policy_begin(st->policy) != DB_OK)
		return;
	be_put32(b, st->caps.keywords);
	be_put64(b + 4, st->caps.size);
	memcpy(b + CAPS_FIXED, st->caps.relays, len);
	/* An empty value: nothing is known. */
	rc = db_meta_put(st->db, CAPS_META, b, st->caps.known ?
	    CAPS_FIXED + len : 0);
	if (rc != DB_OK)
		policy_abort(st->policy);
	else if ((rc = policy_commit(st->policy)) == DB_OK)
		st->caps_unsaved = 0;
	if (rc != DB_OK)
		store_check_up(st);
}

const struct chan_rule store_pass_rules[] = {
	{ MSG_EVENT, 0, store_on_event },
	{ MSG_MAIL_SEEN, 0, on_mail_seen },
	{ MSG_CAPS, 0, on_pass_caps },
	{ MSG_STAT, 0, store_on_stat },
	{ MSG_STAT_END, 0, store_on_stat },
	{ 0, 0, NULL }
};
