/*
 * pass, learn and track on their way from the parent to a child (ship.c).  The
 * function that sends an object stands beside the one that receives it.
 *
 *	PASS STRING* (recipients) { RELAY STRING* (domains) TARGET* PEM* }*
 *	{ MODULE STRING* (except) OPTION* }*
 *	LEARN STRING* (trusted, except)
 *	TRACK STRING* (mta)
 *
 * What follows an object belongs to it: a TARGET to the last RELAY, an OPTION
 * to the last MODULE.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "lib/proto/parent.h"
#include "spamgreyd/parent/conf/ship_int.h"

/* A second pass block is malformed. */
static int
recv_pass(struct config *c, struct msg *m)
{
	if (c->pass != NULL || (c->pass = conf_pass_new()) == NULL)
		return (-1);
	return (ci_take_block(m, c->pass, CB_PASS));
}

/* An address of the relay that was sent before. */
static int
send_target(struct chan *ch, const struct conf_target *t)
{
	struct ipc	*ipc = chan_ipc(ch);

	ipc_begin(ipc, MSG_CONF_TARGET, 0);
	ipc_put_addr(ipc, &t->addr);
	ipc_put_u16(ipc, t->port);
	return (chan_send(ch, -1));
}

/* r: the last relay; NULL, a target before any relay, is malformed. */
static int
recv_target(struct conf_relay *r, struct msg *m)
{
	struct conf_target	*t;

	if (r == NULL || (t = calloc(1, sizeof(*t))) == NULL)
		return (-1);
	TAILQ_INSERT_TAIL(&r->targets, t, entry);
	msg_get_addr(m, &t->addr);
	t->port = msg_get_u16(m);
	return (0);
}

/* Sends a relay with its domains and targets, and to pass also its CAs. */
static int
send_relay(struct chan *ch, const struct conf_relay *r, enum conf_send what)
{
	const struct conf_target	*t;
	struct ipc			*ipc = chan_ipc(ch);

	ipc_begin(ipc, MSG_CONF_RELAY, 0);
	ci_put_opt(ipc, r->where);
	ipc_put_u8(ipc, (uint8_t)r->client);
	ipc_put_u8(ipc, (uint8_t)r->tls);
	ci_put_opt(ipc, r->tls_name);
	ci_put_opt(ipc, r->ca_file);
	if (chan_send(ch, -1) == -1 ||
	    ci_send_strings(ch, STR_RELAY_DOMAIN, &r->domains) == -1)
		return (-1);
	TAILQ_FOREACH(t, &r->targets, entry)
		if (send_target(ch, t) == -1)
			return (-1);
	if (what != SEND_PASS)
		return (0);
	return (ci_send_pem(ch, PEM_CA, r->ca, r->ca_len));
}

/* Appends the relay. */
static int
recv_relay(struct conf_pass *p, struct msg *m)
{
	struct conf_relay	*r;
	uint8_t			 client, tls;
	int			 rc;

	if ((r = conf_relay_new()) == NULL)
		return (-1);
	TAILQ_INSERT_TAIL(&p->relays, r, entry);
	rc = ci_take_opt(m, &r->where);
	client = msg_get_u8(m);
	tls = msg_get_u8(m);
	rc |= ci_take_opt(m, &r->tls_name);
	rc |= ci_take_opt(m, &r->ca_file);
	if (client > CLIENT_TRANSPARENT || tls > RELAY_TLS_VERIFY)
		return (-1);
	r->client = (enum relay_client)client;
	r->tls = (enum relay_tls)tls;
	return (rc);
}

/*
 * The words of an option may need several messages: `first' marks the one that
 * begins the option and has its keyword.
 */
static int
send_option(struct chan *ch, const struct conf_option *o)
{
	struct ipc	*ipc = chan_ipc(ch);
	size_t		 i = 0, used;
	int		 first = 1;

	do {
		ipc_begin(ipc, MSG_CONF_OPTION, 0);
		ipc_put_u8(ipc, (uint8_t)first);
		if (first) {
			ci_put_opt(ipc, o->where);
			ipc_put_str(ipc, o->keyword);
		}
		for (used = 0; i < o->nwords && used < CONF_CHUNK; i++) {
			ipc_put_u8(ipc, o->words[i].quoted);
			ipc_put_str(ipc, o->words[i].text);
			used += strlen(o->words[i].text) + 4;
		}
		if (chan_send(ch, -1) == -1)
			return (-1);
		first = 0;
	} while (i < o->nwords);
	return (0);
}

/* Makes an option from its first message.  The module owns it. */
static struct conf_option *
take_option(struct conf_module *mod, struct msg *m)
{
	struct conf_option	*o = NULL;
	char			*where = NULL, *keyword = NULL;

	if (ci_take_opt(m, &where) == 0 && ci_take_str(m, &keyword) == 0)
		o = conf_option_new(mod, where, keyword);
	free(where);
	free(keyword);
	return (o);
}

/* Adds words to a new option, or to the last one. */
static int
recv_option(struct conf_module *mod, struct msg *m)
{
	struct conf_option	*o;
	uint8_t			 quoted;

	if (mod == NULL)
		return (-1);
	o = msg_get_u8(m) ? take_option(mod, m) :
	    TAILQ_LAST(&mod->options, conf_options);
	if (o == NULL)
		return (-1);
	while (!m->err && msg_left(m) > 0) {
		quoted = msg_get_u8(m);
		if (conf_option_add(o, msg_get_str(m), quoted) == -1)
			return (-1);
	}
	return (0);
}

/* Sends a module with its options.  -1, which means "not set", is sent as 0. */
static int
send_module(struct chan *ch, const struct conf_module *mod)
{
	const struct conf_option	*o;
	struct ipc			*ipc = chan_ipc(ch);
	unsigned int			 i;

	ipc_begin(ipc, MSG_CONF_MODULE, 0);
	ci_put_opt(ipc, mod->where);
	ipc_put_str(ipc, mod->name);
	ipc_put_u8(ipc, mod->log_only != 0);
	ipc_put_u8(ipc, (uint8_t)(mod->on_error + 1));
	for (i = 0; i < CLASS_MAX; i++)
		ipc_put_u8(ipc, (uint8_t)(mod->strategy[i] + 1));
	if (chan_send(ch, -1) == -1 ||
	    ci_send_strings(ch, STR_EXCEPT, &mod->except) == -1)
		return (-1);
	TAILQ_FOREACH(o, &mod->options, entry)
		if (send_option(ch, o) == -1)
			return (-1);
	return (0);
}

/*
 * Appends the module.  Every enumeration comes one higher than it is, see
 * send_module.
 */
static int
recv_module(struct conf_pass *p, struct msg *m)
{
	struct conf_module	*mod;
	uint8_t			 on_error, fate;
	unsigned int		 i;
	int			 r;

	if ((mod = conf_module_new("")) == NULL)
		return (-1);
	TAILQ_INSERT_TAIL(&p->modules, mod, entry);
	r = ci_take_opt(m, &mod->where);
	r |= ci_take_str(m, &mod->name);
	mod->log_only = msg_get_u8(m);
	on_error = msg_get_u8(m);
	if (on_error > ONERR_MARK + 1)
		return (-1);
	mod->on_error = (int)on_error - 1;
	for (i = 0; i < CLASS_MAX; i++) {
		if ((fate = msg_get_u8(m)) > STRATEGY_MARK + 1)
			return (-1);
		mod->strategy[i] = (int8_t)(fate - 1);
	}
	return (r);
}

/*
 * Recipients and CAs are sent to pass only.  The other roles need to know that
 * there is a pass block, and its numbers.
 */
int
ci_send_pass(struct chan *ch, const struct conf_pass *p, enum conf_send what)
{
	const struct conf_relay		*r;
	const struct conf_module	*mod;

	if (ci_send_block(ch, MSG_CONF_PASS, p, CB_PASS) == -1 || (what == SEND_PASS &&
	    ci_send_strings(ch, STR_RECIPIENT, &p->recipients) == -1))
		return (-1);
	TAILQ_FOREACH(r, &p->relays, entry)
		if (send_relay(ch, r, what) == -1)
			return (-1);
	TAILQ_FOREACH(mod, &p->modules, entry)
		if (send_module(ch, mod) == -1)
			return (-1);
	return (0);
}

/* Handles all messages of a pass block, of which PASS is the first. */
int
ci_recv_pass(struct config *c, struct msg *m)
{
	struct conf_pass	*p = c->pass;

	if (m->type == MSG_CONF_PASS)
		return (recv_pass(c, m));
	if (p == NULL)
		return (-1);
	switch (m->type) {
	case MSG_CONF_RELAY:
		return (recv_relay(p, m));
	case MSG_CONF_TARGET:
		return (recv_target(TAILQ_LAST(&p->relays, conf_relays), m));
	case MSG_CONF_MODULE:
		return (recv_module(p, m));
	case MSG_CONF_OPTION:
		return (recv_option(TAILQ_LAST(&p->modules, conf_modules), m));
	default:
		return (-1);
	}
}

/*
 * Returns the list of pass that strings of this kind belong to; NULL: there is
 * no such block, relay or module yet.
 */
struct conf_strings *
ci_pass_strings(struct config *c, enum string_kind kind)
{
	struct conf_relay	*r;
	struct conf_module	*mod;

	if (c->pass == NULL)
		return (NULL);
	switch (kind) {
	case STR_RECIPIENT:
		return (&c->pass->recipients);
	case STR_RELAY_DOMAIN:
		r = TAILQ_LAST(&c->pass->relays, conf_relays);
		return (r != NULL ? &r->domains : NULL);
	case STR_EXCEPT:
		mod = TAILQ_LAST(&c->pass->modules, conf_modules);
		return (mod != NULL ? &mod->except : NULL);
	default:
		return (NULL);
	}
}

/* The block, then its two lists of strings. */
int
ci_send_learn(struct chan *ch, const struct conf_learn *l)
{
	return (ci_send_block(ch, MSG_CONF_LEARN, l, CB_LEARN) |
	    ci_send_strings(ch, STR_LEARN_TRUSTED, &l->trusted) |
	    ci_send_strings(ch, STR_LEARN_EXCEPT, &l->except));
}

/* The statement, then the addresses of the mail servers. */
int
ci_send_track(struct chan *ch, const struct conf_track *t)
{
	return (ci_send_block(ch, MSG_CONF_TRACK, t, CB_TRACK) |
	    ci_send_strings(ch, STR_MTA, &t->mta));
}

/* A second track statement is malformed. */
int
ci_recv_track(struct config *c, struct msg *m)
{
	if (c->track != NULL || (c->track = conf_track_new()) == NULL)
		return (-1);
	return (ci_take_block(m, c->track, CB_TRACK));
}
