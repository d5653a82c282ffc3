/*
 * An ipc channel in an event loop.  What may come in is a table: a type that
 * is not in it, or a body that its handler does not consume whole, is a
 * broken peer.  Sending only queues; everything that one turn of the loop
 * queued leaves in one write at the end of that turn.
 */
#ifndef CHAN_H
#define CHAN_H

#include <event2/event.h>

#include "lib/ipc/ipc.h"

struct chan;

struct chan_rule {
	uint16_t	 type;
	uint16_t	 flags;		/* CHAN_FD */
	void		(*handler)(struct chan *, struct msg *, void *arg);
};
#define CHAN_FD		1		/* a descriptor may come with it */

enum chan_end {
	CHAN_EOF,		/* the peer closed, or died */
	CHAN_BROKEN		/* it sent what it must not; already logged */
};

/*
 * rules: ends with type 0, stays the caller's, must outlive the channel.
 * ended: called once, from the loop; the callee frees the channel.
 * peer: for log lines.  Takes fd.  NULL with errno.
 */
struct chan *chan_new(struct event_base *, int fd, const char *peer,
	    const struct chan_rule *rules, void *arg,
	    void (*ended)(struct chan *, enum chan_end, void *arg));
void	 chan_free(struct chan *);
/* Asked before each frame's handler: 0, and the peer is broken; it has said so
 * in the log itself. */
void	 chan_on_frame(struct chan *, int (*permit)(const struct msg *,
	    void *arg));
/* Called after a read's frames have all been handled (store commits here). */
void	 chan_on_batch(struct chan *, void (*fn)(struct chan *, void *arg));
/* At most so many frames are handled before on_batch is called (0: no limit). */
void	 chan_set_batch(struct chan *, unsigned int);
/* The ipc to begin/put into; then chan_send in place of ipc_send. */
struct ipc *chan_ipc(struct chan *);
int	 chan_send(struct chan *, int fd);
int	 chan_send_empty(struct chan *, uint16_t type, uint64_t id);
size_t	 chan_queued(const struct chan *);
/* Handle now what has already arrived (front: before it accepts). */
void	 chan_drain(struct chan *);
/* Write now; for the last words before an exit. */
void	 chan_flush(struct chan *);
void	 chan_pause(struct chan *);	/* stop reading; frames stay queued */
void	 chan_resume(struct chan *);

#endif
