/*
 * An ipc channel in an event loop.  What may come in is a table: a type that
 * is not in it, or a body that its handler does not consume as a whole, is a
 * broken peer.  Sending only queues; everything that one turn of the loop
 * queued leaves in one write at the end of that turn.  Each pair of processes
 * has one channel; either end may be freed at any time, also from its own
 * callbacks.
 */
#ifndef CHAN_H
#define CHAN_H

#include <event2/event.h>

#include "lib/ipc/ipc.h"

#define CHAN_LATER	10	/* ms */
#define CHAN_LATER_MAX	16384

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
/* NULL is fine.  Closes the descriptor; what is queued is lost (chan_flush). */
void	 chan_free(struct chan *);
/* Called before each frame's handler; when it returns 0 the peer is broken, and
 * permit has logged why. */
void	 chan_on_frame(struct chan *, int (*permit)(const struct msg *,
	    void *arg));
/* Called after a read's frames have all been handled (store commits here). */
void	 chan_on_batch(struct chan *, void (*fn)(struct chan *, void *arg));
/* At most so many frames are handled before on_batch is called (0: no limit). */
void	 chan_set_batch(struct chan *, unsigned int);
/* The ipc to begin a frame in and put into; then chan_send in place of ipc_send,
 * with the same returns: 0, or -1 with errno and the frame dropped. */
struct ipc *chan_ipc(struct chan *);
int	 chan_send(struct chan *, int fd);
int	 chan_send_empty(struct chan *, uint16_t type, uint64_t id);
/* For what may wait: it leaves with the next message that does not, when
 * CHAN_LATER_MAX octets are queued, or after CHAN_LATER ms. */
int	 chan_send_later(struct chan *);
/* Octets that wait to be written. */
size_t	 chan_queued(const struct chan *);
/* Handles now what has already arrived (front: before it accepts). */
void	 chan_drain(struct chan *);
/* Writes now what is queued; for the last messages before an exit. */
void	 chan_flush(struct chan *);
void	 chan_pause(struct chan *);	/* stop reading; frames stay queued */
void	 chan_resume(struct chan *);

#endif
