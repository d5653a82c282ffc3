/*
 * Pass: what modules want changed of a message, done when all have had their
 * say: the message into a new spool, the envelope in the transaction, which
 * the MTA is told again when it knows another. Nothing is discarded: without a
 * recipient the message is refused.
 *
 * A large message is rewritten in slices, one a turn of the loop, so that the
 * other sessions need not wait.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/log.h"
#include "spamgreyd/pass/pass.h"

/* The message of a session in the making. */
struct edit_job {
	struct msgslice	*slice;
	struct msgedit	*edit;
	void		(*done)(struct session *, const char *error);
};

/* The accepted recipient that is a spelling of that path; NULL: none. */
static struct rcpt *
rcpt_find(const struct ptx *tx, const char *path)
{
	struct rcpt	*r;
	uint64_t	 hash = mailaddr_hash(path);

	TAILQ_FOREACH(r, &tx->rcpts, entry) {
		if (!r->accepted)
			continue;
		if (r->hash == 0)
			r->hash = mailaddr_hash(r->to);
		if (r->hash == hash && mailaddr_same(r->to, path))
			return (r);
	}
	return (NULL);
}

/*
 * Adds a recipient. Whether it is ours is for the module to know: it is not
 * checked as a client's is. A bad address or one too many is logged and
 * ignored. -1: no memory.
 */
static int
rcpt_more(struct session *s, const struct envelope *e)
{
	struct mailaddr	 m;
	struct rcpt	*r;

	if (rcpt_find(s->tx, e->path) != NULL)
		return (0);
	if (mailaddr_check_rcpt(e->path, MAILADDR_ROUTES |
	    (s->tx->smtputf8 ? MAILADDR_UTF8 : 0u), &m) != NULL) {
		log_event(s->ms.id, "edit", "rcpt-add=ignored why=bad-address");
		return (0);
	}
	s->tx->octets += strlen(e->path) + strlen(e->params) + sizeof(*r);
	if (s->tx->octets > PASS_RCPTS_MAX) {
		log_event(s->ms.id, "edit", "rcpt-add=ignored why=too-many");
		return (0);
	}
	if ((r = ptx_add(s->tx, &m, e->params)) == NULL)
		return (-1);
	r->accepted = r->added = 1;
	s->tx->naccepted++;
	return (0);
}

/* Removes a recipient, as often as the client has named it. */
static void
rcpt_less(struct session *s, const struct envelope *e)
{
	struct rcpt	*r;

	while ((r = rcpt_find(s->tx, e->path)) != NULL) {
		if (r->known)
			relay_restart(s);
		ptx_remove(s->tx, r);
		s->tx->naccepted--;
	}
}

/*
 * Another sender. What the client declared about the message's octets
 * (8BITMIME, SMTPUTF8) stays true and stays declared. -1: no memory.
 */
static int
from_change(struct session *s, const struct envelope *e)
{
	struct ptx	*tx = s->tx;
	char		*from, *params;
	int		 r;

	if (mailaddr_check_sender(e->path) != NULL) {
		log_event(s->ms.id, "edit", "from=ignored why=bad-address");
		return (0);
	}
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

/* All changes of the envelope, in the order of the modules. -1: no memory. */
static int
edit_envelope(struct session *s)
{
	const struct envelope	*e;
	size_t			 i;

	for (i = 0; (e = run_envelope(&s->ms, i)) != NULL; i++) {
		if (e->kind == ENV_DELETE)
			rcpt_less(s, e);
		else if ((e->kind == ENV_ADD ? rcpt_more(s, e) :
		    from_change(s, e)) == -1)
			return (-1);
	}
	s->ms.accepted = s->tx->naccepted;
	return (0);
}

/* The message is that spool from now on. */
static void
message_is(struct session *s, struct spool *made)
{
	spool_free(s->tx->spool);
	s->tx->spool = made;
	s->ms.spool = made;
}

/*
 * What is wanted of the message: the modules' changes, and the tag of the
 * subject of a marked one. *edit NULL: nothing. -1 with errno.
 */
static int
edit_wanted(struct session *s, int mark, struct msgedit **edit)
{
	const char	*tag = s->live->conf->pass->subject_tag;

	errno = ENOMEM;
	if (run_edits(&s->ms, edit) == -1)
		return (-1);
	if (!mark || tag == NULL)
		return (0);
	if ((*edit == NULL && (*edit = msgedit_new()) == NULL) ||
	    msgedit_subject(*edit, tag) == -1) {
		msgedit_free(*edit);
		return (-1);
	}
	return (0);
}

void
edit_cancel(struct session *s)
{
	struct edit_job	*job = s->edit;

	if (job == NULL)
		return;
	s->edit = NULL;
	msgslice_cancel(job->slice);
	msgedit_free(job->edit);
	free(job);
}

/* Logs the error; the reply for it. */
static const char *
edit_failed(const struct session *s, int error)
{
	char	enc[128];

	log_event(s->ms.id, "edit", "error=%s reply=452 "
	    "hint=state-directory-full",
	    log_encode_str(enc, sizeof(enc), strerror(error)));
	return ("452 4.3.1 There is no room for the message; please try again "
	    "later");
}

/*
 * The message is as it will be delivered: now the envelope. NULL, or what to
 * answer.
 */
static const char *
edit_rest(struct session *s)
{
	if (edit_envelope(s) == -1)
		return ("451 4.3.0 Out of memory, please try again later");
	if (s->tx->naccepted == 0) {
		log_event(s->ms.id, "edit", "recipients=none reply=550 "
		    "why=a-module-removed-all");
		return ("550 5.7.1 Message rejected: a filter removed all "
		    "recipients");
	}
	return (NULL);
}

/* The new message, or NULL and error. */
static void
edit_end(struct session *s, struct spool *out, int error)
{
	void	(*done)(struct session *, const char *) = s->edit->done;

	s->edit->slice = NULL;
	edit_cancel(s);
	if (out == NULL) {
		done(s, edit_failed(s, error));
		return;
	}
	message_is(s, out);
	done(s, edit_rest(s));
}

/* From the loop, when slices were needed. */
static void
edit_made(struct spool *out, int error, void *arg)
{
	struct session	*s = arg;
	uint64_t	 key = s->ms.key;

	edit_end(s, out, error);
	if ((s = pass_session_by_key(key)) != NULL)
		pass_settle(s);
}

void
edit_begin(struct session *s, int mark,
    void (*done)(struct session *, const char *error))
{
	struct msgedit	*edit;
	struct spool	*out = run_message(&s->ms);

	if (out != NULL)
		message_is(s, out);
	if (edit_wanted(s, mark, &edit) == -1) {
		done(s, edit_failed(s, errno));
		return;
	}
	if (edit == NULL) {
		done(s, edit_rest(s));
		return;
	}
	if ((s->edit = calloc(1, sizeof(*s->edit))) == NULL) {
		msgedit_free(edit);
		done(s, edit_failed(s, errno));
		return;
	}
	s->edit->edit = edit;
	s->edit->done = done;
	out = NULL;
	if (msgslice_begin(&s->edit->slice, pass.base, edit, s->tx->spool,
	    &out, edit_made, s) != 0)
		edit_end(s, out, errno);
}
