/*
 * What a filter's answers mean: verdicts for the session, for a recipient or
 * for the message, and changes of the message.  Mail is never discarded: a
 * filter that asks for that causes a refusal, so that the sender is told.
 */
#include <sys/types.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/modules/milter/milter.h"

/* Characters of a filter's reason in a reply. */
#define REASON_MAX	120
/*
 * Bytes that a new body may have in addition to twice the size of the message.
 */
#define BODY_MORE	(16 * 1024 * 1024)

/* Copies the filter's text for a reply: printable ASCII of bounded length. */
static const char *
clean(const char *text, char dst[REASON_MAX + 1])
{
	size_t	i;

	for (i = 0; i < REASON_MAX && text[i] != '\0'; i++)
		dst[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	dst[i] = '\0';
	return (dst);
}

/* The refusal for a message that the filter wants to quarantine. */
static struct verdict
held(const struct milter *m, const char *reason)
{
	char	text[REASON_MAX + 1];

	clean(reason, text);
	return (m->conf->hold_tempfail ? verdict_tempfail(451, "4.7.1",
	    "The message cannot be accepted now: %s", text) :
	    verdict_reject(550, "5.7.1", "The message was rejected by a "
	    "filter: %s",
	    text));
}

/*
 * The filter gave a reply of its own.  Its code is from 400 to 599 (proto.c);
 * 421 ends the session.
 */
static struct verdict
reply_of(const struct mp_answer *a)
{
	const char	*text = a->text[0] != '\0' ? a->text :
			    "Command rejected by a filter";
	const char	*enhanced = a->enhanced;

	if (a->code == 421)
		return (verdict_close(0, 421, *enhanced != '\0' ? enhanced :
		    "4.7.0", "%s", text));
	if (a->code < 500)
		return (verdict_tempfail(a->code, *enhanced != '\0' ?
		    enhanced : "4.7.1", "%s", text));
	return (verdict_reject(a->code, *enhanced != '\0' ? enhanced :
	    "5.7.1", "%s", text));
}

/* The verdict for an answer that refuses. */
static struct verdict
verdict_of(const struct milter *m, const struct mp_answer *a)
{
	switch (a->kind) {
	case MP_TEMPFAIL:
		return (verdict_tempfail(451, "4.7.1", "Service unavailable; "
		    "please try again later"));
	case MP_REPLYCODE:
		return (reply_of(a));
	case MP_SHUTDOWN:
		return (verdict_close(0, 421, "4.7.0", "Closing the "
		    "connection; please try again later"));
	case MP_DISCARD:
		module_count(m->conf->me, MC_DISCARDED);
		return (verdict_reject(550, "5.7.1", "The message was "
		    "rejected by a filter"));
	default:
		return (verdict_reject(550, "5.7.1", "Command rejected"));
	}
}

/*
 * Notes one change of the message or the envelope.  Returns 0, or -1 if it is
 * invalid, there are too many, or there is no memory.
 */
static int
change(const struct milter *m, struct msession *s, const struct mp_answer *a)
{
	const struct module	*me = m->conf->me;
	struct msgedit		*e = module_edit(s, me);

	if (e == NULL)
		return (-1);
	switch (a->kind) {
	case MP_ADDHEADER:
		return (msgedit_add(e, a->name, a->value));
	case MP_INSHEADER:
		/*
		 * The places 0 and 1 both mean: below our own trace line, which
		 * is the first field of the message as mail servers count them.
		 */
		return (msgedit_insert(e, a->index, a->name, a->value));
	case MP_CHGHEADER:
		return (msgedit_change(e, a->index == 0 ? 1 : a->index,
		    a->name, *a->value == '\0' ? NULL : a->value));
	case MP_REPLBODY:
		return (msgedit_body(e, a->body, a->len));
	case MP_RCPT:
		return (module_rcpt_add(s, me, a->path, a->params));
	case MP_NORCPT_MORE:
		return (module_rcpt_delete(s, me, a->path));
	case MP_FROM:
		return (module_from_change(s, me, a->path, a->params));
	default:
		return (-1);
	}
}

/*
 * A change.  It must be one that was negotiated, and only comes after the end
 * of the message.  The sizes of all pieces of a new body are added up.
 */
static void
changes(struct milter *m, struct msession *s, const struct mp_answer *a)
{
	if (m->asked != STEP_END) {
		milter_fail(m, "it changes a message that it has not received");
		return;
	}
	if ((m->options.actions & a->action) == 0) {
		milter_fail(m, "it requested an action that it did not "
		    "negotiate");
		return;
	}
	if (a->kind == MP_HOLD) {
		m->hold = held(m, a->reason);
		return;
	}
	m->new_body += a->len;
	if (m->new_body > 2 * spool_size(m->message) + BODY_MORE) {
		milter_fail(m, "its new body is too large");
		return;
	}
	if (change(m, s, a) == -1)
		milter_fail(m, "a change that it requested cannot be made "
		    "(invalid, too many, or out of memory)");
}

/* The filter has given its final answer to the message. */
static void
end_message(struct milter *m, struct verdict v)
{
	m->in_message = 0;
	m->decided = 1;
	m->fate = v;
	scan_outcome(m->conf->scan, NULL);
	milter_finish(m, v);
}

/*
 * The filter accepts without seeing the rest: at CONNECT and HELO the whole
 * session, later the transaction.
 */
static void
accepted(struct milter *m)
{
	if (m->asked <= STEP_HELO) {
		m->state = MILTER_OVER;
		scan_outcome(m->conf->scan, NULL);
		milter_finish(m, verdict_next());
	} else
		end_message(m, verdict_next());
}

/*
 * The filter refuses a recipient that a filter before it has added.  The
 * recipient is removed, as if the mail server had refused it.  The client did
 * not name it, so it need not be told.
 */
static void
not_added(struct milter *m, struct msession *s)
{
	if (module_rcpt_delete(s, m->conf->me, m->env.rcpts[m->rcpt - 1].path)
	    == -1)
		milter_fail(m, "out of memory");
	else
		milter_advance(m, s);
}

/*
 * The filter refuses.  What it refused determines how long that holds: the
 * session at CONNECT and HELO (m->refusal), one recipient at RCPT, otherwise
 * the transaction (m->fate).
 */
static void
refused(struct milter *m, struct msession *s, const struct mp_answer *a)
{
	struct verdict	v = verdict_of(m, a);

	if (m->again && m->asked == STEP_RCPT && a->kind != MP_DISCARD &&
	    v.kind != VERDICT_CLOSE && m->env.rcpts[m->rcpt - 1].added) {
		not_added(m, s);
		return;
	}
	if (m->asked <= STEP_HELO) {
		m->refusal = v;
		m->refused_at = m->asked;
	} else if (m->asked == STEP_END) {
		end_message(m, v);
		return;
	} else if (m->asked != STEP_RCPT || a->kind == MP_DISCARD) {
		m->decided = 1;
		m->fate = v;
	}
	milter_finish(m, v);
}

/*
 * The answer that ends a step.  Continue sends the next step; after the end of
 * the message it is the final answer, which may be a quarantine that was asked
 * for before.
 */
static void
ended(struct milter *m, struct msession *s, const struct mp_answer *a)
{
	m->wait = WAIT_NOTHING;
	event_del(&m->timer);
	switch (a->kind) {
	case MP_CONTINUE:
		break;
	case MP_ACCEPT:
		if (m->asked == STEP_END)
			break;
		accepted(m);
		return;
	case MP_SKIPS:
		if (m->asked != STEP_BODY ||
		    (m->options.steps & MP_SKIP) == 0) {
			milter_fail(m, "it skips something other than the "
			    "body");
			return;
		}
		m->step = STEP_END;
		break;
	case MP_CONNFAIL:
		milter_fail(m, "it reports that it has failed");
		return;
	default:
		refused(m, s, a);
		return;
	}
	if (m->asked == STEP_END) {
		if (m->hold.kind != VERDICT_NEXT)
			module_count(m->conf->me, MC_HELD);
		end_message(m, m->hold);
	} else
		milter_advance(m, s);
}

/* The answer to our offer of options: the conversation begins with CONNECT. */
static void
negotiated(struct milter *m, struct msession *s, const struct mp_packet *p)
{
	const char	*why;

	if (mp_negotiated(p, &m->options, &why) == -1) {
		milter_fail(m, why);
		return;
	}
	event_del(&m->timer);
	m->state = MILTER_READY;
	m->ready_once = 1;
	m->step = STEP_CONNECT;
	milter_advance(m, s);
}

/*
 * One packet.  Progress only starts the timer again; it may come while the
 * filter looks at a message.
 */
static void
one_packet(struct milter *m, struct msession *s, const struct mp_packet *p)
{
	struct mp_answer	 a;
	const char		*why;

	if (m->state == MILTER_OFFERED) {
		negotiated(m, s, p);
		return;
	}
	if (mp_answer(p, &a, &why) == -1) {
		milter_fail(m, why);
		return;
	}
	if (a.kind == MP_PROGRESS) {
		if (m->wait == WAIT_ANSWER)
			milter_timer(m, m->asked == STEP_END ?
			    m->conf->message : m->conf->command);
	} else if (m->wait != WAIT_ANSWER)
		milter_fail(m, "it sent an answer without a question");
	else if (a.kind >= MP_ADDHEADER)
		changes(m, s, &a);
	else
		ended(m, s, &a);
}

/*
 * An answer may close the connection; then all input belonged to the old one.
 * The session itself cannot end here, because module_resume continues it from
 * the event loop.
 */
size_t
milter_packets(struct milter *m, const uint8_t *data, size_t len)
{
	const struct scan_conn	*conn = m->conn;
	struct msession		*s = module_session(m->key);
	struct mp_packet	 p;
	size_t			 used = 0;
	ssize_t			 n = 0;

	while (s != NULL && m->conn == conn &&
	    (n = mp_take(data + used, len - used, &p)) > 0) {
		used += (size_t)n;
		one_packet(m, s, &p);
	}
	if (m->conn != conn)
		return (len);
	if (n == -1) {
		milter_fail(m, "it sent a packet of an invalid length");
		return (len);
	}
	return (used);
}
