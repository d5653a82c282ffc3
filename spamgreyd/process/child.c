/*
 * The life that all children share: take the configuration from the parent,
 * let the role open what needs privilege, drop it, and work until the parent
 * says QUIT or is gone.  What a role does is in its role_def; nothing here
 * knows one role from another.
 */
#include <sys/types.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/log.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/process/process.h"
#include "spamgreyd/parent/conf/conf.h"

#define CHILD_PARENT_FD	3			/* as the parent's spawn.c dups it */
#define CHILD_LOG_QUEUE	(1024 * 1024)		/* past it lines are dropped */
#define CHILD_RULES	48			/* the common ones and a role's */

static struct child	 child_self = { .pf = -1 };
static struct config	*building;	/* from CONF_BEGIN to COMMIT; else NULL */
static unsigned long	 dropped;		/* log lines, since the last one sent */
static struct chan_rule	 rules[CHILD_RULES];
static int		 ready;		/* MSG_READY was sent: stop() is due */

/* Ends the process in order: the role's stop(), then what the parent should
 * still hear. */
static void
child_exit(struct child *c, int status)
{
	if (ready && c->def->stop != NULL)
		c->def->stop(c);
	if (c->parent != NULL)
		chan_flush(c->parent);
	exit(status);
}

/* One MSG_LOG.  The lines of sessions wait for each other, so that a busy
 * process does not wake the parent for each of them. */
static int
child_log_send(int priority, const char *line)
{
	struct ipc	*ipc = chan_ipc(child_self.parent);

	ipc_begin(ipc, MSG_LOG, 0);
	ipc_put_u8(ipc, (uint8_t)priority);
	ipc_put_str(ipc, line);
	if ((priority & LOG_PRIMASK) >= LOG_INFO)
		return (chan_send_later(child_self.parent));
	return (chan_send(child_self.parent, -1));
}

/*
 * The log sink: a line for the parent.  A child never waits for a slow
 * syslogd: what does not fit in the queue is counted and reported later.  A
 * line that is followed by the end of the process is written at once.
 */
static void
child_log(int priority, const char *line, void *arg)
{
	char	note[64];

	(void)arg;
	if (chan_queued(child_self.parent) > CHILD_LOG_QUEUE) {
		dropped++;
		return;
	}
	if (dropped > 0) {
		snprintf(note, sizeof(note), "%s: %lu log lines dropped",
		    child_self.def->name, dropped);
		dropped = 0;
		(void)child_log_send(LOG_WARNING, note);
	}
	if (child_log_send(priority, line) == -1) {
		dropped++;
		/* Without memory the status is the last word. */
		if (priority <= LOG_CRIT)
			_exit(CHILD_NO_MEMORY);
	}
	if (priority <= LOG_CRIT)
		chan_flush(child_self.parent);
}

/* Does not return: the process ends with _exit(2), since the role's state
 * may be inconsistent. */
void
child_fatal(struct child *c, const char *fmt, ...)
{
	char	line[LOG_LINE_MAX];
	va_list	ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	ipc_begin(chan_ipc(c->parent), MSG_FATAL, 0);
	ipc_put_str(chan_ipc(c->parent), line);
	(void)chan_send(c->parent, -1);
	chan_flush(c->parent);
	_exit(1);
}

/* Written at once: the task begins before the loop turns. */
void
child_busy(struct child *c, int busy)
{
	ipc_begin(chan_ipc(c->parent), MSG_BUSY, 0);
	ipc_put_u8(chan_ipc(c->parent), busy != 0);
	(void)chan_send(c->parent, -1);
	chan_flush(c->parent);
}

/* The first message: what this process is.  Another build's program file
 * would misread every message that follows. */
static void
child_hello(struct chan *ch, struct msg *m, void *arg)
{
	struct child	*c = arg;
	const char	*id = msg_get_str(m);
	unsigned int	 role = msg_get_u8(m);

	(void)ch;
	c->instance = msg_get_u16(m);
	c->privileged = msg_get_u8(m);
	c->again = msg_get_u8(m);
	log_set_verbose(msg_get_u8(m));
	if (msg_end(m) == -1)
		return;
	if (strcmp(id, buildid) != 0)
		child_fatal(c, "the program file was replaced while the daemon "
		    "was running; restart the daemon");
	if (role != c->role)
		child_fatal(c, "started as %s, but the parent says role %u",
		    c->def->name, role);
}

/* One end of a socketpair, which the role keeps. */
static void
child_peer(struct chan *ch, struct msg *m, void *arg)
{
	struct child	*c = arg;
	unsigned int	 role = msg_get_u8(m);
	unsigned int	 instance = msg_get_u16(m);
	int		 fd;

	(void)ch;
	if (msg_end(m) == -1)
		return;
	if ((fd = msg_take_fd(m)) == -1 || role >= ROLE_MAX ||
	    c->def->peer == NULL)
		child_fatal(c, "%s: a peer came without a socket",
		    c->def->name);
	c->def->peer(c, role, instance, fd);
}

/* A descriptor of /dev/pf; without PF the message does not come. */
static void
child_pf(struct chan *ch, struct msg *m, void *arg)
{
	struct child	*c = arg;

	(void)ch;
	if (c->pf != -1)
		close(c->pf);
	c->pf = msg_take_fd(m);
}

/* The first configuration is complete: the point of no return. */
static void
child_become(struct child *c)
{
	c->def->configure(c, NULL);
	if (privdrop(c) == -1)
		child_fatal(c, "%s: could not drop privileges",
		    c->def->name);
	if (sandbox_enter(c->role, c->conf) == -1)
		child_fatal(c, "%s: sandbox %s: %s", c->def->name,
		    sandbox_name(), strerror(errno));
	if (c->def->run != NULL)
		c->def->run(c);
	ready = 1;
	ipc_begin(chan_ipc(c->parent), MSG_READY, 0);
	ipc_put_str(chan_ipc(c->parent), buildid);
	(void)chan_send(c->parent, -1);
}

/* New lists outside of a configuration. */
static void
child_lists(struct child *c, struct msg *m)
{
	int	r = c->conf == NULL ? -1 : config_recv_lists(c->conf, m);

	if (r == -1)
		child_fatal(c, "%s: bad message %u about lists", c->def->name,
		    m->type);
	if (r == 0)
		return;
	if (c->def->lists != NULL)
		c->def->lists(c);
	(void)chan_send_empty(c->parent, MSG_CONF_DONE, 0);
}

/* One message of a configuration.  The last one puts it in force. */
static void
child_conf(struct chan *ch, struct msg *m, void *arg)
{
	struct child	*c = arg;
	struct config	*old = c->conf;

	(void)ch;
	if (building == NULL && m->type != MSG_CONF_BEGIN) {
		child_lists(c, m);
		return;
	}
	switch (config_recv(&building, m)) {
	case 0:
		return;
	case 1:
		break;
	default:
		child_fatal(c, "%s: bad configuration message %u",
		    c->def->name, m->type);
	}
	c->conf = building;
	building = NULL;
	if (old == NULL)
		child_become(c);
	else {
		c->def->configure(c, old);
		config_free(old);	/* sessions that need it hold a reference */
		(void)chan_send_empty(c->parent, MSG_CONF_DONE, 0);
	}
}

/* All processes are ready. */
static void
child_start(struct chan *ch, struct msg *m, void *arg)
{
	struct child	*c = arg;

	(void)ch;
	(void)m;
	if (c->def->start != NULL)
		c->def->start(c);
}

/* spamgreydb log. */
static void
child_loglevel(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	log_set_verbose(msg_get_u8(m));
}

/* The heartbeat's answer shows that the event loop turns. */
static void
child_ping(struct chan *ch, struct msg *m, void *arg)
{
	(void)m;
	(void)arg;
	(void)chan_send_empty(ch, MSG_PONG, 0);
}

/* The parent ends this process. */
static void
child_quit(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)m;
	child_exit(arg, 0);
}

void
child_stderr(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	log_stderr("spamgreyd", line);
}

/* The parent is gone: there is nobody to log to and nobody to serve. */
static void
child_parent_ended(struct chan *ch, enum chan_end how, void *arg)
{
	(void)ch;
	(void)how;
	/* Nobody is left to log to. */
	log_set_sink(child_stderr, NULL);
	child_exit(arg, 0);
}

/* The messages that all children take, and those of the role. */
static void
child_rules(const struct role_def *def)
{
	static const struct chan_rule common[] = {
		{ MSG_HELLO, 0, child_hello },
		{ MSG_PEER, CHAN_FD, child_peer },
		{ MSG_PF, CHAN_FD, child_pf },
		{ MSG_CONF_BEGIN, 0, child_conf },
		{ MSG_CONF_GLOBAL, 0, child_conf },
		{ MSG_CONF_GREY, 0, child_conf },
		{ MSG_CONF_LIMIT, 0, child_conf },
		{ MSG_CONF_STRING, 0, child_conf },
		{ MSG_CONF_LIST, 0, child_conf },
		{ MSG_CONF_SET, CHAN_FD, child_conf },
		{ MSG_CONF_REACTION, 0, child_conf },
		{ MSG_CONF_LISTEN, CHAN_FD, child_conf },
		{ MSG_CONF_PEM, 0, child_conf },
		{ MSG_CONF_FW, 0, child_conf },
		{ MSG_CONF_PASS, 0, child_conf },
		{ MSG_CONF_RELAY, 0, child_conf },
		{ MSG_CONF_TARGET, 0, child_conf },
		{ MSG_CONF_MODULE, 0, child_conf },
		{ MSG_CONF_OPTION, 0, child_conf },
		{ MSG_CONF_LEARN, 0, child_conf },
		{ MSG_CONF_TRACK, 0, child_conf },
		{ MSG_CONF_SYNC, CHAN_FD, child_conf },
		{ MSG_CONF_LISTS, 0, child_conf },
		{ MSG_CONF_COMMIT, 0, child_conf },
		{ MSG_START, 0, child_start },
		{ MSG_LOGLEVEL, 0, child_loglevel },
		{ MSG_PING, 0, child_ping },
		{ MSG_QUIT, 0, child_quit },
		{ 0, 0, NULL }
	};
	const struct chan_rule	*r;
	size_t			 n = 0;

	for (r = common; r->type != 0; r++)
		rules[n++] = *r;
	for (r = def->parent_rules; r != NULL && r->type != 0; r++) {
		if (n == CHILD_RULES - 1)
			fatalx("%s: too many rules", def->name);
		rules[n++] = *r;
	}
}

/* A signal to the whole group (Ctrl-C, a service manager) is for the
 * parent.  A child ends when the parent says so, or is gone. */
static void
child_signals(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

/* Descriptor 3 is the parent's socket; everything else comes through it. */
int
child_main(enum role role)
{
	struct child	*c = &child_self;

	c->role = role;
	c->def = roles[role];
	log_init(c->def->name);
	log_set_sink(child_stderr, NULL);
	child_signals();
	os_follow_parent();
	if (c->def->keep_memory)
		os_keep_memory();
	child_rules(c->def);
	if ((c->base = event_base_new()) == NULL)
		fatalx("%s: no event loop", c->def->name);
	if ((c->parent = chan_new(c->base, CHILD_PARENT_FD, "parent", rules, c,
	    child_parent_ended)) == NULL)
		fatal("%s: no socket of the parent; only the daemon itself "
		    "starts a program with -x", c->def->name);
	log_set_sink(child_log, NULL);
	event_base_dispatch(c->base);
	fatalx("%s: the event loop ended", c->def->name);
}
