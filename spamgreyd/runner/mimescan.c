/*
 * A message fed through lib/mime in slices, and the rules that modules with
 * such scans have in common.  No module is known by its name here.
 */
#include <sys/types.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/runner/mimescan.h"
#include "spamgreyd/runner/module.h"

/* Bytes that are read from the spool at once. */
#define CHUNK		4096
/* Bytes of a slice at most. */
#define SLICE		(256 * 1024)
/* Milliseconds of a slice, after which other sessions get their turn. */
#define SLICE_MS	3
/*
 * Bytes between two looks at the clock.  A message may be made such that every
 * byte is expensive, so this is small.
 */
#define PIECE		256

/* One scan.  It owns mime and itself; the spool is the session's. */
struct mimescan {
	struct event		 ev;
	const struct spool	*spool;
	struct mime		*mime;
	uint64_t		 at, end;	/* of the spool */
	uint8_t			 chunk[CHUNK];
	size_t			 pos, n;	/* of the chunk */
	void			(*done)(const char *, const char *, void *);
	void			*arg;
};

void
mimescan_stop(struct mimescan *m)
{
	if (m == NULL)
		return;
	event_del(&m->ev);
	mime_free(m->mime);
	free(m);
}

/*
 * The scan is over.  Everything is freed before done is called, so that done
 * may start another one.  past is static.
 */
static void
finish(struct mimescan *m, const char *why)
{
	void		(*done)(const char *, const char *, void *) = m->done;
	void		*arg = m->arg;
	const char	*past = mime_past(m->mime);

	mimescan_stop(m);
	done(past, why, arg);
}

/*
 * Continues from the event loop: with a timer of 0, behind what is due already.
 */
static void
again(struct mimescan *m)
{
	static const struct timeval	now = { 0, 0 };

	if (event_add(&m->ev, &now) == -1)
		log_warnx("modules: cannot set a timer");
}

/* Fills the chunk if it is used up.  Returns 1, 0 at the end, -1 with errno. */
static int
chunk_fill(struct mimescan *m)
{
	size_t	len = m->end - m->at < CHUNK ? (size_t)(m->end - m->at) : CHUNK;
	ssize_t	n;

	if (m->pos < m->n)
		return (1);
	if ((n = len == 0 ? 0 : spool_read(m->spool, m->at, m->chunk, len)) <
	    0)
		return (-1);
	m->at += (uint64_t)n;
	m->pos = 0;
	m->n = (size_t)n;
	return (n > 0);
}

/* One slice of work. */
static void
slice(int fd, short what, void *arg)
{
	struct mimescan	*m = arg;
	int64_t		 start = clock_mono();
	size_t		 done, len;
	int		 r;

	(void)fd;
	(void)what;
	for (done = 0; done < SLICE && clock_mono() - start < SLICE_MS;
	    done += len) {
		if ((r = chunk_fill(m)) == -1) {
			finish(m, strerror(errno));
			return;
		}
		if (r == 0) {
			finish(m, mime_finish(m->mime) == -1 ?
			    "out of memory" : NULL);
			return;
		}
		len = m->n - m->pos < PIECE ? m->n - m->pos : PIECE;
		if (mime_feed(m->mime, m->chunk + m->pos, len) == -1) {
			finish(m, "out of memory");
			return;
		}
		m->pos += len;
	}
	again(m);
}

struct mimescan *
mimescan_start(const struct spool *spool, uint64_t max,
    const struct mime_limits *limits, const struct mime_calls *calls,
    void (*done)(const char *, const char *, void *), void *arg)
{
	struct mimescan	*m;

	if ((m = calloc(1, sizeof(*m))) == NULL)
		return (NULL);
	if ((m->mime = mime_new(limits, calls, arg)) == NULL) {
		free(m);
		return (NULL);
	}
	m->spool = spool;
	m->end = spool_size(spool);
	if (max != 0 && m->end > max)
		m->end = max;
	m->done = done;
	m->arg = arg;
	event_assign(&m->ev, module_base(), -1, 0, slice, m);
	again(m);
	return (m);
}

/*
 * An option without an action uses the configured strategy for unwanted
 * content.  The words are in the order of enum rule_action.
 */
int
mimescan_rule(struct rule *r, const struct module_arg *a, size_t n,
    const char **error)
{
	static const char *const words[] = { "reject", "tempfail", "mark",
	    "points" };
	int	i;

	memset(r, 0, sizeof(*r));
	for (i = 0; n > 0 && i < 4; i++)
		if (strcmp(a[0].s, words[i]) == 0)
			r->action = (enum rule_action)(RULE_REJECT + i);
	if ((r->action == RULE_POINTS) != (n == 2)) {
		*error = "must be reject, tempfail, mark, points and their "
		    "number, or nothing";
		return (-1);
	}
	if (n == 2)
		r->points = (int32_t)a[1].n;
	return (0);
}

/*
 * Points do not change the verdict.  The kinds of verdicts are in the order of
 * their severity, so the more severe one stays.
 */
void
mimescan_met(struct msession *s, const struct module *mod,
    const struct rule *r, const char *what, struct verdict *v)
{
	struct verdict	found;

	if (r->action == RULE_POINTS) {
		module_points(s, mod, r->points, "%s", what);
		return;
	}
	if (r->action == RULE_STRATEGY)
		found = module_found(s, mod, CLASS_UNWANTED, what);
	else
		found = module_found_as(s, mod, CLASS_UNWANTED,
		    (enum conf_strategy)(STRATEGY_REJECT + (r->action -
		    RULE_REJECT)), what);
	if (found.kind > v->kind)
		*v = found;
}
