/*
 * One session's conversation with a filter: its connection, what is to be told
 * next, how long to wait for an answer, and what is left of it when the
 * connection is lost.  A connection lasts for the session; when it is lost
 * outside of a message, the next message makes it anew and tells again who the
 * client is.  What packets look like is proto.c's matter.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/modules/milter/milter.h"

#define ROOM		(64 * 1024)	/* less is queued: more may be sent */
#define AGAIN		60000		/* ms until a filter that was never
					   there is tried again */
#define SLICE_MS	3		/* of work, then others have their turn */
#define HOOK_MAX	300000		/* ms that any command may take */

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

/* The connection is gone, and what was agreed on it. */
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

/* In order, with its farewell. */
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

/* Nothing is asked any more. */
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

/* What a transaction as a whole was answered needs no second error. */
static struct verdict
failure(struct milter *m, enum milter_step goal)
{
	if (m->told)
		return (verdict_next());
	m->told = goal == STEP_MAIL || goal == STEP_DATA || goal == STEP_END;
	return (verdict_error("%s", m->why));
}

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

/* Lost: a message that is under way has failed, else nobody minds. */
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
		/* A header has as many fields as its sender likes. */
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

/* The last message came to no end. */
static void
abort_message(struct milter *m)
{
	static const uint8_t	a[] = { 0, 0, 0, 1, 'A' };

	if (m->in_message && m->state == MILTER_READY &&
	    scan_write(m->conn, a, sizeof(a)) == -1)
		milter_fail(m, "out of memory");
	m->in_message = 0;
}

/* A new message: nothing of the last one holds. */
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

/* What the filter has said of the session or the message already. */
static int
known(struct milter *m, enum milter_step goal, struct verdict *v)
{
	*v = verdict_next();
	if (m->state == MILTER_OVER)
		return (1);
	if (goal <= STEP_MAIL && m->refusal.kind != VERDICT_NEXT) {
		/* (another HELO may be a better one) */
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
		/* (CONNECT had that error already) */
		if (goal != STEP_HELO)
			*v = failure(m, goal);
		return (1);
	}
	return (0);
}

/*
 * The message as filters before this one have left it.  If that goes for
 * sender or recipients too, all that this one has heard of the transaction is
 * taken back, and told again as it is now.
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
	/* (a message for nobody is refused when all have spoken) */
	if (m->env.nrcpts == 0)
		milter_finish(m, verdict_next());
}

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
 * What the filter still does for us nobody wants to know: the two sides would
 * not be at the same place any more.
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
