/*
 * One session's conversation with a filter: its connection, the step that comes
 * next, how long to wait for an answer, and what holds after the connection is
 * lost.  A connection lasts as long as the session.  If it is lost outside of a
 * message, the next message connects again and first sends who the client is.
 * The bytes of packets are proto.c's.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/modules/milter/milter.h"

/* Bytes: when less than that is queued, sending continues. */
#define ROOM		(64 * 1024)
/*
 * Milliseconds until a filter that could not be reached is tried again within a
 * session.
 */
#define AGAIN		60000
/* Milliseconds of work, after which other sessions get their turn. */
#define SLICE_MS	3
/* Milliseconds that a hook waits at most, whatever the settings are. */
#define HOOK_MAX	300000

/* The farewell: QUIT, or ABORT and QUIT within a message. */
static const uint8_t	quit[] = { 0, 0, 0, 1, 'Q' };
static const uint8_t	abort_quit[] = { 0, 0, 0, 1, 'A', 0, 0, 0, 1, 'Q' };

static void	connect_next(struct milter *);

void
milter_timer(struct milter *m, int64_t ms)
{
	struct timeval	tv;

	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	if (evtimer_add(&m->timer, &tv) == -1)
		log_warnx("milter: cannot set a timer");
}

/*
 * Closes the connection at once and forgets what was negotiated on it.  The
 * next connection begins at CONNECT.
 */
static void
drop(struct milter *m, enum milter_state state)
{
	scan_close(m->conn);
	m->conn = NULL;
	mp_options_clear(&m->options);
	event_del(&m->timer);
	m->state = state;
	m->wait = WAIT_NOTHING;
	m->step = STEP_CONNECT;
	m->in_message = m->helo_said = 0;
}

/* Closes the connection in order, with the farewell that the protocol wants. */
static void
hang_up(struct milter *m, enum milter_state state)
{
	if (m->state == MILTER_READY && m->in_message)
		scan_last_words(m->conn, abort_quit, sizeof(abort_quit));
	else if (m->state == MILTER_READY || m->state == MILTER_OVER)
		scan_last_words(m->conn, quit, sizeof(quit));
	else
		scan_close(m->conn);
	m->conn = NULL;
	drop(m, state);
}

/* No hook waits any more; the envelope of the message is freed. */
static void
at_rest(struct milter *m)
{
	m->goal = STEP_DONE;
	m->again = 0;
	free(m->env.rcpts);
	memset(&m->env, 0, sizeof(m->env));
}

void
milter_finish(struct milter *m, struct verdict v)
{
	if (m->goal == STEP_DONE)
		return;
	at_rest(m);
	m->wait = WAIT_NOTHING;
	event_del(&m->timer);
	if (m->state == MILTER_OVER && m->conn != NULL)
		hang_up(m, MILTER_OVER);
	if (m->in_hook) {
		m->answered = 1;
		m->answer = v;
	} else
		module_resume(m->key, m->conf->me, v);
}

/*
 * The verdict for a hook after a failure.  A transaction gets one error only,
 * because on-error was applied to it already.
 */
static struct verdict
failure(struct milter *m, enum milter_step goal)
{
	if (m->told)
		return (verdict_next());
	m->told = goal == STEP_MAIL || goal == STEP_DATA || goal == STEP_END;
	return (verdict_error("%s", m->why));
}

/*
 * The whole conversation fails.  The filter is not tried again within this
 * transaction (new_message).
 */
void
milter_fail(struct milter *m, const char *why)
{
	enum milter_step	goal = m->goal;

	snprintf(m->why, sizeof(m->why), "%s", why);
	scan_outcome(m->conf->scan, m->why);
	drop(m, MILTER_FAILED);
	m->failed_at = clock_mono();
	if (goal != STEP_DONE)
		milter_finish(m, failure(m, goal));
}

/* A timeout, or the turn of a conversation that had worked for SLICE_MS. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct milter	*m = arg;
	struct msession	*s;

	(void)fd;
	(void)what;
	if (m->wait == WAIT_TURN) {
		m->wait = WAIT_NOTHING;
		if ((s = module_session(m->key)) != NULL)
			milter_advance(m, s);
		return;
	}
	milter_fail(m, m->state == MILTER_OFFERED ? "timeout: no answer to "
	    "the options" : m->wait == WAIT_ROOM ? "timeout: it no longer "
	    "reads" :
	    "timeout: no answer");
}

/* The queue has room again. */
static void
on_room(struct scan_conn *c, void *arg)
{
	struct milter	*m = arg;
	struct msession	*s = module_session(m->key);

	(void)c;
	if (m->wait != WAIT_ROOM || s == NULL)
		return;
	m->wait = WAIT_NOTHING;
	event_del(&m->timer);
	milter_advance(m, s);
}

/*
 * The connection was lost.  While connecting, the next server is tried.  A
 * message that is under way fails; otherwise nothing happens until the next
 * message.
 */
static void
lost(struct milter *m, const char *why)
{
	if ((m->state == MILTER_CONNECTING || m->state == MILTER_OFFERED) &&
	    m->server + 1 < scan_servers(m->conf->scan)) {
		log_debug("%s: %s; trying the next", m->conf->me->name, why);
		scan_close(m->conn);
		m->conn = NULL;
		event_del(&m->timer);
		m->server++;
		connect_next(m);
	} else if (m->goal != STEP_DONE || m->in_message)
		milter_fail(m, why);
	else {
		log_debug("%s: %s", m->conf->me->name, why);
		drop(m, MILTER_NONE);
	}
}

/*
 * Input, or (len 0) the end of the connection.  Returns the bytes that were
 * used.
 */
static size_t
on_input(struct scan_conn *c, const uint8_t *data, size_t len, const char *why,
    void *arg)
{
	(void)c;
	if (len > 0)
		return (milter_packets(arg, data, len));
	lost(arg, why);
	return (0);
}

/* Connected: offers our options, and waits for the filter's. */
static void
on_ready(struct scan_conn *c, void *arg)
{
	struct milter	*m = arg;
	struct buf	 b;

	memset(&b, 0, sizeof(b));
	if (mp_offer(&b) == -1 || scan_write(c, buf_ptr(&b), buf_len(&b)) ==
	    -1) {
		buf_free(&b);
		milter_fail(m, "out of memory");
		return;
	}
	buf_free(&b);
	m->state = MILTER_OFFERED;
	milter_timer(m, m->conf->command);
}

static void
connect_next(struct milter *m)
{
	m->state = MILTER_CONNECTING;
	m->conn = scan_connect(m->conf->scan, m->key, m->server, on_ready,
	    on_input, m);
	if (m->conn == NULL)
		milter_fail(m, "out of memory");
}

/*
 * The main loop: sends step after step until the goal is reached, an answer or
 * room must be waited for, or the slice of time is over.
 */
void
milter_advance(struct milter *m, struct msession *s)
{
	enum milter_step	step;
	int64_t			start = clock_mono();

	while (m->goal != STEP_DONE && m->state == MILTER_READY &&
	    m->wait == WAIT_NOTHING) {
		if (m->step > m->goal) {
			milter_finish(m, verdict_next());
			return;
		}
		/*
		 * A header has as many fields as the sender likes, so the time
		 * is bounded.
		 */
		if (clock_mono() - start >= SLICE_MS) {
			m->wait = WAIT_TURN;
			milter_timer(m, 0);
			return;
		}
		step = m->step;
		switch (milter_send(m, s, step)) {
		case 0:
			break;
		case 1:
			m->wait = WAIT_ANSWER;
			m->asked = step;
			milter_timer(m, step == STEP_END ? m->conf->message :
			    m->conf->command);
			break;
		case 2:
			m->wait = WAIT_ROOM;
			milter_timer(m, m->conf->command);
			scan_on_room(m->conn, ROOM, on_room);
			return;
		default:
			return;
		}
		if (step == STEP_HELO)
			m->helo_said = 1;
		else if (step == STEP_MAIL)
			m->in_message = 1;
	}
}

/* The last message did not reach its end: the filter is told to forget it. */
static void
abort_message(struct milter *m)
{
	static const uint8_t	a[] = { 0, 0, 0, 1, 'A' };

	if (m->in_message && m->state == MILTER_READY &&
	    scan_write(m->conn, a, sizeof(a)) == -1)
		milter_fail(m, "out of memory");
	m->in_message = 0;
}

/*
 * A new message: decisions about the last one no longer hold.  A filter that
 * failed is tried again at once if it once answered in this session, otherwise
 * after AGAIN.
 */
static void
new_message(struct milter *m)
{
	m->messages++;
	m->decided = m->told = 0;
	m->fate = m->hold = verdict_next();
	if (m->state == MILTER_FAILED && (m->ready_once ||
	    clock_mono() - m->failed_at >= AGAIN))
		m->state = MILTER_NONE;
}

/*
 * Returns 1 if the verdict is known without asking: the filter accepted the
 * session, refused it, decided the message, or has failed for it.
 */
static int
known(struct milter *m, enum milter_step goal, struct verdict *v)
{
	*v = verdict_next();
	if (m->state == MILTER_OVER)
		return (1);
	if (goal <= STEP_MAIL && m->refusal.kind != VERDICT_NEXT) {
		/* Another HELO may be accepted. */
		if (goal == STEP_HELO && m->refused_at == STEP_HELO)
			m->refusal = verdict_next();
		else {
			*v = m->refusal;
			return (1);
		}
	}
	if (goal > STEP_MAIL && m->decided) {
		*v = m->fate;
		return (1);
	}
	if (m->state == MILTER_NONE && goal > STEP_MAIL) {
		m->state = MILTER_FAILED;
		snprintf(m->why, sizeof(m->why), "it has not seen the message "
		    "from its beginning");
	}
	if (m->state == MILTER_FAILED) {
		/* CONNECT reported that error already. */
		if (goal != STEP_HELO)
			*v = failure(m, goal);
		return (1);
	}
	return (0);
}

/*
 * The message begins, as filters before this one have left it.  If they changed
 * the sender or the recipients, the filter is told to forget the transaction
 * and gets it again as it is now.
 */
static void
message_begin(struct milter *m, struct msession *s)
{
	m->message = module_message(s);
	milter_head_begin(&m->head, m->message);
	m->new_body = 0;
	if (module_envelope(s, m->conf->me, &m->env) == -1) {
		milter_fail(m, "out of memory");
		return;
	}
	if (!m->env.changed)
		return;
	abort_message(m);
	if (m->goal == STEP_DONE)
		return;
	m->again = 1;
	m->rcpt = 0;
	m->step = STEP_MAIL;
	/*
	 * A message without recipients is refused by the caller after all
	 * modules.
	 */
	if (m->env.nrcpts == 0)
		milter_finish(m, verdict_next());
}

/*
 * The hook of a stage asks up to step `goal'.  If an answer comes while this
 * function runs (m->in_hook), it is returned; otherwise the verdict is WAIT.
 */
struct verdict
milter_ask(struct milter *m, struct msession *s, enum milter_step goal)
{
	struct verdict	v;

	if (goal <= STEP_MAIL)
		abort_message(m);
	if (goal == STEP_MAIL)
		new_message(m);
	if (known(m, goal, &v))
		return (v);
	if (m->state == MILTER_READY) {
		m->step = goal == STEP_MAIL && !m->helo_said ? STEP_HELO :
		    goal == STEP_END ? STEP_HEADERS : goal;
	} else if (m->ready_once)
		module_count(m->conf->me, MC_RECONNECTED);
	m->goal = goal;
	m->answered = 0;
	m->since = clock_mono();
	m->in_hook = 1;
	if (goal == STEP_END)
		message_begin(m, s);
	if (m->state == MILTER_NONE) {
		m->server = 0;
		connect_next(m);
	} else
		milter_advance(m, s);
	m->in_hook = 0;
	return (m->answered ? m->answer : verdict_wait(HOOK_MAX));
}

/*
 * The runner no longer wants the answer.  The connection must be closed: the
 * filter would answer later, and the two sides would not be at the same step.
 */
void
milter_forget(struct milter *m)
{
	if (m->goal == STEP_DONE)
		return;
	snprintf(m->why, sizeof(m->why), "timeout: no answer");
	if (clock_mono() - m->since >= m->conf->command)
		scan_outcome(m->conf->scan, m->why);
	at_rest(m);
	m->failed_at = clock_mono();
	drop(m, MILTER_FAILED);
}

/* Returns NULL if there is no memory.  Does not connect yet. */
struct milter *
milter_new(const struct milter_conf *conf, uint64_t key)
{
	struct milter	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	m->conf = conf;
	m->key = key;
	m->goal = STEP_DONE;
	m->fate = m->hold = m->refusal = verdict_next();
	evtimer_assign(&m->timer, module_base(), on_timer, m);
	return (m);
}

void
milter_free(struct milter *m)
{
	if (m == NULL)
		return;
	at_rest(m);
	hang_up(m, MILTER_NONE);
	free(m);
}
