/*
 * Reading address lists (the room list of lib): a file, or what was fetched,
 * packed by gzip or not, into a set that is being made (addrset.h); and the
 * two kinds of our own files in STATE/lists, from which a list as it last was
 * is read again.
 *
 *	NAME		a list of the configuration, sorted and merged, as text:
 *			"# spamgreyd list 1 SOURCE LOADED COUNT", then one
 *			range, network or address per line
 *	NAME~		being written; renamed when it is whole and on disk
 *	:spamd-setup	all that came to port 8026: "@NAME LOADED COUNT" and
 *			"@MESSAGE" before the lines of each list
 *
 * It uses base, addrset and conf.  Input may be hostile, so it runs where
 * nothing can be lost (the process of spamgreyd/list), or on files of the
 * user who calls it (spamgreyd -n, spamgreydb).
 *
 * Read in this order: in.c (a descriptor as lines), read.c (lines as
 * addresses), file.c (our own files), lists.c (all lists of a configuration;
 * its interface is in config.h and lists.h).
 *
 * Several headers: lists.h is for programs that open the files of a whole
 * configuration, as root; who only reads a list does not need it.
 */
#ifndef LIST_READ_H
#define LIST_READ_H

#include <sys/types.h>
#include <sys/queue.h>

#include "lib/conf/config.h"

#define LIST_RAW_MAX	(128 * 1024 * 1024)	/* bytes as they come */
#define LIST_TEXT_MAX	(512 * 1024 * 1024)	/* bytes when unpacked */
#define LIST_RANGES_MAX	4000000			/* lines with an address */
#define LIST_BAD_SAID	10		/* bad lines reported per list */
#define LIST_DIR	"lists"			/* in the state directory */
#define LIST_SETUP	":spamd-setup"		/* no list can have this name */
#define LIST_WHY_MAX	256			/* bytes of a reason */

/* in.c: a descriptor as lines.  The descriptor stays the caller's. */
struct list_in;
extern uint64_t list_text_max;		/* LIST_TEXT_MAX; less in a test */
struct list_in *list_in_open(int fd);		/* NULL with errno */
/* Returns 1 and a line without its end, valid until the next call (a long line
 * is cut where no address can follow); 0 at the end; -1 with *why. */
int	 list_in_line(struct list_in *, const char **line, size_t *len,
	    const char **why);
void	 list_in_close(struct list_in *);

/* What became of a list. */
struct list_report {
	uint64_t	lines;		/* with comments and empty lines */
	uint64_t	good, bad;
	char		why[LIST_WHY_MAX];	/* why it is unusable, or "" */
};
/*
 * read.c.  name: of the file or the list, for the first bad lines, which
 * say() gets ("name:line: …").  own: it is the administrator's own file, in
 * which /0 is allowed.  Returns 0, or -1 with r->why: nothing may be used.
 */
int	 list_read(int fd, const char *name, int own, struct addrset_build *,
	    struct list_report *r, void (*say)(const char *, void *),
	    void *arg);

/* Removes from each list the lists in its mask, and merges what overlaps.
 * Returns -1 with errno. */
int	 list_except(struct addrset_build *const *, size_t n,
	    const uint64_t *masks);

/* file.c */
/* Identifies a source: a kept version of another source is not used. */
uint64_t list_source_id(enum conf_source, const char *source);
/* Writes to an empty file, which is on disk when this returns.  -1: errno. */
int	 list_kept_write(int fd, uint64_t source, int64_t loaded,
	    const struct addrset_build *);
/* Returns -1 when the file is of another source, or not whole. */
int	 list_kept_read(int fd, uint64_t source, int64_t *loaded,
	    struct addrset_build *);

/* A list that spamd-setup sent.  All strings and the set are its own. */
struct list_setup {
	TAILQ_ENTRY(list_setup)	 entry;
	char			*name;
	char			*message;	/* a template; "": default */
	int64_t			 loaded;
	struct addrset_build	*set;
};
TAILQ_HEAD(list_setups, list_setup);

/* New, at the end; NULL: no memory (what was made is in the list). */
struct list_setup *list_setup_new(struct list_setups *, const char *name);
void	 list_setup_free(struct list_setups *);	/* all */
int	 list_setup_write(int fd, const struct list_setups *);
/* Returns -1 when the file is not whole; free what is in the list then too. */
int	 list_setup_read(int fd, struct list_setups *);

#endif
