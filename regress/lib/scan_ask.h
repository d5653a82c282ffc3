/*
 * Questions to the three scripted scanners of scan_fixture.h: a caller that
 * reads a line as an answer and records what it is told, and the log.
 */
#ifndef SCAN_ASK_H
#define SCAN_ASK_H

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "regress/lib/scan_fixture.h"

static struct event_base *base;
static struct scanner	 tcp, tcp2, sock;
static char		 dir[] = "/tmp/scan_test.XXXXXX";
static struct spool	*spool;
static struct buf	 logged;

static inline void
sink(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	if (buf_printf(&logged, "%s\n", line) == -1)
		exit(1);
}

/* --- one question */

static struct user {
	size_t		 looked;	/* bytes that more() got in all */
	struct scan	*scan;
	enum scan_how	 how;
	const char	*head, *before, *tail;
	int		 shut, eof_ends, cancel_in_more, cancel_in_done;
	int		 done, made, inside;
	char		 got[300];	/* the answer, or "! why" */
	unsigned int	 servers;	/* bits: servers it was made for */
} u;

static inline int
make(struct scan_request *r, unsigned int server, void *arg)
{
	(void)arg;
	if (u.inside)
		abort();
	u.made++;
	u.servers |= 1U << server;
	r->how = u.how;
	r->spool = spool;
	r->shut = u.shut;
	if ((u.head != NULL && buf_addstr(&r->head, u.head) == -1) ||
	    (u.before != NULL && buf_addstr(&r->before, u.before) == -1) ||
	    (u.tail != NULL && buf_addstr(&r->tail, u.tail) == -1))
		return (-1);
	return (0);
}

/* A line is an answer; one that begins with "bad" is malformed. */
static inline int
more(const uint8_t *p, size_t len, int eof, void *arg, const char **why)
{
	(void)arg;
	if (u.inside)
		abort();
	u.looked += len;
	if (u.cancel_in_more) {
		scan_cancel(u.scan);
		return (p[0] == 'x' ? 0 : 1);
	}
	if (len >= 3 && memcmp(p, "bad", 3) == 0) {
		*why = "these are bad words";
		return (-1);
	}
	return (len > 0 && (p[len - 1] == '\n' || (eof && u.eof_ends)));
}

static inline void
done_with(const uint8_t *p, size_t len, const char *why, void *arg)
{
	(void)arg;
	if (u.inside)
		abort();
	u.done++;
	if (p == NULL)
		snprintf(u.got, sizeof(u.got), "! %s", why);
	else
		snprintf(u.got, sizeof(u.got), "%.*s", (int)len,
		    (const char *)p);
	if (u.cancel_in_done)
		scan_cancel(u.scan);
}

static inline void
turn(int *until)
{
	while (*until == 0)
		if (event_base_loop(base, EVLOOP_ONCE) != 0)
			abort();
}

static inline struct scan_conf *
conf_new(const struct scanner *a, const struct scanner *b)
{
	const struct scanner	*s[2] = { a, b };
	struct scan_conf	*c = scan_conf_new("test", 3310);
	struct module_arg	 arg[2];
	const char		*error;
	int			 i;

	for (i = 0; i < 2 && s[i] != NULL; i++) {
		memset(arg, 0, sizeof(arg));
		if (s[i]->port == 0) {
			arg[0].s = s[i]->path;
			if (scan_option(c, "socket", arg, 1, &error) != 1)
				exit(1);
			continue;
		}
		prefix_parse("127.0.0.1", &arg[0].prefix);
		arg[1].n = s[i]->port;
		if (scan_option(c, "server", arg, 2, &error) != 1)
			exit(1);
	}
	return (c);
}

static inline void
number(struct scan_conf *c, const char *keyword, int64_t n)
{
	struct module_arg	 arg = { .n = n };
	const char		*error;

	if (scan_option(c, keyword, &arg, 1, &error) != 1)
		exit(1);
}

static inline void
fresh(enum scan_how how)
{
	memset(&u, 0, sizeof(u));
	u.how = how;
	scanner_reset(&tcp);
	scanner_reset(&tcp2);
	scanner_reset(&sock);
}

static inline void
start(struct scan_conf *c)
{
	u.inside = 1;
	u.scan = scan_start(c, 1, make, more, done_with, NULL);
	u.inside = 0;
	if (u.scan == NULL)
		exit(1);
}

static inline void
ask(struct scan_conf *c)
{
	start(c);
	turn(&u.done);
}

static const char *const ok_script[] = { ">fine\n", NULL };
static const char *const silent_script[] = { NULL };

static inline const char *
after_colon(const char *s)
{
	const char	*p = strchr(s, ':');

	return (p == NULL ? s : p + 2);
}

static inline int
ask_begin(void)
{
	alarm(120);		/* so that a hang is a failure */
	if (mkdtemp(dir) == NULL || chdir(dir) == -1 ||
	    (base = event_base_new()) == NULL)
		return (-1);
	log_init("pass");
	log_set_sink(sink, NULL);
	scan_fix_init(base);
	scanner_start(&tcp, NULL);
	scanner_start(&tcp2, NULL);
	scanner_start(&sock, dir);
	return (0);
}

static inline void
ask_end(void)
{
	unlink(sock.path);
	if (chdir("/") == -1 || rmdir(dir) == -1)
		ok(0, "nothing is left over");
}

#endif
