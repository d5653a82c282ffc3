/*
 * Modules that change a message by positions in it run one after the other at
 * EOM (module.in_turn).  This file makes what the next of them sees: the
 * message and its envelope with the changes of the modules before it.  The role
 * takes the result only when all modules have answered (run_message).
 *
 * s->mods->message is the message so far, NULL while it is unchanged;
 * s->mods->making is the job that makes the next one.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/smtp/mailaddr.h"
#include "spamgreyd/runner/runner_int.h"

/* Stops making a message.  The message so far stays. */
void
turn_stop(struct msession *s)
{
	msgslice_cancel(s->mods->making);
	s->mods->making = NULL;
}

void
turn_clear(struct msession *s)
{
	if (s->mods == NULL)
		return;
	turn_stop(s);
	spool_free(s->mods->message);
	s->mods->message = NULL;
}

/* Returns 1 if a module in turn is waited for or its changes are being made. */
int
turn_busy(const struct msession *s)
{
	size_t	i;

	for (i = 0; i < s->mods->n; i++)
		if (s->mods->one[i].waits && s->mods->chain->link[i].mod->in_turn)
			return (1);
	return (s->mods->making != NULL);
}

/* Returns 1 if the changes of module i count for others. */
static int
counts(const struct msession *s, size_t i)
{
	return (s->mods->chain->link[i].mod->in_turn &&
	    !s->mods->chain->link[i].log_only);
}

/*
 * The message with the last module's changes is made, or it could not be: then
 * the message is deferred with 452, because usually the disk is full.
 */
static void
made(struct msession *s, struct spool *out, int error)
{
	char	enc[128];

	if (out == NULL) {
		/* The module whose turn it was last. */
		log_event(s->id,
		    s->mods->chain->link[s->mods->run.next - 1].mod->name,
		    "error=%s reply=452 hint=state-directory-full",
		    log_encode_str(enc, sizeof(enc), strerror(error)));
		s->mods->run.refusal = verdict_tempfail(452, "4.3.1", "There "
		    "is no room for the message; please try again later");
		return;
	}
	turn_clear(s);
	s->mods->message = out;
}

/* Called from the event loop; wakes the run. */
static void
made_later(struct spool *out, int error, void *arg)
{
	struct msession	*s = arg;

	s->mods->making = NULL;
	made(s, out, error);
	event_active(&s->mods->ev, EV_TIMEOUT, 0);
}

/*
 * Module i has answered: makes the message with its changes.  A small message
 * is made at once, a large one in slices from the event loop.
 */
void
turn_done(struct msession *s, size_t i)
{
	const struct chain_link	*link = &s->mods->chain->link[i];
	const struct msgedit	*e = s->mods->one[i].edit;
	struct spool		*out = NULL;

	if (e == NULL || msgedit_empty(e))
		return;
	log_event(s->id, link->mod->name, "%schanges=message",
	    link->log_only ? "log-only " : "");
	if (!link->log_only && msgslice_begin(&s->mods->making, runner_base, e,
	    module_message(s), &out, made_later, s) != 0)
		made(s, out, errno);
}

int
turn_moved(const struct msession *s, const char *name, int from_end)
{
	size_t	i;

	for (i = 0; i < s->mods->n; i++)
		if (counts(s, i) && s->mods->one[i].edit != NULL &&
		    msgedit_moves(s->mods->one[i].edit, name,
		    from_end))
			return (1);
	return (0);
}

/* The caller gets the message and must free it. */
struct spool *
run_message(struct msession *s)
{
	struct spool	*message;

	if (s->mods == NULL)
		return (NULL);
	message = s->mods->message;
	s->mods->message = NULL;
	return (message);
}

void
run_message_over(struct msession *s)
{
	turn_clear(s);
}

const struct spool *
module_message(struct msession *s)
{

	return (s->mods == NULL || s->mods->message == NULL ? s->spool :
	    s->mods->message);
}

/* --- the envelope */

/* Adds a recipient unless it is there already. */
static void
rcpt_put(struct module_envelope *e, const char *path, const char *params,
    int added)
{
	uint64_t	hash = mailaddr_hash(path);
	size_t		i;

	for (i = 0; i < e->nrcpts; i++)
		if (e->rcpts[i].hash == hash &&
		    mailaddr_same(e->rcpts[i].path, path))
			return;
	e->rcpts[e->nrcpts].hash = hash;
	e->rcpts[e->nrcpts].path = path;
	e->rcpts[e->nrcpts].params = params;
	e->rcpts[e->nrcpts++].added = added;
}

/* Removes a recipient, in all its spellings. */
static void
rcpt_take(struct module_envelope *e, const char *path)
{
	uint64_t	hash = mailaddr_hash(path);
	size_t		i, n = 0;

	for (i = 0; i < e->nrcpts; i++)
		if (e->rcpts[i].hash != hash || !mailaddr_same(e->rcpts[i].path, path))
			e->rcpts[n++] = e->rcpts[i];
	e->nrcpts = n;
}

/* Applies one change to the envelope. */
static void
change(struct module_envelope *e, const struct envelope *c)
{
	e->changed = 1;
	switch (c->kind) {
	case ENV_ADD:
		rcpt_put(e, c->path, c->params, 1);
		break;
	case ENV_DELETE:
		rcpt_take(e, c->path);
		break;
	case ENV_FROM:
		e->from = c->path;
		if (c->params[0] != '\0')
			e->params = c->params;
		break;
	}
}

/*
 * The most recipients that there can be: all of the client's and one for each
 * change.  At least one is allocated.
 */
static size_t
rcpts_most(const struct msession *s, size_t before)
{
	const void		*at = NULL;
	const char		*params;
	size_t			 i, n = 1;

	while (runner->rcpt(s->mods->owner, &at, &params) != NULL)
		n++;
	for (i = 0; i < before; i++)
		n += s->mods->one[i].nenvelope;
	return (n);
}

/*
 * The client's own recipients may contain one twice: as often as the client
 * named it.  The texts are those of the session and of the modules; only the
 * array is the caller's.
 */
int
module_envelope(struct msession *s, const struct module *mod,
    struct module_envelope *e)
{
	const void		*at = NULL;
	const char		*path, *params;
	size_t			 i, k, last;

	memset(e, 0, sizeof(*e));
	e->from = s->from;
	e->params = s->from_params;
	for (last = 0; last < s->mods->n &&
	    s->mods->chain->link[last].mod != mod; last++)
		;
	e->rcpts = calloc(rcpts_most(s, last), sizeof(e->rcpts[0]));
	if (e->rcpts == NULL)
		return (-1);
	while ((path = runner->rcpt(s->mods->owner, &at, &params)) != NULL) {
		e->rcpts[e->nrcpts].hash = mailaddr_hash(path);
		e->rcpts[e->nrcpts].path = path;
		e->rcpts[e->nrcpts++].params = params;
	}
	for (i = 0; i < last; i++)
		for (k = 0; counts(s, i) && k < s->mods->one[i].nenvelope; k++)
			change(e, &s->mods->one[i].envelope[k]);
	return (0);
}
