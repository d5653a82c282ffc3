/*
 * The room convert: what spamd's own files say, as a spamgreyd.conf.  It
 * belongs to spamgreydb, reads nothing but the files that are named, and asks
 * the system for nothing else.
 *
 * Read in this order: read.c (the files), flags.c (command lines in
 * rc.conf.local), check.c (removes what spamgreyd.conf cannot hold), convert.c
 * (prints).
 *
 * convert_init, then convert_text for each file, then convert_finish, then
 * convert_print, then convert_free.  All strings belong to struct convert.
 */
#ifndef CONVERT_H
#define CONVERT_H

#include <stddef.h>
#include <stdio.h>

#define CONVERT_FILE_MAX	(1024 * 1024)	/* bytes of one file */
#define CONVERT_LISTS_MAX	128		/* spamd's own limit */
#define CONVERT_LISTS_PRINT	64		/* of spamgreyd.conf */
#define CONVERT_TARGETS_MAX	64		/* -Y */
#define CONVERT_PROGRAMS	3	/* spamd, spamlogd, spamd-setup: their
					   flags are in rc.conf.local */

/* Where a list comes from. */
enum convert_method { CV_FILE, CV_URL, CV_COMMAND };

/* A list of spamd.conf(5). */
struct convert_list {
	char			*name;
	int			 white;
	enum convert_method	 method;
	char			*file;		/* path, URL or command */
	char			*message;	/* as spamd sends it: %A, and \n
						   between lines; or NULL */
	int			 used;		/* `all' names it */
};

/* The flags of a program: the value that its variable was set to last. */
struct convert_flags {
	char	*value;		/* NULL: not set, or the program is off */
	char	*file;		/* where it was set, for problems */
	int	 line;
};

/* Everything that was read. */
struct convert {
	struct convert_flags	flags[CONVERT_PROGRAMS];
	/* spamd(8); what was not given is -1 or NULL */
	int		 blacklist_only;	/* -b */
	int		 reply;			/* 450 or 550 */
	long		 connections;		/* -c */
	long		 blacklisted;		/* -B */
	long		 pass, grey, white;	/* -G: minutes, hours, hours */
	long		 stutter, stutter_for;	/* -s, -S: seconds */
	long		 window;		/* -w */
	long		 port;			/* -p */
	char		*listen;		/* -l */
	char		*hostname;		/* -h */
	char		*low_mx;		/* -M */
	char		*banner;		/* -n */
	char		*certificate, *key;	/* -C, -K */
	char		*sync_listen;		/* -y */
	char		*targets[CONVERT_TARGETS_MAX];	/* -Y, of both */
	size_t		 ntargets;
	int		 verbose;		/* -v */
	int		 foreground;		/* -d */
	/* spamlogd(8) */
	int		 tracks;		/* it runs */
	int		 inbound_only;		/* -I */
	char		*log_interface;		/* -i */
	char		*pflog;			/* -l */
	long		 track_white;		/* -W: hours */
	/* spamd-setup(8) */
	int		 setup_table;		/* -b */
	/* spamd.conf(5), in the order of `all' */
	struct convert_list lists[CONVERT_LISTS_MAX];
	size_t		 nlists;
	size_t		 order[CONVERT_LISTS_MAX];	/* places in lists */
	size_t		 norder;
	int		 has_all;	/* there is a record `all' */
	/* spamd.alloweddomains */
	char		**domains;
	size_t		 ndomains;
	/* what could not be converted: also a comment of the output */
	char		**problems;
	size_t		 nproblems;
};

void	 convert_init(struct convert *);
void	 convert_free(struct convert *);
/* Notes what cannot be converted, with the file and its line (0: no line). */
void	 convert_problem(struct convert *, const char *file, int line,
	    const char *, ...) __attribute__((__format__(printf, 4, 5)));

int	 convert_printable(const char *);	/* 1: ASCII, no controls */

/*
 * Takes in one file; its kind is seen from its lines.  text is changed.  What
 * cannot be taken in becomes a problem.
 */
void	 convert_text(struct convert *, const char *name, char *text);
/* Takes in the command line of one program, which is split like a shell does.
 * name and line are of the file that has it. */
void	 convert_spamd(struct convert *, const char *name, int line,
	    const char *flags);
void	 convert_spamlogd(struct convert *, const char *name, int line,
	    const char *flags);
void	 convert_setup(struct convert *, const char *name, int line,
	    const char *flags);
/*
 * Call it once, when all files are read: takes in the flags, and removes what
 * spamgreyd.conf cannot hold, which becomes a problem.
 */
void	 convert_finish(struct convert *);
/* 1: it is an interface, perhaps with :ttl, not an address. */
int	 convert_is_interface(const char *);
/* Prints the configuration. */
void	 convert_print(const struct convert *, FILE *);

#endif
