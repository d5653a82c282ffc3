/*
 * Front: what is said to a client. Replies are queued here and written by
 * conn.c. Every line ends in CRLF, and our own 5xx end in `contact'.
 */
#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/smtp/tmpl.h"
#include "spamgreyd/front/front.h"

void
reply(struct conn *c, const char *fmt, ...)
{
	va_list	ap;

	va_start(ap, fmt);
	if (simple_vprintf(&c->io.out, fmt, ap) == -1)
		conn_die(c, END_MEMORY);
	va_end(ap);
}

/* The lines of one text: code, enhanced code, text, in tmpl's manner. */
static void
reply_tmpl(struct conn *c, int code, const char *enhanced, const char *text,
    int64_t seconds, int last)
{
	if (tmpl_reply(&c->io.out, code, enhanced, text, &c->client, seconds,
	    last) == -1)
		conn_die(c, END_MEMORY);
}

static void
reply_contact(struct conn *c, int code, const char *enhanced)
{
	if (tmpl_contact(&c->io.out, code, enhanced, c->live->conf->contact,
	    c->id, &c->client) == -1)
		conn_die(c, END_MEMORY);
}

void
reply_5xx(struct conn *c, int code, const char *enhanced, const char *text)
{
	int	contact = c->live->conf->contact != NULL;

	reply_tmpl(c, code, enhanced, text, 0, !contact);
	if (contact)
		reply_contact(c, code, enhanced);
}

void
reply_banner(struct conn *c)
{
	reply(c, "220 %s ESMTP; %s\r\n", c->live->conf->hostname,
	    simple_date());
}

/*
 * The extensions that EHLO may offer; *size: of SIZE, 0: no limit. What is
 * said once is meant by pass too: without pass, what any server has; with it,
 * what the mail server behind it has, once that is known. Until then SMTPUTF8
 * all the same, as a sender that finds it missing bounces the message.
 */
static uint32_t
offer(const struct conn *c, uint64_t *size)
{
	const struct config	*conf = c->live->conf;
	uint32_t		 sized;

	*size = conf->limit.message_size;
	sized = *size > 0 ? CAPS_SIZE : 0;
	if (conf->pass == NULL)
		return (CAPS_8BITMIME | CAPS_SMTPUTF8 | CAPS_DSN |
		    CAPS_ENHANCED | sized);
	if (!front.caps.known)
		return (CAPS_8BITMIME | CAPS_SMTPUTF8 | sized);
	if (front.caps.size != 0 && (*size == 0 || front.caps.size < *size))
		*size = front.caps.size;
	return (front.caps.keywords & (CAPS_8BITMIME | CAPS_SMTPUTF8 |
	    CAPS_DSN | CAPS_ENHANCED | CAPS_SIZE));
}

uint64_t
reply_size_max(const struct conn *c)
{
	uint64_t	size;

	(void)offer(c, &size);
	return (size);
}

/* One extension; the last line of the reply has a blank for its hyphen. */
static void
offer_line(struct conn *c, uint32_t *left, uint32_t bit, const char *word)
{
	if (!(*left & bit))
		return;
	*left &= ~bit;
	reply(c, "250%c%s\r\n", *left == 0 ? ' ' : '-', word);
}

/*
 * Nothing is offered that the mail server behind might not have, and nothing
 * that makes a client send more before it has our answer (PIPELINING).
 */
void
reply_ehlo(struct conn *c)
{
	const struct config	*conf = c->live->conf;
	uint64_t		 size;
	uint32_t		 left;
	char			 word[32];

	left = offer(c, &size);
	/* Not to hosts of the tarpit, and not to unknown hosts when many are
	 * under TLS: each takes the memory of a hundred in clear. */
	if (c->io.cert != NULL && c->io.tls == NULL && !conn_is_black(c) &&
	    front_tls_room(c))
		left |= CAPS_STARTTLS;
	c->offered = (uint8_t)left;
	reply(c, "250%c%s\r\n", left == 0 ? ' ' : '-', conf->hostname);
	offer_line(c, &left, CAPS_8BITMIME, "8BITMIME");
	offer_line(c, &left, CAPS_SMTPUTF8, "SMTPUTF8");
	offer_line(c, &left, CAPS_DSN, "DSN");
	if (size > 0)
		snprintf(word, sizeof(word), "SIZE %llu",
		    (unsigned long long)size);
	else
		strlcpy(word, "SIZE", sizeof(word));
	offer_line(c, &left, CAPS_SIZE, word);
	offer_line(c, &left, CAPS_STARTTLS, "STARTTLS");
	offer_line(c, &left, CAPS_ENHANCED, "ENHANCEDSTATUSCODES");
}

/* The text of `grey reply' with the seconds left. */
void
reply_grey(struct conn *c, int64_t left)
{
	reply_tmpl(c, c->live->grey_code, c->live->grey_enhanced,
	    c->live->grey_text, left, 1);
}

static const char *
list_message(const struct conf_list *l)
{
	return (l->message != NULL ? l->message :
	    "Your address %A is on a list of senders of spam");
}

/*
 * The end of the tarpit: the message of the trap and of every list the host
 * is on.  One reply has one code: 550 where any of them says so.
 */
void
reply_refused(struct conn *c)
{
	const struct config	*conf = c->live->conf;
	const struct conf_list	*lists[ADDRSET_LISTS_MAX], *l;
	unsigned int		 i, n = 0;
	int			 code, contact;
	const char		*enhanced;

	code = c->kind == KIND_TRAPPED ? conf->trap_reply : 450;
	for (i = 0; i < ADDRSET_LISTS_MAX; i++) {
		if (!(c->lists & UINT64_C(1) << i) ||
		    (l = config_list(conf, i)) == NULL)
			continue;
		lists[n++] = l;
		if (l->reply == 550)
			code = 550;
	}
	enhanced = code == 550 ? "5.7.1" : "4.7.1";
	contact = code == 550 && conf->contact != NULL;
	if (c->kind == KIND_TRAPPED)
		reply_tmpl(c, code, enhanced, conf->trap_message, 0,
		    n == 0 && !contact);
	for (i = 0; i < n; i++)
		reply_tmpl(c, code, enhanced, list_message(lists[i]), 0,
		    i == n - 1 && !contact);
	if (contact)
		reply_contact(c, code, enhanced);
}
