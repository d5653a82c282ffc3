/*
 * How the last reloads came out.  A reload that starts new processes ends the
 * connection of the command that asked for it, since store ends too.  The
 * command then connects to the next store and asks for the outcome, with the
 * ticket that it gave at first.
 */
#include <sys/types.h>

#include <string.h>

#include "spamgreyd/parent/parent.h"

/* The outcome of that ticket.  NULL: unknown, or no ticket. */
static struct outcome *
find(struct parent *p, const char *ticket)
{
	unsigned int	i;

	if (*ticket == '\0')
		return (NULL);
	for (i = 0; i < PARENT_OUTCOMES; i++)
		if (strcmp(p->outcomes[i].ticket, ticket) == 0)
			return (&p->outcomes[i]);
	return (NULL);
}

/* Only the last PARENT_OUTCOMES are kept: a new one takes the place of the
 * oldest. */
void
outcome_begin(struct parent *p, const char *ticket)
{
	struct outcome	*o;

	if (*ticket == '\0')
		return;
	if ((o = find(p, ticket)) == NULL)
		o = &p->outcomes[p->noutcomes++ % PARENT_OUTCOMES];
	memset(o, 0, sizeof(*o));
	strlcpy(o->ticket, ticket, sizeof(o->ticket));
	o->status = CTL_PENDING;
	o->awaits = AWAITS_REPLY;
}

/* What has to happen before the outcome is known. */
void
outcome_await(struct parent *p, const char *ticket, enum outcome_awaits what)
{
	struct outcome	*o;

	if ((o = find(p, ticket)) != NULL)
		o->awaits = what;
}

static void
settle(struct outcome *o, unsigned int status, const char *text)
{
	o->status = status;
	strlcpy(o->text, text, sizeof(o->text));
}

/* The outcome of one reload is known. */
void
outcome_set(struct parent *p, const char *ticket, unsigned int status,
    const char *text)
{
	struct outcome	*o;

	if ((o = find(p, ticket)) != NULL)
		settle(o, status, text);
}

/* The same event decides all that await it. */
void
outcome_settle(struct parent *p, enum outcome_awaits least,
    unsigned int status, const char *text)
{
	struct outcome	*o;

	for (o = p->outcomes; o < p->outcomes + PARENT_OUTCOMES; o++)
		if (o->status == CTL_PENDING && o->awaits >= least)
			settle(o, status, text);
}

void
outcome_answer(struct parent *p, struct chan *ch, uint64_t id,
    const char *ticket)
{
	const struct outcome	*o;

	if ((o = find(p, ticket)) == NULL)
		parent_answer(ch, id, CTL_NOTFOUND, 0, "the daemon has "
		    "no record of that reload");
	else
		parent_answer(ch, id, o->status, 0, o->text);
}
