/*
 * Pass: what modules want changed of a message, done when all have spoken: the
 * message into a new spool, the envelope in the transaction, which the MTA is
 * told anew when it knows another.  Nothing is discarded: without a recipient
 * the message is refused.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../lib/log.h"
#include "pass.h"

/* Between the paths' brackets, any case. */
static struct rcpt *
rcpt_find(const struct ptx *tx, const char *path)
{
	struct rcpt	*r;

	TAILQ_FOREACH(r, &tx->rcpts, entry)
		if (r->accepted && strcasecmp(r->to, path) == 0)
			return (r);
	return (NULL);
}

static int
rcpt_more(struct session *s, const struct envelope *e)
{
	struct rcpt	*r;

	if (rcpt_find(s->tx, e->path) != NULL)
		return (0);
	s->tx->octets += strlen(e->path) + strlen(e->params) + sizeof(*r);
	if (s->tx->octets > PASS_RCPTS_MAX) {
		log_event(s->ms.id, "edit", "rcpt-add=ignored why=too-many");
		return (0);
	}
	if ((r = ptx_add(s->tx, e->path, e->params)) == NULL)
		return (-1);
	r->accepted = r->added = 1;
	s->tx->naccepted++;
	return (0);
}

static void
rcpt_less(struct session *s, const struct envelope *e)
{
	struct rcpt	*r = rcpt_find(s->tx, e->path);

	if (r == NULL)
		return;
	if (r->known)
		relay_restart(s);
	ptx_remove(s->tx, r);
	s->tx->naccepted--;
}

/* What the client said of the message's octets stays true. */
static int
from_change(struct session *s, const struct envelope *e)
{
	struct ptx	*tx = s->tx;
	char		*from, *params;
	int		 r;

	if (e->params[0] == '\0')
		r = asprintf(&params, "%s", tx->params);
	else
		r = asprintf(&params, "%s%s%s", e->params,
		    strcasestr(tx->params, "BODY=8BITMIME") != NULL &&
		    strcasestr(e->params, "BODY=") == NULL ?
		    " BODY=8BITMIME" : "", tx->smtputf8 &&
		    strcasestr(e->params, "SMTPUTF8") == NULL ?
		    " SMTPUTF8" : "");
	if (r == -1)
		return (-1);
	if ((from = strdup(e->path)) == NULL) {
		free(params);
		return (-1);
	}
	free(tx->from);
	free(tx->params);
	tx->from = from;
	tx->params = params;
	s->ms.from = tx->from;
	s->ms.from_params = tx->params;
	relay_restart(s);
	return (0);
}

static int
edit_envelope(struct session *s)
{
	const struct envelope	*e;
	size_t			 i;

	for (i = 0; (e = run_envelope(s, i)) != NULL; i++) {
		if (e->kind == ENV_DELETE)
			rcpt_less(s, e);
		else if ((e->kind == ENV_ADD ? rcpt_more(s, e) :
		    from_change(s, e)) == -1)
			return (-1);
	}
	s->ms.accepted = s->tx->naccepted;
	return (0);
}

static void
message_is(struct session *s, struct spool *made)
{
	spool_free(s->tx->spool);
	s->tx->spool = made;
	s->ms.spool = made;
}

/* The message as it is to be delivered; -1: errno. */
static int
edit_message(struct session *s, int mark)
{
	const char	*tag = s->pc->conf->pass->subject_tag;
	struct msgedit	*e;
	struct spool	*made;
	int		 saved;

	if ((made = run_message(s)) != NULL)
		message_is(s, made);
	errno = ENOMEM;
	if (run_edits(s, &e) == -1)
		return (-1);
	if (mark && tag != NULL) {
		if ((e == NULL && (e = msgedit_new()) == NULL) ||
		    msgedit_subject(e, tag) == -1) {
			msgedit_free(e);
			return (-1);
		}
	}
	if (e == NULL)
		return (0);
	made = msgedit_apply(e, s->tx->spool);
	saved = errno;
	msgedit_free(e);
	if (made == NULL) {
		errno = saved;
		return (-1);
	}
	message_is(s, made);
	return (0);
}

const char *
edit_apply(struct session *s, int mark)
{
	if (edit_message(s, mark) == -1) {
		log_event(s->ms.id, "edit", "error=%s (the client gets 452; is "
		    "there room in the state directory?)", strerror(errno));
		return ("452 4.3.1 There is no room for the message, please "
		    "try again later");
	}
	if (edit_envelope(s) == -1)
		return ("451 4.3.0 Out of memory, please try again later");
	if (s->tx->naccepted == 0) {
		log_event(s->ms.id, "edit", "recipients=none (a module took "
		    "all of them away: refused, as nothing is discarded)");
		return ("550 5.7.1 The message is not wanted here: no "
		    "recipient is left");
	}
	return (NULL);
}
