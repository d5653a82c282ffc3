/*
 * Pass: the client's name. It is looked up in the background when the client
 * connects. Only a stage that passes it on waits for it: CONNECT for modules
 * that ask for it, MAIL when the MTA is told by XCLIENT, and EOM, where
 * scanners and our Received line want it. None waits longer than the budget,
 * which began at the connection; after that the client has no name.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/dns/rdns.h"
#include "spamgreyd/pass/pass.h"

/* The answer, or the end of the budget. */
static void
name_found(enum rdns_status status, const char *name, void *arg)
{
	struct session	*s = arg;
	void		(*done)(struct session *, const struct verdict *);

	s->rdns = NULL;
	if (name[0] != '\0' && (s->name = strdup(name)) == NULL)
		status = RDNS_TEMP;
	s->ms.resolve = rdns_status_str(status);
	s->ms.ptr = s->name;
	s->ms.name = status == RDNS_OK ? s->name : NULL;
	if ((done = s->named) == NULL)
		return;
	s->named = NULL;
	run_stage(&s->ms, s->named_stage, done);
	pass_settle(s);
}

/* The machine itself is not looked up. */
void
name_start(struct session *s)
{
	int64_t	budget = s->live->conf->pass->client_name;

	s->ms.resolve = rdns_status_str(RDNS_FAIL);
	if (budget == 0 || s->ms.loopback)
		return;
	s->ms.resolve = rdns_status_str(RDNS_TEMP);
	s->rdns = rdns_ask(&s->ms.client, budget * 1000, name_found, s);
}

/* Does this stage pass the name on? */
static int
is_wanted(const struct session *s, enum stage stage)
{
	const struct conf_relay	*r;

	if (stage == STAGE_CONNECT)
		return (chain_names(s->live->chain));
	if (stage == STAGE_EOM)
		return (1);
	TAILQ_FOREACH(r, &s->live->conf->pass->relays, entry)
		if (r->client == CLIENT_XCLIENT)
			return (stage == STAGE_MAIL);
	return (0);
}

int
name_awaited(const struct session *s, enum stage stage)
{
	return (s->rdns != NULL && is_wanted(s, stage));
}

void
name_stage(struct session *s, enum stage stage,
    void (*done)(struct session *, const struct verdict *))
{
	if (!name_awaited(s, stage)) {
		run_stage(&s->ms, stage, done);
		return;
	}
	s->named = done;
	s->named_stage = stage;
}

void
name_cancel(struct session *s)
{
	s->named = NULL;
}

void
name_end(struct session *s)
{
	rdns_cancel(s->rdns);
	s->rdns = NULL;
	free(s->name);
	s->name = NULL;
	s->ms.name = s->ms.ptr = NULL;
}
