/*
 * convert: what spamd's own files say, as a spamgreyd.conf.  read.c
 * takes the files in, flags.c the command lines in rc.conf.local,
 * check.c takes out what has no place, convert.c prints.  Nothing here asks the
 * system but for the files named.
 */
#ifndef CONVERT_H
#define CONVERT_H

#include <stddef.h>
#include <stdio.h>

#define CONVERT_FILE_MAX	(1024 * 1024)	/* octets of one file */
#define CONVERT_LISTS_MAX	128		/* spamd's own limit */
#define CONVERT_LISTS_PRINT	64		/* of spamgreyd.conf */
#define CONVERT_TARGETS_MAX	64		/* -Y */
#define CONVERT_PROGRAMS	3		/* with flags in rc.conf.local */

enum convert_method { CV_FILE, CV_URL, CV_COMMAND };

struct convert_list {
	char			*name;
	int			 white;
	enum convert_method	 method;
	char			*file;		/* path, URL or command */
	char			*message;	/* as spamd sends it: %A, and a
						   newline between lines; or NULL */
	int			 used;		/* `all' names it */
};

/* The value of a variable, the last one that was set. */
struct convert_flags {
	char	*value;		/* NULL: none */
	char	*file;
	int	 line;
};

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
	size_t		 order[CONVERT_LISTS_MAX];
	size_t		 norder;
	int		 has_all;
	/* spamd.alloweddomains */
	char		**domains;
	size_t		 ndomains;
	/* what could not be converted: also a comment of the output */
	char		**problems;
	size_t		 nproblems;
};

void	 convert_init(struct convert *);
void	 convert_free(struct convert *);
/* A thing that has no place here; name and line of the file.  line 0: none. */
void	 convert_problem(struct convert *, const char *file, int line,
	    const char *, ...) __attribute__((__format__(printf, 4, 5)));

int	 convert_printable(const char *);	/* ASCII without controls */

/*
 * One file, of whatever kind its lines are; text is changed.  What it cannot
 * take becomes a problem.
 */
void	 convert_text(struct convert *, const char *name, char *text);
/* The arguments of one program, as a shell would split them. */
void	 convert_spamd(struct convert *, const char *name, int line,
	    const char *flags);
void	 convert_spamlogd(struct convert *, const char *name, int line,
	    const char *flags);
void	 convert_setup(struct convert *, const char *name, int line,
	    const char *flags);
/*
 * When all files are read, once: takes the flags in, and what spamgreyd.conf
 * cannot hold out; that becomes a problem.
 */
void	 convert_finish(struct convert *);
/* iface[:ttl] in place of an address? */
int	 convert_is_interface(const char *);
/* The configuration. */
void	 convert_print(const struct convert *, FILE *);

#endif
