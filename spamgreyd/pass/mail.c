/*
 * Pass: the mail transaction as the client sees it: MAIL, RCPT, DATA and the
 * answers to them. The MTA's answers go on unchanged; what pass itself refuses
 * is refused before the MTA is asked. How the MTA gets to know all of it is
 * relay.c's part, the message body.c's.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/smtp/line.h"
#include "lib/smtp/param.h"
#include "spamgreyd/pass/pass.h"

static void	rcpt_begin(struct session *, struct rcpt *);

void
ptx_end(struct session *s)
{
	if (s->tx != NULL)
		s->dialogue.over = 1;
	ptx_free(s);
}

/*
 * The client has its answer, and the session goes back to commands. A host
 * that was trapped for what it did here is disconnected; so is a host that was
 * let in for one mailbox alone, after its transaction.
 */
void
ptx_answered(struct session *s)
{
	s->dialogue.doing = DOING_NOTHING;
	s->dialogue.rcpt = NULL;
	s->ms.rcpt = s->ms.rcpt_params = NULL;
	s->ms.rcpt_is_role = s->ms.reply_code = 0;
	s->last = clock_mono();
	pass_timer(s, 0, NULL);
	if (s->state == PS_STAGE || s->state == PS_MTA || s->state == PS_DATA)
		s->state = PS_COMMAND;
	if (s->state != PS_COMMAND)
		return;
	if (s->dialogue.closes != PE_NONE)
		dialogue_closes(s);
	else if (dialogue_trapped(s, 1))
		pass_expel(s, PE_TRAPPED, "4.7.1",
		    "Your address has been trapped");
	else if (s->dialogue.over && s->kind == HANDOVER_NOT_TO)
		pass_expel(s, PE_NOT_TO, "4.3.2", "Please try again later");
	s->dialogue.over = 0;
}

/* The client would not wait longer: a 451 now, whatever is under way. */
static void
budget_over(struct session *s)
{
	static const char	 text[] = "This took too long, please try "
	    "again later";
	int			 doing = s->dialogue.doing;

	run_cancel(&s->ms);
	name_cancel(s);
	relay_drop(s);
	pass.stat[PSTAT_TIMEOUT]++;
	log_event(s->ms.id, "budget", "reply=451 command=%s",
	    doing == DOING_MAIL ? "mail" : doing == DOING_RCPT ? "rcpt" :
	    doing == DOING_DATA ? "data" : "dot");
	if (doing == DOING_RCPT) {
		s->tx->ntempfail++;
		if (!s->dialogue.rcpt->accepted)
			ptx_remove(s->tx, s->dialogue.rcpt);
	} else {
		if (doing == DOING_DOT) {
			s->deferred++;
			pass.stat[PSTAT_DEFERRED]++;
			pass_log_message(s, "deferred", text);
		}
		ptx_end(s);
	}
	pass_refuse(s, 451, "4.3.0", text);
	ptx_answered(s);
}

/*
 * The times are a little below those of RFC 5321 4.5.3.2, after which a client
 * may hang up.
 */
void
ptx_budget(struct session *s, enum doing doing)
{
	s->dialogue.doing = (uint8_t)doing;
	pass_timer(s, doing == DOING_DOT ? PASS_BUDGET_DOT :
	    doing == DOING_DATA ? PASS_BUDGET_DATA : PASS_BUDGET_RCPT,
	    budget_over);
}

/*
 * Is there only one? Then the MTA of a transaction is known before its first
 * recipient.
 */
static int
one_relay(const struct session *s)
{
	const struct conf_relays	*relays = &s->live->conf->pass->relays;

	return (TAILQ_NEXT(TAILQ_FIRST(relays), entry) == NULL);
}

/* The MTA's answer to MAIL; NULL: none. */
static void
mail_answered(struct session *s, const struct smtpreply *r)
{
	if (r == NULL)
		relay_refuse(s);
	else
		pass_reply_mta(s, r);
	if (r == NULL || r->code >= 300)
		ptx_end(s);
	if (r != NULL && r->code == 421)
		s->dialogue.closes = PE_MTA;
	ptx_answered(s);
}

/* The modules have seen MAIL. */
static void
mail_staged(struct session *s, const struct verdict *v)
{
	if (v->kind != VERDICT_NEXT) {
		dialogue_refuse(s, v);
		ptx_end(s);
		ptx_answered(s);
		return;
	}
	if (one_relay(s)) {
		s->tx->relay = TAILQ_FIRST(&s->live->conf->pass->relays);
		relay_mail(s, mail_answered);
		return;
	}
	/* Which MTA it is for is not known before the first recipient. */
	pass_reply(s, "250 2.1.0 Ok\r\n");
	ptx_answered(s);
}

/* NULL: path and params are there; else the refusal. */
static const char *
mail_parse(struct session *s, const char *arg, size_t len, char *path,
    size_t size, const char **params, size_t *params_len)
{
	struct param_mail	 pm;
	const char		*error;

	if (s->helo == NULL)
		return ("503 5.5.1 Send HELO or EHLO first");
	if (s->tx != NULL)
		return ("503 5.5.1 Sender already specified");
	if ((error = simple_mail(arg, len, path, size, params,
	    params_len)) == NULL && (error = param_mail(*params, *params_len,
	    s->offered, s->dialogue.max, &pm)) == NULL)
		error = mailaddr_check_sender(path);
	return (error);
}

/* MAIL. A refusal that a module gave at CONNECT or HELO is told here. */
void
ptx_mail(struct session *s, const char *arg, size_t len)
{
	char		 path[ENTRY_STR_MAX + 1], copy[PASS_PARAMS_MAX + 1];
	const char	*params, *error;
	size_t		 params_len;

	if (dialogue_trapped(s, 0)) {
		pass_expel(s, PE_TRAPPED, "4.7.1",
		    "Your address has been trapped");
		return;
	}
	if ((error = mail_parse(s, arg, len, path, sizeof(path), &params,
	    &params_len)) == NULL && params_len > PASS_PARAMS_MAX)
		error = "501 5.5.4 Too many parameters";
	if (error != NULL) {
		pass_refuse_text(s, error, simple_counts(error));
		return;
	}
	if (s->refuse.kind != VERDICT_NEXT) {
		dialogue_refuse(s, &s->refuse);
		ptx_answered(s);
		return;
	}
	memcpy(copy, params, params_len);
	copy[params_len] = '\0';
	if ((s->tx = ptx_new(path, copy)) == NULL || (s->log_from == NULL &&
	    (s->log_from = log_copy(path)) == NULL)) {
		pass_die(s, PE_MEMORY);
		return;
	}
	s->ms.from = s->tx->from;
	s->ms.from_params = s->tx->params;
	run_new_message(&s->ms);
	ptx_budget(s, DOING_MAIL);
	s->state = PS_STAGE;
	name_stage(s, STAGE_MAIL, mail_staged);
}

/*
 * The recipient's answer, with that code, is queued: it stays in the
 * transaction, or is removed.
 */
static void
rcpt_end(struct session *s, int code)
{
	struct ptx	*tx = s->tx;
	struct rcpt	*r = s->dialogue.rcpt;

	if (code >= 200 && code < 300) {
		r->accepted = 1;
		tx->naccepted++;
		tx->rcpt_kinds |= r->role ? RCPTS_ROLES : RCPTS_OTHERS;
		s->ms.accepted = tx->naccepted;
	} else {
		if (code < 500)
			tx->ntempfail++;
		else
			tx->nrefused++;
		pass.stat[PSTAT_RCPT_REFUSED]++;
		ptx_remove(tx, r);
	}
	s->dialogue.rcpt = NULL;
	if (code == 421)
		s->dialogue.closes = PE_MTA;
	ptx_answered(s);
}

/* Refuses the recipient ourselves; counts for nothing. */
static void
rcpt_refuse(struct session *s, const char *text)
{
	pass_refuse_text(s, text, 0);
	rcpt_end(s, atoi(text));
}

/*
 * The modules have seen the answer, the MTA's or that of the file
 * `recipients'. If they refuse a recipient that the MTA has accepted, the MTA
 * must forget it: the connection is dropped and made again.
 */
static void
rcpt_reply_staged(struct session *s, const struct verdict *v)
{
	struct smtpreply	*r = &s->dialogue.mta_reply;
	int			 code = s->ms.reply_code;

	if (v->kind != VERDICT_NEXT) {
		if (code < 300)
			relay_drop(s);
		dialogue_refuse(s, v);
		rcpt_end(s, v->code == 421 ? 450 : v->code);
		return;
	}
	if (r->text != NULL)
		pass_reply_mta(s, r);
	else
		pass_refuse_text(s, rcpt_unknown(s, s->dialogue.rcpt), 0);
	rcpt_end(s, code);
}

/* The answer has that code; the modules see it before the client. */
static void
rcpt_reply_stage(struct session *s, int code)
{
	s->ms.reply_code = code;
	s->state = PS_STAGE;
	run_stage(&s->ms, STAGE_RCPT_REPLY, rcpt_reply_staged);
}

/* The MTA's answer is kept while the modules look at it. */
static void
rcpt_answered(struct session *s, const struct smtpreply *r)
{
	struct smtpreply	*kept = &s->dialogue.mta_reply;

	if (r == NULL) {
		relay_refuse(s);
		rcpt_end(s, 451);
		return;
	}
	free(kept->text);
	*kept = *r;
	if ((kept->text = malloc(r->len + 1)) == NULL) {
		pass_die(s, PE_MEMORY);
		return;
	}
	memcpy(kept->text, r->text, r->len + 1);
	rcpt_reply_stage(s, r->code);
}

/*
 * The modules have let the recipient pass; points may refuse it, or the file
 * `recipients'.
 */
static void
rcpt_staged(struct session *s, const struct verdict *v)
{
	struct rcpt	*r = s->dialogue.rcpt;
	const char	*error;

	if (v->kind != VERDICT_NEXT) {
		dialogue_refuse(s, v);
		rcpt_end(s, v->code == 421 ? 450 : v->code);
		return;
	}
	if (run_over(&s->ms) == 2 && !r->role && !s->ms.whitelisted) {
		pass.stat[PSTAT_POINTS_REJECTED]++;
		rcpt_refuse(s, "550 5.7.1 Mail from your address is not "
		    "accepted because of its bad reputation");
		return;
	}
	if ((error = rcpt_unknown(s, r)) != NULL) {
		free(s->dialogue.mta_reply.text);
		s->dialogue.mta_reply.text = NULL;
		rcpt_reply_stage(s, atoi(error));
		return;
	}
	relay_rcpt(s, r, rcpt_answered);
}

/*
 * One message has one answer. So a recipient of another server needs a
 * transaction of its own, and so does one that may not be refused for points
 * when the others may be. NULL, or the refusal.
 */
static const char *
rcpt_fits(const struct session *s, const struct rcpt *r)
{
	static const char	 other[] = "452 4.5.3 This recipient needs a "
	    "separate transaction, please send it again";
	const struct ptx	*tx = s->tx;
	const struct conf_pass	*p = s->live->conf->pass;

	if (tx->naccepted == 0)
		return (NULL);
	if (tx->relay != NULL && tx->relay != rcpt_relay(p, r))
		return (other);
	if (p->reject_at > 0 && chain_any(s->live->chain) &&
	    !s->ms.whitelisted && tx->rcpt_kinds != 0 &&
	    tx->rcpt_kinds != (r->role ? RCPTS_ROLES : RCPTS_OTHERS))
		return (other);
	return (NULL);
}

/*
 * A valid recipient: what pass says of it itself comes first, then the
 * modules, then the MTA.
 */
static void
rcpt_begin(struct session *s, struct rcpt *r)
{
	struct ptx	*tx = s->tx;
	const char	*error;

	s->dialogue.rcpt = r;
	r->role = (uint8_t)rcpt_is_role(s, r);
	s->ms.rcpt = r->to;
	s->ms.rcpt_params = r->params;
	s->ms.rcpt_is_role = r->role;
	s->ms.reply_code = 0;
	ptx_budget(s, DOING_RCPT);
	if (tx->refuse.kind != VERDICT_NEXT) {
		dialogue_refuse(s, &tx->refuse);
		rcpt_end(s, tx->refuse.code);
		return;
	}
	if ((error = rcpt_check(s, r)) != NULL) {
		if (strncmp(error, "550 5.7.1", 9) == 0)
			pass.stat[PSTAT_RELAY_DENIED]++;
	} else
		error = rcpt_fits(s, r);
	if (error != NULL) {
		rcpt_refuse(s, error);
		return;
	}
	/* The first accepted recipient decides about the relay. */
	if (tx->naccepted == 0)
		tx->relay = rcpt_relay(s->live->conf->pass, r);
	s->state = PS_STAGE;
	run_stage(&s->ms, STAGE_RCPT, rcpt_staged);
}

/* NULL: path and params are there; else the refusal. */
static const char *
rcpt_command(struct session *s, const char *arg, size_t len, char *path,
    size_t size, const char **params, size_t *params_len)
{
	const char	*error;

	if (s->tx == NULL)
		return ("503 5.5.1 Send MAIL first");
	if ((error = simple_rcpt(arg, len, path, size, params,
	    params_len)) != NULL)
		return (error);
	if (*params_len > PASS_PARAMS_MAX)
		return ("501 5.5.4 Too many parameters");
	return (param_rcpt(*params, *params_len, s->offered,
	    s->tx->smtputf8));
}

/*
 * RCPT. Its octets are counted, also of refused ones, so that no client can
 * fill the memory.
 */
void
ptx_rcpt(struct session *s, const char *arg, size_t len)
{
	char		 path[ENTRY_STR_MAX + 1], copy[PASS_PARAMS_MAX + 1];
	const char	*params, *error;
	struct mailaddr	 m;
	size_t		 params_len;
	struct rcpt	*r;

	if ((error = rcpt_command(s, arg, len, path, sizeof(path), &params,
	    &params_len)) == NULL) {
		if (s->log_to == NULL && (s->log_to = log_copy(path)) == NULL) {
			pass_die(s, PE_MEMORY);
			return;
		}
		error = rcpt_parse(s->live->conf, path, s->tx->smtputf8, &m);
	}
	if (error != NULL) {
		if (s->tx != NULL)
			s->tx->nrefused++;
		pass_refuse_text(s, error, simple_counts(error));
		return;
	}
	pass.stat[PSTAT_RCPT]++;
	s->rcpts++;
	s->tx->octets += len + sizeof(*r);
	if (s->tx->octets > PASS_RCPTS_MAX) {
		s->tx->ntempfail++;
		pass_refuse(s, 452, "4.5.3", "Too many recipients, send the "
		    "rest in another transaction");
		return;
	}
	memcpy(copy, params, params_len);
	copy[params_len] = '\0';
	if ((r = ptx_add(s->tx, &m, copy)) == NULL) {
		pass_die(s, PE_MEMORY);
		return;
	}
	rcpt_begin(s, r);
}

/*
 * A recipient that front has answered 250: would pass have done so? If not,
 * the client must not believe it accepted, and DATA gets a 451 (broken).
 */
static void
rcpt_replay(struct session *s, struct rcpt *r)
{
	struct ptx	*tx = s->tx;

	r->role = (uint8_t)rcpt_is_role(s, r);
	s->rcpts++;
	pass.stat[PSTAT_RCPT]++;
	pass.stat[PSTAT_REPLAYED]++;
	if (rcpt_check(s, r) != NULL || rcpt_unknown(s, r) != NULL ||
	    (tx->relay != NULL && tx->relay !=
	    rcpt_relay(s->live->conf->pass, r))) {
		tx->broken = 1;
		return;
	}
	tx->relay = rcpt_relay(s->live->conf->pass, r);
	r->accepted = r->replayed = 1;
	tx->naccepted++;
	tx->rcpt_kinds |= r->role ? RCPTS_ROLES : RCPTS_OTHERS;
	s->ms.accepted = tx->naccepted;
}

/* A session of front goes on in the middle of a transaction. */
void
ptx_resume(struct session *s, int pending)
{
	struct ptx	*tx = s->tx;
	struct rcpt	*r, *last = NULL;

	if (pending)
		last = TAILQ_LAST(&tx->rcpts, rcpts);
	TAILQ_FOREACH(r, &tx->rcpts, entry)
		if (r != last)
			rcpt_replay(s, r);
	if (last == NULL) {
		ptx_answered(s);
		return;
	}
	s->rcpts++;
	pass.stat[PSTAT_RCPT]++;
	rcpt_begin(s, last);
}

/*
 * NULL: there may be a message; else the refusal, and the transaction is over
 * where *ends says so.
 */
static const char *
data_check(const struct session *s, int *ends)
{
	const struct ptx	*tx = s->tx;

	*ends = 0;
	if (tx == NULL)
		return ("503 5.5.1 Send MAIL first");
	if (tx->broken) {
		*ends = 1;
		return ("451 4.3.0 The mail server rejected a recipient that "
		    "was accepted before; please try again later");
	}
	if (tx->naccepted > 0)
		return (NULL);
	/* A client that could not be served must not take it for final. */
	if (tx->ntempfail > 0)
		return ("451 4.3.0 No recipient could be accepted, please try "
		    "again later");
	return (tx->nrefused > 0 ? "554 5.5.1 No valid recipients" :
	    "503 5.5.1 Send RCPT first");
}

/*
 * The modules have seen DATA. The MTA has not: it is asked when the message is
 * whole.
 */
static void
data_staged(struct session *s, const struct verdict *v)
{
	if (v->kind != VERDICT_NEXT) {
		dialogue_refuse(s, v);
		ptx_end(s);
		ptx_answered(s);
		return;
	}
	if ((s->tx->spool = spool_new()) == NULL) {
		pass_refuse(s, 452, "4.3.1", "Insufficient memory, please try "
		    "again later");
		ptx_end(s);
		ptx_answered(s);
		return;
	}
	pass_reply(s, "354 End data with <CR><LF>.<CR><LF>\r\n");
	ptx_answered(s);
	if (s->state == PS_COMMAND)
		body_begin(s);
}

void
ptx_data(struct session *s)
{
	const char	*error;
	int		 ends;

	if (s->tx != NULL && s->tx->refuse.kind != VERDICT_NEXT) {
		dialogue_refuse(s, &s->tx->refuse);
		ptx_end(s);
		ptx_answered(s);
		return;
	}
	if ((error = data_check(s, &ends)) != NULL) {
		pass_refuse_text(s, error, error[0] == '5');
		if (ends) {
			ptx_end(s);
			ptx_answered(s);
		}
		return;
	}
	ptx_budget(s, DOING_DATA);
	s->state = PS_STAGE;
	run_stage(&s->ms, STAGE_DATA, data_staged);
}
