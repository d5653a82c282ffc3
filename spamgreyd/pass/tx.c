/*
 * Pass: a mail transaction as data: made, added to, freed. No reply and no
 * message is sent here.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/smtp/param.h"
#include "spamgreyd/pass/pass.h"

/* Blanks between parameters become one space each: a tab goes to no MTA. */
static char *
copy_params(const char *params, size_t len)
{
	char	*copy, *d;
	size_t	 i;

	if ((copy = d = malloc(len + 1)) == NULL)
		return (NULL);
	for (i = 0; i < len; i++) {
		if (params[i] != ' ' && params[i] != '\t')
			*d++ = params[i];
		else if (d > copy && d[-1] != ' ')
			*d++ = ' ';
	}
	*d = '\0';
	return (copy);
}

/* params: "" none. Copies both. NULL: no memory. */
struct ptx *
ptx_new(const char *from, const char *params)
{
	struct param_mail	 pm;
	struct ptx		*tx;

	if ((tx = calloc(1, sizeof(*tx))) == NULL)
		return (NULL);
	TAILQ_INIT(&tx->rcpts);
	tx->from = strdup(from);
	tx->params = copy_params(params, strlen(params));
	if (tx->from == NULL || tx->params == NULL) {
		ptx_destroy(tx);
		return (NULL);
	}
	(void)param_mail(tx->params, strlen(tx->params), CAPS_ALL, 0, &pm);
	tx->smtputf8 = pm.smtputf8;
	return (tx);
}

void
ptx_remove(struct ptx *tx, struct rcpt *r)
{
	TAILQ_REMOVE(&tx->rcpts, r, entry);
	free(r->to);
	free(r->box);
	free(r->params);
	free(r);
}

/* Adds a recipient with a copy of its parameters. NULL: no memory. */
struct rcpt *
ptx_add(struct ptx *tx, const struct mailaddr *m, const char *params)
{
	struct rcpt	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	r->to = strdup(m->path);
	r->box = strdup(m->box);
	r->routed = m->routed != 0;
	r->is_literal = m->is_literal != 0;
	r->literal = m->literal;
	r->params = copy_params(params, strlen(params));
	TAILQ_INSERT_TAIL(&tx->rcpts, r, entry);
	if (r->to == NULL || r->box == NULL || r->params == NULL) {
		ptx_remove(tx, r);
		return (NULL);
	}
	return (r);
}

/* Frees a transaction that belongs to no session (any more), with its spool. */
void
ptx_destroy(struct ptx *tx)
{
	struct rcpt	*r;

	if (tx == NULL)
		return;
	while ((r = TAILQ_FIRST(&tx->rcpts)) != NULL)
		ptx_remove(tx, r);
	body_free(tx);
	free(tx->from);
	free(tx->params);
	free(tx);
}

/*
 * Ends the session's transaction, if there is one: what modules see of it,
 * what is kept for it, and edits that are under way. If the MTA has half of
 * it, RSET is due.
 */
void
ptx_free(struct session *s)
{
	if (s->tx == NULL)
		return;
	edit_cancel(s);
	if (s->tx->mailed && s->mta != NULL)
		s->dialogue.dirty = 1;
	free(s->dialogue.mta_reply.text);
	memset(&s->dialogue.mta_reply, 0, sizeof(s->dialogue.mta_reply));
	buf_free(&s->dialogue.head);
	s->dialogue.rcpt = s->dialogue.asked = NULL;
	ptx_destroy(s->tx);
	s->tx = NULL;
	run_message_over(&s->ms);
	s->ms.from = s->ms.from_params = NULL;
	s->ms.rcpt = s->ms.rcpt_params = NULL;
	s->ms.spool = NULL;
	s->ms.rcpt_is_role = s->ms.reply_code = 0;
	s->ms.accepted = 0;
	s->ms.events |= s->dialogue.events;
	s->dialogue.events = 0;
}
