/*
 * A question to a scanner: one connection, some octets and a message there, an
 * answer back.  For modules; what is said is theirs.  Any number run side by
 * side on one spool, nothing blocks, and an answer or a failure comes in time,
 * from the event loop, exactly once.
 *
 * Servers stand in the module's block: `socket "/path"' (opened by the parent,
 * anew each time, so that the scanner may make it anew) and `server ADDRESS
 * port N', tried in their order; with `tries 2' a failure before any octet of
 * an answer is tried at the next one (or the same, if there is only one).
 * SCAN_OPTIONS are these options for a module's table, scan_option takes them.
 */
#ifndef SCAN_H
#define SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "spamgreyd/runner/module.h"
#include "spamgreyd/pass/message/spool.h"

#define SCAN_SERVERS_MAX	8
#define SCAN_ANSWER_MAX		(1024 * 1024)
#define SCAN_DOWN_LOG		600	/* s of nothing but failures, until an
					   error line each minute */

struct scan_conf;
/* ms that a message has for all its modules, in the configuration that is being
 * read: no question takes longer, so that a silent server leaves time for the
 * next one, and is known as one that fails.  0: no bound.  Set by pass.c. */
extern int64_t	scan_budget;
/* In a module's table, before its end. */
#define SCAN_OPTIONS \
	{ .keyword = "socket", .form = "%s", .def = "", .many = 1, \
	    .help = "a unix socket of the scanner" }, \
	{ .keyword = "server", .form = "%a [ port %n ]", .min = 1, \
	    .max = 65535, .def = "", .many = 1, \
	    .help = "an address of the scanner" }, \
	{ .keyword = "connect", .form = "%t", .min = 100, .max = 60000, \
	    .def = "5s", .help = "time for one connection" }, \
	{ .keyword = "timeout", .form = "%t", .min = 1000, .max = 300000, \
	    .def = "50s", .help = "time for one answer, tries and all" }, \
	{ .keyword = "tries", .form = "%n", .min = 1, .max = 8, .def = "2", \
	    .help = "servers asked for one message" }

/* NULL: no memory.  port: of `server' when it names none. */
struct scan_conf *scan_conf_new(const char *module, uint16_t port);
void	 scan_conf_free(struct scan_conf *);
/* 1: it was one of SCAN_OPTIONS; 0: it was not; -1: wrong, *error. */
int	 scan_option(struct scan_conf *, const char *keyword,
	    const struct module_arg *, size_t nargs, const char **error);
/* At least one server; *error else. */
int	 scan_check(const struct scan_conf *, const char **error);
int	 scan_is_unix(const struct scan_conf *, unsigned int server);
/* ms after which a question has its outcome, whatever happens. */
int64_t	 scan_time(const struct scan_conf *);

struct scan;
enum scan_how {
	SCAN_FD_MESSAGE,	/* the message as a descriptor beside the first
				   octet of `tail' (unix sockets only) */
	SCAN_RAW,		/* its octets as they are */
	SCAN_CHUNKED,		/* clamd's: u32 big-endian length and octets …,
				   and a length of 0 */
	SCAN_NOTHING		/* head alone */
};

/*
 * What is sent: head, the message as how says (before may be put in front of
 * it, as part of the message: a synthetic Received; but not of a descriptor),
 * tail.  shut: the sending
 * half is closed after it.
 */
struct scan_request {
	struct buf		 head, before, tail;
	enum scan_how		 how;
	const struct spool	*spool;
	int			 shut;
};

/* More came, or the end (eof): 1 the answer is whole, 0 more is needed, -1 it
 * is none (*why, static). */
typedef int (*scan_more)(const uint8_t *, size_t len, int eof, void *arg,
	    const char **why);
/* whole: the answer, valid during the call; NULL: failed, why says so. */
typedef void (*scan_done)(const uint8_t *whole, size_t len, const char *why,
	    void *arg);

/* make builds the request for that server (the same message may need another
 * form on another one); -1: no memory.  NULL: no memory. */
struct scan *scan_start(struct scan_conf *, uint64_t session,
	    int (*make)(struct scan_request *, unsigned int server, void *arg),
	    scan_more, scan_done, void *arg);
void	 scan_cancel(struct scan *);		/* NULL is fine */
/* Inside of more: is all of the request out? */
int	 scan_sent(const struct scan *);

/* Each second, by scan's own timer: error lines about scanners that are down.
 * A module has nothing to do for it. */
void	 scan_tick(void);
/* "scan.MODULE.asked", ".failed", ".down" (s of nothing but failures). */
void	 scan_stats(void (*)(const char *name, int64_t value, void *), void *);
/* The parent's answer to MSG_CONN_ASK (pass.c); takes fd. */
void	 scan_socket(uint64_t id, uint32_t error, int fd);
/* How scan asks for one; set by pass.c, which knows the path's index in the
 * configuration in force.  -1: it could not be asked. */
extern int (*scan_ask_socket)(uint64_t id, const char *module,
	    const char *path);

/*
 * A longer conversation (milter): a connection that stays.  read: octets came,
 * len 0: it is gone, why says so, and it is to be closed.
 */
struct scan_conn;
struct scan_conn *scan_connect(struct scan_conf *, uint64_t session,
	    unsigned int server, void (*ready)(struct scan_conn *, void *arg),
	    size_t (*input)(struct scan_conn *, const uint8_t *, size_t len,
	    const char *why, void *arg), void *arg);
int	 scan_write(struct scan_conn *, const void *, size_t);	/* queued */
size_t	 scan_queued(const struct scan_conn *);
/* Called when less than that is queued, once. */
void	 scan_on_room(struct scan_conn *, size_t less,
	    void (*fn)(struct scan_conn *, void *arg));
void	 scan_close(struct scan_conn *);
/* Said if it can be said at once, and closed. */
void	 scan_last_words(struct scan_conn *, const void *, size_t);
/* What a conversation came to, for counters and the lines about a scanner that
 * is down; why NULL: it answered as it should. */
void	 scan_outcome(struct scan_conf *, const char *why);
unsigned int scan_servers(const struct scan_conf *);

/* Headers for the scanner only: a Received line as our MTA would have written
 * it, and Return-Path.  CRLF. */
int	 scan_received(const struct msession *, struct buf *);

#endif
