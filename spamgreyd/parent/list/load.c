/*
 * Loading lists while the daemon runs.  A load fetches all its lists at once,
 * then one run compiles them, then the processes get the new image.  Loads wait
 * in a queue and are done one after the other.  A reload of the configuration
 * must not wait for somebody's web server, so it goes between fetching and
 * compiling.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "spamgreyd/parent/list/lists.h"

#define LOADS_MAX	16		/* in the queue: each has open files */

enum load_what {
	LOAD_ALL,		/* files, commands and URLs of all lists */
	LOAD_ONE,		/* the same of one list */
	LOAD_FETCHED,		/* commands and URLs: the daemon has started */
	LOAD_NEW,		/* those of them that were never loaded */
	LOAD_KEPT		/* nothing is loaded, only compiled */
};

/* A list that is fetched for a load.  It keeps name and source, and no pointer
 * to the list, since a reload may replace the configuration before the load is
 * complete. */
struct got {
	struct load	*load;
	struct fetch	*fetch;		/* NULL: it has ended */
	char		*name, *text;	/* of the list; text: conf_list.file */
	int		 out;		/* its output; -1: it failed */
};

/* A load in the queue. */
struct load {
	TAILQ_ENTRY(load)	 entry;
	enum load_what		 what;
	char			 name[64];	/* LOAD_ONE */
	int			 asked;		/* a command waits */
	uint64_t		 id;		/* of its CTL_ASK */
	int			 begun;		/* programs were started */
	unsigned int		 fetching;	/* and so many still run */
	struct got		 got[ADDRSET_LISTS_MAX];
	size_t			 ngot;
	struct parent		*parent;
	struct config		*conf;		/* compiled for this one */
};

static TAILQ_HEAD(load_queue, load) loads = TAILQ_HEAD_INITIALIZER(loads);
static unsigned int	nloads;

/*
 * Sends a line to the command that asked, if there is one; more: others follow.
 */
static void
load_tell(const struct load *l, unsigned int status, int more, const char *text)
{
	if (l->asked)
		parent_tell(l->parent, l->id, status, more, text);
}

/* Reports a complaint to the log and to the command. */
static void
load_say(const char *line, void *arg)
{
	const struct load	*l = arg;

	log_warnx("%s", line);
	load_tell(l, CTL_OK, 1, line);
}

/* Removes the load from the queue and frees it. */
static void
load_free(struct load *l)
{
	size_t	i;

	for (i = 0; i < l->ngot; i++) {
		if (l->got[i].out != -1)
			close(l->got[i].out);
		free(l->got[i].name);
		free(l->got[i].text);
	}
	config_free(l->conf);
	TAILQ_REMOVE(&loads, l, entry);
	nloads--;
	free(l);
}

/* Says whether a list comes from a command or a URL. */
static int
is_fetched(const struct conf_list *l)
{
	return (l->source == SRC_COMMAND || l->source == SRC_URL);
}

/* Says whether this load fetches that list. */
static int
load_wants(const struct load *ld, const struct conf_list *l)
{
	switch (ld->what) {
	case LOAD_ONE:
		return (strcmp(ld->name, l->name) == 0);
	case LOAD_NEW:
		return (l->loaded == 0);
	case LOAD_KEPT:
		return (0);
	default:
		return (1);
	}
}

/* Reports why a list was not fetched, and what remains in force. */
static void
fetch_failed(struct load *ld, const struct conf_list *l, const char *why)
{
	char	line[2048];

	snprintf(line, sizeof(line), "list \"%s\": %.1024s: %s; %s", l->name,
	    l->file, why, l->loaded != 0 ? "the list loaded before stays in "
	    "force" : "the list is empty, because it was never loaded");
	load_say(line, ld);
}

/*
 * The callback of fetch_start().  When the last program has ended, the load can
 * be compiled.  out belongs to the load from now on.
 */
static void
load_fetched(struct fetch *f, int out, const char *why, void *arg)
{
	struct got		*g = arg;
	struct load		*ld = g->load;
	const struct conf_list	*l;

	(void)f;
	g->fetch = NULL;
	g->out = out;
	if (out == -1)
		TAILQ_FOREACH(l, &ld->parent->conf->lists, entry)
			if (strcmp(l->name, g->name) == 0)
				fetch_failed(ld, l, why);
	if (--ld->fetching == 0)
		load_next(ld->parent);
}

/* Starts all commands and URLs of the load at once. */
static void
load_begin(struct load *ld)
{
	const struct conf_list	*l;
	struct got		*g;
	const char		*why = "";

	ld->begun = 1;
	TAILQ_FOREACH(l, &ld->parent->conf->lists, entry) {
		if (!is_fetched(l) || !load_wants(ld, l))
			continue;
		g = &ld->got[ld->ngot++];
		g->load = ld;
		g->out = -1;
		g->name = strdup(l->name);
		g->text = strdup(l->file);
		if (g->name == NULL || g->text == NULL)
			fatal("lists");
		g->fetch = fetch_start(ld->parent, l, load_fetched, g, &why);
		if (g->fetch == NULL)
			fetch_failed(ld, l, why);
		else
			ld->fetching++;
	}
}

/*
 * Reports the result, and gives the new image to the processes.  If the
 * configuration was replaced during the run, the lists no longer belong to it.
 */
static void
load_finish(struct load *ld, const struct lists_outcome *oc)
{
	char	text[128];

	if (!oc->good) {
		log_warnx("lists not loaded: %s", oc->why);
		snprintf(text, sizeof(text), "not loaded: %.100s", oc->why);
		load_tell(ld, CTL_FAILED, 0, text);
	} else if (ld->conf != ld->parent->conf)
		load_tell(ld, CTL_FAILED, 0, "the configuration changed during "
		    "the load; load again");
	else {
		snprintf(text, sizeof(text), oc->failed == 0 ? "lists loaded" :
		    "%u of the lists could not be loaded", oc->failed);
		parent_give_lists(ld->parent, ld->asked, ld->id,
		    oc->failed == 0 ? CTL_OK : CTL_FAILED, text, oc->moved);
	}
}

/* The callback of lists_compile(). */
static void
load_compiled(struct parent *p, const struct lists_outcome *oc, void *arg)
{
	struct load	*ld = arg;

	load_finish(ld, oc);
	load_free(ld);
	load_next(p);
}

/*
 * Collects what was fetched, for those lists that the configuration still has
 * with the same source.  *w gets copies of the descriptors.
 */
static void
load_collect(const struct load *ld, struct lists_want *w)
{
	const struct conf_list	*l;
	size_t			 i;

	lists_want_init(w);
	w->lenient = 1;
	w->files = ld->what == LOAD_ALL || ld->what == LOAD_ONE;
	w->only = ld->what == LOAD_ONE ? ld->name : NULL;
	TAILQ_FOREACH(l, &ld->parent->conf->lists, entry)
		for (i = 0; i < ld->ngot; i++) {
			if (!is_fetched(l) ||
			    strcmp(l->name, ld->got[i].name) != 0 ||
			    strcmp(l->file, ld->got[i].text) != 0)
				continue;
			if (ld->got[i].out == -1)
				w->failed |= UINT64_C(1) << l->index;
			else
				w->raw[l->index] = dup(ld->got[i].out);
		}
}

/* All programs have ended: compiles the lists.  conf is held until the end. */
static void
load_run(struct load *ld)
{
	struct parent		*p = ld->parent;
	struct lists_outcome	 oc;
	struct lists_want	 w;

	load_collect(ld, &w);
	ld->conf = p->conf;
	ld->conf->refs++;
	if (lists_compile(p, p->conf, &w, load_say, load_compiled, ld) == -1) {
		memset(&oc, 0, sizeof(oc));
		strlcpy(oc.why, "the lists cannot be read; see the log",
		    sizeof(oc.why));
		load_finish(ld, &oc);
		load_free(ld);
	}
	lists_want_close(&w);
}

/*
 * Begins what is next when no run is under way: first a reload that waits, then
 * the first load of the queue, if its programs have ended.
 */
void
load_next(struct parent *p)
{
	struct load	*ld;

	if (p->ending || lists_compiling())
		return;
	parent_reload_next(p);
	while (!lists_compiling() && (ld = TAILQ_FIRST(&loads)) != NULL) {
		if (!ld->begun)
			load_begin(ld);
		if (ld->fetching > 0)
			return;
		load_run(ld);
	}
}

/* Adds a load to the queue, and begins it if nothing else is under way. */
static void
load_enqueue(struct parent *p, enum load_what what, const char *name, int asked,
    uint64_t id)
{
	struct load	*ld;

	if (nloads == LOADS_MAX || (ld = calloc(1, sizeof(*ld))) == NULL) {
		log_warnx("lists not loaded: %u loads are under way", nloads);
		if (asked)
			parent_tell(p, id, CTL_FAILED, 0, "too many loads are "
			    "under way; try again");
		return;
	}
	ld->parent = p;
	ld->what = what;
	strlcpy(ld->name, name, sizeof(ld->name));
	ld->asked = asked;
	ld->id = id;
	TAILQ_INSERT_TAIL(&loads, ld, entry);
	nloads++;
	load_next(p);
}

/* A command `spamgreydb load'; an unknown name is answered at once. */
void
load_request(struct parent *p, const char *name, int asked, uint64_t id)
{
	const struct conf_list	*l = NULL;

	if (*name == '\0') {
		load_enqueue(p, LOAD_ALL, name, asked, id);
		return;
	}
	TAILQ_FOREACH(l, &p->conf->lists, entry)
		if (strcmp(l->name, name) == 0)
			break;
	if (l != NULL && l->source != SRC_SETUP)
		load_enqueue(p, LOAD_ONE, name, asked, id);
	else if (asked)
		parent_tell(p, id, l == NULL ? CTL_NOTFOUND : CTL_BADARG, 0,
		    l == NULL ? "the configuration has no list of that name" :
		    "that list is loaded by spamd-setup");
}

/*
 * Says whether there is a list to be fetched; only_new: one that was never
 * loaded.
 */
static int
lists_to_fetch(const struct parent *p, int only_new)
{
	const struct conf_list	*l;

	TAILQ_FOREACH(l, &p->conf->lists, entry)
		if (is_fetched(l) && (!only_new || l->loaded == 0))
			return (1);
	return (0);
}

/*
 * Files were loaded before the daemon started, so only the others are fetched.
 */
void
load_started(struct parent *p)
{
	if (lists_to_fetch(p, 0))
		load_enqueue(p, LOAD_FETCHED, "", 0, 0);
}

/*
 * Lists that the old configuration had are kept on disk, and need no fetching.
 */
void
load_reloaded(struct parent *p)
{
	if (lists_to_fetch(p, 1))
		load_enqueue(p, LOAD_NEW, "", 0, 0);
}

/* spamd-setup has brought lists, which only have to be compiled. */
void
load_compile(struct parent *p)
{
	load_enqueue(p, LOAD_KEPT, "", 0, 0);
}
