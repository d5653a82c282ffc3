/*
 * The configuration on its way from the parent to a child, one message an
 * object.  The child builds beside the configuration in force; nothing of it
 * counts before COMMIT.
 *
 *	BEGIN GLOBAL GREY LIMIT FW STRING* LIST* SET? REACTION* LEARN
 *	TRACK? SYNC* PEM* (the global certificate) { LISTEN PEM* }* pass?
 *	COMMIT
 *
 * Settings that are one value are sent by their rows (ci_put_block,
 * ci_take_block).  For other objects the function that sends stands beside the
 * one that receives.  Both ends are the same build (MSG_HELLO checks that), so
 * the layouts may change freely.  A child trusts the parent, but a malformed
 * message must not make it read past its end: every number is checked.
 * ship_pass.c has pass, learn and track, ship_sync.c has sync, ship_lists.c the
 * lists.
 *
 * Senders return 0, or -1 when the queue is full.  Receivers return 0, or -1
 * when the message is malformed or there is no memory; config_recv then frees
 * all that was built, so that they need not clean up.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proto/parent.h"
#include "spamgreyd/parent/conf/ship_int.h"

#define PEM_TOTAL_MAX	(4 * 1024 * 1024)	/* bytes of one object */

/* Copies a string of the message to *dst, whose old string is freed. */
int
ci_take_str(struct msg *m, char **dst)
{
	const char	*s = msg_get_str(m);
	char		*copy;

	if ((copy = strdup(s)) == NULL)
		return (-1);
	free(*dst);
	*dst = copy;
	return (0);
}

/* Sends a string that may be NULL: first whether there is one. */
void
ci_put_opt(struct ipc *ipc, const char *s)
{
	ipc_put_u8(ipc, s != NULL);
	if (s != NULL)
		ipc_put_str(ipc, s);
}

/* Takes what ci_put_opt has sent.  *dst stays as it is when that was NULL. */
int
ci_take_opt(struct msg *m, char **dst)
{
	return (msg_get_u8(m) ? ci_take_str(m, dst) : 0);
}

/*
 * Returns a copy of a descriptor, or -1 with errno.  A channel closes what it
 * has sent, and the parent keeps its own for the next reload.
 */
int
ci_dup_fd(int fd)
{
	return (fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

/* Sends only the names of the files; their contents follow as PEM messages. */
static void
put_tls(struct ipc *ipc, const struct conf_tls *t)
{
	ipc_put_u8(ipc, t != NULL);
	if (t != NULL) {
		ipc_put_str(ipc, t->cert_file);
		ipc_put_str(ipc, t->key_file);
	}
}

/* A second certificate in the same place is malformed. */
static int
take_tls(struct msg *m, struct conf_tls **t)
{
	if (!msg_get_u8(m))
		return (0);
	if (*t != NULL || (*t = calloc(1, sizeof(**t))) == NULL)
		return (-1);
	return (ci_take_str(m, &(*t)->cert_file) | ci_take_str(m, &(*t)->key_file));
}

/* Sends all settings of the block, in the order of the table. */
void
ci_put_block(struct ipc *ipc, const void *base, enum conf_block block)
{
	const struct conf_scalar	*r;

	for (r = conf_scalars; r->form != NULL; r++) {
		if (r->block != block || !conf_has_value(r))
			continue;
		if (conf_is_string(r))
			ci_put_opt(ipc, *conf_string(r, base));
		else
			ipc_put_i64(ipc, conf_get(r, base));
	}
}

/*
 * Takes what ci_put_block has sent.  A number that the file could not have is
 * malformed.
 */
int
ci_take_block(struct msg *m, void *base, enum conf_block block)
{
	const struct conf_scalar	*r;
	int64_t				 v;

	for (r = conf_scalars; r->form != NULL; r++) {
		if (r->block != block || !conf_has_value(r))
			continue;
		if (conf_is_string(r)) {
			if (ci_take_opt(m, conf_string(r, base)) == -1)
				return (-1);
			continue;
		}
		v = msg_get_i64(m);
		if (m->err || !conf_is_valid(r, v))
			return (-1);
		conf_put(r, base, v);
	}
	return (0);
}

/* Settings outside of blocks, and the names of the global certificate. */
static int
send_global(struct chan *ch, const struct config *c)
{
	struct ipc	*ipc = chan_ipc(ch);

	ipc_begin(ipc, MSG_CONF_GLOBAL, 0);
	ci_put_block(ipc, c, CB_TOP);
	put_tls(ipc, c->tls);
	return (chan_send(ch, -1));
}

static int
recv_global(struct config *c, struct msg *m)
{
	if (ci_take_block(m, c, CB_TOP) == -1)
		return (-1);
	return (take_tls(m, &c->tls));
}

/* greylist and tarpit together: how grey and trapped hosts are answered. */
static int
send_grey(struct chan *ch, const struct config *c)
{
	struct ipc	*ipc = chan_ipc(ch);

	ipc_begin(ipc, MSG_CONF_GREY, 0);
	ci_put_block(ipc, c, CB_GREYLIST);
	ci_put_block(ipc, c, CB_TARPIT);
	return (chan_send(ch, -1));
}

static int
recv_grey(struct config *c, struct msg *m)
{
	if (ci_take_block(m, c, CB_GREYLIST) == -1)
		return (-1);
	return (ci_take_block(m, c, CB_TARPIT));
}

/* Sends a message that has only the settings of a block. */
int
ci_send_block(struct chan *ch, uint16_t type, const void *base,
    enum conf_block block)
{
	struct ipc	*ipc = chan_ipc(ch);

	ipc_begin(ipc, type, 0);
	ci_put_block(ipc, base, block);
	return (chan_send(ch, -1));
}

/*
 * Sends a list of strings, as many in a message as fit, since there may be
 * thousands.  An empty list needs no message.
 */
int
ci_send_strings(struct chan *ch, enum string_kind kind,
    const struct conf_strings *list)
{
	const struct conf_string	*s = TAILQ_FIRST(list);
	struct ipc			*ipc = chan_ipc(ch);
	size_t				 used;

	while (s != NULL) {
		ipc_begin(ipc, MSG_CONF_STRING, 0);
		ipc_put_u8(ipc, (uint8_t)kind);
		for (used = 0; s != NULL && used < CONF_CHUNK;
		    s = TAILQ_NEXT(s, entry)) {
			ipc_put_str(ipc, s->text);
			used += strlen(s->text) + 3;
		}
		if (chan_send(ch, -1) == -1)
			return (-1);
	}
	return (0);
}

/* Appends a string of the message to the list. */
int
ci_take_string(struct msg *m, struct conf_strings *list)
{
	struct conf_string	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (-1);
	TAILQ_INSERT_TAIL(list, s, entry);
	return (ci_take_str(m, &s->text));
}

/*
 * Appends the strings to the list of their kind.  Lists of a relay or a module
 * belong to the last one that has come.
 */
static int
recv_strings(struct config *c, struct msg *m)
{
	struct conf_strings	*list;
	uint8_t			 kind = msg_get_u8(m);

	switch (kind) {
	case STR_DOMAIN:
		list = &c->domains;
		break;
	case STR_SPAMTRAP:
		list = &c->spamtraps;
		break;
	case STR_NOTTO:
		list = &c->not_to;
		break;
	case STR_RESOLVER:
		list = &c->resolvers;
		break;
	case STR_LEARN_TRUSTED:
		list = &c->learn.trusted;
		break;
	case STR_LEARN_EXCEPT:
		list = &c->learn.except;
		break;
	case STR_MTA:
		if (c->track == NULL)
			return (-1);
		list = &c->track->mta;
		break;
	default:
		if ((list = ci_pass_strings(c, kind)) == NULL)
			return (-1);
	}
	while (!m->err && msg_left(m) > 0)
		if (ci_take_string(m, list) == -1)
			return (-1);
	return (0);
}

/* Sends what follows from an event, also where it is the default. */
static int
send_reaction(struct chan *ch, unsigned int event,
    const struct conf_reaction *a)
{
	struct ipc	*ipc = chan_ipc(ch);

	ipc_begin(ipc, MSG_CONF_REACTION, 0);
	ipc_put_u8(ipc, (uint8_t)event);
	ipc_put_u8(ipc, (uint8_t)a->action);
	ipc_put_i64(ipc, a->trap_for);
	ipc_put_u32(ipc, a->after);
	ipc_put_i64(ipc, a->within);
	ipc_put_u32(ipc, a->bad);
	ipc_put_u8(ipc, a->set != 0);
	return (chan_send(ch, -1));
}

/* An unknown event or action is malformed. */
static int
recv_reaction(struct config *c, struct msg *m)
{
	struct conf_reaction	 a;
	uint8_t			 event = msg_get_u8(m);
	uint8_t			 action = msg_get_u8(m);

	a.action = (enum conf_action)action;
	a.trap_for = msg_get_i64(m);
	a.after = msg_get_u32(m);
	a.within = msg_get_i64(m);
	a.bad = msg_get_u32(m);
	a.set = msg_get_u8(m);
	if (event >= EVENT_MAX || action > ACT_DEMOTE)
		return (-1);
	c->reaction[event] = a;
	return (0);
}

/*
 * Sends a listener, with a copy of its descriptor when the role accepts on it
 * and the parent has opened it.  A socket that the child keeps over a reload is
 * not sent again (l->fd is -1).
 */
static int
send_listen(struct chan *ch, const struct conf_listen *l, int with_fd)
{
	struct ipc	*ipc = chan_ipc(ch);
	int		 fd = -1;

	if (with_fd && l->fd != -1 && (fd = ci_dup_fd(l->fd)) == -1)
		return (-1);
	ipc_begin(ipc, MSG_CONF_LISTEN, 0);
	ipc_put_u32(ipc, l->id);
	ipc_put_addr(ipc, &l->addr);
	ipc_put_u16(ipc, l->port);
	ipc_put_u8(ipc, l->low_priority_mx != 0);
	ipc_put_u8(ipc, l->no_tls != 0);
	ipc_put_u8(ipc, l->pass != 0);
	put_tls(ipc, l->tls);
	return (chan_send(ch, fd));
}

/*
 * The descriptor goes to the configuration, which closes it when it is freed;
 * config_recv in conf.h says what the child does with one that it has already.
 */
static int
recv_listen(struct config *c, struct msg *m)
{
	struct conf_listen	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (-1);
	l->fd = -1;
	TAILQ_INSERT_TAIL(&c->listens, l, entry);
	l->id = msg_get_u32(m);
	msg_get_addr(m, &l->addr);
	l->port = msg_get_u16(m);
	l->low_priority_mx = msg_get_u8(m);
	l->no_tls = msg_get_u8(m);
	l->pass = msg_get_u8(m);
	if (take_tls(m, &l->tls) == -1)
		return (-1);
	l->fd = msg_take_fd(m);
	return (0);
}

/* Sends PEM bytes in messages of CONF_CHUNK bytes, which the receiver joins. */
int
ci_send_pem(struct chan *ch, enum pem_part part, const uint8_t *data, size_t len)
{
	struct ipc	*ipc = chan_ipc(ch);
	size_t		 n;

	for (; len > 0; data += n, len -= n) {
		n = len < CONF_CHUNK ? len : CONF_CHUNK;
		ipc_begin(ipc, MSG_CONF_PEM, 0);
		ipc_put_u8(ipc, (uint8_t)part);
		ipc_put_data(ipc, data, n);
		if (chan_send(ch, -1) == -1)
			return (-1);
	}
	return (0);
}

/* A certificate and its key. */
static int
send_pems(struct chan *ch, const struct conf_tls *t)
{
	if (t == NULL)
		return (0);
	if (ci_send_pem(ch, PEM_CERT, t->cert, t->cert_len) == -1)
		return (-1);
	return (ci_send_pem(ch, PEM_KEY, t->key, t->key_len));
}

/* Where the bytes of a PEM message go: two members of an object. */
struct pem {
	uint8_t	**data;
	size_t	 *len;
};

/*
 * Finds where PEM bytes go: a certificate and its key to the last listener, or
 * before the first listener to the global pair; CAs to the last relay.  -1:
 * there is no such object.
 */
static int
pem_place(struct config *c, uint8_t part, struct pem *pem)
{
	const struct conf_listen *l = TAILQ_LAST(&c->listens, conf_listens);
	struct conf_relay	*r = NULL;
	struct conf_tls		*t = l != NULL ? l->tls : c->tls;

	if (part == PEM_CA) {
		if (c->pass == NULL ||
		    (r = TAILQ_LAST(&c->pass->relays, conf_relays)) == NULL)
			return (-1);
		*pem = (struct pem){ &r->ca, &r->ca_len };
		return (0);
	}
	if (t == NULL || part >= PEM_PARTS)
		return (-1);
	if (part == PEM_KEY)
		*pem = (struct pem){ &t->key, &t->key_len };
	else
		*pem = (struct pem){ &t->cert, &t->cert_len };
	return (0);
}

/*
 * Appends bytes to those that came before.  realloc(3) could leave a copy of a
 * key behind in memory, so the old buffer is erased and freed here.
 */
static int
recv_pem(struct config *c, struct msg *m)
{
	struct pem	 pem;
	const uint8_t	*data;
	uint8_t		*bigger;
	size_t		 len;
	uint8_t		 part = msg_get_u8(m);

	data = msg_get_data(m, &len);
	if (data == NULL || len == 0 || pem_place(c, part, &pem) == -1)
		return (-1);
	if (*pem.len + len > PEM_TOTAL_MAX ||
	    (bigger = malloc(*pem.len + len)) == NULL)
		return (-1);
	if (*pem.data != NULL) {
		memcpy(bigger, *pem.data, *pem.len);
		explicit_bzero(*pem.data, *pem.len);
		free(*pem.data);
	}
	memcpy(bigger + *pem.len, data, len);
	*pem.data = bigger;
	*pem.len += len;
	return (0);
}

/*
 * Every child gets all listeners, but a socket only if its role accepts on it,
 * and keys only if it uses TLS.
 */
static int
send_listens(struct chan *ch, const struct config *c, enum conf_send what)
{
	const struct conf_listen	*l;
	int				 secrets = what == SEND_FRONT ||
					    what == SEND_PASS;

	if (secrets && send_pems(ch, c->tls) == -1)
		return (-1);
	TAILQ_FOREACH(l, &c->listens, entry)
		if (send_listen(ch, l, what == (l->pass ? SEND_PASS :
		    SEND_FRONT)) == -1 ||
		    (secrets && send_pems(ch, l->tls) == -1))
			return (-1);
	return (0);
}

int
config_send(struct chan *ch, const struct config *c, enum conf_send what)
{
	unsigned int	 i;

	if (chan_send_empty(ch, MSG_CONF_BEGIN, 0) == -1 ||
	    send_global(ch, c) == -1 || send_grey(ch, c) == -1 ||
	    ci_send_block(ch, MSG_CONF_LIMIT, &c->limit, CB_LIMIT) == -1 ||
	    ci_send_block(ch, MSG_CONF_FW, c, CB_FIREWALL) == -1 ||
	    ci_send_strings(ch, STR_DOMAIN, &c->domains) == -1 ||
	    ci_send_strings(ch, STR_SPAMTRAP, &c->spamtraps) == -1 ||
	    ci_send_strings(ch, STR_NOTTO, &c->not_to) == -1 ||
	    ci_send_strings(ch, STR_RESOLVER, &c->resolvers) == -1)
		return (-1);
	if (ci_send_lists(ch, c) == -1)
		return (-1);
	for (i = 0; i < EVENT_MAX; i++)
		if (send_reaction(ch, i, &c->reaction[i]) == -1)
			return (-1);
	if (ci_send_learn(ch, &c->learn) != 0 ||
	    (c->track != NULL && ci_send_track(ch, c->track) != 0) ||
	    ci_send_sync(ch, c->sync, what) == -1)
		return (-1);
	if (send_listens(ch, c, what) == -1 ||
	    (c->pass != NULL && ci_send_pass(ch, c->pass, what) == -1))
		return (-1);
	return (chan_send_empty(ch, MSG_CONF_COMMIT, 0));
}

/*
 * Handles any message between BEGIN and COMMIT, and COMMIT itself, which makes
 * the index of the relays' domains.
 */
static int
recv_part(struct config *c, struct msg *m)
{
	switch (m->type) {
	case MSG_CONF_GLOBAL:
		return (recv_global(c, m));
	case MSG_CONF_GREY:
		return (recv_grey(c, m));
	case MSG_CONF_LIMIT:
		return (ci_take_block(m, &c->limit, CB_LIMIT));
	case MSG_CONF_FW:
		return (ci_take_block(m, c, CB_FIREWALL));
	case MSG_CONF_STRING:
		return (recv_strings(c, m));
	case MSG_CONF_LIST:
		return (ci_recv_list(c, m));
	case MSG_CONF_SET:
		return (ci_recv_set(c, m));
	case MSG_CONF_REACTION:
		return (recv_reaction(c, m));
	case MSG_CONF_LEARN:
		return (ci_take_block(m, &c->learn, CB_LEARN));
	case MSG_CONF_TRACK:
		return (ci_recv_track(c, m));
	case MSG_CONF_SYNC:
		return (ci_recv_sync(c, m));
	case MSG_CONF_LISTEN:
		return (recv_listen(c, m));
	case MSG_CONF_PEM:
		return (recv_pem(c, m));
	case MSG_CONF_PASS:
	case MSG_CONF_RELAY:
	case MSG_CONF_TARGET:
	case MSG_CONF_MODULE:
	case MSG_CONF_OPTION:
		return (ci_recv_pass(c, m));
	case MSG_CONF_COMMIT:
		return (c->pass != NULL ? conf_pass_index(c->pass) : 0);
	default:
		return (-1);
	}
}

int
config_recv(struct config **building, struct msg *m)
{
	if (m->type == MSG_CONF_BEGIN) {
		/* A configuration that was never finished is dropped. */
		config_free(*building);
		*building = config_new();
	}
	if (*building == NULL)
		return (-1);
	if ((m->type != MSG_CONF_BEGIN && recv_part(*building, m) == -1) ||
	    msg_end(m) == -1) {
		config_free(*building);
		*building = NULL;
		return (-1);
	}
	return (m->type == MSG_CONF_COMMIT);
}
