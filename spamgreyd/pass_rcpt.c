/*
 * Pass: what we say of a recipient ourselves, before the MTA is asked.  To the
 * MTA a proxied client looks like us, so that this is where it is kept from
 * being an open relay.  No function here sends or waits.
 */
#include <sys/types.h>

#include <string.h>

#include "../lib/mailaddr.h"
#include "pass.h"

static int
matches(const struct conf_strings *rules, const char *to)
{
	const struct conf_string	*s;

	TAILQ_FOREACH(s, rules, entry)
		if (mailaddr_match(s->text, to))
			return (1);
	return (0);
}

/*
 * postmaster and abuse of ours are never refused by points and the like.  Where
 * only the MTA knows what is ours, they are so at any domain.
 */
int
rcpt_is_role(const struct config *conf, const char *to)
{
	char		 domain[MAILADDR_MAX];
	const char	*s;
	size_t		 len;

	if (mailaddr_is_role(to, conf->hostname))
		return (1);
	if ((s = mailaddr_domain(to, &len)) == NULL || len >= sizeof(domain))
		return (0);
	memcpy(domain, s, len);
	domain[len] = '\0';
	return (mailaddr_is_role(to, domain) && (!conf->pass->relay_check ||
	    TAILQ_EMPTY(&conf->domains) || matches(&conf->domains, to)));
}

/*
 * Could the path mean somebody behind another server?  A source route, or a
 * local part with one of the characters that once were routes; quoted or
 * escaped they are there as well, and some MTA takes the quotes off.
 */
static int
is_route(const char *to)
{
	const char	*at, *s;

	if ((at = strrchr(to, '@')) == NULL)
		at = to + strlen(to);
	for (s = to; s < at; s++)
		if (*s == '@' || *s == '%' || *s == '!')
			return (1);
	return (0);
}

/* Is it for us to say?  An MTA that knows the client can do it itself. */
static int
must_check(const struct config *conf, const struct conf_relay *relay)
{
	if (!conf->pass->relay_check)
		return (0);
	return (!TAILQ_EMPTY(&conf->domains) ||
	    relay->client == CLIENT_RECEIVED);
}

const struct conf_relay *
rcpt_relay(const struct conf_pass *p, const char *to)
{
	const struct conf_relay	*r;

	TAILQ_FOREACH(r, &p->relays, entry)
		if (matches(&r->domains, to))
			return (r);
	return (TAILQ_FIRST(&p->relays));
}

/* As store has it: `not to' means the mailbox, however it is spelled. */
static int
is_not_to(const struct config *conf, const char *to)
{
	char	addr[MAILADDR_MAX];

	return (mailaddr_rcpt(to, addr, sizeof(addr)) == 0 &&
	    matches(&conf->not_to, addr));
}

const char *
rcpt_check(const struct session *s, const char *to)
{
	const struct config	*conf = s->pc->conf;

	if (s->kind == HANDOVER_NOT_TO && !is_not_to(conf, to))
		return ("452 4.5.3 This recipient needs a transaction of its "
		    "own, please try again later");
	if (!must_check(conf, rcpt_relay(conf->pass, to)))
		return (NULL);
	if (is_route(to))
		return ("550 5.7.1 Addresses with a route are not taken here");
	if (!matches(&conf->domains, to) && !rcpt_is_role(conf, to))
		return ("550 5.7.1 We do not relay mail for this domain");
	return (NULL);
}

const char *
rcpt_unknown(const struct session *s, const char *to)
{
	return (conf_recipient_known(s->pc->conf, to) ? NULL :
	    "550 5.1.1 There is no such recipient here");
}
