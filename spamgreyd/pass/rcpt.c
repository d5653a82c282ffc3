/*
 * Pass: what we say of a recipient ourselves, before the MTA is asked.  To the
 * MTA a proxied client looks like us, so that this is where it is kept from
 * being an open relay.  No function here sends or waits.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/smtp/mailaddr.h"
#include "spamgreyd/pass/pass.h"

static int
matches_rule(const struct conf_strings *rules, const char *box)
{
	const struct conf_string	*s;

	TAILQ_FOREACH(s, rules, entry)
		if (mailaddr_match(s->text, box))
			return (1);
	return (0);
}

const char *
rcpt_parse(const struct config *conf, const char *path, int utf8,
    struct mailaddr *m)
{
	return (mailaddr_check_rcpt(path, (utf8 ? MAILADDR_UTF8 : 0u) |
	    (conf->local_routes ? MAILADDR_ROUTES : 0u), m));
}

/*
 * postmaster and abuse of ours are never refused by points and the like.  Where
 * only the MTA knows what is ours, they are so at any domain.
 */
int
rcpt_is_role(const struct session *s, const struct rcpt *r)
{
	const struct config	*conf = s->live->conf;
	const char		*at = strrchr(r->box, '@');

	if (mailaddr_is_role(r->box, conf->hostname))
		return (1);
	if (at == NULL || !mailaddr_is_role(r->box, at + 1))
		return (0);
	return (!conf->pass->relay_check || TAILQ_EMPTY(&conf->domains) ||
	    matches_rule(&conf->domains, r->box) ||
	    (r->is_literal && conf_is_us(conf, &r->literal, &s->ms.dst)));
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
rcpt_relay(const struct conf_pass *p, const struct rcpt *rcpt)
{
	const struct conf_relay	*r;

	TAILQ_FOREACH(r, &p->relays, entry)
		if (matches_rule(&r->domains, rcpt->box))
			return (r);
	return (TAILQ_FIRST(&p->relays));
}

const char *
rcpt_check(const struct session *s, const struct rcpt *r)
{
	const struct config	*conf = s->live->conf;
	int			 inside;

	if (s->kind == HANDOVER_NOT_TO && !matches_rule(&conf->not_to, r->box))
		return ("452 4.5.3 This recipient needs a separate "
		    "transaction, please try again later");
	inside = matches_rule(&conf->domains, r->box);
	/* RFC 5321 lets a server ignore a source route: for ours we do. */
	if (r->routed && !inside)
		return ("550 5.7.1 Source-routed addresses are not accepted "
		    "here");
	if (must_check(conf, rcpt_relay(conf->pass, r)) && !inside &&
	    !rcpt_is_role(s, r))
		return ("550 5.7.1 Relaying to this domain is denied");
	return (NULL);
}

const char *
rcpt_unknown(const struct session *s, const struct rcpt *r)
{
	return (conf_recipient_known(s->live->conf, r->box) ? NULL :
	    "550 5.1.1 No such recipient here");
}
