/*
 * Pass: from octets to commands, and those commands that are no part of a mail
 * transaction; the greeting, and a session of front that goes on here. A line
 * is taken only when all that was asked before it is answered, so that what a
 * client sends at once is answered in order.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/smtp/line.h"
#include "spamgreyd/pass/pass.h"

/* May the next octets be looked at now? */
static int
dialogue_ready(const struct session *s)
{
	return ((s->state == PS_COMMAND || s->state == PS_DATA) &&
	    buf_len(&s->io.out) <= PASS_OUT_MAX);
}

int
dialogue_trapped(const struct session *s, int own)
{
	if (own && s->ms.events == 0)
		return (0);
	return (pass_host_trapped(&s->ms.client));
}

/*
 * A refusal that counts as a bad command; after `limit bad-commands' of them
 * the session ends.
 */
void
pass_bad(struct session *s, int code, const char *enhanced, const char *text)
{
	if (s->bad++ < s->live->conf->limit.bad_commands)
		pass_refuse(s, code, enhanced, text);
	else
		pass_expel(s, PE_BAD_COMMANDS, "4.7.0", "Too many errors");
}

void
pass_refuse_text(struct session *s, const char *text, int bad)
{
	char		 enhanced[6];
	const char	*words;
	int		 code = simple_split(text, enhanced, &words);

	if (bad)
		pass_bad(s, code, enhanced, words);
	else
		pass_refuse(s, code, enhanced, words);
}

/*
 * Noted once a session and kind, and store reacts as the `on' lines say. The
 * modules hear of it each time, as they may refuse each such command.
 */
void
pass_noticed(struct session *s, enum host_event event)
{
	struct verdict	v;
	char		a[ADDR_STRLEN];

	if (!(s->ms.events & 1u << event)) {
		log_event(s->ms.id, host_event_str(event), "address=%s",
		    addr_str(&s->ms.client, a));
		if (!s->ms.whitelisted)
			pass_store_event(s, event);
	}
	v = run_event(&s->ms, event);
	s->ms.events |= 1u << event;
	if (s->dialogue.notice.kind == VERDICT_NEXT)
		s->dialogue.notice = v;
}

/* The time is over for which a module held its refusal back. */
static void
dialogue_held(struct session *s)
{
	pass_refuse_verdict(s, &s->refuse);
	pass_close(s, PE_REFUSED);
}

void
dialogue_refuse(struct session *s, const struct verdict *v)
{
	if (v->kind == VERDICT_CLOSE)
		s->dialogue.closes = PE_REFUSED;
	if (v->kind == VERDICT_CLOSE && v->ms > 0) {
		s->refuse = *v;
		s->dialogue.held = 1;
	} else
		pass_refuse_verdict(s, v);
}

void
dialogue_closes(struct session *s)
{
	if (!s->dialogue.held) {
		pass_close(s, s->dialogue.closes);
		return;
	}
	if (s->state != PS_GREET)
		s->state = PS_STAGE;
	pass_timer(s, s->refuse.ms, dialogue_held);
}

/*
 * The outcome of a stage that is about the session: 1 when that is its end.
 * Any other refusal is told at MAIL; the first one counts.
 */
static int
session_refused(struct session *s, const struct verdict *v)
{
	if (v->kind == VERDICT_CLOSE) {
		dialogue_refuse(s, v);
		dialogue_closes(s);
		return (1);
	}
	if (v->kind != VERDICT_NEXT && s->refuse.kind == VERDICT_NEXT)
		s->refuse = *v;
	return (0);
}

/* The modules have seen BANNER: the greeting. */
static void
greet_bannered(struct session *s, const struct verdict *v)
{
	if (session_refused(s, v))
		return;
	pass_reply(s, "220 %s ESMTP; %s\r\n", s->live->conf->hostname,
	    simple_date());
	s->state = PS_COMMAND;
	s->dialogue.noticed = 0;
	s->last = clock_mono();
}

static void
greet_connected(struct session *s, const struct verdict *v)
{
	if (!session_refused(s, v))
		run_stage(&s->ms, STAGE_BANNER, greet_bannered);
}

/*
 * A ClientHello in place of a command, after a refused STARTTLS or from a
 * client that begins with TLS: nothing that it sends can be understood. It is
 * no misbehaviour that a module or an `on' line could mean.
 */
static void
dialogue_uninvited(struct session *s)
{
	pass_expel(s, PE_UNINVITED, "4.7.0", "TLS is not offered here");
}

/*
 * What came before the banner: a refusal for that takes the banner's place.
 * Returns how much was used.
 */
static size_t
dialogue_early(struct session *s, const uint8_t *data, size_t len)
{
	struct verdict	v;

	switch (smtp_tls_begins(data, len)) {
	case SMTP_TLS_YES:
		dialogue_uninvited(s);
		return (len);
	case SMTP_TLS_MAYBE:
		return (0);
	case SMTP_TLS_NO:
		break;
	}
	if (!s->dialogue.noticed)
		pass_noticed(s, EVENT_EARLY_TALKER);
	s->dialogue.noticed = 1;
	if (s->dialogue.held || (v = s->dialogue.notice).kind == VERDICT_NEXT)
		return (0);
	s->dialogue.notice = verdict_next();
	run_cancel(&s->ms);
	name_cancel(s);
	v.kind = VERDICT_CLOSE;
	dialogue_refuse(s, &v);
	dialogue_closes(s);
	return (s->state == PS_GREET ? 0 : len);
}

void
pass_greet(struct session *s)
{
	s->state = PS_GREET;
	/* (of a hand-over: what front had read) */
	if (buf_len(&s->io.in) > 0) {
		(void)dialogue_early(s, buf_ptr(&s->io.in), buf_len(&s->io.in));
		if (s->state != PS_GREET || s->dialogue.closes != PE_NONE)
			return;
	}
	name_stage(s, STAGE_CONNECT, greet_connected);
}

/*
 * How large a message may be, as far as is known. -1: nothing is known of the
 * MTA.
 */
static int
dialogue_limits(struct session *s, uint32_t *caps)
{
	int	known;

	*caps = caps_offer(s->live, &s->dialogue.max, &known);
	return (known ? 0 : -1);
}

static void
pass_reply_ehlo(struct session *s)
{
	uint32_t	caps;

	if (dialogue_limits(s, &caps) == -1) {
		pass_expel(s, PE_MTA, "4.3.2", "The mail server is not "
		    "reachable yet, please try again later");
		return;
	}
	s->offered = (caps & (CAPS_SIZE | CAPS_8BITMIME | CAPS_SMTPUTF8 |
	    CAPS_DSN | CAPS_ENHANCED)) | CAPS_PIPELINING;
	if (s->io.cert != NULL && s->io.tls == NULL && !s->handed_tls)
		s->offered |= CAPS_STARTTLS;
	pass_reply(s, "250-%s\r\n", s->live->conf->hostname);
	if (s->offered & CAPS_SIZE)
		pass_reply(s, "250-SIZE %llu\r\n",
		    (unsigned long long)s->dialogue.max);
	if (s->offered & CAPS_8BITMIME)
		pass_reply(s, "250-8BITMIME\r\n");
	if (s->offered & CAPS_SMTPUTF8)
		pass_reply(s, "250-SMTPUTF8\r\n");
	if (s->offered & CAPS_DSN)
		pass_reply(s, "250-DSN\r\n");
	if (s->offered & CAPS_ENHANCED)
		pass_reply(s, "250-ENHANCEDSTATUSCODES\r\n");
	if (s->offered & CAPS_STARTTLS)
		pass_reply(s, "250-STARTTLS\r\n");
	pass_reply(s, "250 PIPELINING\r\n");
}

/*
 * The modules have seen HELO or EHLO. A connection to the MTA is made early
 * where that is configured and its address is known.
 */
static void
helo_staged(struct session *s, const struct verdict *v)
{
	const struct conf_pass	*p = s->live->conf->pass;
	uint32_t		 caps;

	if (v->kind == VERDICT_CLOSE) {
		(void)session_refused(s, v);
		return;
	}
	(void)session_refused(s, v);
	if (s->ms.esmtp)
		pass_reply_ehlo(s);
	else {
		(void)dialogue_limits(s, &caps);
		pass_reply(s, "250 %s\r\n", s->live->conf->hostname);
	}
	ptx_answered(s);
	if (s->state == PS_COMMAND && p->early &&
	    TAILQ_NEXT(TAILQ_FIRST(&p->relays), entry) == NULL &&
	    !name_awaited(s, STAGE_MAIL))
		relay_early(s);
}

/*
 * HELO and EHLO; a transaction that was open is over. An MTA that was told
 * another name of the client is of no use any more.
 */
static void
pass_helo(struct session *s, enum smtp_verb verb, const char *arg, size_t len)
{
	char	*helo;

	if (len == 0) {
		pass_bad(s, 501, "5.5.4", "The host name is missing");
		return;
	}
	if ((helo = simple_helo(arg, len)) == NULL) {
		pass_die(s, PE_MEMORY);
		return;
	}
	ptx_end(s);
	free(s->helo);
	s->helo = helo;
	s->ms.helo = helo;
	s->ms.esmtp = verb == SMTP_EHLO;
	s->offered = 0;
	if (s->mta != NULL && mta_relay(s->mta)->client != CLIENT_RECEIVED)
		relay_drop(s);
	s->dialogue.doing = DOING_HELO;
	s->state = PS_STAGE;
	run_stage(&s->ms, STAGE_HELO, helo_staged);
}

/* STARTTLS; the handshake begins when the 220 is sent. */
static void
pass_starttls(struct session *s, size_t len)
{
	const char	*error;

	if ((error = simple_starttls(len, s->ms.tls_version != NULL,
	    s->offered)) != NULL) {
		pass_refuse_text(s, error, 1);
		return;
	}
	pass_reply(s, "220 2.0.0 Ready to start TLS\r\n");
	/*
	 * Nothing that was said in clear counts any more (RFC 3207), and an
	 * MTA that was told so is not used.
	 */
	ptx_free(s);
	relay_drop(s);
	free(s->helo);
	s->helo = NULL;
	s->ms.helo = NULL;
	s->ms.esmtp = 0;
	s->offered = 0;
	s->dialogue.notice = verdict_next();
	s->state = PS_TLS_START;
}

static void
pass_rset(struct session *s)
{
	ptx_end(s);
	pass_reply(s, "250 2.0.0 Ok\r\n");
	ptx_answered(s);
}

static void
dialogue_command(struct session *s, enum smtp_verb verb, const char *arg,
    size_t len)
{
	const char	*text = simple_reply(verb);

	if (text != NULL) {
		if (text[0] == '5')
			pass_refuse_text(s, text, 1);
		else
			pass_reply(s, "%s\r\n", text);
		return;
	}
	switch (verb) {
	case SMTP_HELO:
	case SMTP_EHLO:
		pass_helo(s, verb, arg, len);
		break;
	case SMTP_MAIL:
		ptx_mail(s, arg, len);
		break;
	case SMTP_RCPT:
		ptx_rcpt(s, arg, len);
		break;
	case SMTP_DATA:
		if (len > 0)
			pass_bad(s, 501, "5.5.4", "DATA takes no parameters");
		else
			ptx_data(s);
		break;
	case SMTP_RSET:
		pass_rset(s);
		break;
	case SMTP_QUIT:
		pass_reply(s, "221 2.0.0 %s Bye\r\n", s->live->conf->hostname);
		pass_close(s, PE_QUIT);
		break;
	case SMTP_STARTTLS:
		pass_starttls(s, len);
		break;
	default:
		pass_expel(s, PE_FOREIGN, "4.7.0", "This is an SMTP server, "
		    "closing connection");
		break;
	}
}

/*
 * A refusal by a module for what it noticed is answered in place of the
 * command. 1: it was.
 */
static int
dialogue_notice(struct session *s)
{
	struct verdict	v = s->dialogue.notice;

	if (v.kind == VERDICT_NEXT)
		return (0);
	s->dialogue.notice = verdict_next();
	dialogue_refuse(s, &v);
	if (s->dialogue.closes != PE_NONE)
		dialogue_closes(s);
	return (1);
}

/*
 * One whole line; more: others have come after it. A group of pipelined
 * commands ends with EHLO, HELO, DATA or STARTTLS, whose answer may change
 * what is to come (RFC 2920).
 */
static void
dialogue_whole_line(struct session *s, const uint8_t *line, size_t line_len,
    int bare_lf, int more)
{
	const char	*arg;
	size_t		 len;
	enum smtp_verb	 verb;

	verb = smtp_verb_parse(line, line_len, &arg, &len);
	s->dialogue.noticed = 0;
	if (verb != SMTP_QUIT && dialogue_trapped(s, 1)) {
		pass_expel(s, PE_TRAPPED, "4.7.1",
		    "Your address has been trapped");
		return;
	}
	if (bare_lf)
		pass_noticed(s, EVENT_BARE_LF);
	if (more && (!(s->offered & CAPS_PIPELINING) || verb == SMTP_EHLO ||
	    verb == SMTP_HELO || verb == SMTP_DATA || verb == SMTP_STARTTLS)) {
		s->dialogue.noticed = 1;
		pass_noticed(s, EVENT_PIPELINING);
	}
	if (verb == SMTP_FOREIGN_HTTP)
		pass_noticed(s, EVENT_HTTP_COMMAND);
	else if (verb == SMTP_FOREIGN)
		pass_noticed(s, EVENT_FOREIGN_COMMAND);
	if (dialogue_notice(s))
		return;
	if (bare_lf && s->live->conf->pass->reject_newlines) {
		pass_bad(s, 500, "5.5.2", "Lines end in CR LF");
		return;
	}
	dialogue_command(s, verb, arg, len);
}

/* Returns how much was used; 0: there is no whole line yet. */
static size_t
dialogue_line(struct session *s, const uint8_t *data, size_t len)
{
	size_t	max = s->live->conf->limit.line, line_len, used;
	int	bare_lf;

	if (!s->dialogue.skip && smtp_tls_begins(data, len) == SMTP_TLS_YES) {
		dialogue_uninvited(s);
		return (len);
	}
	switch (smtp_line_find(data, len, max, &line_len, &used, &bare_lf)) {
	case SMTP_LINE_OK:
		break;
	case SMTP_LINE_TOOLONG:
		s->dialogue.skip = 1;
		return (max);
	default:
		/* The rest of a line that is too long. */
		return (s->dialogue.skip ? len : 0);
	}
	s->last = clock_mono();
	if (s->dialogue.skip) {
		s->dialogue.skip = 0;
		pass_bad(s, 500, "5.5.2", "Line too long");
	} else
		dialogue_whole_line(s, data, line_len, bare_lf, used < len &&
		    smtp_tls_begins(data + used, len - used) == SMTP_TLS_NO);
	return (used);
}

/* Something came while the client should wait for our answer. */
static void
dialogue_impatient(struct session *s, const uint8_t *data, size_t len)
{
	if (s->dialogue.doing == DOING_DOT || s->dialogue.held ||
	    s->dialogue.noticed ||
	    smtp_tls_begins(data, len) != SMTP_TLS_NO)
		return;
	if (!(s->offered & CAPS_PIPELINING) ||
	    s->dialogue.doing == DOING_HELO ||
	    s->dialogue.doing == DOING_DATA) {
		s->dialogue.noticed = 1;
		pass_noticed(s, EVENT_PIPELINING);
	}
}

size_t
pass_input(struct session *s, const uint8_t *data, size_t len)
{
	size_t	pos = 0, n;

	if (s->state == PS_GREET)
		return (dialogue_early(s, data, len));
	if (s->state == PS_STAGE || s->state == PS_MTA) {
		dialogue_impatient(s, data, len);
		return (0);
	}
	while (pos < len && dialogue_ready(s)) {
		n = s->state == PS_DATA ?
		    body_input(s, data + pos, len - pos) :
		    dialogue_line(s, data + pos, len - pos);
		if (n == 0)
			return (pos);
		pos += n;
	}
	/* Nothing that came in clear may count once TLS is there. */
	if (s->state >= PS_TLS_START)
		return (len);
	return (pos);
}

/* MAIL was answered by front: a refusal is told to the recipients. */
static void
resume_mailed(struct session *s, const struct verdict *v)
{
	if (v->kind == VERDICT_CLOSE) {
		(void)session_refused(s, v);
		return;
	}
	s->tx->refuse = s->refuse.kind != VERDICT_NEXT ? s->refuse : *v;
	ptx_resume(s, s->dialogue.pending);
}

static void
resume_greeted(struct session *s, const struct verdict *v)
{
	if (session_refused(s, v))
		return;
	if (s->tx == NULL) {
		ptx_answered(s);
		return;
	}
	run_new_message(&s->ms);
	name_stage(s, STAGE_MAIL, resume_mailed);
}

static void
resume_connected(struct session *s, const struct verdict *v)
{
	struct verdict	next = verdict_next();

	if (session_refused(s, v))
		return;
	if (s->helo == NULL)
		resume_greeted(s, &next);
	else
		run_stage(&s->ms, STAGE_HELO, resume_greeted);
}

void
pass_resume_handover(struct session *s, const struct handover *h,
    struct ptx *tx, int pending, const uint8_t *input, size_t len)
{
	uint32_t	caps;

	s->tx = tx;
	s->offered = h->offered;
	s->dialogue.pending = pending != 0;
	s->state = PS_STAGE;
	(void)dialogue_limits(s, &caps);
	if (len > 0 && buf_add(&s->io.in, input, len) == -1) {
		pass_die(s, PE_MEMORY);
		return;
	}
	if (tx != NULL) {
		s->ms.from = tx->from;
		s->ms.from_params = tx->params;
		s->log_from = strndup(tx->from, CLIENT_LOG_FIELD);
	}
	if (tx != NULL && !TAILQ_EMPTY(&tx->rcpts))
		s->log_to = strndup(TAILQ_FIRST(&tx->rcpts)->to,
		    CLIENT_LOG_FIELD);
	name_stage(s, STAGE_CONNECT, resume_connected);
}
