/*
 * Pass: the channels to the fronts. A session comes over one with its
 * descriptor, its envelope and what was read ahead, and goes on here. Front
 * keeps its own descriptor until it gets HANDOVER_OK, so a refusal costs the
 * client no more than a 451.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/smtp/param.h"
#include "spamgreyd/pass/pass.h"

struct peer {
	struct chan	*chan;		/* NULL: it is gone */
	unsigned int	 instance;
	char		 name[16];
	struct handed	 handed;
};

static struct peer	peers[CONF_FRONTS_MAX];

/* Refuses a session; front goes on with it, and logs why. */
static void
answer_no(struct chan *ch, uint64_t id, const char *why)
{
	log_debug("pass: %016llx is not taken over: %s",
	    (unsigned long long)id, why);
	ipc_begin(chan_ipc(ch), MSG_HANDOVER_NO, id);
	ipc_put_str(chan_ipc(ch), why);
	(void)chan_send(ch, -1);
}

/* Why no session can be taken now; NULL: it can. */
static const char *
no_room(void)
{
	uint64_t	size;
	int		known;

	if (pass.stopping)
		return ("it is ending");
	if (pass.count >= pass.live->max) {
		pass.stat[PSTAT_LIMIT]++;
		return ("too many sessions");
	}
	(void)caps_offer(pass.live, &size, &known);
	if (!known)
		return ("the mail server is not reachable yet");
	return (NULL);
}

/*
 * Would pass have taken this path with these parameters? Front is not
 * believed.
 */
static int
rcpt_taken(const struct handed *hd, struct ptx *tx, const char *to,
    const char *params, struct mailaddr *m)
{
	return (rcpt_parse(pass.live->conf, to, tx->smtputf8, m) == NULL &&
	    param_rcpt(params, strlen(params), hd->h.offered,
	    tx->smtputf8) == NULL);
}

/*
 * The transaction so far, or NULL when there is none (*why NULL) or it cannot
 * be used (*why says why).
 */
static struct ptx *
envelope(const struct handed *hd, const char **why)
{
	struct param_mail	 pm;
	struct mailaddr		 m;
	struct ptx		*tx;
	const char		*to, *params;
	size_t			 at = 0;

	*why = NULL;
	if (hd->h.from[0] == '\0')
		return (NULL);
	if (mailaddr_check_sender(hd->h.from) != NULL ||
	    param_mail(hd->h.from_params, strlen(hd->h.from_params),
	    hd->h.offered, 0, &pm) != NULL) {
		*why = "its sender is not a valid address";
		return (NULL);
	}
	if ((tx = ptx_new(hd->h.from, hd->h.from_params)) == NULL)
		*why = "out of memory";
	while (*why == NULL && handed_next(hd, &at, &to, &params))
		if (!rcpt_taken(hd, tx, to, params, &m))
			*why = "a recipient is not a valid address";
		else if (ptx_add(tx, &m, params) == NULL)
			*why = "out of memory";
	if (*why != NULL) {
		ptx_destroy(tx);
		tx = NULL;
	}
	return (tx);
}

/*
 * Tells front OK and goes on with the session: after its banner, or from the
 * beginning.
 */
static void
go_on(struct chan *ch, struct session *s, const struct handed *hd,
    struct ptx *tx)
{
	pass.stat[PSTAT_HANDED]++;
	if (chan_send_empty(ch, MSG_HANDOVER_OK, hd->id) == -1) {
		ptx_destroy(tx);
		pass_die(s, PE_MEMORY);
	} else if (s->ms.handed)
		pass_resume_handover(s, &hd->h, tx,
		    (hd->h.flags & HANDOVER_PENDING) != 0,
		    buf_len(&hd->input) == 0 ? NULL : buf_ptr(&hd->input),
		    buf_len(&hd->input));
	else if (buf_len(&hd->input) > 0 && buf_add(&s->io.in,
	    buf_ptr(&hd->input), buf_len(&hd->input)) == -1)
		pass_die(s, PE_MEMORY);
	else
		pass_begin(s);
	pass_settle(s);
}

/* All messages of a hand-over have come; takes fd. */
static void
take_session(struct peer *p, struct chan *ch, int fd)
{
	const struct handed	*hd = &p->handed;
	const struct handover	*h = &hd->h;
	struct session		*s;
	struct tlsctx		*cert = NULL;
	struct ptx		*tx;
	const char		*why;

	if ((tx = envelope(hd, &why)) == NULL && why != NULL) {
		close(fd);
		answer_no(ch, hd->id, why);
		return;
	}
	if (h->tls_version[0] == '\0' && !(h->flags & HANDOVER_NO_TLS))
		cert = pass_accept_cert(h->listener);
	s = pass_session_new(fd, &h->client, h->port, &h->dst, h->dport, cert,
	    h->kind, h);
	if (s == NULL) {
		ptx_destroy(tx);
		answer_no(ch, hd->id, "out of memory");
		return;
	}
	s->ms.id = hd->id;
	go_on(ch, s, hd, tx);
}

static void
on_handover_begin(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	handed_begin(&((struct peer *)arg)->handed, m);
}

static void
on_handover_rcpt(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	handed_rcpt(&((struct peer *)arg)->handed, m);
}

static void
on_handover_input(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	handed_input(&((struct peer *)arg)->handed, m);
}

static void
on_handover_end(struct chan *ch, struct msg *m, void *arg)
{
	struct peer	*p = arg;
	const char	*why;
	int		 fd;

	if (msg_end(m) == -1)
		return;
	/* What store has said of a host counts before its session. */
	if (pass.store != NULL)
		chan_drain(pass.store);
	why = handed_end(&p->handed, m);
	if (why == NULL)
		why = no_room();
	if (why == NULL && pass_over_limit(&p->handed.h.client,
	    (enum handover_kind)p->handed.h.kind) != NULL)
		why = "too many sessions from its host or network";
	if (why == NULL && m->fd == -1)
		why = "its descriptor was lost";
	if (why != NULL)
		answer_no(ch, m->id, why);
	else {
		fd = msg_take_fd(m);
		take_session(p, ch, fd);
	}
	handed_clear(&p->handed);
}

static const struct chan_rule front_rules[] = {
	{ MSG_HANDOVER_BEGIN, 0, on_handover_begin },
	{ MSG_HANDOVER_RCPT, 0, on_handover_rcpt },
	{ MSG_HANDOVER_INPUT, 0, on_handover_input },
	{ MSG_HANDOVER_END, CHAN_FD, on_handover_end },
	{ 0, 0, NULL }
};

static void
front_ended(struct chan *ch, enum chan_end end, void *arg)
{
	struct peer	*p = arg;

	if (end == CHAN_BROKEN)
		fatalx("pass: %s sent a malformed message", p->name);
	log_warnx("pass: %s is gone", p->name);
	p->chan = NULL;
	handed_clear(&p->handed);
	chan_free(ch);
}

/* Tells one front what the mail server offers. */
static void
caps_tell(struct peer *p)
{
	if (p->chan == NULL || !pass.caps.known)
		return;
	if (proto_put_caps(chan_ipc(p->chan), &pass.caps) == -1 ||
	    chan_send(p->chan, -1) == -1)
		log_warn("pass: cannot tell %s what the mail server offers",
		    p->name);
}

void
pass_front_caps(void)
{
	unsigned int	i;

	for (i = 0; i < CONF_FRONTS_MAX; i++)
		caps_tell(&peers[i]);
}

void
pass_front_peer(struct child *c, unsigned int instance, int fd)
{
	struct peer	*p;

	if (instance >= CONF_FRONTS_MAX)
		fatalx("pass: a channel to front %u", instance);
	p = &peers[instance];
	p->instance = instance;
	snprintf(p->name, sizeof(p->name), "front %u", instance);
	p->chan = chan_new(c->base, fd, p->name, front_rules, p, front_ended);
	if (p->chan == NULL)
		fatal("pass: channel to %s", p->name);
}
