/*
 * Pass: the octets of a session: read, written, timed out, ended. What they
 * mean is not this file's business. It makes few system calls: what there is
 * to write goes out at once, EV_WRITE is waited for only after EAGAIN, and one
 * sweep a second finds idle sessions.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/pass/pass.h"

#define TLS_READS	4		/* records read before other sessions
					   have their turn */
#define SWEEP_MAX	5000		/* ms: a late sweep counts for no more */
#define SETTLE_STEPS	1000		/* more is a bug: the session ends */

static uint8_t		 read_buf[65536];	/* one for all: used at once */
static struct event	*sweep_ev;

static void	session_event(evutil_socket_t, short, void *);

/* Ends the session now; the first reason counts. pass_settle frees it. */
void
pass_die(struct session *s, enum pass_end end)
{
	if (s->end == PE_NONE)
		s->end = (uint8_t)end;
	if (end == PE_MEMORY && s->state < PS_TLS_START)
		client_no_memory(&s->io);
	s->state = PS_DEAD;
}

/*
 * Ends the session when all that is queued has been sent; nothing else goes
 * on.
 */
void
pass_close(struct session *s, enum pass_end end)
{
	if (s->end == PE_NONE)
		s->end = (uint8_t)end;
	pass_timer(s, 0, NULL);
	run_cancel(&s->ms);
	name_cancel(s);
	ptx_free(s);
	relay_drop(s);
	if (s->state < PS_CLOSING)
		s->state = PS_CLOSING;
}

void
pass_expel(struct session *s, enum pass_end end, const char *enhanced,
    const char *text)
{
	char	line[256];

	if (s->state == PS_LINGER || s->state == PS_HANDSHAKE ||
	    s->state == PS_DEAD) {
		pass_die(s, end);
		return;
	}
	/* A reply that is half out is ended first. */
	if (s->state != PS_CLOSING) {
		snprintf(line, sizeof(line), "%.128s %s", s->ms.hostname,
		    text);
		pass_refuse(s, 421, enhanced, line);
	}
	pass_close(s, end);
}

static void
timer_due(evutil_socket_t fd, short what, void *arg)
{
	struct session	*s = arg;
	void		(*fn)(struct session *) = s->timer_fn;

	(void)fd;
	(void)what;
	s->flags &= ~PF_TIMER;
	s->timer_fn = NULL;
	if (fn != NULL)
		fn(s);
	pass_settle(s);
}

/* One timer a session; the timeouts of an idle client are the sweep's. */
void
pass_timer(struct session *s, int64_t ms, void (*fn)(struct session *))
{
	struct timeval	tv;

	s->timer_fn = fn;
	if (fn == NULL) {
		if (s->flags & PF_TIMER)
			event_del(&s->timer);
		s->flags &= ~PF_TIMER;
		return;
	}
	if (ms < 0)
		ms = 0;
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	if (!(s->flags & PF_TIMER))
		evtimer_assign(&s->timer, pass.base, timer_due, s);
	s->flags |= PF_TIMER;
	if (event_add(&s->timer, &tv) == -1) {
		s->flags &= ~PF_TIMER;
		pass_die(s, PE_MEMORY);
	}
}

/* Writes all that waits. The buffer's memory is kept for the next reply. */
static void
session_flush(struct session *s)
{
	ssize_t	n;
	int	hangup;

	if (buf_len(&s->io.out) == 0 || s->state == PS_DEAD ||
	    (s->io.flags & IO_FULL))
		return;
	n = client_write(&s->io, buf_len(&s->io.out), &hangup);
	if (n == -1)
		pass_die(s, hangup ? PE_HANGUP : PE_ERROR);
	if (n <= 0)
		return;
	s->last = clock_mono();
	buf_drain_keep(&s->io.out, (size_t)n);
	if (buf_len(&s->io.out) > 0)
		s->io.flags |= IO_FULL;
}

/* How many octets of input are still kept while they cannot be used. */
static size_t
session_room(const struct session *s)
{
	size_t	len = buf_len(&s->io.in);

	return (len < PASS_IN_MAX ? PASS_IN_MAX - len : 0);
}

/* Is input looked at in this state, if only to be kept? */
static int
is_open(const struct session *s)
{
	return (s->state < PS_TLS_START);
}

/* Uses input that was kept; 1: some was used. */
static int
session_use_kept(struct session *s)
{
	size_t	n;

	if (buf_len(&s->io.in) == 0 || !is_open(s))
		return (0);
	n = pass_input(s, buf_ptr(&s->io.in), buf_len(&s->io.in));
	/* (STARTTLS throws away what is kept) */
	if (n > buf_len(&s->io.in))
		n = buf_len(&s->io.in);
	if (n > 0)
		buf_drain(&s->io.in, n);
	return (n > 0);
}

/*
 * Gives what was read to the dialogue straight from read_buf; what it does not
 * use is kept.
 */
static void
session_use(struct session *s, size_t len)
{
	size_t	used = 0, n;

	if (buf_len(&s->io.in) == 0)
		while (used < len && is_open(s) &&
		    buf_len(&s->io.out) <= PASS_OUT_MAX) {
			n = pass_input(s, read_buf + used, len - used);
			if (n == 0)
				break;
			used += n;
		}
	if (used < len && is_open(s) &&
	    buf_add(&s->io.in, read_buf + used, len - used) == -1)
		pass_die(s, PE_MEMORY);
}

/*
 * A client that breaks the connection after its final dot still gets its
 * message delivered or refused: the MTA has the dot already.
 */
void
pass_read(struct session *s)
{
	size_t	room;
	ssize_t	n;
	int	i;

	for (i = 0; i < (s->io.tls != NULL ? TLS_READS : 1); i++) {
		if (!is_open(s) || (room = session_room(s)) == 0)
			return;
		n = client_read(&s->io, read_buf, room < sizeof(read_buf) ?
		    room : sizeof(read_buf));
		if (n == -1 && relay_must_end(s))
			s->io.flags |= IO_EOF;
		else if (n == -1)
			pass_die(s, PE_HANGUP);
		if (n <= 0)
			return;
		s->last = clock_mono();
		session_use(s, (size_t)n);
	}
}

/* The last reply is sent: closes slowly, so that the client can read it. */
static void
session_linger(struct session *s)
{
	if (s->end == PE_QUIT || (s->io.flags & IO_EOF)) {
		s->state = PS_DEAD;
		return;
	}
	s->last = clock_mono();
	s->state = client_linger(&s->io) ? PS_DEAD : PS_LINGER;
}

static int
session_wants_input(const struct session *s)
{
	return (!(s->io.flags & IO_EOF) && (s->state == PS_LINGER ||
	    s->state == PS_HANDSHAKE || (is_open(s) && session_room(s) > 0)));
}

static void
more_due(evutil_socket_t fd, short what, void *arg)
{
	struct session	*s = arg;

	(void)fd;
	(void)what;
	pass_read(s);
	pass_settle(s);
}

/*
 * What libtls has read ahead makes no descriptor ready. It is looked at in the
 * next turn of the loop: a client that sends faster than we read must not keep
 * the others waiting.
 */
static void
session_more(struct session *s)
{
	static const struct timeval	now = { 0, 0 };

	if (!(s->io.flags & IO_MORE) || !is_open(s) || session_room(s) == 0)
		return;
	if (!event_initialized(&s->more))
		evtimer_assign(&s->more, pass.base, more_due, s);
	if (event_add(&s->more, &now) == -1)
		pass_die(s, PE_MEMORY);
}

/* All that was queued is sent: the next step. 1: look again. */
static int
session_step(struct session *s)
{
	if (s->state == PS_CLOSING)
		session_linger(s);
	else if (s->state == PS_TLS_START) {
		if (pass_tls_begin(s) == -1)
			pass_die(s, PE_TLS);
	} else if (session_use_kept(s))
		return (1);
	return (0);
}

/*
 * The client sends no more: is there nothing left to do for it? What it asked
 * before is answered. A message whose end nobody waits for would come twice,
 * so it ends with the client, unless the MTA has the dot.
 */
static int
session_is_over(const struct session *s)
{
	if (!(s->io.flags & IO_EOF) || buf_len(&s->io.out) > 0)
		return (0);
	if (s->dialogue.doing == DOING_DOT)
		return (!relay_must_end(s));
	return (s->state != PS_GREET && s->state != PS_STAGE &&
	    s->state != PS_MTA && !relay_must_end(s));
}

/*
 * Called again from inside one of our own calls it returns at once: the outer
 * call goes on with the session.
 */
void
pass_settle(struct session *s)
{
	int	i = 0;

	if (s->flags & PF_SETTLING)
		return;
	s->flags |= PF_SETTLING;
	do {
		/* Answers to commands that came together leave together. */
		while (buf_len(&s->io.out) > 0 &&
		    buf_len(&s->io.out) <= PASS_OUT_MAX && session_use_kept(s))
			continue;
		session_flush(s);
		if (++i == SETTLE_STEPS) {
			log_warnx("pass: %016llx makes no progress",
			    (unsigned long long)s->ms.id);
			pass_die(s, PE_ERROR);
		}
	} while (s->state != PS_DEAD && buf_len(&s->io.out) == 0 &&
	    session_step(s));
	if (s->state != PS_DEAD && session_is_over(s))
		pass_die(s, PE_HANGUP);
	if (s->state != PS_DEAD && client_watch(&s->io, pass.base,
	    session_wants_input(s), session_event, s) == -1)
		pass_die(s, PE_ERROR);
	if (s->state != PS_DEAD)
		session_more(s);
	s->flags &= ~PF_SETTLING;
	if (s->state == PS_DEAD)
		pass_session_free(s);
}

/* At the end of the process: one write, whether the socket is ready or not. */
void
pass_last_words(struct session *s)
{
	s->io.flags &= (uint8_t)~IO_FULL;
	session_flush(s);
	pass_die(s, PE_SHUTDOWN);
	pass_settle(s);
}

static void
session_event(evutil_socket_t fd, short what, void *arg)
{
	struct session	*s = arg;

	(void)fd;
	if (what & EV_WRITE)
		s->io.flags &= (uint8_t)~IO_FULL;
	if (s->state == PS_HANDSHAKE)
		pass_tls_handshake(s);
	else if ((what & EV_READ) && s->state == PS_LINGER) {
		if (client_linger_read(&s->io))
			s->state = PS_DEAD;
	} else if (what & EV_READ)
		pass_read(s);
	pass_settle(s);
}

/*
 * PASS_SLOW without PASS_SLOW_BYTES is slow; each time so many have come, the
 * time starts again.
 */
int
pass_slow(struct session *s, int64_t ms)
{
	if (s->io.bytes_in - s->read_from >= PASS_SLOW_BYTES) {
		s->read_ms = 0;
		s->read_from = s->io.bytes_in;
		return (0);
	}
	s->read_ms += ms;
	return (s->read_ms >= PASS_SLOW);
}

/*
 * Does it hold a place that others need, by sending a message slowly? Only
 * time in which we read counts, not while the client waits for us. A sweep
 * that comes late, because the loop or the machine stood still, counts for no
 * more than SWEEP_MAX.
 */
static int
holds_place(struct session *s, int64_t ms)
{
	if (s->state != PS_DATA || !(s->io.watched & EV_READ))
		return (0);
	return (pass_slow(s, ms < SWEEP_MAX ? ms : SWEEP_MAX) &&
	    pass_crowded());
}

/*
 * Timeouts of states in which the client is waited for; in the others a budget
 * or the MTA's timeouts run.
 */
static void
session_timeout(struct session *s, int64_t now, int64_t ms)
{
	int64_t	idle = (now - s->last) / 1000;

	switch (s->state) {
	case PS_LINGER:
	case PS_CLOSING:
		if (idle >= (s->state == PS_LINGER ? CLIENT_LINGER :
		    CLIENT_LAST_REPLY))
			pass_die(s, PE_NONE);
		break;
	case PS_TLS_START:
	case PS_HANDSHAKE:
		if (idle < CLIENT_HANDSHAKE)
			break;
		pass.stat[PSTAT_TLS_FAILED]++;
		pass_die(s, PE_TLS);
		break;
	case PS_COMMAND:
	case PS_DATA:
		if (s->state == PS_COMMAND && (now - s->ms.start) / 1000 >=
		    s->live->conf->pass->session) {
			pass.stat[PSTAT_TIMEOUT]++;
			pass_expel(s, PE_SESSION, "4.4.2",
			    "This connection has lasted too long");
		} else if (idle >= s->live->conf->limit.idle) {
			pass.stat[PSTAT_TIMEOUT]++;
			/* The client does not read either: no reply. */
			if (buf_len(&s->io.out) > 0)
				pass_die(s, PE_IDLE);
			pass_expel(s, PE_IDLE, "4.4.2", "Timeout, closing");
		} else if (holds_place(s, ms)) {
			pass.stat[PSTAT_SLOW]++;
			pass_expel(s, PE_SLOW, "4.4.2",
			    "Your message arrives too slowly");
		}
		break;
	case PS_DEAD:
		break;
	default:
		return;
	}
	pass_settle(s);
}

/* Once a second while there are sessions. */
static void
session_sweep(evutil_socket_t fd, short what, void *arg)
{
	static int64_t	 last;
	struct session	*s, *next;
	int64_t		 now = clock_mono(), ms = now - last;

	last = now;
	(void)fd;
	(void)what;
	(void)arg;
	for (s = LIST_FIRST(&pass.sessions); s != NULL; s = next) {
		next = LIST_NEXT(s, entry);
		session_timeout(s, now, ms);
	}
	if (pass.count > 0)
		pass_wake();
}

void
pass_wake(void)
{
	struct timeval	second = { 1, 0 };

	if (sweep_ev == NULL &&
	    (sweep_ev = evtimer_new(pass.base, session_sweep, NULL)) == NULL)
		fatalx("pass: out of memory");
	event_add(sweep_ev, &second);
}
