/*
 * The room lib/ipc: frames and channels between the processes of one daemon,
 * and between the daemon and spamgreydb.  All processes run it.  It may use
 * lib/base and libevent; it knows no message (lib/proto does).
 *
 *	ipc		frames over a socket, without an event loop (this file)
 *	chan		a channel in an event loop, with a table of messages
 *
 * Several headers: spamgreydb has no event loop and uses ipc alone.
 *
 * Frames over a non-blocking SOCK_STREAM socket: typed, length-checked before
 * anything is allocated, at most IPC_MAX octets, at most one descriptor each.
 * Integers are in host order (same machine, same program).  This file knows
 * neither event loop nor meaning: chan.h adds the loop, lib/proto the messages.
 */
#ifndef IPC_H
#define IPC_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/base/buf.h"

#define IPC_MAX		16384	/* header included */
#define IPC_QUEUE_MAX	(64 * 1024 * 1024)	/* past it ipc_send fails */

struct ipc_hdr {
	uint32_t	len;	/* with the header */
	uint16_t	type;
	uint16_t	flags;	/* IPC_F_FD: a descriptor goes with it */
	uint64_t	id;	/* session or request id; 0: none */
};
#define IPC_F_FD	1

struct ipc {
	int		 fd;
	struct buf	 in;
	struct buf	 out;
	size_t		 open;		/* octets of whole frames in out; past
					   them is the frame being made */
	int		 failed;	/* errno of the frame being made */
	int		 infd[16];	/* descriptors received, in order */
	unsigned int	 ninfd;
	struct ipc_outfd *outfd;	/* descriptors waiting to go */
	unsigned int	 noutfd;
	unsigned int	 sizeoutfd;
	uint64_t	 sent;		/* octets written since ipc_init */
	int		 fdok;		/* this peer may send descriptors (ipc_init
					   says no: set it afterwards) */
	int		 truncated;	/* MSG_CTRUNC was seen: a descriptor was lost */
	int		 emptied;	/* the last read left nothing that a loop
					   would not report as readable again */
};

/* A received frame. Data is borrowed from the channel until the next call. */
struct msg {
	uint16_t	 type;
	uint64_t	 id;
	const uint8_t	*data;
	size_t		 len;
	size_t		 pos;
	int		 err;		/* latched by msg_get_* */
	int		 fd;		/* -1, or the receiver's to close (msg_take_fd) */
};

void	 ipc_init(struct ipc *, int fd);	/* takes fd; made non-blocking */
void	 ipc_clear(struct ipc *);		/* closes fd and what is queued */

/*
 * Sending: begin, put, send.  Errors are latched: ipc_send returns -1 when
 * any put failed (EMSGSIZE), memory ran out or the queue is past its mark
 * (ENOBUFS); the frame is then dropped whole.  fd (or -1) is taken, and
 * closed when sent or dropped.
 */
void	 ipc_begin(struct ipc *, uint16_t type, uint64_t id);
void	 ipc_put(struct ipc *, const void *, size_t);
void	 ipc_put_u8(struct ipc *, uint8_t);
void	 ipc_put_u16(struct ipc *, uint16_t);
void	 ipc_put_u32(struct ipc *, uint32_t);
void	 ipc_put_u64(struct ipc *, uint64_t);
void	 ipc_put_i64(struct ipc *, int64_t);
void	 ipc_put_addr(struct ipc *, const struct addr *);
/* u16 length and the bytes (of a string its NUL too); NULL is sent as "". */
void	 ipc_put_str(struct ipc *, const char *);
void	 ipc_put_data(struct ipc *, const void *, size_t);
int	 ipc_send(struct ipc *, int fd);
/* Octets of whole frames that wait to be written. */
size_t	 ipc_queued(const struct ipc *);

/* Writes what the socket takes: 1 all is written, 0 some is left, -1 errno
 * (EPIPE …). */
int	 ipc_flush(struct ipc *);
/* Moves what is queued to the input of another ipc of this process, in place of
 * a socket; without descriptors.  -1: no memory. */
int	 ipc_move(struct ipc *from, struct ipc *to);
/* Read what there is: 1 something, 0 end of file, -1 errno (EAGAIN too). */
int	 ipc_read(struct ipc *);
/* 1: *m is the next frame; 0: none whole yet; -1: not a frame (EPROTO). */
int	 ipc_next(struct ipc *, struct msg *);

/* Reading: past the end or malformed gives 0/""/NULL and latches m->err. */
uint8_t	 msg_get_u8(struct msg *);
uint16_t msg_get_u16(struct msg *);
uint32_t msg_get_u32(struct msg *);
uint64_t msg_get_u64(struct msg *);
int64_t	 msg_get_i64(struct msg *);
void	 msg_get_addr(struct msg *, struct addr *);
/* Borrowed; NUL-terminated inside the frame; no NUL within. */
const char *msg_get_str(struct msg *);
/* The same, for text that goes to a terminal: one with a control character is
 * malformed. */
const char *msg_get_text(struct msg *);
const uint8_t *msg_get_data(struct msg *, size_t *len);
/* Octets that no msg_get_* has taken yet; 0 after an error. */
size_t	 msg_left(const struct msg *);
/* 0 when everything was there and nothing is left over, else -1. */
int	 msg_end(const struct msg *);
int	 msg_take_fd(struct msg *);	/* the caller's from here on; -1: none */

#endif
