/*
 * Pass: the channel to store. Host states come in and are kept as a copy, as
 * front does. What hosts did and how their mail ended goes out, and nothing is
 * waited for.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/pass.h"

/*
 * A whitelisted host is never trapped or demoted, and to trap the machine
 * itself helps nobody.
 */
void
pass_store_event(const struct session *s, enum host_event event)
{
	struct event_msg	m;

	if (pass.store == NULL || s->ms.whitelisted || s->ms.loopback)
		return;
	memset(&m, 0, sizeof(m));
	m.client = s->ms.client;
	m.event = (uint8_t)event;
	if (run_vouched(&s->ms))
		m.flags |= EVENT_F_VOUCHED;
	if (proto_put_event(chan_ipc(pass.store), s->ms.id, &m) == 0)
		(void)chan_send(pass.store, -1);
}

/*
 * A host that is here for a `not to' recipient alone earns nothing by good
 * mail.
 */
void
pass_store_mail(const struct session *s, int bad)
{
	struct mail_seen	m;

	if (pass.store == NULL || s->ms.loopback ||
	    (s->kind == HANDOVER_NOT_TO && bad == 0))
		return;
	memset(&m, 0, sizeof(m));
	m.client = s->ms.client;
	m.bad = bad != 0;
	m.vouched = run_vouched(&s->ms) != 0;
	if (proto_put_mail_seen(chan_ipc(pass.store), s->ms.id, &m) == 0)
		(void)chan_send(pass.store, -1);
}

/* Store keeps it on disk for the next start. */
void
pass_store_caps(void)
{
	if (pass.store == NULL)
		return;
	if (proto_put_caps(chan_ipc(pass.store), &pass.caps) == -1 ||
	    chan_send(pass.store, -1) == -1)
		log_warn("pass: cannot save what the mail server offers");
}

static void
pass_on_hosts_end(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)m;
	(void)arg;
	hosts_end(pass.hosts);
	pass_accept_hosts_ready();
}

static void
pass_on_caps(struct chan *ch, struct msg *m, void *arg)
{
	struct mta_caps	caps;

	(void)ch;
	(void)arg;
	if (proto_get_caps(m, &caps) == 0)
		caps_kept(&caps);
}

static void
pass_on_store_up(struct chan *ch, struct msg *m, void *arg)
{
	/* Pass asks nothing of the database; front logs it. */
	(void)ch;
	(void)arg;
	(void)msg_get_u8(m);
	(void)msg_get_str(m);
}

static void
pass_on_stat_ask(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	pass_stats(m->id);
}

static const struct chan_rule store_rules[] = {
	{ MSG_CLOCK, 0, states_clock },
	{ MSG_HOSTS_BEGIN, 0, states_begin },
	{ MSG_HOST, 0, states_host },
	{ MSG_CAPS, 0, pass_on_caps },
	{ MSG_HOSTS_END, 0, pass_on_hosts_end },
	{ MSG_STORE_UP, 0, pass_on_store_up },
	{ MSG_STAT_ASK, 0, pass_on_stat_ask },
	{ 0, 0, NULL }
};

/* The parent ends the whole set when store dies; mail goes on until then. */
static void
pass_store_ended(struct chan *ch, enum chan_end end, void *arg)
{
	(void)arg;
	if (end == CHAN_BROKEN)
		fatalx("pass: store sent a malformed message");
	log_warnx("pass: store is gone");
	pass.store = NULL;
	chan_free(ch);
}

void
pass_store_peer(struct child *c, int fd)
{
	if ((pass.hosts = hosts_new()) == NULL)
		fatalx("pass: out of memory");
	pass.store = chan_new(c->base, fd, "store", store_rules, pass.hosts,
	    pass_store_ended);
	if (pass.store == NULL)
		fatal("pass: channel to store");
}
