/*
 * Front: from octets to commands, and those commands that are no part of a
 * mail transaction. A line is taken only when all that was asked before it is
 * answered, so that what a client sends at once is answered in order.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/smtp/line.h"
#include "spamgreyd/front/front.h"

/* May the next line be looked at now? */
static int
front_ready(const struct conn *c)
{
	if (c->state != ST_COMMAND && c->state != ST_DATA)
		return (0);
	if (!(c->flags & F_BANNER))
		return (0);
	if (buf_len(&c->io.out) == 0)
		return (1);
	return (!(c->flags & F_WHEEL) && !(c->io.flags & IO_FULL) &&
	    buf_len(&c->io.out) < FRONT_OUT_MAX && !conn_stutters(c));
}

/*
 * A refusal that counts as a bad command. After `limit bad-commands' of them
 * the session ends, as the client had its chance.
 */
void
smtp_bad(struct conn *c, int code, const char *enhanced, const char *text)
{
	if (c->bad++ < c->live->conf->limit.bad_commands) {
		reply_5xx(c, code, enhanced, text);
		return;
	}
	reply(c, "421 4.7.0 %s Too many errors\r\n", c->live->conf->hostname);
	conn_close(c, END_BAD_COMMANDS);
}

void
smtp_bad_text(struct conn *c, const char *text)
{
	char		 enhanced[6];
	const char	*words;
	int		 code = simple_split(text, enhanced, &words);

	smtp_bad(c, code, enhanced, words);
}

/* HELO and EHLO start over: a transaction that was open is over. */
static void
front_helo(struct conn *c, enum smtp_verb verb, const char *arg, size_t len)
{
	char	*helo;

	if (len == 0) {
		smtp_bad(c, 501, "5.5.4", "The host name is missing");
		return;
	}
	if ((helo = simple_helo(arg, len)) == NULL) {
		conn_die(c, END_MEMORY);
		return;
	}
	free(c->helo);
	c->helo = helo;
	tx_free(c);
	c->offered = 0;
	c->flags &= ~F_ESMTP;
	if (verb == SMTP_EHLO) {
		c->flags |= F_ESMTP;
		reply_ehlo(c);
	} else
		reply(c, "250 %s\r\n", c->live->conf->hostname);
}

/* STARTTLS; the handshake begins when the 220 is sent. */
static void
front_starttls(struct conn *c, size_t len)
{
	const char	*error;

	if ((error = simple_starttls(len, c->io.tls != NULL,
	    c->offered)) != NULL) {
		smtp_bad_text(c, error);
		return;
	}
	if (!front_tls_room(c)) {
		reply(c, "454 4.7.0 TLS not available due to temporary "
		    "reason\r\n");
		return;
	}
	reply(c, "220 2.0.0 Ready to start TLS\r\n");
	c->state = ST_TLS_START;
}

/*
 * HTTP and the like: the client is no mail program, and nothing that it sends
 * is looked at further.
 */
static void
front_foreign(struct conn *c, enum host_event event)
{
	front_event(c, event);
	reply(c, "421 4.7.0 %s This is an SMTP server, closing connection\r\n",
	    c->live->conf->hostname);
	conn_close(c, END_FOREIGN);
}

/* One command line. */
static void
front_command(struct conn *c, const uint8_t *line, size_t line_len)
{
	const char	*arg, *text;
	size_t		 len;
	enum smtp_verb	 verb;

	verb = smtp_verb_parse(line, line_len, &arg, &len);
	if ((text = simple_reply(verb)) != NULL) {
		if (text[0] == '5')
			smtp_bad_text(c, text);
		else
			reply(c, "%s\r\n", text);
		return;
	}
	switch (verb) {
	case SMTP_HELO:
	case SMTP_EHLO:
		front_helo(c, verb, arg, len);
		break;
	case SMTP_MAIL:
		tx_mail(c, arg, len);
		break;
	case SMTP_RCPT:
		tx_rcpt(c, arg, len);
		break;
	case SMTP_DATA:
		tx_data(c, arg, len);
		break;
	case SMTP_RSET:
		tx_free(c);
		reply(c, "250 2.0.0 Ok\r\n");
		break;
	case SMTP_QUIT:
		reply(c, "221 2.0.0 %s Bye\r\n", c->live->conf->hostname);
		conn_close(c, END_QUIT);
		break;
	case SMTP_STARTTLS:
		front_starttls(c, len);
		break;
	case SMTP_FOREIGN_HTTP:
		front_foreign(c, EVENT_HTTP_COMMAND);
		break;
	case SMTP_FOREIGN:
	default:
		front_foreign(c, EVENT_FOREIGN_COMMAND);
		break;
	}
}

/*
 * A ClientHello in place of a command, after a refused STARTTLS or from a
 * client that begins with TLS: nothing that it sends can be understood. It is
 * no misbehaviour that an `on' line could mean.
 */
static void
front_uninvited(struct conn *c)
{
	reply(c, "421 4.7.0 %s TLS is not offered here\r\n",
	    c->live->conf->hostname);
	conn_close(c, END_UNINVITED);
}

/* One whole line; more: others have come after it. */
static void
front_line(struct conn *c, const uint8_t *line, size_t len, int bare_lf,
    int more)
{
	int	body = c->state == ST_DATA;

	c->last = front_now();
	if (bare_lf)
		front_event(c, EVENT_BARE_LF);
	if (c->flags & F_SKIP) {
		c->flags &= ~F_SKIP;
		if (!body)
			smtp_bad(c, 500, "5.5.2", "Line too long");
		return;
	}
	if (body) {
		tx_body_line(c, line, len);
		return;
	}
	/* We have not offered to be sent several at once. */
	if (more)
		front_event(c, EVENT_PIPELINING);
	front_command(c, line, len);
}

/* Is there TLS at data, where the next command would begin? */
static enum smtp_tls
front_begins_tls(const struct conn *c, const uint8_t *data, size_t len)
{
	if (c->state == ST_DATA || (c->flags & F_SKIP))
		return (SMTP_TLS_NO);
	return (smtp_tls_begins(data, len));
}

/*
 * Takes what can be taken of the data; returns how many octets that were. The
 * rest is kept by the caller. After STARTTLS and after the last reply all of
 * it is thrown away: nothing that came in clear may count once TLS is up.
 */
static size_t
front_lines(struct conn *c, const uint8_t *data, size_t len)
{
	size_t	max = c->live->conf->limit.line, pos = 0, line_len, used;
	int	bare_lf;

	while (pos < len && front_ready(c)) {
		if (front_begins_tls(c, data + pos, len - pos) ==
		    SMTP_TLS_YES) {
			front_uninvited(c);
			break;
		}
		switch (smtp_line_find(data + pos, len - pos, max, &line_len,
		    &used, &bare_lf)) {
		case SMTP_LINE_NONE:
			/* The rest of a line that is too long. */
			if (c->flags & F_SKIP)
				return (len);
			return (pos);
		case SMTP_LINE_TOOLONG:
			c->flags |= F_SKIP;
			if (c->state == ST_DATA)
				tx_body_line(c, data + pos, max);
			pos += max;
			break;
		case SMTP_LINE_OK:
			front_line(c, data + pos, line_len, bare_lf,
			    smtp_tls_begins(data + pos + used,
			    len - pos - used) == SMTP_TLS_NO &&
			    pos + used < len);
			pos += used;
			break;
		}
	}
	if (c->state == ST_TLS_START || c->state >= ST_CLOSING)
		return (len);
	return (pos);
}

/*
 * Input that came before the banner was out, or while an answer was due: the
 * client does not wait, as senders of spam do not. Real mail servers wait, as
 * PIPELINING is not offered here.
 */
static void
front_impatient(struct conn *c)
{
	if (!(c->flags & F_BANNER))
		front_event(c, EVENT_EARLY_TALKER);
	else if (c->state == ST_WAIT || (c->state == ST_COMMAND &&
	    buf_len(&c->io.out) > 0))
		front_event(c, EVENT_PIPELINING);
}

/* Octets of the client: used at once where that is possible, else kept. */
void
smtp_input(struct conn *c, const uint8_t *data, size_t len)
{
	int	kept = buf_len(&c->io.in) > 0;
	size_t	used;

	if (c->state == ST_TLS_START) {
		front_event(c, EVENT_PIPELINING);
		return;
	}
	if (c->state >= ST_CLOSING)
		return;
	if (kept) {
		if (buf_add(&c->io.in, data, len) == -1) {
			conn_die(c, END_MEMORY);
			return;
		}
		data = buf_ptr(&c->io.in);
		len = buf_len(&c->io.in);
	}
	/* Not when its turn comes: it may be gone before that. */
	switch (front_begins_tls(c, data, len)) {
	case SMTP_TLS_YES:
		front_uninvited(c);
		return;
	case SMTP_TLS_MAYBE:
		break;
	case SMTP_TLS_NO:
		front_impatient(c);
		break;
	}
	used = front_lines(c, data, len);
	if (kept)
		buf_drain(&c->io.in, used);
	else if (buf_add(&c->io.in, data + used, len - used) == -1)
		conn_die(c, END_MEMORY);
}

int
smtp_resume(struct conn *c)
{
	size_t	used;

	if (buf_len(&c->io.in) == 0)
		return (0);
	used = front_lines(c, buf_ptr(&c->io.in), buf_len(&c->io.in));
	buf_drain(&c->io.in, used);
	return (used > 0);
}
