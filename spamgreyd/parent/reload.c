/*
 * A reload: the file is read again, given to each process, and confirmed to
 * whoever asked for it when all of them have taken it.  Before that, a client
 * could still be served by the old configuration.
 *
 *	parent_reload, reload_begin	the file is read, its lists are compiled
 *	reload_compiled, reload_in_force, reload_take
 *	reload_give			each process gets it
 *	parent_settle			all have it: the answer
 *	parent_restart			instead of these two, if it takes new ones
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/parent/conf/conf.h"
#include "spamgreyd/parent/list/lists.h"

#define RELOAD_MS	10000	/* a process that has not taken it by then is
				   named to the command that asked */

/* What a running daemon cannot change under its children.  0, or -1:
 * reported. */
static int
reload_refused(const struct config *old, const struct config *new,
    void (*report)(const char *, void *), void *arg)
{
	int	r = 0;

	if (strcmp(old->statedir, new->statedir) != 0) {
		report("state directory: a change needs a restart of the "
		    "daemon", arg);
		r = -1;
	}
	if (strcmp(old->socket, new->socket) != 0) {
		report("control socket: a change needs a restart of the "
		    "daemon", arg);
		r = -1;
	}
	return (r);
}

/* Two names that may both be NULL. */
static int
differ(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != b);
	return (strcmp(a, b) != 0);
}

/* 1: only new processes can take this change.  It needs privilege that they
 * have dropped, or another number of them. */
static int
reload_restarts(const struct config *old, const struct config *new)
{
	return (old->fronts != new->fronts || old->fw != new->fw ||
	    (old->pass == NULL) != (new->pass == NULL) ||
	    (old->sync == NULL) != (new->sync == NULL) ||
	    old->cache != new->cache ||
	    differ(old->fw_table, new->fw_table) ||
	    differ(old->nft_family, new->nft_family) ||
	    differ(old->nft_table, new->nft_table) ||
	    differ(old->nft_set4, new->nft_set4) ||
	    differ(old->nft_set6, new->nft_set6));
}

/* One CTL_RESULT. more: others follow. */
void
parent_answer(struct chan *ch, uint64_t id, unsigned int status, int more,
    const char *text)
{
	struct ipc	*ipc = chan_ipc(ch);

	ipc_begin(ipc, CTL_RESULT, id);
	ipc_put_u8(ipc, (uint8_t)status);
	ipc_put_u8(ipc, (uint8_t)more);
	ipc_put_str(ipc, text);
	(void)chan_send(ch, -1);
}

void
parent_tell(struct parent *p, uint64_t id, unsigned int status, int more,
    const char *text)
{
	unsigned int	i;

	for (i = 0; i < p->nprocs; i++)
		if (p->procs[i].role == ROLE_STORE &&
		    p->procs[i].chan != NULL)
			parent_answer(p->procs[i].chan, id, status, more,
			    text);
}

/* To the command that asked, unless it was a signal; and for the ticket. */
static void
reload_tell(struct parent *p, const struct reload *r, unsigned int status,
    int more, const char *text)
{
	if (!more)
		outcome_set(p, r->ticket, status, text);
	if (r->asked)
		parent_tell(p, r->id, status, more, text);
}

struct report {
	struct parent		*parent;
	const struct reload	*reload;
};

/* The report callback: a complaint goes to the log and to the command. */
static void
report_line(const char *line, void *arg)
{
	struct report	*rp = arg;

	log_warnx("%s", line);
	reload_tell(rp->parent, rp->reload, CTL_OK, 1, line);
}

/* The reload has failed.  The file's complaints are already reported. */
static void
reload_refuse(struct parent *p, const struct reload *r)
{
	log_warnx("not reloaded; the old configuration stays in force");
	reload_tell(p, r, CTL_FAILED, 0, "the old configuration stays in force");
}

/*
 * Opens what the new configuration needs, and puts it in force in the parent.
 * 1: the processes have to be started again for it; 0: they can take it; -1:
 * reported, new is freed, and nothing changed.
 */
static int
reload_take(struct parent *p, struct config *new, const struct reload *r)
{
	struct report	 rp = { p, r };
	struct config	*old = p->conf;

	if (reload_refused(old, new, report_line, &rp) == -1 ||
	    open_listeners(p, new, old, report_line, &rp) == -1 ||
	    open_sync(new, old, report_line, &rp) == -1) {
		config_free(new);
		return (-1);
	}
	p->conf = new;
	setup_configure(p);
	/* A set that does not work yet may still have to go back to p->before,
	 * so that this reload waits for the set too. */
	if (p->before == NULL && !reload_restarts(old, new)) {
		config_free(old);
		return (0);
	}
	if (p->before == NULL)
		p->before = old;
	else
		config_free(old);	/* no set was ready with it */
	return (1);
}

/* Counts the reload and waits for all processes to take it.  0, or -1: too
 * many wait already, and nobody can be told about this one. */
static int
reload_await(struct parent *p, const struct reload *r)
{
	p->reloads++;
	if (p->nwaits == PARENT_RELOADS_MAX)
		return (-1);
	p->waits[p->nwaits] = *r;
	p->waits[p->nwaits++].serial = p->reloads;
	if (p->nwaits == 1)
		event_add(p->ev_reload, &(struct timeval){ RELOAD_MS / 1000,
		    0 });
	return (0);
}

/* Sends the configuration to all processes. */
static void
reload_give(struct parent *p, const struct reload *r)
{
	struct proc	*pr;

	if (reload_await(p, r) == -1)
		reload_tell(p, r, r->status, 0, r->text);
	for (pr = p->procs; pr < p->procs + p->nprocs; pr++)
		if (pr->chan != NULL && set_configure(p, pr) == -1)
			log_warnx("%s: cannot send it the configuration",
			    pr->name);
	alone_reload(p);
}

void
parent_give_lists(struct parent *p, int asked, uint64_t id,
    unsigned int status, const char *text, int moved)
{
	struct reload	 r = { 0, id, asked, status, "", "" };
	struct proc	*pr;

	strlcpy(r.text, text, sizeof(r.text));
	if (moved) {
		reload_give(p, &r);
		return;
	}
	if (reload_await(p, &r) == -1)
		reload_tell(p, &r, status, 0, text);
	for (pr = p->procs; pr < p->procs + p->nprocs; pr++)
		if (pr->chan != NULL && config_send_lists(pr->chan,
		    p->conf) == -1)
			log_warnx("%s: cannot send it the lists", pr->name);
}

/* The lists are compiled: the rest of a reload. */
static void
reload_in_force(struct parent *p, struct config *new, struct reload *r)
{
	switch (reload_take(p, new, r)) {
	case -1:
		reload_refuse(p, r);
		break;
	case 0:
		r->status = CTL_OK;
		strlcpy(r->text, "configuration reloaded", sizeof(r->text));
		reload_give(p, r);
		load_reloaded(p);
		break;
	default:
		/* Store ends too: the command asks the next one. */
		log_info("new configuration: restarting the processes");
		outcome_await(p, r->ticket, AWAITS_NEW);
		parent_restart(p);
		load_reloaded(p);
		break;
	}
}

/* The one whose lists are being compiled; there is one at a time. */
static struct {
	struct reload	 r;
	struct config	*conf;
} compiling;

/* A complaint about a list, for the reload whose lists are being compiled. */
static void
reload_say(const char *line, void *arg)
{
	struct report	rp = { arg, &compiling.r };

	report_line(line, &rp);
}

/* The lists of a reload are compiled, or cannot be.  A file of a list that
 * is gone and was never loaded fails the reload. */
static void
reload_compiled(struct parent *p, const struct lists_outcome *oc, void *arg)
{
	struct config	*conf = compiling.conf;
	struct reload	 r = compiling.r;

	compiling.conf = NULL;
	if (oc->good && oc->lost == 0 && !p->ending)
		reload_in_force(p, conf, &r);
	else {
		if (!oc->good)
			reload_say(oc->why, arg);
		config_free(conf);
		reload_refuse(p, &r);
	}
	load_next(p);
}

/* Since when a list could not be loaded is remembered over a reload. */
static void
carry_over(const struct config *old, struct config *new)
{
	const struct conf_list	*o;
	struct conf_list	*l;

	TAILQ_FOREACH(l, &new->lists, entry)
		TAILQ_FOREACH(o, &old->lists, entry)
			if (strcmp(l->name, o->name) == 0 &&
			    l->source == o->source &&
			    strcmp(l->file, o->file) == 0)
				l->failed = o->failed;
}

/* Reads the file and begins to compile its lists; reload_compiled() goes on.
 * Without lists the new configuration is in force at once. */
static void
reload_begin(struct parent *p, struct reload *r)
{
	struct report		 rp = { p, r };
	struct lists_want	 w;
	struct config		*new;

	if ((new = parent_conf_read(p, report_line, &rp)) == NULL) {
		reload_refuse(p, r);
		return;
	}
	carry_over(p->conf, new);
	if (TAILQ_EMPTY(&new->lists) && TAILQ_EMPTY(&new->setups)) {
		reload_in_force(p, new, r);
		return;
	}
	lists_want_init(&w);
	w.files = 1;
	compiling.r = *r;
	compiling.conf = new;
	if (lists_compile(p, new, &w, reload_say, reload_compiled, p) == -1) {
		compiling.conf = NULL;
		config_free(new);
		reload_refuse(p, r);
	}
}

/* Begins a reload that waited for a run of lists to end. */
void
parent_reload_next(struct parent *p)
{
	struct reload	r;

	while (p->nqueue > 0 && !lists_compiling()) {
		r = p->queue[0];
		memmove(p->queue, p->queue + 1,
		    --p->nqueue * sizeof(p->queue[0]));
		reload_begin(p, &r);
	}
}

void
parent_reload(struct parent *p, int asked, uint64_t id, const char *ticket)
{
	struct reload	r = { 0, id, asked, CTL_OK, "", "" };

	strlcpy(r.ticket, ticket, sizeof(r.ticket));
	outcome_begin(p, r.ticket);
	if (p->nwaits + p->nqueue >= PARENT_RELOADS_MAX) {
		log_warnx("not reloaded: %u reloads are under way; try again",
		    p->nwaits + p->nqueue);
		reload_tell(p, &r, CTL_FAILED, 0, "too many reloads are under "
		    "way; try again");
		return;
	}
	p->queue[p->nqueue++] = r;
	parent_reload_next(p);
}

/* Reloads are taken in the order in which they were sent, so that the first
 * n are done. */
static void
waits_drop(struct parent *p, unsigned int n)
{
	p->nwaits -= n;
	memmove(p->waits, p->waits + n, p->nwaits * sizeof(p->waits[0]));
	if (p->nwaits == 0)
		event_del(p->ev_reload);
}

/* MSG_CONF_DONE: one more reload that this process has taken. */
void
parent_taken(struct proc *pr)
{
	/* A child's message is not trusted: never more than there were. */
	if (pr->taken < pr->parent->reloads)
		pr->taken++;
	parent_settle(pr->parent);
}

/* Answers all reloads that every process has taken. */
void
parent_settle(struct parent *p)
{
	unsigned int	i, done;

	for (done = 0; done < p->nwaits; done++) {
		for (i = 0; i < p->nprocs; i++)
			if (p->procs[i].taken < p->waits[done].serial)
				break;
		if (i < p->nprocs)
			break;
		log_info("%s", p->waits[done].text);
		reload_tell(p, &p->waits[done], p->waits[done].status, 0,
		    p->waits[done].text);
	}
	if (done > 0)
		waits_drop(p, done);
}

/*
 * ev_reload: RELOAD_MS have passed.  The configuration is in force in the
 * parent and most processes, so that the command is told which one has not
 * taken it.
 */
void
parent_reload_late(evutil_socket_t fd, short what, void *arg)
{
	struct parent	*p = arg;
	struct proc	*pr;
	char		 text[256];
	unsigned int	 i;

	(void)fd;
	(void)what;
	for (pr = p->procs; pr < p->procs + p->nprocs - 1; pr++)
		if (pr->taken < p->waits[0].serial)
			break;
	snprintf(text, sizeof(text), "%s, but %s has not taken it after %d s",
	    p->waits[0].text, pr->name, RELOAD_MS / 1000);
	log_warnx("%s", text);
	for (i = 0; i < p->nwaits; i++)
		reload_tell(p, &p->waits[i], CTL_FAILED, 0, text);
	waits_drop(p, p->nwaits);
}

/* The set ends.  The next one starts with the new configuration, which
 * settles what waits. */
void
parent_reload_forget(struct parent *p)
{
	unsigned int	i;

	/* The next set starts with what they brought. */
	for (i = 0; i < p->nwaits; i++)
		outcome_await(p, p->waits[i].ticket, AWAITS_SET);
	if (p->nwaits > 0)
		waits_drop(p, p->nwaits);
}

/* Ends the set and starts a new one without a pause. */
void
parent_restart(struct parent *p)
{
	static const struct timeval	now = { 0, 0 };

	if (p->state == SET_NONE) {
		p->backoff = 0;
		event_add(p->ev_set, &now);
	} else {
		p->renew = 1;
		set_end(p);
	}
}

/* A set is ready: what it was started with works, and the configuration
 * before it is no longer needed. */
void
parent_reload_ready(struct parent *p)
{
	if (p->before != NULL)
		log_info("configuration reloaded");
	config_free(p->before);
	p->before = NULL;
	outcome_settle(p, AWAITS_SET, CTL_OK, "configuration reloaded");
	/* Reloads that came while no process ran. */
	parent_settle(p);
}

/*
 * The set does not start.  If that is because of a reload, the configuration
 * before it is put in force again, and the command is told the last warning.
 * 1: done; 0: no reload is to blame.
 */
int
parent_go_back(struct parent *p)
{
	char	text[sizeof(p->last_warning) + 64];

	if (p->before == NULL || p->ending)
		return (0);
	snprintf(text, sizeof(text), "%s; the previous configuration is "
	    "in force again", p->last_warning[0] != '\0' ? p->last_warning :
	    "the processes do not start");
	outcome_settle(p, AWAITS_NEW, CTL_FAILED, text);
	log_warnx("the processes do not start with the new configuration; "
	    "the previous one is in force again");
	config_free(p->conf);
	p->conf = p->before;
	p->before = NULL;
	parent_restart(p);
	return (1);
}
