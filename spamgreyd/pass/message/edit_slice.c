/*
 * Makes a message with its changes from the event loop, one slice each turn, so
 * that no other session waits for a large message.  Knows no sessions and no
 * modules.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/base/clock.h"
#include "spamgreyd/pass/message/edit.h"

/* Bytes of a slice at most. */
#define SLICE		(256 * 1024)
/* Milliseconds of a slice. */
#define SLICE_MS	3
/* Bytes between two looks at the clock. */
#define PIECE		8192

/*
 * A message that is being made.  It ends with the call of done or with cancel.
 */
struct msgslice {
	struct event	 ev;
	struct msgapply	*apply;
	void		(*done)(struct spool *, int error, void *arg);
	void		*arg;
};

static void	slice_due(evutil_socket_t, short, void *);

/*
 * Continues with a timer of 0, which fires behind what is due already.  An
 * event that is made active would come before the others.
 */
static int
slice_next(struct msgslice *job)
{
	static const struct timeval	now = { 0, 0 };

	if (event_add(&job->ev, &now) == 0)
		return (0);
	errno = ENOMEM;
	return (-1);
}

/* The work of one turn; returns as msgapply_step. */
static int
slice(struct msgapply *apply)
{
	int64_t	start = clock_mono();
	size_t	done;
	int	r = 0;

	for (done = 0; r == 0 && done < SLICE && clock_mono() - start <
	    SLICE_MS; done += PIECE)
		r = msgapply_step(apply, PIECE);
	return (r);
}

/*
 * One turn.  The job is freed before done is called, so that done may begin
 * another.
 */
static void
slice_due(evutil_socket_t fd, short what, void *arg)
{
	struct msgslice	*job = arg;
	void		(*done)(struct spool *, int, void *) = job->done;
	void		*done_arg = job->arg;
	struct spool	*out;
	int		 r, error;

	(void)fd;
	(void)what;
	r = slice(job->apply);
	if (r == 0 && (r = slice_next(job)) == 0)
		return;
	error = errno;
	out = r == 1 ? msgapply_take(job->apply) : NULL;
	msgslice_cancel(job);
	done(out, error, done_arg);
}

/* The first slice is done at once, which is all that most messages need. */
int
msgslice_begin(struct msgslice **jobp, struct event_base *base,
    const struct msgedit *e, const struct spool *in, struct spool **out,
    void (*done)(struct spool *, int error, void *arg), void *arg)
{
	struct msgslice	*job;
	int		 r, error;

	*jobp = NULL;
	if ((job = calloc(1, sizeof(*job))) == NULL)
		return (-1);
	job->done = done;
	job->arg = arg;
	if ((job->apply = msgapply_new(e, in)) == NULL) {
		free(job);
		return (-1);
	}
	evtimer_assign(&job->ev, base, slice_due, job);
	r = slice(job->apply);
	if (r == 0 && (r = slice_next(job)) == 0) {
		*jobp = job;
		return (0);
	}
	error = errno;
	if (r == 1)
		*out = msgapply_take(job->apply);
	msgslice_cancel(job);
	errno = error;
	return (r);
}

void
msgslice_cancel(struct msgslice *job)
{
	if (job == NULL)
		return;
	event_del(&job->ev);
	msgapply_free(job->apply);
	free(job);
}
