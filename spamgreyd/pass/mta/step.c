/*
 * The dialogue with an MTA up to READY, and what a reply means in each state.
 * What the configuration asks for (TLS, the client's address) is done, or the
 * connection fails; it is never silently left out.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/smtp/caps.h"
#include "spamgreyd/pass/mta/mta_int.h"

#define XCLIENT_SIZE	513
#define HELO_MAX	255
#define LITERAL_SIZE	(ADDR_STRLEN + 8)

static void	step_offers(struct mta *);

/*
 * The reply's code and first line, for `why'.  The text is static and valid
 * until the next call.
 */
static const char *
reply_words(const struct mta *m)
{
	static char	 text[192];
	const char	*p;
	size_t		 n = 0;

	if ((p = smtpreply_line(&m->reply, 0, &n)) == NULL)
		p = "";
	snprintf(text, sizeof(text), "%d %.*s", m->reply.code,
	    (int)(n < 160 ? n : 160), p);
	return (text);
}

/* The MTA refused `what', or its reply is not an answer to it. */
static void
step_refused(struct mta *m, const char *what)
{
	if (m->reply.code < 400)
		mta_fail(m, MTAF_NONSENSE, "%s was answered with %s", what,
		    reply_words(m));
	else
		mta_fail(m, MTAF_REFUSED, "%s was refused: %s", what,
		    reply_words(m));
}

static void
step_ready(struct mta *m)
{
	struct mta_event	ev = { 0 };

	m->state = MS_READY;
	mta_wait_none(m);
	ev.what = MTA_READY;
	ev.ehlo = &m->ehlo;
	(void)mta_tell(m, &ev);
}

/*
 * Returns 1 if we sent a PROXY header.  A server that does not expect it takes
 * it for a command and answers it.
 */
static int
is_proxied(const struct mta *m)
{
	return (m->relay->client == CLIENT_PROXY1 ||
	    m->relay->client == CLIENT_PROXY2);
}

/*
 * Returns 1 if the MTA takes what we say for the client's words: always with
 * the PROXY protocol and a transparent source, after XCLIENT, and otherwise
 * never.
 */
static int
is_client(const struct mta *m)
{
	if (m->flags & MF_PROBE)
		return (0);
	return (m->relay->client == CLIENT_XCLIENT ?
	    (m->flags & MF_XCLIENT) != 0 :
	    m->relay->client != CLIENT_RECEIVED);
}

/*
 * The name for HELO and EHLO.  The MTA writes it into its Received line next to
 * the address that it sees, so our name goes with our address and the client's
 * with the client's, also in the EHLO after STARTTLS and XCLIENT.  A client
 * whose name is missing or is not a word gets its address in brackets.
 */
static const char *
greeting_name(const struct mta *m, char literal[LITERAL_SIZE])
{
	const unsigned char	*s = (const unsigned char *)m->helo;
	char			 a[ADDR_STRLEN];
	size_t			 i;

	if (!is_client(m))
		return (m->hostname);
	for (i = 0; s != NULL && s[i] > ' ' && s[i] < 0x7f && i <= HELO_MAX;)
		i++;
	if (i > 0 && i <= HELO_MAX && s[i] == '\0')
		return (m->helo);
	snprintf(literal, LITERAL_SIZE, "[%s%s]", addr_is4(&m->client.addr) ?
	    "" : "IPv6:", addr_str(&m->client.addr, a));
	return (literal);
}

static void
say_hello(struct mta *m, enum mta_state state)
{
	char	line[HELO_MAX + 300], literal[LITERAL_SIZE];

	snprintf(line, sizeof(line), "%s %s", state == MS_EHLO ? "EHLO" :
	    "HELO", greeting_name(m, literal));
	mta_say(m, state, PT_EHLO, line);
}

/* Returns 1 if HELO is not enough, because TLS or XCLIENT is required. */
static int
needs_esmtp(const struct mta *m)
{
	return (m->relay->tls == RELAY_TLS || m->relay->tls ==
	    RELAY_TLS_VERIFY || (m->relay->client == CLIENT_XCLIENT &&
	    !(m->flags & MF_PROBE)));
}

static void
step_banner(struct mta *m)
{
	if (m->reply.code == 220)
		say_hello(m, MS_EHLO);
	else
		step_refused(m, "the connection");
}

/* The command is unknown; 501 and 504 are about its argument. */
static int
is_unknown(const struct mta *m)
{
	return (m->reply.code == 500 || m->reply.code == 502);
}

/*
 * The MTA refuses this client or its name.  Other targets would too, so none is
 * tried.
 */
static void
step_no_client(struct mta *m)
{
	mta_fail_final(m, MTAF_REFUSED, "it refuses this client: %s",
	    reply_words(m));
}

/*
 * STARTTLS is not offered again under TLS; that it was offered is kept. 5xx
 * means: an unknown PROXY header, a refused client, or a server without EHLO,
 * which gets HELO.
 */
static void
step_ehlo(struct mta *m)
{
	uint32_t	tls = m->ehlo.keywords & CAPS_STARTTLS;

	if (m->reply.code == 250) {
		smtp_ehlo_parse(&m->reply, &m->ehlo);
		m->ehlo.keywords |= tls;
		step_offers(m);
	} else if (is_unknown(m) && is_proxied(m) && m->tls == NULL)
		mta_fail(m, MTAF_CLIENT, "it does not accept the PROXY "
		    "protocol header: %s", reply_words(m));
	else if (m->reply.code >= 500 && is_client(m) && (!is_unknown(m) ||
	    m->relay->client == CLIENT_XCLIENT))
		step_no_client(m);
	else if (m->reply.code >= 500 && !needs_esmtp(m) && m->tls == NULL)
		say_hello(m, MS_HELO);
	else
		step_refused(m, "EHLO");
}

/* Returns 1 if STARTTLS was said, or failed. */
static int
offers_tls(struct mta *m)
{
	if (m->relay->tls == RELAY_CLEAR || m->tls != NULL ||
	    (m->flags & MF_CLEAR))
		return (0);
	if (m->ehlo.keywords & CAPS_STARTTLS) {
		mta_say(m, MS_STARTTLS, PT_EHLO, "STARTTLS");
		return (1);
	}
	if (m->relay->tls == RELAY_TLS_TRY)
		return (0);
	mta_fail(m, MTAF_TLS, "it does not offer STARTTLS");
	return (1);
}

/*
 * Returns 1 if XCLIENT was said, or failed.  What does not fit into one command
 * goes into a second one, said after the first.
 */
static int
offers_xclient(struct mta *m)
{
	char	line[XCLIENT_SIZE], line2[XCLIENT_SIZE];

	if (m->relay->client != CLIENT_XCLIENT ||
	    (m->flags & (MF_PROBE | MF_XCLIENT)))
		return (0);
	if (!(m->ehlo.xclient & XCLIENT_ADDR)) {
		mta_fail(m, MTAF_CLIENT, "it does not offer XCLIENT ADDR to "
		    "us");
		return (1);
	}
	if (mta_xclient(&m->client, m->ehlo.xclient, line, sizeof(line),
	    line2, sizeof(line2)) == -1) {
		mta_fail(m, MTAF_CLIENT, "the XCLIENT command is too long");
		return (1);
	}
	free(m->xclient2);
	m->xclient2 = NULL;
	if (line2[0] != '\0' && (m->xclient2 = strdup(line2)) == NULL)
		mta_fail(m, MTAF_MEMORY, "out of memory");
	else
		mta_say(m, MS_XCLIENT, PT_EHLO, line);
	return (1);
}

static void
step_offers(struct mta *m)
{
	if (offers_tls(m) || offers_xclient(m))
		return;
	step_ready(m);
}

static void
step_helo(struct mta *m)
{
	if (m->reply.code >= 500 && is_client(m) && !is_unknown(m)) {
		step_no_client(m);
		return;
	}
	if (m->reply.code != 250) {
		step_refused(m, "HELO");
		return;
	}
	memset(&m->ehlo, 0, sizeof(m->ehlo));
	step_ready(m);
}

/*
 * What came in clear behind the 220 is thrown away: somebody on the network may
 * have put it there.
 */
static void
step_starttls(struct mta *m)
{
	if (m->reply.code == 220) {
		smtpreply_reuse(&m->ahead);
		m->flags &= ~(unsigned int)MF_AHEAD_BAD;
		mta_tls_begin(m);
	} else if (m->reply.code == 421)
		step_refused(m, "STARTTLS");
	else if (m->relay->tls == RELAY_TLS_TRY && m->reply.code >= 400) {
		m->flags |= MF_CLEAR;
		step_offers(m);
	} else
		mta_fail(m, MTAF_TLS, "STARTTLS was answered with %s",
		    reply_words(m));
}

void
mta_step_tls(struct mta *m)
{
	say_hello(m, MS_EHLO);
}

/*
 * The codes with which Postfix refuses the command itself mean an error in our
 * configuration.  Other codes mean the client.
 */
static void
step_xclient(struct mta *m)
{
	int	code = m->reply.code;

	if (code == 220) {
		if (m->xclient2 != NULL && !(m->flags & MF_XCLIENT2)) {
			m->flags |= MF_XCLIENT2;
			mta_say(m, MS_XCLIENT, PT_EHLO, m->xclient2);
			return;
		}
		m->flags |= MF_XCLIENT;
		say_hello(m, MS_EHLO);
	} else if (code == 421)
		step_refused(m, "XCLIENT");
	else if (code < 400 || code == 550 || (code >= 500 && code <= 504))
		mta_fail(m, MTAF_CLIENT, "XCLIENT was answered with %s",
		    reply_words(m));
	else
		step_no_client(m);
}

/*
 * Gives the reply to the caller.  Returns -1 if m is gone.  If more came than
 * this reply, the connection ends afterwards.
 */
static int
step_tell(struct mta *m)
{
	struct mta_event	ev = { 0 };

	m->state = MS_READY;
	m->flags |= MF_STALE;
	mta_wait_none(m);
	mta_body_free(m);
	ev.what = MTA_REPLY;
	ev.reply = &m->reply;
	if (mta_tell(m, &ev) == -1)
		return (-1);
	if (m->state == MS_READY && mta_has_ahead(m))
		mta_fail_ahead(m);
	return (0);
}

static void
step_data(struct mta *m)
{
	if (m->reply.code == 354 && mta_has_ahead(m))
		mta_fail_ahead(m);
	else if (m->reply.code == 354)
		mta_body_begin(m);
	else if (m->reply.code < 400)
		step_refused(m, "DATA");
	else
		(void)step_tell(m);
}

/*
 * A reply that came or began before our final dot cannot accept the message.  A
 * refusal is given to the client; the connection cannot be used any more.
 */
static void
step_early(struct mta *m)
{
	if (m->reply.code < 400) {
		mta_fail(m, MTAF_NONSENSE, "it answered %d before the end of "
		    "the message", m->reply.code);
		return;
	}
	/* The MTA would take further commands for a part of the message. */
	m->flags |= MF_WDEAD;
	if (step_tell(m) == 0)
		mta_fail(m, MTAF_CLOSED, "it answered before the end of the "
		    "message");
}

static void
step_dot(struct mta *m)
{
	if (m->flags & MF_EARLY)
		step_early(m);
	else if (m->reply.code >= 300 && m->reply.code < 400)
		step_refused(m, "the end of the message");
	else
		(void)step_tell(m);
}

static void
step_command(struct mta *m)
{
	if (m->reply.code >= 300 && m->reply.code < 400)
		step_refused(m, "a command");
	else
		(void)step_tell(m);
}

/*
 * A reply is complete.  Before READY, an MTA that sent more than was asked for
 * is not trusted any further, whatever the reply says.
 */
void
mta_step(struct mta *m)
{
	if (m->state < MS_READY && m->state != MS_STARTTLS &&
	    m->reply.code < 400 && mta_has_ahead(m)) {
		if (m->state == MS_CONNECT && is_proxied(m) &&
		    m->ahead.code != 421)
			mta_fail(m, MTAF_CLIENT, "it sent more than its banner "
			    "after the PROXY protocol header");
		else
			mta_fail_ahead(m);
		return;
	}
	switch (m->state) {
	case MS_CONNECT:
		step_banner(m);
		break;
	case MS_EHLO:
		step_ehlo(m);
		break;
	case MS_HELO:
		step_helo(m);
		break;
	case MS_STARTTLS:
		step_starttls(m);
		break;
	case MS_XCLIENT:
		step_xclient(m);
		break;
	case MS_COMMAND:
		step_command(m);
		break;
	case MS_DATA:
		step_data(m);
		break;
	case MS_BODY:
		step_early(m);
		break;
	case MS_DOT:
		step_dot(m);
		break;
	default:
		break;
	}
}
