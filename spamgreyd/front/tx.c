/*
 * Front: the mail transaction: MAIL, RCPT, DATA, and the answers of store
 * between them. A recipient is answered only after store has answered, so that
 * what a client was told is on disk.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/smtp/mailaddr.h"
#include "lib/smtp/line.h"
#include "spamgreyd/front/front.h"

#define BODY_HEADERS_MAX	(FRONT_BODY_MAX / 2)

/* The transaction is over; an answer that is still to come is ignored. */
void
tx_free(struct conn *c)
{
	struct tx	*tx = c->tx;

	if (tx == NULL)
		return;
	if (tx->is_parked)
		TAILQ_REMOVE(&front.parked, tx, parked);
	free(tx->from);
	free(tx->from_params);
	free(tx->to);
	free(tx->mailbox);
	free(tx->to_params);
	buf_free(&tx->rcpts);
	free(tx);
	c->tx = NULL;
}

/*
 * Is the envelope kept for a hand-over? Not of hosts that never leave the
 * tarpit.
 */
static int
tx_keeps(const struct conn *c)
{
	return (config_hands_over(c->live->conf) && !conn_is_black(c) &&
	    !c->tx->too_long);
}

/*
 * More recipients than are kept: this session is not handed over. Its host is
 * greylisted and passes at its next connection; for a `not to' recipient alone
 * it is not let in.
 */
static void
tx_too_long(struct tx *tx)
{
	tx->too_long = 1;
	buf_free(&tx->rcpts);
}

/*
 * Keeps parameters as they came, for the mail server; *dst NULL: none. -1: no
 * memory.
 */
static int
keep_params(struct conn *c, const char *params, size_t len, char **dst)
{
	free(*dst);
	*dst = NULL;
	if (len == 0 || !tx_keeps(c))
		return (0);
	return ((*dst = strndup(params, len)) == NULL ? -1 : 0);
}

/* Keeps a recipient that was answered 250. */
static void
keep_rcpt(struct conn *c)
{
	struct tx	*tx = c->tx;
	const char	*params = tx->to_params == NULL ? "" : tx->to_params;
	size_t		 had = buf_len(&tx->rcpts);

	if (tx->to == NULL || !tx_keeps(c))
		return;
	if (had + strlen(tx->to) + strlen(params) + 2 > FRONT_ENVELOPE_MAX ||
	    buf_add(&tx->rcpts, tx->to, strlen(tx->to) + 1) == -1 ||
	    buf_add(&tx->rcpts, params, strlen(params) + 1) == -1)
		tx_too_long(tx);
}

/* "NNN X.X.X text": a refusal that counts for nothing. */
static void
refuse_text(struct conn *c, const char *text)
{
	char		 enhanced[6];
	const char	*words;
	int		 code = simple_split(text, enhanced, &words);

	reply_5xx(c, code, enhanced, words);
}

/*
 * MAIL. Mistakes in the command count as bad commands; an address that real
 * mail may have is refused and counts for nothing.
 */
void
tx_mail(struct conn *c, const char *arg, size_t len)
{
	char		 path[ENTRY_STR_MAX + 1];
	const char	*params, *error;
	size_t		 params_len;
	struct param_mail pm;
	struct tx	*tx;

	if (c->helo == NULL) {
		smtp_bad_text(c, "503 5.5.1 Send HELO or EHLO first");
		return;
	}
	if (c->tx != NULL) {
		smtp_bad_text(c, "503 5.5.1 Sender already specified");
		return;
	}
	if ((error = simple_mail(arg, len, path, sizeof(path), &params,
	    &params_len)) != NULL) {
		if (simple_counts(error))
			smtp_bad_text(c, error);
		else
			refuse_text(c, error);
		return;
	}
	if ((error = param_mail(params, params_len, c->offered,
	    reply_size_max(c), &pm)) != NULL) {
		smtp_bad_text(c, error);
		return;
	}
	if ((error = mailaddr_check_sender(path)) != NULL) {
		refuse_text(c, error);
		return;
	}
	if ((tx = calloc(1, sizeof(*tx))) == NULL ||
	    (tx->from = strdup(path)) == NULL ||
	    (c->log_from == NULL && (c->log_from = log_copy(path)) == NULL)) {
		if (tx != NULL)
			free(tx->from);
		free(tx);
		conn_die(c, END_MEMORY);
		return;
	}
	tx->conn = c;
	tx->smtputf8 = pm.smtputf8;
	c->tx = tx;
	if (keep_params(c, params, params_len, &tx->from_params) == -1) {
		conn_die(c, END_MEMORY);
		return;
	}
	reply(c, "250 2.1.0 Ok\r\n");
}

/* counts: as a bad command. */
static void
rcpt_refused(struct conn *c, const char *text, int counts)
{
	c->tx->refused++;
	if (counts)
		smtp_bad_text(c, text);
	else
		refuse_text(c, text);
}

/*
 * The recipient's path to path, its parameters to the transaction. 0; -1: the
 * client has its answer.
 */
static int
parse_rcpt(struct conn *c, const char *arg, size_t len, char *path,
    size_t size)
{
	const char	*params, *error;
	size_t		 params_len;

	if ((error = simple_rcpt(arg, len, path, size, &params,
	    &params_len)) != NULL) {
		rcpt_refused(c, error, simple_counts(error));
		return (-1);
	}
	if ((error = param_rcpt(params, params_len, c->offered,
	    c->tx->smtputf8)) != NULL) {
		rcpt_refused(c, error, 1);
		return (-1);
	}
	if (keep_params(c, params, params_len, &c->tx->to_params) == -1) {
		conn_die(c, END_MEMORY);
		return (-1);
	}
	return (0);
}

/*
 * An address that may be a mistake of real mail is refused and counts for
 * nothing: it is no bad command, and no host is trapped for it. -1: the client
 * has its answer.
 */
static int
check_rcpt(struct conn *c, const char *path, struct mailaddr *m)
{
	const struct config	*conf = c->live->conf;
	const char		*error;

	if ((error = mailaddr_check_rcpt(path,
	    (c->tx->smtputf8 ? MAILADDR_UTF8 : 0u) |
	    (conf->local_routes ? MAILADDR_ROUTES : 0u), m)) == NULL)
		return (0);
	rcpt_refused(c, error, 0);
	return (-1);
}

/*
 * What store is asked, and what pass is told if the session goes there. -1: no
 * memory.
 */
static int
keep_asked(struct conn *c, const char *path, const struct mailaddr *m)
{
	struct tx	*tx = c->tx;

	free(tx->to);
	free(tx->mailbox);
	tx->mailbox = strdup(m->path);
	tx->to = strdup(path);
	tx->to_us = m->is_literal &&
	    conf_is_us(c->live->conf, &m->literal, &c->dst);
	return (tx->to == NULL || tx->mailbox == NULL ? -1 : 0);
}

/*
 * RCPT. A trapped or blacklisted host is told 250 at once: nothing of it goes
 * into the database, and it is refused after DATA.
 */
void
tx_rcpt(struct conn *c, const char *arg, size_t len)
{
	char		 path[ENTRY_STR_MAX + 1];
	struct mailaddr	 m;
	struct tx	*tx = c->tx;

	if (tx == NULL) {
		smtp_bad_text(c, "503 5.5.1 Send MAIL first");
		return;
	}
	if (tx->accepted + tx->tempfail >= c->live->conf->limit.recipients) {
		reply(c, "452 4.5.3 Too many recipients, send the rest in "
		    "another transaction\r\n");
		return;
	}
	if (parse_rcpt(c, arg, len, path, sizeof(path)) == -1)
		return;
	if (c->log_to == NULL && (c->log_to = log_copy(path)) == NULL) {
		conn_die(c, END_MEMORY);
		return;
	}
	if (check_rcpt(c, path, &m) == -1)
		return;
	front.stat[STAT_RCPT]++;
	c->rcpts++;
	if (c->live->conf->log_spamd)
		front_spamd_rcpt(c, path);
	if (conn_is_black(c)) {
		tx->accepted++;
		reply(c, "250 2.1.5 Ok\r\n");
		return;
	}
	if (keep_asked(c, path, &m) == -1) {
		conn_die(c, END_MEMORY);
		return;
	}
	rcpt_ask(c);
}

/* Nothing is promised to a client that gets this 451. */
void
tx_unstored(struct conn *c, const char *why)
{
	struct tx	*tx = c->tx;
	char		 text[200], *p;

	c->state = ST_COMMAND;
	if (tx->is_parked) {
		TAILQ_REMOVE(&front.parked, tx, parked);
		tx->is_parked = 0;
	}
	tx->tempfail++;
	c->flags |= F_UNSTORED;
	c->last = front_now();
	log_debug("unstored: %s", why);
	/* A message of the database's library: it must stay one reply. */
	strlcpy(text, why, sizeof(text));
	for (p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	reply(c, "451 4.3.0 Not stored: %s; please try again later\r\n", text);
}

/* The recipient is a spamtrap: from here on the host is in the tarpit. */
static void
rcpt_trapped(struct conn *c, unsigned int reason)
{
	char	a[ADDR_STRLEN], enc[CLIENT_LOG_FIELD * 4 + 4];

	conn_set_kind(c, KIND_TRAPPED);
	c->reason = (uint8_t)reason;
	log_event(c->id, "trapped", "address=%s trap=%s to=%s",
	    addr_str(&c->client, a), trap_reason_str(reason),
	    log_encode_str(enc, sizeof(enc), c->tx->to));
}

static void
rcpt_accepted(struct conn *c)
{
	c->tx->accepted++;
	keep_rcpt(c);
	reply(c, "250 2.1.5 Ok\r\n");
}

/*
 * The host is white now: pass answers this RCPT, with the mail server's own
 * words.
 */
static void
rcpt_white(struct conn *c)
{
	c->tx->passed++;
	if (handover_possible(c))
		handover_begin(c, handover_kind(c));
	else
		rcpt_accepted(c);
}

/*
 * A `not to' recipient: pass takes it, but for an unknown host it takes
 * nothing else. So it must be the first recipient that is accepted.
 */
static void
rcpt_not_to(struct conn *c)
{
	if (c->tx->accepted == 0 && handover_possible(c)) {
		handover_begin(c, HANDOVER_NOT_TO);
		return;
	}
	c->tx->tempfail++;
	if (c->tx->accepted > 0)
		reply(c, "452 4.5.3 Please send to this recipient in a "
		    "separate message\r\n");
	else
		reply(c, "451 4.3.2 Please try again later\r\n");
}

/* The RCPT that was to be pass'. */
void
tx_not_handed(struct conn *c)
{
	if (c->handed == HANDOVER_NOT_TO)
		rcpt_not_to(c);
	else
		rcpt_accepted(c);
}

/*
 * Store's answer. Grey, trapped and recipients without a hand-over are told
 * 250 here; the 451 of greylisting comes at DATA.
 */
void
tx_answer(struct conn *c, const struct rcpt_answer *ans)
{
	struct tx	*tx = c->tx;

	c->state = ST_COMMAND;
	c->last = front_now();
	switch (ans->verdict) {
	case RCPT_GREY:
		c->flags |= F_GREYED;
		if (ans->left > tx->left)
			tx->left = ans->left;
		break;
	case RCPT_PASS:
		conn_set_kind(c, KIND_PASS);
		rcpt_white(c);
		return;
	case RCPT_WHITE:
		c->flags |= F_WHITE_SEEN;
		if (c->kind == KIND_GREY)
			conn_set_kind(c, KIND_WHITE);
		rcpt_white(c);
		return;
	case RCPT_NOT_TO:
		rcpt_not_to(c);
		return;
	case RCPT_TRAPPED:
		rcpt_trapped(c, ans->reason);
		break;
	case RCPT_UNSTORED:
	default:
		tx_unstored(c, ans->text);
		return;
	}
	rcpt_accepted(c);
}

/*
 * The 451 of greylisting, with the time left. A host that has just passed is
 * not told a time: its next connection goes to pass.
 */
static void
data_deferred(struct conn *c)
{
	struct tx	*tx = c->tx;

	if (tx->passed > 0)
		reply(c, "451 4.7.1 Your host is accepted now, please try "
		    "again immediately\r\n");
	else
		reply_grey(c, tx->left);
	tx_free(c);
}

/*
 * DATA: 354 for hosts of the tarpit alone, so that they stay longer; 451 for
 * all others.
 */
void
tx_data(struct conn *c, const char *arg, size_t len)
{
	struct tx	*tx = c->tx;

	(void)arg;
	if (len > 0) {
		smtp_bad_text(c, "501 5.5.4 DATA takes no parameters");
		return;
	}
	if (tx == NULL || (tx->accepted == 0 && tx->tempfail == 0 &&
	    tx->refused == 0)) {
		smtp_bad_text(c, tx == NULL ? "503 5.5.1 Send MAIL first" :
		    "503 5.5.1 Send RCPT first");
		return;
	}
	if (tx->accepted == 0) {
		/* A client that could not be served must not take it for
		 * final. */
		if (tx->tempfail > 0)
			reply(c, "451 4.3.0 No recipient could be accepted, "
			    "please try again later\r\n");
		else
			smtp_bad_text(c, "554 5.5.1 No valid recipients");
		return;
	}
	if (!conn_is_black(c)) {
		data_deferred(c);
		return;
	}
	reply(c, "354 End data with <CR><LF>.<CR><LF>\r\n");
	c->state = ST_DATA;
	c->flags |= F_HEADERS;
	c->body = 0;
	c->body_lines = 0;
}

static void
tx_body_done(struct conn *c)
{
	tx_free(c);
	reply_refused(c);
	conn_close(c, END_REFUSED);
}

/*
 * A line of the message of a trapped host: read and forgotten, up to the dot,
 * to some lines of the body, or to a bound in octets.
 */
void
tx_body_line(struct conn *c, const uint8_t *line, size_t len)
{
	c->body += (uint32_t)len + 2;
	if (c->live->conf->log_spamd)
		front_spamd_text(c, line, len);
	if ((len == 1 && line[0] == '.') || c->body > FRONT_BODY_MAX) {
		tx_body_done(c);
		return;
	}
	if (c->flags & F_HEADERS) {
		if (len == 0 || c->body > BODY_HEADERS_MAX)
			c->flags &= ~F_HEADERS;
		return;
	}
	if (++c->body_lines >= FRONT_BODY_LINES)
		tx_body_done(c);
}
