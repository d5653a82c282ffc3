/*
 * `spamgreyd -x list'; see job.h.  The parent describes one job, message by
 * message (lib/proto/list.h).  Each list is read when the next one begins, so
 * that few descriptors are open at a time.  The process can reach nothing but
 * the descriptors that it was given.  job_setup.c takes what spamd-setup sends.
 *
 * The handlers of messages (on_...) return 0, or -1 when the message is
 * malformed or comes out of order, which ends the job.
 */
#include <sys/types.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "spamgreyd/list/job_int.h"
#include "spamgreyd/os/os.h"

/* The only job of the process. */
static struct job	job;

/*
 * Writes all that is queued.  It may block, since the process does nothing
 * else.
 */
void
job_flush(void)
{
	struct pollfd	p = { job.ipc.fd, POLLOUT, 0 };
	int		r;

	while ((r = ipc_flush(&job.ipc)) == 0)
		(void)poll(&p, 1, -1);
	if (r == -1)
		_exit(1);		/* the parent is gone */
}

/* Ends a message and writes it. */
static void
job_send(void)
{
	if (ipc_send(&job.ipc, -1) == -1)
		_exit(1);
	job_flush();
}

/* Sends a warning for the log; the job goes on. */
void
job_say(const char *line, void *arg)
{
	(void)arg;
	ipc_begin(&job.ipc, LJ_SAY, 0);
	ipc_put_str(&job.ipc, line);
	job_send();
}

/* Nothing is freed, since the process ends. */
void
job_end(const char *fmt, ...)
{
	char	why[LIST_WHY_MAX];
	va_list	ap;

	why[0] = '\0';
	if (fmt != NULL) {
		va_start(ap, fmt);
		vsnprintf(why, sizeof(why), fmt, ap);
		va_end(ap);
	}
	ipc_begin(&job.ipc, LJ_END, 0);
	ipc_put_u8(&job.ipc, fmt == NULL);
	ipc_put_str(&job.ipc, why);
	job_send();
	_exit(0);
}

/* Closes a descriptor of a list that has been read. */
static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

/*
 * Takes the version of the list that was kept the last time.  -1: there is
 * none, and the set is empty.
 */
static int
use_kept(struct job_list *l)
{
	addrset_build_free(l->set);
	if ((l->set = addrset_build_new()) == NULL)
		job_end("%s", strerror(errno));
	if (l->kept != -1 && list_kept_read(l->kept, l->source, &l->loaded,
	    l->set) == 0)
		return (0);
	addrset_build_free(l->set);
	if ((l->set = addrset_build_new()) == NULL)
		job_end("%s", strerror(errno));
	l->loaded = 0;
	return (-1);
}

/*
 * Says whether an empty list would replace one that was not empty.  That is a
 * failed download far more often than a list that ended, so it is refused.  An
 * administrator may empty a file of their own, if a comment line stays in it.
 */
static int
is_emptied(struct job_list *l, const struct list_report *r)
{
	struct job_list	 before = *l;
	int		 had;

	if (r->good > 0 || (l->kind_of == SRC_FILE && r->lines > 0))
		return (0);
	before.set = NULL;
	had = use_kept(&before) == 0 && addrset_build_count(before.set) > 0;
	addrset_build_free(before.set);
	return (had);
}

/* Reads the new list and writes the version to be kept.  0, or -1: l->why. */
static int
read_raw(struct job_list *l, int64_t now)
{
	struct list_report	 r;

	if (list_read(l->raw, l->kind_of == SRC_FILE ? l->text : l->name,
	    l->kind_of == SRC_FILE, l->set, &r, job_say, NULL) == -1) {
		strlcpy(l->why, r.why, sizeof(l->why));
		return (-1);
	}
	if (is_emptied(l, &r)) {
		strlcpy(l->why,
		    l->kind_of == SRC_FILE ? "is empty, but was not before; if "
					     "that is intended, leave a "
					     "comment in it" :
					     "is empty, but was not before",
		    sizeof(l->why));
		return (-1);
	}
	l->loaded = now;
	if (l->out != -1 &&
	    list_kept_write(l->out, l->source, now, l->set) == -1) {
		snprintf(l->why, sizeof(l->why), "cannot be kept: %s",
		    strerror(errno));
		return (-1);
	}
	return (0);
}

/* Reads the list that was described last, whose descriptors have all come. */
static void
finish_list(void)
{
	struct job_list	*l;

	if (job.n == 0 || job.lists[job.n - 1].finished)
		return;
	l = &job.lists[job.n - 1];
	l->finished = 1;
	if ((l->set = addrset_build_new()) == NULL)
		job_end("%s", strerror(errno));
	if (l->raw != -1 && read_raw(l, job.now) == 0)
		l->state = LIST_LOADED;
	else if (use_kept(l) == 0)
		l->state = l->raw == -1 ? LIST_KEPT : LIST_FAILED;
	else
		l->state = l->raw == -1 ? LIST_NOTHING : LIST_LOST;
	close_fd(&l->raw);
	close_fd(&l->kept);
	close_fd(&l->out);
}

/* A list begins, so that the one before it is complete. */
static int
on_list(struct msg *m)
{
	struct job_list	*l;
	uint8_t		 kind = msg_get_u8(m), source = msg_get_u8(m);

	finish_list();
	if (m->id != job.n || job.n == ADDRSET_LISTS_MAX ||
	    kind > LIST_WHITE || source > SRC_SETUP)
		return (-1);
	l = &job.lists[job.n++];
	memset(l, 0, sizeof(*l));
	l->raw = l->kept = l->out = -1;
	l->kind_of = (enum conf_source)source;
	l->name = strdup(msg_get_str(m));
	l->text = strdup(msg_get_str(m));
	if (l->name == NULL || l->text == NULL)
		return (-1);
	l->source = list_source_id(l->kind_of, l->text);
	job.except[job.n - 1] = msg_get_u64(m);
	job.now = msg_get_i64(m);
	return (msg_end(m));
}

/*
 * A descriptor, of the list that was described last or of the whole job.  None
 * may come twice.
 */
static int
on_fd(struct msg *m)
{
	struct job_list	*l = job.n == 0 ? NULL : &job.lists[job.n - 1];
	int		*fd;

	switch (m->type) {
	case LJ_SETUP:
		fd = &job.setup;
		break;
	case LJ_SETUP_OUT:
		fd = &job.setup_out;
		break;
	default:
		if (l == NULL || l->finished || m->id != job.n - 1)
			return (-1);
		fd = m->type == LJ_RAW ? &l->raw : m->type == LJ_KEPT ?
		    &l->kept : &l->out;
		break;
	}
	if (*fd != -1 || (*fd = msg_take_fd(m)) == -1)
		return (-1);
	return (msg_end(m));
}

/*
 * A name that a list of spamd-setup cannot have, because the configuration uses
 * it.
 */
static int
on_name(struct msg *m)
{
	if (job.nnames == ADDRSET_LISTS_MAX ||
	    (job.names[job.nnames++] = strdup(msg_get_str(m))) == NULL)
		return (-1);
	return (msg_end(m));
}

/* Names are those of LJ_NAME. */
int
job_name_taken(const char *name)
{
	size_t	i;

	for (i = 0; i < job.nnames; i++)
		if (strcmp(job.names[i], name) == 0)
			return (1);
	return (0);
}

/*
 * Appends the sets of spamd-setup's lists behind those of the configuration.
 * Those that cannot be used are removed from *all.  Returns the number of sets.
 */
static size_t
add_setups(struct list_setups *all, struct addrset_build **sets, size_t n)
{
	struct list_setup	*s, *next;
	char			 line[200];

	if (job.setup != -1 && list_setup_read(job.setup, all) == -1) {
		job_say("the lists of spamd-setup are damaged; run it again",
		    NULL);
		list_setup_free(all);
	}
	for (s = TAILQ_FIRST(all); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (!job_name_taken(s->name) && n < ADDRSET_LISTS_MAX) {
			sets[n++] = s->set;
			continue;
		}
		snprintf(line, sizeof(line), "list \"%.63s\" of spamd-setup: "
		    "%s; ignored", s->name, n < ADDRSET_LISTS_MAX ?
		    "the configuration has a list of that name" :
		    "there are too many lists");
		job_say(line, NULL);
		TAILQ_REMOVE(all, s, entry);
	}
	return (n);
}

/* Tells the parent what became of one list of the configuration. */
static void
send_done(size_t i, const struct job_list *l)
{
	ipc_begin(&job.ipc, LJ_DONE, i);
	ipc_put_u8(&job.ipc, (uint8_t)l->state);
	ipc_put_i64(&job.ipc, l->loaded);
	ipc_put_u64(&job.ipc, addrset_build_count(l->set));
	ipc_put_str(&job.ipc, l->why);
	job_send();
}

/*
 * Everything is described: compiles the lists, and reports what became of each.
 */
static int
on_image(struct msg *m)
{
	struct list_setups	 all = TAILQ_HEAD_INITIALIZER(all);
	struct list_setup	*s;
	struct addrset_build	*sets[ADDRSET_LISTS_MAX];
	size_t			 i, n;
	int			 fd = msg_take_fd(m);

	if (fd == -1 || msg_end(m) == -1)
		return (-1);
	finish_list();
	for (i = 0; i < job.n; i++)
		sets[i] = job.lists[i].set;
	n = add_setups(&all, sets, job.n);
	if (list_except(sets, n, job.except) == -1 ||
	    addrset_write(fd, sets, n) == -1)
		job_end("%s", strerror(errno));
	for (i = 0; i < job.n; i++)
		send_done(i, &job.lists[i]);
	TAILQ_FOREACH(s, &all, entry) {
		ipc_begin(&job.ipc, LJ_SETUP_LIST, 0);
		ipc_put_str(&job.ipc, s->name);
		ipc_put_str(&job.ipc, s->message);
		ipc_put_i64(&job.ipc, s->loaded);
		ipc_put_u64(&job.ipc, addrset_build_count(s->set));
		job_send();
	}
	job_end(NULL);
}

/* Takes what spamd-setup sends; does not return. */
static int
on_conn(struct msg *m)
{
	int64_t	now = msg_get_i64(m);
	int	fd = msg_take_fd(m);

	if (fd == -1 || job.setup_out == -1 || msg_end(m) == -1)
		return (-1);
	job_take_setup(fd, now, job.setup, job.setup_out);
}

/* How many lists of spamd-setup were changed. */
void
job_taken(unsigned int lists)
{
	ipc_begin(&job.ipc, LJ_TAKEN, 0);
	ipc_put_u32(&job.ipc, lists);
	job_send();
}

/* Calls the handler of a message. */
static int
dispatch(struct msg *m)
{
	switch (m->type) {
	case LJ_LIST:
		return (on_list(m));
	case LJ_RAW:
	case LJ_KEPT:
	case LJ_OUT:
	case LJ_SETUP:
	case LJ_SETUP_OUT:
		return (on_fd(m));
	case LJ_NAME:
		return (on_name(m));
	case LJ_IMAGE:
		return (on_image(m));
	case LJ_CONN:
		return (on_conn(m));
	default:
		return (-1);
	}
}

/*
 * Reads messages until one of them ends the job.  The end of the parent, which
 * closes the socket, ends this process too.
 */
int
list_job_run(int fd)
{
	struct pollfd	p = { fd, POLLIN, 0 };
	struct msg	m;
	int		r;

	ipc_init(&job.ipc, fd);
	job.ipc.fdok = 1;
	job.setup = job.setup_out = -1;
	for (;;) {
		while ((r = ipc_next(&job.ipc, &m)) == 1)
			if (dispatch(&m) == -1)
				job_end("malformed message from the parent");
		if (r == -1)
			_exit(1);
		(void)poll(&p, 1, -1);
		r = ipc_read(&job.ipc);
		if (r == 0 || (r == -1 && errno != EAGAIN && errno != EINTR))
			_exit(1);
	}
}

/*
 * The process begins here, with the socket to the parent on LIST_JOB_FD.  The
 * sandbox is entered before anything is read.
 */
int
list_job_main(void)
{
	static const struct role_def	def = {
		.name = "list",
		.user = "nobody",
		.root = ROOT_EMPTY
	};
	static struct child		self = {
		.role = ROLE_LIST,
		.def = &def,
		.pf = -1
	};
	struct child			*c = &self;

	log_init(def.name);
	log_set_sink(child_stderr, NULL);
	signal(SIGPIPE, SIG_IGN);
	os_follow_parent();
	c->privileged = geteuid() == 0;
	if (privdrop(c) == -1)
		_exit(1);
	if (sandbox_enter(c->role, NULL) == -1)
		fatal("list: sandbox %s", sandbox_name());
	return (list_job_run(LIST_JOB_FD));
}
