/*
 * The parent and address lists: it opens, forks, waits and renames; what is in
 * a list it never reads.
 *
 *	lists.c		a run of `spamgreyd -x list' that compiles
 *	fetch.c		commands and URLs, run as nobody
 *	load.c		`spamgreydb load', and which run is next
 *	parent/setup.c	what connects to `spamd-setup on …'
 */
#ifndef PARENT_LISTS_H
#define PARENT_LISTS_H

#include "lib/list/lists.h"
#include "spamgreyd/parent/parent.h"

/* -- lists.c -- */

/* What a run has to read besides what is kept. */
struct lists_want {
	int		 files;		/* the files: all, or only … */
	const char	*only;		/* … this list's; NULL all */
	int		 lenient;	/* a file that is gone, but was kept, is
					   said and no error */
	int		 raw[ADDRSET_LISTS_MAX];	/* fetched; -1 not; its */
	uint64_t	 failed;	/* lists whose fetching failed: bits */
};
void	 lists_want_init(struct lists_want *);
void	 lists_want_close(struct lists_want *);

struct lists_outcome {
	int		 good;		/* there is an image; else … */
	char		 why[LIST_WHY_MAX];
	unsigned int	 failed;	/* lists that were to be loaded and were
					   not … */
	unsigned int	 lost;		/* … files, and never were */
	int		 moved;		/* lists of spamd-setup changed places */
};
/*
 * Compiles conf's lists: conf->set_fd, the lists' counts and times, and those
 * of spamd-setup are then in conf.  One run at a time.  say: each complaint;
 * done: from the loop, once.  -1: it could not begin, said.
 */
int	 lists_compile(struct parent *, struct config *, struct lists_want *,
	    void (*say)(const char *, void *),
	    void (*done)(struct parent *, const struct lists_outcome *,
	    void *), void *arg);
int	 lists_compiling(void);
/* The same before there is a loop.  -1: said. */
int	 lists_compile_now(struct parent *, struct config *,
	    void (*say)(const char *, void *), void *arg);
/* STATE/lists, made if it is missing; -1 logged. */
int	 lists_dir_make(const struct parent *);
/* A new file in it, to be renamed (lists_keep) or not. */
int	 lists_out_open(int dir, const char *name);
void	 lists_keep(int dir, const char *name, int good);
const char *lists_printable(char *dst, size_t, const char *src);
/* A process of list/job.h; the caller's rules and end.  NULL: logged. */
struct chan *lists_process(const struct parent *, struct event_base *,
	    pid_t *, const struct chan_rule *, void *arg,
	    void (*ended)(struct chan *, enum chan_end, void *));
/* Queues a message with a copy of the descriptor. */
int	 lists_send_fd(struct chan *, uint16_t type, uint64_t id, int fd);

/* -- fetch.c -- */
struct fetch;
/* done: out is what it printed (the callee's), or -1 and why. */
struct fetch *fetch_start(struct parent *, const struct conf_list *,
	    void (*done)(struct fetch *, int out, const char *why, void *),
	    void *arg, const char **why);
void	 fetch_reaped(pid_t, int status);
void	 fetch_end_all(void);

/* -- load.c -- */
/* A request; name "" all.  asked: somebody waits for the answer. */
void	 load_request(struct parent *, const char *name, int asked,
	    uint64_t id);
void	 load_started(struct parent *);		/* the daemon is ready */
void	 load_reloaded(struct parent *);	/* a configuration is in force */
void	 load_compile(struct parent *);		/* what is kept changed */
void	 load_next(struct parent *);		/* no run goes on any more */

/* -- parent/setup.c -- */
void	 setup_configure(struct parent *);	/* listeners of p->conf */
void	 setup_end(void);

#endif
