/*
 * One run of `spamgreyd -x list': the parent opens what the process reads and
 * writes, and takes the image and the figures that come back.  Files of lists
 * are renamed here, once the process has said that they are complete and on
 * disk.  The parent never looks at their contents, since anybody may have
 * written them.
 *
 * A run: compile_start, compile_begin sends everything, the process answers
 * (rules), its end of the channel is closed, compile_ended calls done().
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/addrset/listcfg.h"
#include "lib/base/log.h"
#include "lib/base/statedir.h"
#include "lib/smtp/tmpl.h"
#include "lib/proto/list.h"
#include "spamgreyd/parent/list/lists.h"

#define COMPILE_S	120		/* s; a run that takes longer hangs */

/* A run.  It is freed before done() is called. */
struct compile {
	struct parent		*p;
	struct config		*conf;		/* a reference */
	struct chan		*ch;
	pid_t			 pid;
	struct event		*late;		/* COMPILE_S are over */
	int			 dir;		/* STATE/lists, or -1 */
	int			 image;		/* -1 once conf has it */
	/* bits of lists: those to be loaded, and those whose new version is
	 * being written to STATE/lists */
	uint64_t		 tried, out;
	size_t			 n;		/* lists of the configuration */
	size_t			 setups;	/* spamd-setup's so far */
	int			 ended;		/* LJ_END has come */
	struct lists_outcome	 oc;
	void			(*say)(const char *, void *);
	void			(*done)(struct parent *,
				    const struct lists_outcome *, void *);
	void			*arg;
};

static struct compile	*running;		/* one at a time; NULL: none */

/* Says whether a run is under way. */
int
lists_compiling(void)
{
	return (running != NULL);
}

/* A run that wants nothing: it compiles only what is kept. */
void
lists_want_init(struct lists_want *w)
{
	size_t	i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < ADDRSET_LISTS_MAX; i++)
		w->raw[i] = -1;
}

/* Closes the descriptors of what was fetched. */
void
lists_want_close(struct lists_want *w)
{
	size_t	i;

	for (i = 0; i < ADDRSET_LISTS_MAX; i++)
		if (w->raw[i] != -1)
			close(w->raw[i]);
}

/* LJ_LIST: tells the process about a list. */
static int
send_list(struct compile *c, const struct conf_list *l)
{
	struct ipc	*ipc = chan_ipc(c->ch);

	ipc_begin(ipc, LJ_LIST, l->index);
	ipc_put_u8(ipc, (uint8_t)l->kind);
	ipc_put_u8(ipc, (uint8_t)l->source);
	ipc_put_str(ipc, l->name);
	ipc_put_str(ipc, l->file);
	ipc_put_u64(ipc, lists_except_mask(c->conf, l));
	ipc_put_i64(ipc, clock_wall());
	return (chan_send(c->ch, -1));
}

/*
 * Finds the new content of a list.  1: *raw is it, and the caller's; 0: there
 * is nothing new; -1: the run cannot begin, which is reported.  A file that
 * cannot be opened is an error only if no version of the list is kept.
 */
static int
open_raw(struct compile *c, const struct lists_want *w, struct conf_list *l,
    int kept, int *raw)
{
	char	line[2048];

	*raw = -1;
	if (w->failed >> l->index & 1) {
		c->tried |= UINT64_C(1) << l->index;
		c->oc.failed++;
	}
	if (w->raw[l->index] != -1) {
		*raw = fcntl(w->raw[l->index], F_DUPFD_CLOEXEC, 0);
		if (*raw == -1 || lseek(*raw, 0, SEEK_SET) == -1)
			return (-1);
		return (1);
	}
	if (l->source != SRC_FILE || !w->files ||
	    (w->only != NULL && strcmp(w->only, l->name) != 0))
		return (0);
	c->tried |= UINT64_C(1) << l->index;
	if ((*raw = lists_file_open(c->conf, l, line, sizeof(line))) != -1)
		return (1);
	c->say(line, c->arg);
	if (!w->lenient || kept == -1)
		return (-1);
	if (l->failed == 0)
		l->failed = clock_wall();
	c->oc.failed++;
	return (0);
}

/*
 * Sends a list and its descriptors: what came, what was kept, and where to
 * write the new version.  0, or -1: reported.
 */
static int
compile_begin_list(struct compile *c, const struct lists_want *w,
    struct conf_list *l)
{
	int	raw = -1, kept, out = -1, r;

	kept = lists_kept_open(c->dir, l->name);
	if ((r = open_raw(c, w, l, kept, &raw)) == 1) {
		c->tried |= UINT64_C(1) << l->index;
		if (c->dir != -1 &&
		    (out = lists_out_open(c->dir, l->name)) != -1)
			c->out |= UINT64_C(1) << l->index;
		if (c->dir != -1 && out == -1)
			log_warn("list \"%s\": cannot be kept in %s/%s",
			    l->name, c->conf->statedir, LIST_DIR);
	}
	if (r != -1 && (send_list(c, l) == -1 || (raw != -1 &&
	    lists_send_fd(c->ch, LJ_RAW, l->index, raw) == -1) ||
	    (kept != -1 && lists_send_fd(c->ch, LJ_KEPT, l->index, kept) ==
	    -1) || (out != -1 && lists_send_fd(c->ch, LJ_OUT, l->index, out) ==
	    -1)))
		r = -1;
	if (raw != -1)
		close(raw);
	if (kept != -1)
		close(kept);
	if (out != -1)
		close(out);
	return (r == -1 ? -1 : 0);
}

/*
 * Sends all lists, the names that spamd-setup cannot use, and the file for the
 * image, which starts the work.  0, or -1: reported.
 */
static int
compile_begin(struct compile *c, const struct lists_want *w)
{
	struct conf_list	*l;
	int			 rw, fd, r = 0;

	TAILQ_FOREACH(l, &c->conf->lists, entry) {
		if (l->source == SRC_SETUP)
			continue;
		c->n++;
		if (compile_begin_list(c, w, l) == -1)
			r = -1;		/* report errors of the others too */
		ipc_begin(chan_ipc(c->ch), LJ_NAME, 0);
		ipc_put_str(chan_ipc(c->ch), l->name);
		if (chan_send(c->ch, -1) == -1)
			r = -1;
	}
	if (r == -1)
		return (-1);
	if (!TAILQ_EMPTY(&c->conf->setups) &&
	    (fd = lists_kept_open(c->dir, LIST_SETUP)) != -1) {
		r = lists_send_fd(c->ch, LJ_SETUP, 0, fd);
		close(fd);
	}
	if ((c->image = lists_image_open(c->conf->statedir, &rw)) == -1) {
		c->say("cannot write the compiled lists to /tmp, /var/tmp "
		    "or the state directory", c->arg);
		return (-1);
	}
	ipc_begin(chan_ipc(c->ch), LJ_IMAGE, 0);
	if (chan_send(c->ch, rw) == -1)
		r = -1;
	return (r);
}

/* NULL: there is no list with this index. */
static struct conf_list *
list_at(struct config *conf, uint64_t index)
{
	struct conf_list	*l;

	TAILQ_FOREACH(l, &conf->lists, entry)
		if (l->index == index)
			return (l);
	return (NULL);
}

/* Formats a time as "2026-11-23 17:00 UTC". */
static void
date_of(int64_t t, char *buf, size_t size)
{
	time_t		tt = (time_t)t;
	struct tm	tm;

	if (gmtime_r(&tt, &tm) == NULL ||
	    strftime(buf, size, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		strlcpy(buf, "an unknown time", size);
}

/* A list could not be loaded: reports why, and what remains in force. */
static void
say_failed(struct compile *c, const struct conf_list *l, const char *why)
{
	char	line[2048], date[40];

	date_of(l->loaded, date, sizeof(date));
	if (l->loaded != 0)
		snprintf(line, sizeof(line), "list \"%s\": %.1024s: %s; the "
		    "list loaded at %s stays in force", l->name, l->file, why,
		    date);
	else
		snprintf(line, sizeof(line), "list \"%s\": %.1024s: %s; the "
		    "list is empty, because it was never loaded", l->name,
		    l->file, why);
	c->say(line, c->arg);
}

/* A complaint of the process about the content of a list. */
static void
on_say(struct chan *ch, struct msg *m, void *arg)
{
	struct compile	*c = arg;
	const char	*line = msg_get_str(m);
	char		 text[1500];

	(void)ch;
	if (msg_end(m) == 0)
		c->say(lists_printable(text, sizeof(text), line), c->arg);
}

/*
 * The result of one list.  Its new file is kept if it is complete; otherwise it
 * is removed, and the list that was in force stays.
 */
static void
on_done(struct chan *ch, struct msg *m, void *arg)
{
	struct compile		*c = arg;
	struct conf_list	*l = list_at(c->conf, m->id);
	uint8_t			 state = msg_get_u8(m);
	int64_t			 loaded = msg_get_i64(m);
	uint64_t		 count = msg_get_u64(m);
	const char		*why = msg_get_str(m);
	char			 text[LIST_WHY_MAX];

	(void)ch;
	if (msg_end(m) == -1 || l == NULL || l->source == SRC_SETUP)
		return;
	l->loaded = loaded;
	l->count = (size_t)count;
	if (c->out >> l->index & 1)
		lists_keep(c->dir, l->name, state == LIST_LOADED);
	c->out &= ~(UINT64_C(1) << l->index);
	if (state == LIST_LOADED) {
		l->failed = 0;
		log_info("list \"%s\": loaded, %zu ranges", l->name, l->count);
	} else if (state == LIST_FAILED || state == LIST_LOST) {
		say_failed(c, l, lists_printable(text, sizeof(text), why));
		c->oc.failed++;
		c->oc.lost += state == LIST_LOST && l->source == SRC_FILE;
	}
	if (state != LIST_LOADED && c->tried >> l->index & 1 &&
	    l->failed == 0)
		l->failed = clock_wall();
}

/*
 * Checks what the process sends about a list of spamd-setup, since the process
 * has read what anybody sent: the name becomes the name of a file, the message
 * a template, and too many lists would end the children.
 */
static int
setup_fits(const struct compile *c, const char *name, const char *message)
{
	size_t	len = strlen(name);

	return (c->n + c->setups < ADDRSET_LISTS_MAX && len > 0 &&
	    len <= LISTCFG_TAG_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len &&
	    (*message == '\0' || tmpl_check(message, "A") == NULL));
}

/*
 * One list that spamd-setup brought.  Lists keep their places while the daemon
 * runs, since entries of the database name them.  If the place has a list of
 * another name now, that list and those behind it are removed, and oc.moved
 * says so.
 */
static void
on_setup_list(struct chan *ch, struct msg *m, void *arg)
{
	struct compile		*c = arg;
	const char		*name = msg_get_str(m);
	const char		*message = msg_get_str(m);
	int64_t			 loaded = msg_get_i64(m);
	uint64_t		 count = msg_get_u64(m);
	struct conf_list	*l, *next;
	char			*copy = NULL;

	(void)ch;
	if (msg_end(m) == -1 || !setup_fits(c, name, message))
		return;
	l = list_at(c->conf, c->n + c->setups);
	if (l != NULL && strcmp(l->name, name) != 0) {
		c->oc.moved = 1;
		for (; l != NULL; l = next) {
			next = TAILQ_NEXT(l, entry);
			TAILQ_REMOVE(&c->conf->lists, l, entry);
			conf_list_free(l);
		}
	}
	if (l == NULL && (l = lists_setup_add(c->conf, name, message)) == NULL)
		fatal("lists");
	if (*message != '\0' && (copy = strdup(message)) == NULL)
		fatal("lists");
	free(l->message);
	l->message = copy;
	l->loaded = loaded;
	l->count = (size_t)count;
	c->setups++;
}

/* The result of the run; the process ends next. */
static void
on_end(struct chan *ch, struct msg *m, void *arg)
{
	struct compile	*c = arg;
	uint8_t		 good = msg_get_u8(m);
	const char	*why = msg_get_str(m);

	(void)ch;
	if (msg_end(m) == -1)
		return;
	c->ended = 1;
	c->oc.good = good != 0;
	lists_printable(c->oc.why, sizeof(c->oc.why), why);
}

/* The messages of the process (lib/proto/list.h). */
static const struct chan_rule rules[] = {
	{ LJ_SAY, 0, on_say },
	{ LJ_DONE, 0, on_done },
	{ LJ_SETUP_LIST, 0, on_setup_list },
	{ LJ_END, 0, on_end },
	{ 0, 0, NULL }
};

/* Ends a run.  Files that were not completed are removed. */
static void
compile_free(struct compile *c)
{
	struct conf_list	*l;

	TAILQ_FOREACH(l, &c->conf->lists, entry)
		if (c->out >> l->index & 1)
			lists_keep(c->dir, l->name, 0);
	if (c->ch != NULL)
		chan_free(c->ch);
	if (c->late != NULL)
		event_free(c->late);
	if (c->dir != -1)
		close(c->dir);
	if (c->image != -1)
		close(c->image);
	config_free(c->conf);
	free(c);
	running = NULL;
}

/*
 * The process has ended, well or not.  A good image is put into the
 * configuration; the children map it from conf->set_fd.
 */
static void
compile_ended(struct chan *ch, enum chan_end how, void *arg)
{
	struct compile		*c = arg;
	struct parent		*p = c->p;
	struct lists_outcome	 oc;
	void			(*done)(struct parent *,
				    const struct lists_outcome *, void *);
	void			*done_arg = c->arg;

	(void)ch;
	if (how == CHAN_BROKEN)
		kill(c->pid, SIGKILL);
	if (!c->ended || how == CHAN_BROKEN) {
		c->oc.good = 0;
		strlcpy(c->oc.why, "the process that reads lists died (it "
		    "needs the user nobody and the directory /var/empty)",
		    sizeof(c->oc.why));
	}
	if (c->oc.good) {
		addrset_unmap(c->conf->set);
		c->conf->set = NULL;
		if (c->conf->set_fd != -1)
			close(c->conf->set_fd);
		c->conf->set_fd = c->image;
		c->image = -1;
	}
	oc = c->oc;
	done = c->done;
	compile_free(c);
	done(p, &oc, done_arg);
}

/* The process hangs and is killed; compile_ended() follows. */
static void
compile_late(evutil_socket_t fd, short what, void *arg)
{
	struct compile	*c = arg;

	(void)fd;
	(void)what;
	log_warnx("lists: the process that reads them was killed, because it "
	    "took more than %d s",
	    COMPILE_S);
	kill(c->pid, SIGKILL);
}

/*
 * Begins a run on that event base.  It takes c, also on failure.  0, or -1:
 * reported.
 */
static int
compile_start(struct parent *p, struct event_base *base, struct config *conf,
    const struct lists_want *w, struct compile *c)
{
	c->p = p;
	c->conf = conf;
	conf->refs++;
	c->dir = lists_dir_make(p);
	c->image = -1;
	running = c;
	if ((c->ch = lists_process(p, base, &c->pid, rules, c,
	    compile_ended)) == NULL ||
	    (c->late = evtimer_new(base, compile_late, c)) == NULL ||
	    event_add(c->late, &(struct timeval){ COMPILE_S, 0 }) == -1 ||
	    compile_begin(c, w) == -1) {
		if (c->ch != NULL)
			kill(c->pid, SIGKILL);
		compile_free(c);
		return (-1);
	}
	return (0);
}

/* The configuration stays alive until done() has been called. */
int
lists_compile(struct parent *p, struct config *conf, struct lists_want *w,
    void (*say)(const char *, void *), void (*done)(struct parent *,
    const struct lists_outcome *, void *), void *arg)
{
	struct compile	*c;

	if (running != NULL || (c = calloc(1, sizeof(*c))) == NULL)
		return (-1);
	c->say = say;
	c->done = done;
	c->arg = arg;
	return (compile_start(p, p->base, conf, w, c));
}

/* A run that somebody waits for, in lists_compile_now(). */
struct now {
	void			(*say)(const char *, void *);
	void			*arg;
	struct lists_outcome	 oc;
	int			 done;
};

/* Passes a complaint on to the caller's function. */
static void
now_say(const char *line, void *arg)
{
	struct now	*n = arg;

	n->say(line, n->arg);
}

/* Called like done() of a run in the background. */
static void
now_done(struct parent *p, const struct lists_outcome *oc, void *arg)
{
	struct now	*n = arg;

	(void)p;
	n->oc = *oc;
	n->done = 1;
}

/*
 * Runs an event loop of its own until the lists are compiled.  0, or -1: the
 * run failed, or the file of a list is missing that was never loaded.
 */
int
lists_compile_now(struct parent *p, struct config *conf,
    void (*say)(const char *, void *), void *arg)
{
	struct now		 n = { say, arg, { 0, "", 0, 0, 0 }, 0 };
	struct lists_want	 w;
	struct compile		*c;
	struct event_base	*base;
	pid_t			 pid;
	int			 r = -1;

	lists_want_init(&w);
	w.files = w.lenient = 1;
	/* Not the parent's base, which is made after daemon(3) has forked. */
	if ((base = event_base_new()) == NULL ||
	    (c = calloc(1, sizeof(*c))) == NULL)
		fatalx("cannot create the event loop");
	c->say = now_say;
	c->done = now_done;
	c->arg = &n;
	if (compile_start(p, base, conf, &w, c) == 0) {
		for (pid = c->pid; !n.done;)
			event_base_loop(base, EVLOOP_ONCE);
		(void)waitpid(pid, NULL, 0);
		if (!n.oc.good)
			say(n.oc.why, arg);
		else if (n.oc.lost == 0)
			r = 0;
	}
	event_base_free(base);
	return (r);
}
