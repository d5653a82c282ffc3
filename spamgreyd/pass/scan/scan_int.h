/*
 * Inside this room only: a module's servers, a connection that is being made to
 * one of them, and what is remembered about how they behave.
 */
#ifndef SCAN_INT_H
#define SCAN_INT_H

#include <sys/types.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/base/addr.h"
#include "spamgreyd/pass/scan/scan.h"

/* Bytes of a message that are prepared for sending at once. */
#define SCAN_WINDOW	65536
/* Milliseconds for which a server that failed is tried last. */
#define SCAN_AVOID	30000
/* Milliseconds before the same server is tried again. */
#define SCAN_AGAIN	200
/* Bytes of the description of a failure, and of a server. */
#define SCAN_WHY	200
#define SCAN_NAME	160
/* Modules for which health is kept, by name. */
#define SCAN_MODULES_MAX 32

struct scan_server {
	char		*path;		/* NULL: addr and port */
	struct addr	 addr;
	uint16_t	 port;
	/*
	 * clock_mono until which the server is tried last; 0: it has not failed
	 * since its last answer.
	 */
	int64_t		 avoid;
};

struct scan_conf {
	char		*module;
	uint16_t	 port;		/* of a server that names none */
	struct scan_server server[SCAN_SERVERS_MAX];
	unsigned int	 n;
	int64_t		 connect, timeout;	/* ms */
	/* The most that timeout comes to (scan_set_budget); 0: no limit. */
	int64_t		 most;
	unsigned int	 tries;
};

/*
 * The state of a connection that is being made: none, asked for at the parent,
 * connecting by TCP, waiting because the server's backlog is full, failed,
 * made.
 */
enum sock_state {
	SOCK_NONE, SOCK_ASKED, SOCK_CONNECTING, SOCK_BUSY, SOCK_FAILED,
	SOCK_MADE
};
struct scan_sock;
/*
 * Called once, from the event loop.  If why is NULL, k->fd is connected and
 * stays k's; otherwise why says what failed.
 */
typedef void (*sock_made)(struct scan_sock *k, const char *why, void *arg);
/*
 * One connection that is being made, and its descriptor afterwards.  It lies in
 * the struct of its user.  The user calls sock_init and sock_open, and may call
 * sock_close in any state.
 */
struct scan_sock {
	LIST_ENTRY(scan_sock) entry;	/* ASKED */
	const struct scan_conf *conf;
	unsigned int	 server;
	uint64_t	 id;
	int		 fd;
	enum sock_state	 state;
	int64_t		 deadline;	/* clock_mono */
	struct event	 ev, timer;
	sock_made	 made;
	void		*arg;
	char		 why[SCAN_WHY];
};

/* conf.c */
/* The name of a server for messages: its path, or its address and port. */
const char *scan_name(const struct scan_conf *, unsigned int server,
	    char [SCAN_NAME]);

/* sock.c */
extern struct event_base *scan_base;	/* of scan_init */
void	 sock_init(struct scan_sock *);
void	 sock_open(struct scan_sock *, const struct scan_conf *,
	    unsigned int server, int64_t ms, sock_made, void *arg);
void	 sock_close(struct scan_sock *);	/* whatever its state */
void	 scan_timer(struct event *, int64_t ms);

/* send.c: the request as one sequence of bytes. */
uint64_t request_len(const struct scan_request *);
/*
 * Copies at most room bytes of the request from position `at' on.  Returns how
 * many, 0 at the end, -1 with errno if the spool cannot be read.  With
 * SCAN_FD_MESSAGE one call ends before tail, whose first byte goes with the
 * descriptor.
 */
ssize_t	 request_fill(const struct scan_request *, uint64_t at, uint8_t *dst,
	    size_t room);
/*
 * Sends the first byte of tail and the descriptor with it.  Returns -1 with the
 * errno of the socket.
 */
int	 request_send_fd(const struct scan_request *, int sock, int fd);
void	 request_clear(struct scan_request *);

/* health.c */
/* A question to the scanner begins. */
void	 health_begin(struct scan_conf *);
void	 health_good(const struct scan_conf *);
void	 health_bad(const struct scan_conf *, const char *why);
/* The settings are freed: nothing may point to them any more. */
void	 health_forget(const struct scan_conf *);
/* Each second, by a timer of health.c: error lines about scanners that are
 * down. */
void	 scan_tick(void);

#endif
