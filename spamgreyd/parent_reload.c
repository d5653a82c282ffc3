/*
 * A reload: the file is read anew, given to each process, and confirmed to
 * whoever asked for it when all of them have taken it.  Until then a client
 * would still be served by the configuration before.
 */
#include <sys/types.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/log.h"
#include "parent.h"

#define RELOAD_MS	10000	/* who has not taken it by then is named */

/* What a running daemon cannot change under its children. */
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

static int
differ(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return (a != b);
	return (strcmp(a, b) != 0);
}

/* What only new processes can take: they are started again for it. */
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

/* To who asked, if it was not a signal. */
static void
tell(struct parent *p, const struct reload *r, unsigned int status, int more,
    const char *text)
{
	unsigned int	i;

	if (!r->asked)
		return;
	for (i = 0; i < p->nprocs; i++)
		if (p->procs[i].role == ROLE_STORE &&
		    p->procs[i].chan != NULL)
			parent_answer(p->procs[i].chan, r->id, status, more,
			    text);
}

struct report {
	struct parent		*parent;
	const struct reload	*reload;
};

static void
report_line(const char *line, void *arg)
{
	struct report	*rp = arg;

	log_warnx("%s", line);
	tell(rp->parent, rp->reload, CTL_OK, 1, line);
}

/* 1 when the processes have to start anew for it; -1 reported. */
static int
take(struct parent *p, const struct reload *r)
{
	struct report	 rp = { p, r };
	struct config	*old = p->conf, *new;

	if ((new = parent_conf_read(p, report_line, &rp)) == NULL)
		return (-1);
	if (reload_refused(old, new, report_line, &rp) == -1 ||
	    open_listeners(p, new, old, report_line, &rp) == -1 ||
	    open_sync(new, old, report_line, &rp) == -1) {
		config_free(new);
		return (-1);
	}
	p->conf = new;
	if (!reload_restarts(old, new)) {
		config_free(old);
		return (0);
	}
	if (p->before == NULL)
		p->before = old;
	else
		config_free(old);	/* no set was ready with it */
	return (1);
}

static void
give(struct parent *p, const struct reload *r)
{
	struct proc	*pr;

	p->waits[p->nwaits++] = *r;
	p->waits[p->nwaits - 1].serial = ++p->reloads;
	for (pr = p->procs; pr < p->procs + p->nprocs; pr++)
		if (pr->chan != NULL && set_configure(p, pr) == -1)
			log_warnx("%s: did not take the configuration",
			    pr->name);
	alone_reload(p);
	if (p->nwaits == 1)
		event_add(p->ev_reload, &(struct timeval){ RELOAD_MS / 1000,
		    0 });
}

void
parent_reload(struct parent *p, int asked, uint64_t id)
{
	struct reload	r = { 0, id, asked };

	if (p->nwaits == PARENT_RELOADS_MAX) {
		log_warnx("not reloaded: %u reloads are under way; try again",
		    p->nwaits);
		tell(p, &r, CTL_FAILED, 0, "too many reloads are under way; "
		    "try again");
		return;
	}
	switch (take(p, &r)) {
	case -1:
		log_warnx("not reloaded; the configuration in force stays");
		tell(p, &r, CTL_FAILED, 0, "the configuration in force stays");
		break;
	case 0:
		give(p, &r);
		break;
	default:
		/* The answer goes before store is told to end. */
		log_info("configuration reloaded; the processes start anew "
		    "for it");
		tell(p, &r, CTL_OK, 0, "configuration reloaded; the processes "
		    "start anew for it");
		parent_restart(p);
		break;
	}
}

/* The reloads come to an end in the order in which they began. */
static void
waits_drop(struct parent *p, unsigned int n)
{
	p->nwaits -= n;
	memmove(p->waits, p->waits + n, p->nwaits * sizeof(p->waits[0]));
	if (p->nwaits == 0)
		event_del(p->ev_reload);
}

void
parent_taken(struct proc *pr)
{
	pr->taken++;
	parent_settle(pr->parent);
}

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
		log_info("configuration reloaded");
		tell(p, &p->waits[done], CTL_OK, 0, "configuration reloaded");
	}
	if (done > 0)
		waits_drop(p, done);
}

/* ev_reload */
void
parent_reload_late(evutil_socket_t fd, short what, void *arg)
{
	struct parent	*p = arg;
	struct proc	*pr;
	char		 text[128];
	unsigned int	 i;

	(void)fd;
	(void)what;
	for (pr = p->procs; pr < p->procs + p->nprocs - 1; pr++)
		if (pr->taken < p->waits[0].serial)
			break;
	snprintf(text, sizeof(text), "configuration reloaded, but after %d s "
	    "%s has not taken it", RELOAD_MS / 1000, pr->name);
	log_warnx("%s", text);
	for (i = 0; i < p->nwaits; i++)
		tell(p, &p->waits[i], CTL_FAILED, 0, text);
	waits_drop(p, p->nwaits);
}

void
parent_reload_forget(struct parent *p)
{
	if (p->nwaits > 0)
		waits_drop(p, p->nwaits);
}

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

int
parent_go_back(struct parent *p)
{
	if (p->before == NULL || p->ending)
		return (0);
	log_warnx("the processes do not start with the new configuration; "
	    "the one before is in force again");
	config_free(p->conf);
	p->conf = p->before;
	p->before = NULL;
	parent_restart(p);
	return (1);
}
