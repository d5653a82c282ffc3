/*
 * Reading address lists: a file or what was fetched, gzip or not, to a list
 * being made (addrset.h); and the two files of our own in STATE/lists, of
 * which what a list last was is read again.
 *
 *	NAME		a list of the configuration, folded, as text:
 *			"# spamgreyd list 1 SOURCE LOADED COUNT", then a
 *			range, a network or an address a line
 *	NAME~		being made; renamed when it is whole and on disk
 *	:spamd-setup	all that came to port 8026: "@NAME LOADED COUNT" and
 *			"@MESSAGE" before the lines of each
 *
 * Run where there is nothing to lose (spamgreyd/list/job.c), or on the files of
 * who calls (spamgreyd -n, spamgreydb).
 */
#ifndef LIST_READ_H
#define LIST_READ_H

#include <sys/types.h>
#include <sys/queue.h>

#include "lib/conf/config.h"

#define LIST_RAW_MAX	(128 * 1024 * 1024)	/* octets as they come */
#define LIST_TEXT_MAX	(512 * 1024 * 1024)	/* and out of gzip */
#define LIST_RANGES_MAX	4000000			/* lines with an address */
#define LIST_BAD_SAID	10			/* bad lines shown of a list */
#define LIST_DIR	"lists"			/* in the state directory */
#define LIST_SETUP	":spamd-setup"		/* no name of a list */
#define LIST_WHY_MAX	256

/* in.c: a descriptor as lines. */
struct list_in;
extern uint64_t list_text_max;		/* LIST_TEXT_MAX; less in a test */
struct list_in *list_in_open(int fd);		/* the caller's still; NULL errno */
/* 1 a line without its end (cut where no address can be any more), borrowed
 * until the next one; 0 the end; -1 *why. */
int	 list_in_line(struct list_in *, const char **line, size_t *len,
	    const char **why);
void	 list_in_close(struct list_in *);

struct list_report {
	uint64_t	lines;		/* comments and blank ones too */
	uint64_t	good, bad;
	char		why[LIST_WHY_MAX];	/* it cannot be used; "" it can */
};
/*
 * read.c.  name: of the file, or of the list, for say(), which is told of
 * the first bad lines ("name:line: …").  own: the administrator's file, in
 * which /0 may stand.  -1: r->why.
 */
int	 list_read(int fd, const char *name, int own, struct addrset_build *,
	    struct list_report *r, void (*say)(const char *, void *),
	    void *arg);

/* Takes from each list those that its mask names, and folds all. */
int	 list_except(struct addrset_build *const *, size_t n,
	    const uint64_t *masks);

/* file.c */
/* What makes a kept version void: another source. */
uint64_t list_source_id(enum conf_source, const char *source);
/* To an empty file; on disk when it returns.  -1 errno. */
int	 list_kept_write(int fd, uint64_t source, int64_t loaded,
	    const struct addrset_build *);
/* -1: none of this source, or not whole. */
int	 list_kept_read(int fd, uint64_t source, int64_t *loaded,
	    struct addrset_build *);

struct list_setup {
	TAILQ_ENTRY(list_setup)	 entry;
	char			*name;
	char			*message;	/* a template; "" default */
	int64_t			 loaded;
	struct addrset_build	*set;
};
TAILQ_HEAD(list_setups, list_setup);

struct list_setup *list_setup_new(struct list_setups *, const char *name);
void	 list_setup_free(struct list_setups *);	/* all */
int	 list_setup_write(int fd, const struct list_setups *);
int	 list_setup_read(int fd, struct list_setups *);	/* -1: not whole */

#endif
