/*
 * Room parent/list: loading address lists.  The parent opens, forks, waits and
 * renames; it never reads what is in a list.  It uses parent.h, lib, and the
 * messages of `spamgreyd -x list' (lib/proto/list.h).
 *
 *	load.c		`spamgreydb load', and which run is next
 *	fetch.c		commands and URLs, run as nobody
 *	lists.c		a run of `spamgreyd -x list' that compiles
 *	proc.c		what all uses of that process need
 *	../setup.c	spamd-setup(8) brings lists
 *
 * The other files of parent include this header to start loads.
 */
#ifndef PARENT_LISTS_H
#define PARENT_LISTS_H

#include "lib/list/lists.h"
#include "spamgreyd/parent/parent.h"

/* -- lists.c -- */

/* What a run has to read besides what is kept.  The descriptors belong to
 * it. */
struct lists_want {
	int		 files;		/* read the files of lists */
	const char	*only;		/* of this list only; NULL: of all */
	int		 lenient;	/* a missing file is reported, but it
					   is no error if the list was kept */
	int		 raw[ADDRSET_LISTS_MAX];	/* fetched; -1: not */
	uint64_t	 failed;	/* bits of lists whose fetch failed */
};
void	 lists_want_init(struct lists_want *);
void	 lists_want_close(struct lists_want *);

/* How a run came out. */
struct lists_outcome {
	int		 good;		/* there is an image; otherwise why */
	char		 why[LIST_WHY_MAX];
	unsigned int	 failed;	/* lists that could not be loaded */
	unsigned int	 lost;		/* of these, files of lists that were
					   never loaded */
	int		 moved;		/* spamd-setup's lists changed places */
};
/*
 * Compiles conf's lists.  Afterwards conf has the image (set_fd), the lists'
 * counts and times, and the lists of spamd-setup.  One run at a time.  say is
 * called for each complaint, done once, from the loop.  0, or -1: it could not
 * begin, which say was told.
 */
int	 lists_compile(struct parent *, struct config *, struct lists_want *,
	    void (*say)(const char *, void *),
	    void (*done)(struct parent *, const struct lists_outcome *,
	    void *), void *arg);
int	 lists_compiling(void);
/* The same before there is an event loop: waits for the end. */
int	 lists_compile_now(struct parent *, struct config *,
	    void (*say)(const char *, void *), void *arg);

/* -- proc.c -- */

/* Opens STATE/lists, which is made if it is missing.  -1: logged. */
int	 lists_dir_make(const struct parent *);
/* A new file in it for that list.  -1 with errno.  lists_keep() gives it the
 * list's name if it is good, and removes it otherwise. */
int	 lists_out_open(int dir, const char *name);
void	 lists_keep(int dir, const char *name, int good);
/* A copy of src in dst with `?' for what is not printable ASCII; returns
 * dst. */
const char *lists_printable(char *dst, size_t, const char *src);
/* Starts `spamgreyd -x list', with the caller's rules and end.  NULL:
 * logged. */
struct chan *lists_process(const struct parent *, struct event_base *,
	    pid_t *, const struct chan_rule *, void *arg,
	    void (*ended)(struct chan *, enum chan_end, void *));
/* Sends a message with a copy of the descriptor.  0, or -1. */
int	 lists_send_fd(struct chan *, uint16_t type, uint64_t id, int fd);

/* -- fetch.c -- */
struct fetch;
/*
 * Runs the command of a list, or fetches its URL.  done gets a file with what
 * it printed, which it has to close, or -1 and why.  NULL: *why says why.
 */
struct fetch *fetch_start(struct parent *, const struct conf_list *,
	    void (*done)(struct fetch *, int out, const char *why, void *),
	    void *arg, const char **why);
void	 fetch_reaped(pid_t, int status);	/* any child has ended */
void	 fetch_end_all(void);			/* kills all */

/* -- load.c -- */

/* A request for one list, or for all (name "").  asked: a command waits for the
 * answer. */
void	 load_request(struct parent *, const char *name, int asked,
	    uint64_t id);
void	 load_started(struct parent *);		/* the daemon is ready */
void	 load_reloaded(struct parent *);	/* after a reload */
void	 load_compile(struct parent *);		/* kept lists have changed */
void	 load_next(struct parent *);		/* a run has ended */

/* -- ../setup.c -- */
void	 setup_configure(struct parent *);	/* listeners of p->conf */
void	 setup_end(void);			/* closes them */

#endif
