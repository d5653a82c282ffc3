/*
 * Pass: what a session wants of its MTA. A goal is to have MAIL answered, or
 * one RCPT, or the message. On the way to it the MTA is told whatever it does
 * not know yet: a connection, RSET after an unfinished transaction, MAIL, the
 * recipients that the client believes accepted. So a connection that died
 * between two commands is made again without the client noticing. It is never
 * made again once the MTA has our final dot: the message may have been taken.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/smtp/param.h"
#include "spamgreyd/pass/pass.h"

/* What is wanted, and what was asked last on the way to it. */
enum goal { GOAL_NONE, GOAL_CONNECT, GOAL_MAIL, GOAL_RCPT, GOAL_DATA };
enum ask {
	ASK_NONE, ASK_CONNECT, ASK_RSET, ASK_MAIL, ASK_REPLAY, ASK_RCPT,
	ASK_NOOP, ASK_DATA
};

static void	relay_next(struct session *);

static int
is_good(const struct smtpreply *r)
{
	return (r->code >= 200 && r->code < 300);
}

/* There is no such MTA any more: it knows nothing of the transaction. */
static void
relay_forget(struct session *s)
{
	struct rcpt	*r;

	s->dialogue.ask = ASK_NONE;
	s->dialogue.dirty = 0;
	if (s->tx == NULL)
		return;
	s->tx->mailed = 0;
	TAILQ_FOREACH(r, &s->tx->rcpts, entry)
		r->known = 0;
}

/* Ends the connection; the goal stays. */
static void
relay_hang_up(struct session *s)
{
	if (s->mta != NULL)
		mta_free(s->mta);
	s->mta = NULL;
	relay_forget(s);
}

void
relay_restart(struct session *s)
{
	struct rcpt	*r;

	/* What it is asked now (a NOOP) has its answer first. */
	if (s->tx->mailed)
		s->dialogue.dirty = 1;
	s->tx->mailed = 0;
	TAILQ_FOREACH(r, &s->tx->rcpts, entry)
		r->known = 0;
}

void
relay_drop(struct session *s)
{
	relay_hang_up(s);
	s->dialogue.goal = GOAL_NONE;
}

/* The goal is over, reached or not (r NULL). */
static void
relay_end(struct session *s, const struct smtpreply *r)
{
	s->dialogue.goal = GOAL_NONE;
	if (s->dialogue.answered != NULL)
		s->dialogue.answered(s, r);
}

static void
relay_fail(struct session *s, const char *why)
{
	s->dialogue.why = why;
	pass.stat[PSTAT_MTA_FAILED]++;
	relay_end(s, NULL);
}

/* What the client is told of a failure; the log says more. */
static const char *
failure_text(const struct mta_event *ev)
{
	if (ev->after_dot)
		return ("The mail server did not confirm the message; please "
		    "try again later");
	switch (ev->failure) {
	case MTAF_CONNECT:
		return ("The mail server cannot be reached; please try again "
		    "later");
	case MTAF_TIMEOUT:
		return ("The mail server did not answer in time; please try "
		    "again later");
	case MTAF_CLOSED:
		return ("The mail server closed the connection; please try "
		    "again later");
	case MTAF_NONSENSE:
		return ("The mail server sent an invalid reply; please try "
		    "again later");
	case MTAF_TLS:
		return ("The connection to the mail server cannot be secured; "
		    "please try again later");
	case MTAF_CLIENT:
		return ("The mail server does not accept your address from "
		    "this proxy; please try again later");
	case MTAF_REFUSED:
		return ("The mail server refused the connection; please try "
		    "again later");
	case MTAF_SPOOL:
		return ("The message could not be read from the spool; please "
		    "try again later");
	default:
		return ("The mail server is not available; please try again "
		    "later");
	}
}

/* The failure with its target and the MTA's words. */
static void
relay_log(const struct session *s, const struct mta_event *ev)
{
	char		 a[ADDR_STRLEN], why[512], reply[512];
	const char	*words = "";
	size_t		 len = 0;
	uint16_t	 port = 0;
	const struct addr *target = mta_target(s->mta, &port);

	if (ev->reply != NULL)
		words = smtpreply_line(ev->reply, 0, &len);
	log_event(s->ms.id, "mta-failed", "target=%s port=%u why=%s%s%s%s",
	    target == NULL ? "none" : addr_str(target, a), port,
	    log_encode_str(why, sizeof(why), ev->why == NULL ? "unknown" :
	    ev->why), ev->after_dot ? " after-dot=yes" : "",
	    words == NULL || len == 0 ? "" : " reply=",
	    words == NULL || len == 0 ? "" :
	    log_encode(reply, sizeof(reply), words, len));
}

/*
 * The connection has ended. It is made again when it was not made for this
 * goal: the MTA may have closed it while it was idle. A failure to tell the
 * MTA the client's address is a fault of the configuration and ends the
 * session.
 */
static void
relay_dead(struct session *s, const struct mta_event *ev)
{
	const char	*why = failure_text(ev);
	int		 again;

	again = !s->dialogue.fresh && !ev->after_dot &&
	    ev->failure == MTAF_CLOSED;
	if (s->dialogue.goal > GOAL_CONNECT && !again)
		relay_log(s, ev);
	else
		log_debug("%016llx: the connection to the mail server ended: "
		    "%s", (unsigned long long)s->ms.id,
		    ev->why == NULL ? "" : ev->why);
	if (ev->failure == MTAF_CLIENT && s->dialogue.goal > GOAL_CONNECT)
		s->dialogue.closes = PE_MTA;
	relay_hang_up(s);
	if (s->dialogue.goal <= GOAL_CONNECT) {
		s->dialogue.goal = GOAL_NONE;
		return;
	}
	if (again)
		relay_next(s);
	else
		relay_fail(s, why);
}

/*
 * A recipient that the client believes accepted was refused when the MTA was
 * told it again.
 */
static void
relay_lost(struct session *s, struct rcpt *r, const struct smtpreply *reply)
{
	char		 to[CLIENT_LOG_FIELD * 2], text[512];
	const char	*words;
	size_t		 len = 0;

	words = smtpreply_line(reply, 0, &len);
	log_event(s->ms.id, r->added ? "recipient-not-added" :
	    "recipient-lost", "to=%s code=%d reply=%s",
	    log_encode(to, sizeof(to), r->to, strnlen(r->to, CLIENT_LOG_FIELD)),
	    reply->code,
	    log_encode(text, sizeof(text), words == NULL ? "" : words, len));
	r->accepted = 0;
	s->tx->naccepted--;
	if (!r->added)
		s->tx->broken = 1;
}

/*
 * The answer to MAIL. On the way to a recipient a refusal is that recipient's
 * answer.
 */
static void
relay_mailed(struct session *s, const struct smtpreply *r)
{
	s->tx->mailed = is_good(r);
	if (s->dialogue.goal == GOAL_MAIL)
		relay_end(s, r);
	else if (is_good(r))
		relay_next(s);
	else if (s->dialogue.goal == GOAL_RCPT)
		relay_end(s, r);
	else
		relay_fail(s, "The mail server no longer accepts the sender; "
		    "please try again later");
}

/* The answer to what was asked last. */
static void
relay_reply(struct session *s, const struct smtpreply *r)
{
	enum ask	ask = s->dialogue.ask;
	struct rcpt	*rcpt;

	s->dialogue.ask = ASK_NONE;
	/* A kept connection that had become too old for the MTA.  At a
	 * recipient it means the client, and goes to it. */
	if (r->code == 421 && (ask == ASK_NOOP || ask == ASK_RSET ||
	    (ask == ASK_MAIL && !s->dialogue.fresh))) {
		relay_hang_up(s);
		relay_next(s);
		return;
	}
	if (r->code >= 300 && r->code < 400 && ask != ASK_NOOP) {
		relay_hang_up(s);
		relay_fail(s, "The mail server sent an invalid reply; please "
		    "try again later");
		return;
	}
	switch (ask) {
	case ASK_RSET:
		if (!is_good(r))
			relay_hang_up(s);
		s->dialogue.dirty = 0;
		relay_next(s);
		break;
	case ASK_MAIL:
		relay_mailed(s, r);
		break;
	case ASK_REPLAY:
		rcpt = s->dialogue.asked;
		if (is_good(r))
			rcpt->known = 1;
		else
			relay_lost(s, rcpt, r);
		rcpt->replayed = 0;
		relay_next(s);
		break;
	case ASK_RCPT:
		s->dialogue.rcpt->known = is_good(r);
		relay_end(s, r);
		break;
	case ASK_DATA:
		/* Refused before or after the message: it is not sure that
		 * the MTA has forgotten the rest. */
		relay_forget(s);
		s->dialogue.dirty = !is_good(r);
		relay_end(s, r);
		break;
	default:
		relay_next(s);
		break;
	}
}

/* From mta: ready, a reply, or the end. */
static void
relay_event(struct mta *m, const struct mta_event *ev, void *arg)
{
	struct session	*s = arg;

	switch (ev->what) {
	case MTA_READY:
		s->dialogue.ask = ASK_NONE;
		caps_seen(mta_relay(m), ev->ehlo);
		relay_next(s);
		break;
	case MTA_REPLY:
		relay_reply(s, ev->reply);
		break;
	case MTA_DEAD:
		relay_dead(s, ev);
		break;
	}
	pass_settle(s);
}

/*
 * Connects to the relay of the transaction, or to the only one. -1: no memory.
 */
static int
relay_open(struct session *s)
{
	struct mta_client	 c;
	const struct conf_relay	*relay;

	relay = s->tx != NULL && s->tx->relay != NULL ? s->tx->relay :
	    TAILQ_FIRST(&s->live->conf->pass->relays);
	memset(&c, 0, sizeof(c));
	c.id = s->ms.id;
	c.addr = s->ms.client;
	c.dst = s->ms.dst;
	c.port = s->ms.port;
	c.dport = s->ms.dport;
	c.helo = s->helo;
	c.esmtp = s->ms.esmtp;
	c.hostname = s->live->conf->hostname;
	c.name = s->ms.name;
	c.name_later = s->ms.resolve != NULL &&
	    strcmp(s->ms.resolve, "TEMP") == 0;
	s->mta = mta_open(pass.base, s->live->conf->pass, relay, &c, 0,
	    relay_event, s);
	if (s->mta == NULL)
		return (-1);
	s->dialogue.ask = ASK_CONNECT;
	s->dialogue.fresh = 1;
	return (0);
}

/*
 * Was the client offered what this MTA does not have? Then the mail would not
 * arrive as it was given. caps_seen has put the offer right for the next
 * session.
 */
static int
relay_lacks(struct session *s, const char *params, int rcpt)
{
	const struct smtp_ehlo	*e = mta_ehlo(s->mta);
	uint32_t		 need;

	need = param_caps(params, strlen(params), rcpt);
	if (e != NULL)
		need &= ~e->keywords;
	if (need == 0)
		return (0);
	log_event(s->ms.id, "mta-changed", "missing=%s%s%s%s",
	    need & CAPS_SIZE ? "SIZE," : "",
	    need & CAPS_8BITMIME ? "8BITMIME," : "",
	    need & CAPS_SMTPUTF8 ? "SMTPUTF8," : "",
	    need & CAPS_DSN ? "DSN," : "");
	return (1);
}

/*
 * r: of the call of mta. If that took nothing because the connection has
 * ended, the end is still to be told, as an event.
 */
static void
relay_asked(struct session *s, enum ask ask, int r)
{
	if (r == 0 || !mta_idle(s->mta))
		s->dialogue.ask = (uint8_t)ask;
	else
		relay_fail(s, "Out of memory, please try again later");
}

/* Sends one command, verb, path and parameters. */
static void
relay_command(struct session *s, enum ask ask, const char *verb,
    const char *path, const char *params, enum pass_timeout pt)
{
	struct buf	b;
	int		r;

	if (relay_lacks(s, params, ask != ASK_MAIL)) {
		relay_fail(s, "The mail server no longer offers an extension "
		    "that this message needs; please try again later");
		return;
	}
	memset(&b, 0, sizeof(b));
	r = buf_printf(&b, "%s%s%s%s", verb, path, params[0] != '\0' ? " " :
	    "", params);
	if (r == 0)
		r = buf_add(&b, "", 1);
	if (r == 0)
		r = mta_command(s->mta, (const char *)buf_ptr(&b), pt);
	buf_free(&b);
	relay_asked(s, ask, r);
}

/* The next accepted recipient that this MTA does not know; NULL: none. */
static struct rcpt *
relay_unknown(struct ptx *tx)
{
	struct rcpt	*r;

	TAILQ_FOREACH(r, &tx->rcpts, entry)
		if (r->accepted && !r->known)
			return (r);
	return (NULL);
}

static void
relay_body(struct session *s)
{
	if (s->tx->broken || s->tx->naccepted == 0) {
		relay_fail(s, "The mail server no longer accepts a recipient; "
		    "please try again later");
		return;
	}
	relay_asked(s, ASK_DATA, mta_data(s->mta, &s->dialogue.head,
	    s->tx->spool));
}

/* The next thing on the way to the goal, in the order of the protocol. */
static void
relay_next(struct session *s)
{
	struct ptx	*tx = s->tx;

	if (s->dialogue.goal == GOAL_NONE || s->dialogue.ask != ASK_NONE)
		return;
	if (s->mta == NULL) {
		if (relay_open(s) == -1)
			relay_fail(s, "Out of memory, please try again later");
		return;
	}
	if (s->dialogue.goal == GOAL_CONNECT) {
		s->dialogue.goal = GOAL_NONE;
		return;
	}
	if (s->dialogue.dirty) {
		relay_command(s, ASK_RSET, "RSET", "", "", PT_MAIL);
		return;
	}
	if (!tx->mailed) {
		relay_command(s, ASK_MAIL, "MAIL FROM:", tx->from, tx->params,
		    PT_MAIL);
		return;
	}
	if ((s->dialogue.asked = relay_unknown(tx)) != NULL) {
		relay_command(s, ASK_REPLAY, "RCPT TO:", s->dialogue.asked->to,
		    s->dialogue.asked->params, PT_RCPT);
		return;
	}
	if (s->dialogue.goal == GOAL_RCPT)
		relay_command(s, ASK_RCPT, "RCPT TO:", s->dialogue.rcpt->to,
		    s->dialogue.rcpt->params, PT_RCPT);
	else
		relay_body(s);
}

/* A new goal; only GOAL_CONNECT lets the client go on. */
static void
relay_begin(struct session *s, enum goal goal,
    void (*answered)(struct session *, const struct smtpreply *))
{
	if (s->mta != NULL && s->tx != NULL &&
	    mta_relay(s->mta) != s->tx->relay)
		relay_drop(s);
	s->dialogue.goal = (uint8_t)goal;
	s->dialogue.answered = answered;
	/* One that is being made is made for this. */
	s->dialogue.fresh = s->mta == NULL || s->dialogue.ask == ASK_CONNECT;
	if (goal != GOAL_CONNECT)
		s->state = PS_MTA;
	relay_next(s);
}

void
relay_early(struct session *s)
{
	if (s->mta == NULL)
		relay_begin(s, GOAL_CONNECT, NULL);
}

void
relay_mail(struct session *s,
    void (*answered)(struct session *, const struct smtpreply *))
{
	relay_begin(s, GOAL_MAIL, answered);
}

void
relay_rcpt(struct session *s, struct rcpt *r,
    void (*answered)(struct session *, const struct smtpreply *))
{
	s->dialogue.rcpt = r;
	relay_begin(s, GOAL_RCPT, answered);
}

void
relay_data(struct session *s,
    void (*answered)(struct session *, const struct smtpreply *))
{
	relay_begin(s, GOAL_DATA, answered);
}

/* The client is slow: keeps the MTA from taking the connection for dead. */
void
relay_noop(struct session *s)
{
	if (s->mta == NULL || s->dialogue.ask != ASK_NONE ||
	    s->dialogue.goal != GOAL_NONE)
		return;
	if (mta_command(s->mta, "NOOP", PT_MAIL) == 0)
		s->dialogue.ask = ASK_NOOP;
}

void
relay_refuse(struct session *s)
{
	pass_refuse(s, 451, "4.3.0", s->dialogue.why);
}

int
relay_must_end(const struct session *s)
{
	return (s->mta != NULL && s->dialogue.ask == ASK_DATA &&
	    mta_dotted(s->mta));
}
