/*
 * What the runner of the modules calls of a session: struct runner_ops.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include "spamgreyd/pass/pass.h"

static struct msession *
runner_find(uint64_t key)
{
	struct session	*s = pass_session_by_key(key);

	return (s == NULL ? NULL : &s->ms);
}

static void
runner_teaser(struct session *s, const char *text)
{
	pass_reply(s, "220-%s\r\n", text);
}

static int
runner_only_roles(const struct session *s)
{
	return (s->tx != NULL && s->tx->rcpt_kinds == RCPTS_ROLES);
}

/* The accepted recipients in turn; *at is where it is. */
static const char *
runner_rcpt(const struct session *s, const void **at, const char **params)
{
	const struct rcpt	*r = *at;

	if (s->tx == NULL)
		return (NULL);
	r = r == NULL ? TAILQ_FIRST(&s->tx->rcpts) : TAILQ_NEXT(r, entry);
	while (r != NULL && !r->accepted)
		r = TAILQ_NEXT(r, entry);
	if ((*at = r) == NULL)
		return (NULL);
	*params = r->params;
	return (r->to);
}

const struct runner_ops	pass_runner = {
	.find = runner_find,
	.settle = pass_settle,
	.teaser = runner_teaser,
	.event = pass_store_event,
	.only_roles = runner_only_roles,
	.rcpt = runner_rcpt
};
