/*
 * The clients of the control socket.  The parent made the socket and keeps
 * it; its mode decides who may connect, and the user id that the kernel
 * reports goes into the log with every change.  What a command does is in
 * lib/control; this file accepts clients and is fair to them: one slice of
 * work for one client per turn of the loop, so that RCPTs never wait for a
 * command.  Nothing that a client does may end the process.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/proto/any_store.h"
#include "spamgreyd/store/ctl.h"

#define CLIENTS_MAX	32 /* more wait in the listening socket's backlog */
#define STATS_MAX	256	/* different names */
#define STATS_WAIT	2 /* seconds that other processes have to answer */
#define HELLO_WAIT	5	/* seconds until a client must have greeted */
#define CLIENT_TYPES_MAX 32	/* rows of ctl_types that clients send */
#define ACCEPT_WAIT	1	/* seconds, when descriptors have run out */

/* A counter that is summed over the processes. */
struct stat_value {
	char		name[64];
	int64_t		value;
};

/*
 * One client.  It is freed by client_free only, from any callback; so after
 * client_next or client_request the pointer may be invalid.
 */
struct client {
	TAILQ_ENTRY(client)	 entry;
	struct chan		*chan;
	struct ctl		*ctl;
	struct event		*ev_room; /* its socket takes data again */
	struct event		*ev_late; /* HELLO or statistics are overdue */
	uint64_t		 id;
	uid_t			 uid;
	int			 greeted;
	/* waiting for other processes */
	unsigned int		 waiting;	/* processes yet to answer */
	int			 table;		/* fw, about its table */
	struct stat_value	*stats;
	size_t			 nstats;
};

static TAILQ_HEAD(, client)	 clients = TAILQ_HEAD_INITIALIZER(clients);
static unsigned int		 nclients;
static uint64_t			 last_id;
static int			 listen_fd = -1;
static struct event		*ev_accept, *ev_again, *ev_work;
static struct store_ctl_role	 role;

static void	client_request(struct chan *, struct msg *, void *);

/* What a client may send, ended by type 0: filled in from ctl_types. */
static struct chan_rule	rules[CLIENT_TYPES_MAX + 1];

/* What a client may send, from the table of lib/control. */
static void
make_rules(void)
{
	const struct ctl_type	*t;
	size_t			 n = 0;

	for (t = ctl_types; t->type != 0; t++) {
		if (t->sender != CTL_BY_CLIENT)
			continue;
		if (n == CLIENT_TYPES_MAX)
			fatalx("control socket: too many types of requests");
		rules[n].type = t->type;
		rules[n++].handler = client_request;
	}
}

/* Drops a client.  When there were too many, accepting starts again. */
static void
client_free(struct client *cl)
{
	TAILQ_REMOVE(&clients, cl, entry);
	if (nclients-- == CLIENTS_MAX && ev_accept != NULL)
		(void)event_add(ev_accept, NULL);
	if (cl->ev_room != NULL)
		event_free(cl->ev_room);
	if (cl->ev_late != NULL)
		event_free(cl->ev_late);
	chan_free(cl->chan);
	ctl_free(cl->ctl);
	free(cl->stats);
	free(cl);
}

/*
 * An answer of another process has the client's id; NULL: the client has
 * gone.
 */
static struct client *
client_find(uint64_t id)
{
	struct client	*cl;

	TAILQ_FOREACH(cl, &clients, entry) {
		if (cl->id == id)
			return (cl);
	}
	return (NULL);
}

/* Has client_work called in the next turn of the loop. */
static void
work_soon(void)
{
	static const struct timeval	now = { 0, 0 };

	(void)event_add(ev_work, &now);
}

/*
 * After a request, a slice or an answer: sends what there is and goes on.
 * Reading stops while a request is being worked on, or while the client does
 * not read its answers.  The client may be freed by this.
 */
static void
client_next(struct client *cl)
{
	struct ipc	*ipc = chan_ipc(cl->chan);

	role.tell_first(role.arg);
	chan_flush(cl->chan);
	/* A channel whose peer is gone queues nothing any more. */
	if (ipc_queued(ipc) > 0 && chan_queued(cl->chan) == 0) {
		client_free(cl);
		return;
	}
	/* A client that does not read its answers may not ask for more. */
	if (ipc_queued(ipc) >= CTL_QUEUE_HIGH) {
		chan_pause(cl->chan);
		(void)event_add(cl->ev_room, NULL);
		return;
	}
	if (!ctl_busy(cl->ctl)) {
		chan_resume(cl->chan);
		return;
	}
	chan_pause(cl->chan);
	work_soon();
}

/* The socket of a client takes data again. */
static void
client_room(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_next(arg);
}

/*
 * One slice for the first client that has work; it then goes to the end of
 * the list, so that all get their turn.
 */
static void
client_work(evutil_socket_t fd, short what, void *arg)
{
	struct client	*cl, *next;
	int		 more;

	(void)fd;
	(void)what;
	(void)arg;
	for (cl = TAILQ_FIRST(&clients); cl != NULL; cl = next) {
		next = TAILQ_NEXT(cl, entry);
		if (!ctl_busy(cl->ctl) || cl->waiting > 0 ||
		    ipc_queued(chan_ipc(cl->chan)) >= CTL_QUEUE_HIGH)
			continue;
		if ((more = ctl_work(cl->ctl)) == 0 && ctl_busy(cl->ctl))
			continue;	/* another process answers later */
		TAILQ_REMOVE(&clients, cl, entry);
		TAILQ_INSERT_TAIL(&clients, cl, entry);
		if (more == -1)
			client_free(cl);
		else
			client_next(cl);
		work_soon();
		return;
	}
}

/* A frame of a client. */
static void
client_request(struct chan *ch, struct msg *m, void *arg)
{
	struct client		*cl = arg;
	const struct ctl_type	*t;

	(void)ch;
	if (ctl_request(cl->ctl, m) == -1) {
		t = ctl_type(m->type);
		log_warnx("control client of uid %u: malformed or unexpected "
		    "request (%s); closing the connection",
		    (unsigned int)cl->uid, t != NULL ? t->name : "unknown");
		chan_flush(cl->chan);
		client_free(cl);
		return;
	}
	if (!cl->greeted) {
		cl->greeted = 1;
		(void)event_del(cl->ev_late);
	}
	client_next(cl);
}

/* The client closed the connection, or sent garbage. */
static void
client_ended(struct chan *ch, enum chan_end how, void *arg)
{
	(void)ch;
	(void)how;
	client_free(arg);
}

/* All processes have answered, or the time is over: sends the sums. */
static void
stats_done(struct client *cl)
{
	size_t	i;

	cl->waiting = 0;
	(void)event_del(cl->ev_late);
	for (i = 0; i < cl->nstats; i++)
		ctl_answer_stat(cl->ctl, cl->stats[i].name,
		    cl->stats[i].value);
	cl->nstats = 0;
	ctl_answer(cl->ctl, CTL_OK, 0, "");
}

/*
 * The timer of a client: it did not greet in time, or another process did not
 * answer in time.
 */
static void
client_late(evutil_socket_t fd, short what, void *arg)
{
	struct client	*cl = arg;

	(void)fd;
	(void)what;
	if (cl->greeted && cl->table)
		store_ctl_table(cl->id, CTL_FAILED,
		    "the process fw did not answer");
	else if (cl->greeted) {
		stats_done(cl);
		client_next(cl);
	} else
		client_free(cl);
}

/* For `spamgreydb show': asks fw whether its table has the address. */
static void
ask_fw_table(struct client *cl, const char *text)
{
	static const struct timeval	 wait = { STATS_WAIT, 0 };
	struct addr			 addr;

	if (addr_parse(text, &addr) == -1 ||
	    role.table_ask(cl->id, &addr, role.arg) == -1) {
		ctl_answer(cl->ctl, CTL_FAILED, 0, "the process fw is not "
		    "running");
		return;
	}
	cl->table = 1;
	(void)event_add(cl->ev_late, &wait);
}

/* For lib/control: a request that this process cannot answer by itself. */
static void
client_ask(struct ctl *ctl, uint16_t type, uint8_t arg, const char *text,
    void *data)
{
	static const struct timeval	 wait = { STATS_WAIT, 0 };
	struct client			*cl = data;
	struct ipc			*ipc;

	if (type == CTL_STATS) {
		if (cl->stats == NULL)
			cl->stats = calloc(STATS_MAX, sizeof(*cl->stats));
		if (cl->stats != NULL)
			cl->waiting = role.stat_ask(cl->id, role.arg);
		if (cl->waiting == 0)
			ctl_answer(ctl, CTL_OK, 0, "");
		else
			(void)event_add(cl->ev_late, &wait);
		return;
	}
	if (type == CTL_TABLE) {
		ask_fw_table(cl, text);
		return;
	}
	ipc = chan_ipc(role.child->parent);
	ipc_begin(ipc, CTL_ASK, cl->id);
	ipc_put_u16(ipc, type);
	ipc_put_u8(ipc, arg);
	ipc_put_str(ipc, text);
	if (chan_send(role.child->parent, -1) == -1)
		ctl_answer(ctl, CTL_FAILED, 0,
		    "the daemon's parent process does not answer");
}

/* For lib/control: a change goes into the log, with the user id. */
static void
client_note(struct ctl *ctl, const char *line, void *data)
{
	struct client	*cl = data;

	(void)ctl;
	log_event(cl->id, "control", "uid=%u %s", (unsigned int)cl->uid,
	    line);
}

/* Starts serving a client; takes fd. */
static void
client_new(int fd, uid_t uid)
{
	static const struct timeval	 wait = { HELLO_WAIT, 0 };
	struct event_base		*base = role.child->base;
	struct ctl_env			 env;
	struct client			*cl;
	char				 peer[64];

	if ((cl = calloc(1, sizeof(*cl))) == NULL) {
		close(fd);
		return;
	}
	snprintf(peer, sizeof(peer), "control client of uid %u",
	    (unsigned int)uid);
	TAILQ_INSERT_TAIL(&clients, cl, entry);
	nclients++;
	cl->id = ++last_id;
	cl->uid = uid;
	memset(&env, 0, sizeof(env));
	env.policy = role.policy;
	env.db = role.db;
	env.ask = client_ask;
	env.note = client_note;
	env.arg = cl;
	cl->ev_room = event_new(base, fd, EV_WRITE, client_room, cl);
	cl->ev_late = evtimer_new(base, client_late, cl);
	cl->chan = chan_new(base, fd, peer, rules, cl, client_ended);
	if (cl->chan != NULL) {
		/* Each request may be a commit; RCPTs come in between. */
		chan_set_batch(cl->chan, 1);
		cl->ctl = ctl_new(&env, chan_ipc(cl->chan));
	}
	if (cl->ctl == NULL || cl->ev_room == NULL || cl->ev_late == NULL ||
	    event_add(cl->ev_late, &wait) == -1)
		client_free(cl);
}

/* Accepts again after descriptors had run out. */
static void
control_accept_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (nclients < CLIENTS_MAX)
		(void)event_add(ev_accept, NULL);
}

/* The listening socket is readable. */
static void
accept_client(evutil_socket_t lfd, short what, void *arg)
{
	static const struct timeval	wait = { ACCEPT_WAIT, 0 };
	uid_t				uid;
	gid_t				gid;
	int				fd;

	(void)what;
	(void)arg;
	if ((fd = accept(lfd, NULL, NULL)) == -1) {
		if (errno == EMFILE || errno == ENFILE) {
			log_warn("control socket: accept");
			(void)event_del(ev_accept);
			(void)event_add(ev_again, &wait);
		} else if (errno != EAGAIN && errno != EINTR &&
		    errno != ECONNABORTED)
			log_warn("control socket: accept");
		return;
	}
	if (getpeereid(fd, &uid, &gid) == -1) {
		log_warn("control socket: getpeereid");
		close(fd);
		return;
	}
	client_new(fd, uid);
	if (nclients >= CLIENTS_MAX)
		(void)event_del(ev_accept);
}

/* The parent sends the listening socket, once. */
void
store_ctl_listen(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	if (listen_fd == -1)
		listen_fd = msg_take_fd(m);
}

/*
 * Begins to accept.  Ids start at a number that an earlier store process did
 * not use, because the parent may still answer a client of that one.
 */
void
store_ctl_start(const struct store_ctl_role *r)
{
	struct event_base	*base = r->child->base;

	role = *r;
	make_rules();
	last_id = (uint64_t)getpid() << 32;
	if (listen_fd == -1)
		return;
	evutil_make_socket_nonblocking(listen_fd);
	ev_accept = event_new(base, listen_fd, EV_READ | EV_PERSIST,
	    accept_client, NULL);
	ev_again = evtimer_new(base, control_accept_again, NULL);
	ev_work = evtimer_new(base, client_work, NULL);
	if (ev_accept == NULL || ev_again == NULL || ev_work == NULL ||
	    event_add(ev_accept, NULL) == -1)
		fatalx("control socket: no memory");
}

/*
 * The parent has carried out what client_ask asked for, or reports a line of
 * it (more).
 */
void
store_ctl_result(struct chan *ch, struct msg *m, void *arg)
{
	uint8_t		 status = msg_get_u8(m);
	uint8_t		 more = msg_get_u8(m);
	const char	*text = msg_get_str(m);
	struct client	*cl;

	(void)ch;
	(void)arg;
	if (msg_end(m) == -1 || (cl = client_find(m->id)) == NULL)
		return;
	ctl_answer(cl->ctl, status, more, text);
	client_next(cl);
}

/* Sums counters by name.  Past STATS_MAX names the rest is left out. */
static void
stat_add(struct client *cl, const char *name, int64_t value)
{
	struct stat_value	*v;
	size_t			 i;

	for (i = 0; i < cl->nstats; i++) {
		if (strcmp(cl->stats[i].name, name) == 0) {
			/* A number may be anything; unsigned, it wraps. */
			cl->stats[i].value = (int64_t)((uint64_t)
			    cl->stats[i].value + (uint64_t)value);
			return;
		}
	}
	if (cl->nstats == STATS_MAX ||
	    strlen(name) >= sizeof(cl->stats[0].name))
		return;
	v = &cl->stats[cl->nstats++];
	memcpy(v->name, name, strlen(name) + 1);
	v->value = value;
}

/* A counter of another process, or the end of its counters. */
void
store_ctl_stat(struct msg *m)
{
	struct client	*cl = client_find(m->id);
	const char	*name;
	int64_t		 value;

	if (m->type == MSG_STAT) {
		if (proto_get_stat(m, &name, &value) == 0 && cl != NULL &&
		    cl->waiting > 0)
			stat_add(cl, name, value);
		return;
	}
	if (msg_end(m) == -1 || cl == NULL || cl->waiting == 0 ||
	    --cl->waiting > 0)
		return;
	stats_done(cl);
	client_next(cl);
}

/* fw has looked, or has not answered in time. */
void
store_ctl_table(uint64_t id, uint8_t status, const char *text)
{
	struct client	*cl = client_find(id);

	if (cl == NULL || !cl->table)
		return;
	cl->table = 0;
	(void)event_del(cl->ev_late);
	ctl_answer(cl->ctl, status, 0, text);
	client_next(cl);
}

/* Sends what is queued and drops all clients. */
void
store_ctl_stop(void)
{
	struct client	*cl;

	while ((cl = TAILQ_FIRST(&clients)) != NULL) {
		chan_flush(cl->chan);
		client_free(cl);
	}
	if (ev_accept != NULL)
		event_free(ev_accept);
	if (ev_again != NULL)
		event_free(ev_again);
	if (ev_work != NULL)
		event_free(ev_work);
	ev_accept = ev_again = ev_work = NULL;
}
