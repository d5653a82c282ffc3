/*
 * Room scan: questions to a scanner, a program on this or another host that
 * judges mail.  A question is one connection, a request with a message in it,
 * and an answer.  It is for modules, and they know what the bytes of a request
 * and an answer mean.  It runs in pass, and uses spool.h, option.h and
 * lib/base, but not pass and not the runner.
 *
 * Any number of questions can run side by side on one spool.  Nothing blocks.
 * An answer or a failure comes in time, from the event loop, exactly once.
 *
 * The servers are in the module's block: `socket "/path"' (the parent makes
 * each connection, so that the scanner may be restarted) and `server ADDRESS
 * port N'.  They are tried in their order; a server that failed is tried last
 * for half a minute.  With `tries 2' a failure before the first byte of an
 * answer is tried again at the next server, or at the same one if there is only
 * one.
 *
 * Its files, in the order to read them:
 *	scan.h		this page: what modules and pass may call
 *	scan_int.h	what the files share
 *	conf.c		the options, the servers
 *	sock.c		a connection that is being made
 *	send.c		a request as one sequence of bytes
 *	scan.c		one question, its tries, its answer
 *	conn.c		a longer conversation (milter)
 *	health.c	counters, and error lines about scanners that are down
 *	received.c	the header fields that a scanner wants to see
 */
#ifndef SCAN_H
#define SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/conf/option.h"
#include "spamgreyd/pass/message/spool.h"

#define SCAN_SERVERS_MAX	8		/* of one module */
#define SCAN_ANSWER_MAX		(1024 * 1024)	/* bytes */
#define SCAN_DOWN_LOG		600	/* s of nothing but failures, until an
					   error line is logged each minute */

/* --- for pass */

struct event_base;
/*
 * Called once by the process, before anything else in this file. ask sends a
 * request to the parent for a connection to the unix socket `path'.  The
 * parent's answer goes to scan_socket with the same id. ask returns -1 if the
 * request could not be sent.
 */
void	 scan_init(struct event_base *, int (*ask)(uint64_t id,
	    const char *module, const char *path));
/*
 * The parent's answer: a descriptor, which scan owns from now on; or -1 and an
 * errno.
 */
void	 scan_socket(uint64_t id, uint32_t error, int fd);
/*
 * Sets, for each scan_conf made from now on, the milliseconds that all modules
 * have for a message; 0: no limit.  A question takes at most nine tenths of
 * them, so that a silent server is noticed as failing before the runner ends
 * the wait.
 */
void	 scan_set_budget(int64_t ms);
/*
 * Calls back with "scan.MODULE.asked", ".failed" and ".down" (for how many
 * seconds there were only failures).
 */
void	 scan_stats(void (*)(const char *name, int64_t value, void *), void *);

/* --- the settings of a module's scanner */

struct scan_conf;
/* In a module's table of options, before its end. */
#define SCAN_OPTIONS \
	{ .keyword = "socket", .form = "%s", .def = "", .many = 1, \
	    .help = "a unix socket of the scanner" }, \
	{ .keyword = "server", .form = "%a [ port %n ]", .min = 1, \
	    .max = 65535, .def = "", .many = 1, \
	    .help = "an address of the scanner" }, \
	{ .keyword = "connect", .form = "%t", .min = 100, .max = 60000, \
	    .def = "5s", .help = "time for one connection" }, \
	{ .keyword = "timeout", .form = "%t", .min = 1000, .max = 300000, \
	    .def = "50s", .help = "time for one answer, all tries included" }, \
	{ .keyword = "tries", .form = "%n", .min = 1, .max = 8, .def = "2", \
	    .help = "servers asked for one message" }

/*
 * Makes the settings of a scanner; port is that of a `server' without one.
 * Returns NULL if there is no memory.  All questions must be over or cancelled
 * before scan_conf_free; NULL is fine.
 */
struct scan_conf *scan_conf_new(const char *module, uint16_t port);
void	 scan_conf_free(struct scan_conf *);
/*
 * For module.option.  Returns 1 if it was one of SCAN_OPTIONS, 0 if not, and -1
 * if it was one and *error (static) says what is wrong with it.
 */
int	 scan_option(struct scan_conf *, const char *keyword,
	    const struct module_arg *, size_t nargs, const char **error);
/* For module.check. Returns -1 and sets *error if there is no server. */
int	 scan_check(const struct scan_conf *, const char **error);
unsigned int scan_servers(const struct scan_conf *);	/* how many */
/*
 * Returns 1 if server n, from 0, is a unix socket; 0 also if there is no server
 * n.
 */
int	 scan_is_unix(const struct scan_conf *, unsigned int server);
/* Milliseconds after which a question certainly has its outcome. */
int64_t	 scan_time(const struct scan_conf *);

/* --- one question */

enum scan_how {
	SCAN_FD_MESSAGE,	/* the message as a descriptor beside the first
				   byte of `tail' (unix sockets only) */
	SCAN_RAW,		/* its bytes as they are */
	SCAN_CHUNKED,		/* clamd's: u32 big-endian length and bytes, any
				   number of times, then a length of 0 */
	SCAN_NOTHING		/* head alone */
};

/*
 * What is sent: head, then the message as `how' says, then tail.  before goes
 * in front of the message as a part of it, for example a synthetic Received
 * field (not with SCAN_FD_MESSAGE).  The buffers are freed by scan; the spool
 * must stay until the question is over.
 */
struct scan_request {
	struct buf		 head, before, tail;
	enum scan_how		 how;
	const struct spool	*spool;
	int			 shut;	/* shut down our half when all is out */
};

/*
 * Looks at all of the answer that has come; eof: no more will come.  Returns 1
 * if it is complete, 0 if more is needed, -1 if it is malformed; then *why
 * (static) says how.
 */
typedef int (*scan_more)(const uint8_t *, size_t len, int eof, void *arg,
	    const char **why);
/*
 * The outcome. answer is valid during the call; NULL: the question failed and
 * why says how.
 */
typedef void (*scan_done)(const uint8_t *answer, size_t len, const char *why,
	    void *arg);

struct scan;
/*
 * Begins a question. make builds the request for one server, and is called once
 * a try, because another server may need another form; it returns -1 if there
 * is no memory. more is called as the answer grows, and done once, all from the
 * event loop. session is for the debug log.  Returns NULL if there is no
 * memory; done is not called then.
 */
struct scan *scan_start(struct scan_conf *, uint64_t session,
	    int (*make)(struct scan_request *, unsigned int server, void *arg),
	    scan_more, scan_done, void *arg);
/*
 * No callback comes from now on.  May be called from a callback; NULL is fine.
 */
void	 scan_cancel(struct scan *);
/* For use in `more': returns 1 if the whole request was sent. */
int	 scan_sent(const struct scan *);

/* --- a longer conversation (milter): a connection that stays */

struct scan_conn;
/*
 * Begins to connect to a server. ready is called when the connection is made.
 * input gets the bytes that have come and returns how many it used; with len 0
 * the connection is gone, why says how, and the user must close it.  Both are
 * called from the event loop and may close the connection.  Returns NULL if
 * there is no memory.
 */
struct scan_conn *scan_connect(struct scan_conf *, uint64_t session,
	    unsigned int server, void (*ready)(struct scan_conn *, void *arg),
	    size_t (*input)(struct scan_conn *, const uint8_t *, size_t len,
	    const char *why, void *arg), void *arg);
/*
 * Queues a copy of the data.  Returns -1 if there is no memory or too much is
 * queued.
 */
int	 scan_write(struct scan_conn *, const void *, size_t);
size_t	 scan_queued(const struct scan_conn *);		/* bytes */
/*
 * Calls fn once, from the event loop, when fewer than `less' bytes are queued.
 */
void	 scan_on_room(struct scan_conn *, size_t less,
	    void (*fn)(struct scan_conn *, void *arg));
void	 scan_close(struct scan_conn *);		/* NULL is fine */
/* Sends the data if that is possible at once, and closes the connection. */
void	 scan_last_words(struct scan_conn *, const void *, size_t);
/*
 * Reports the outcome of a conversation, for the counters and for the error
 * lines about scanners that are down. why NULL: the scanner answered correctly.
 */
void	 scan_outcome(struct scan_conf *, const char *why);

/* --- received.c */

/*
 * What a scanner is told about the client and the envelope.  The texts may be
 * hostile.
 */
struct scan_sender {
	uint64_t		 id;		/* of the session */
	const struct addr	*client;
	const char		*hostname;	/* ours */
	const char		*name;		/* the client's; NULL: unknown */
	const char		*helo;		/* NULL: none was said */
	const char		*from;		/* with brackets; NULL: "<>" */
	const char		*tls_version;	/* NULL: in clear */
	int			 esmtp;		/* it said EHLO */
};
/*
 * Appends the fields Return-Path and Received as our mail server would write
 * them, with CRLF, for the scanner only.  Returns -1 if there is no memory.
 */
int	 scan_received(const struct scan_sender *, struct buf *);

#endif
