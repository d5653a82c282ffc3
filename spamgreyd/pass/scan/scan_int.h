/*
 * Inside this room only: a module's servers, a connection on its way to one of
 * them, and what is remembered of how they do.
 */
#ifndef SCAN_INT_H
#define SCAN_INT_H

#include <sys/types.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/base/addr.h"
#include "spamgreyd/pass/scan/scan.h"

#define SCAN_WINDOW	65536	/* octets of a message on their way at once */
#define SCAN_AVOID	30000	/* ms that a server which failed comes last */
#define SCAN_AGAIN	200	/* ms before the same server is tried again */
#define SCAN_WHY	200	/* octets of a failure in words */
#define SCAN_NAME	160	/* … of a server */
#define SCAN_MODULES_MAX 32	/* names of modules that health is kept for */

struct scan_server {
	char		*path;		/* NULL: addr and port */
	struct addr	 addr;
	uint16_t	 port;
	int64_t		 avoid;		/* clock_mono; 0: nothing against it */
};

struct scan_conf {
	char		*module;
	uint16_t	 port;		/* of a server that names none */
	struct scan_server server[SCAN_SERVERS_MAX];
	unsigned int	 n;
	int64_t		 connect, timeout;	/* ms */
	int64_t		 most;		/* … that timeout comes to; 0: any */
	unsigned int	 tries;
};

enum sock_state {
	SOCK_NONE, SOCK_ASKED, SOCK_CONNECTING, SOCK_BUSY, SOCK_FAILED,
	SOCK_MADE
};
struct scan_sock;
/* why NULL: k->fd is connected.  From the loop, once. */
typedef void (*sock_made)(struct scan_sock *k, const char *why, void *arg);
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
const char *scan_name(const struct scan_conf *, unsigned int server,
	    char [SCAN_NAME]);

/* sock.c */
extern struct event_base *scan_base;	/* of scan_init */
void	 sock_init(struct scan_sock *);
void	 sock_open(struct scan_sock *, const struct scan_conf *,
	    unsigned int server, int64_t ms, sock_made, void *arg);
void	 sock_close(struct scan_sock *);	/* whatever its state */
void	 scan_timer(struct event *, int64_t ms);

/* send.c: the request as one row of octets */
uint64_t request_len(const struct scan_request *);
/* Those from that place on, at most room of them: how many, 0 at the end, -1
 * errno of the spool.  With SCAN_FD_MESSAGE they end before tail once. */
ssize_t	 request_fill(const struct scan_request *, uint64_t at, uint8_t *dst,
	    size_t room);
/* The first octet of tail, and fd beside it.  -1: errno of the socket. */
int	 request_send_fd(const struct scan_request *, int sock, int fd);
void	 request_clear(struct scan_request *);

/* health.c */
void	 health_begin(struct scan_conf *);	/* it is asked something */
void	 health_good(const struct scan_conf *);
void	 health_bad(const struct scan_conf *, const char *why);
void	 health_forget(const struct scan_conf *);	/* it is being freed */
/* Each second, by a timer of health.c: error lines about scanners that are
 * down. */
void	 scan_tick(void);

#endif
