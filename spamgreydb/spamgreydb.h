/*
 * The command spamgreydb.  It shows and edits the database: through the
 * daemon's control socket or, when no daemon runs, by itself with the same
 * command engine (lib/control).  It uses lib and nothing of spamgreyd/; it
 * blocks, as a command may, and never touches the firewall.
 *
 * Read in this order:
 *		spamgreydb.c	main, usage, and which command is which function
 *		args.c		the command line
 *		conn.c		the connection: socket or direct.c
 *		direct.c	the database in this process
 *		request.c	the frames of an answer;  out.c  printing
 *		commands/	one file per command or group of commands
 *		sync/		both sides of the bulk sync
 *		convert/	spamd's files as a spamgreyd.conf
 *		spf/		the networks that an SPF record allows
 *
 * A command sends one request at a time through struct conn and waits for its
 * answer; it cannot tell whether a daemon answers or direct.c.  What goes wrong
 * is reported where it is noticed, by out_error, so that "-1: reported" below
 * means that the caller only has to give up.  A command's function returns the
 * exit status.
 */
#ifndef SPAMGREYDB_H
#define SPAMGREYDB_H

#include <stdint.h>
#include <stdio.h>

#include "lib/ipc/ipc.h"
#include "lib/conf/config.h"
#include "lib/proto/control.h"

enum command {
	CMD_DUMP, CMD_GET,			/* spamdb without -a and -d */
	CMD_DB_ADD, CMD_DB_DELETE,		/* spamdb -a, -d */
	CMD_LIST, CMD_SHOW, CMD_ADD, CMD_DELETE, CMD_TRAP, CMD_EXPIRE,
	CMD_IMPORT, CMD_EXPORT, CMD_STATS, CMD_RELOAD, CMD_LOAD, CMD_LOG,
	CMD_REPUTE, CMD_LEARN,			/* list -r, learn */
	CMD_POOLS, CMD_SPF,			/* list --pools, spf */
	CMD_CONVERT, CMD_SYNC,
	CMD_HELP, CMD_VERSION, CMD_STATUS, CMD_STOP
};

/* The command line; strings and keys are argv's. */
struct args {
	const char	*file;			/* -f, or NULL */
	enum command	 command;
	int		 json;
	uint8_t		 type;			/* one CTL_T_*; 0: any */
	struct prefix	 within;		/* list; len 0: everywhere */
	const char	*mail;			/* list, show: a sender or
						   recipient, or @domain;
						   or NULL */
	int		 clock_ok;
	int		 verbose;		/* log */
	int64_t		 lasting;		/* add, trap: seconds, or
						   HOST_FOREVER; 0: default */
	const char	*comment;		/* add, trap: or NULL */
	int		 pools;			/* list --pools */
	uint32_t	 networks;		/* --networks; 0: default */
	const char	*server;		/* spf; or NULL */
	int		 repute;		/* list -r */
	uint32_t	 bad;			/* list -r: at least */
	uint32_t	 days;			/* list -r: 0: ever */
	int		 verdict;		/* learn: 's', 'h'; 0: none */
	int		 dry;			/* learn -n, sync -n */
	int		 answer;		/* sync --server */
	const char	*rsh;			/* sync -e; or NULL */
	const char	*program;		/* sync --program; or NULL */
	char *const	*keys;			/* the operands */
	int		 nkeys;
	char		 error[512];		/* "": show the usage */
};

/* Returns 0, or the exit status for a wrong command line; error says why. */
int	 args_parse(int argc, char **argv, struct args *);

/* near.c: finds the commands that are like this word, with commas between
 * them.  Returns 0 when there is none. */
int	 args_near(const char *word, char *buf, size_t size);
const char *args_word(size_t);	/* the n-th command; NULL: no more */

/* conn.c */
struct conn;
/*
 * Connects to the daemon or, without one, opens the database; waits for a
 * daemon that is starting.  how is what to do without a daemon.  The
 * configuration must outlive the connection.  NULL: reported.
 */
#define CONN_LISTS	1	/* load the address lists */
#define CONN_MAKE	2	/* make a database if there is none */
#define CONN_EMPTY	4	/* do not complain if there is none */
struct conn *conn_open(struct config *, int how);
/* Returns 1 when there is no daemon: the database is open in this process. */
int	 conn_is_direct(const struct conn *);
int	 direct_none(void);		/* 1: conn_open found no database */
void	 conn_close(struct conn *);
struct ipc *conn_ipc(struct conn *);		/* to begin and put */
/* Ends the frame; writes until the queue is short.  -1: reported. */
int	 conn_send(struct conn *);
/* Returns 1 and a frame, which is valid until the next call; 0 when there is
 * none yet (without wait only); -1 when the other end is gone: reported. */
int	 conn_next(struct conn *, struct msg *, int wait);
/* From now on it is not reported that the other end is gone; ask conn_lost. */
void	 conn_quiet(struct conn *);
int	 conn_lost(const struct conn *);
/* Connects to the daemon again.  Neither this nor the wait for the next answer
 * lasts longer than the deadline (clock_mono).  -1: reported. */
int	 conn_again(struct conn *, const struct config *, int64_t deadline);

/* direct.c */
struct direct;
enum direct_result {
	DIRECT_OK,
	DIRECT_LOCKED,			/* by the process *pid; 0: unknown */
	DIRECT_FAILED			/* reported */
};
enum direct_result direct_open(struct config *, int how, struct direct **,
	    pid_t *);
void	 direct_close(struct direct *);
/* Takes the requests of the client and works until there is an answer for it.
 * -1: reported. */
int	 direct_run(struct direct *, struct ipc *client);

/*
 * request.c: the answer to a request.  Entries and facts are given to the
 * functions (each may be NULL); lines of text are printed.  All arguments are
 * valid during the call only.
 */
struct answer {
	int	(*entry)(const struct entry *, void *);	/* -1: give up */
	void	(*fact)(const char *name, const char *value, void *);
	void	*arg;
	/* filled in by the end of the answer */
	uint8_t	 status;			/* CTL_* */
	uint32_t count;
	char	 text[1024];
};
/* Waits for the whole answer.  -1: none came, or output failed; reported. */
int	 request_wait(struct conn *, struct answer *);
/* Takes one frame.  Returns 1 at the end of the answer, 0 when more follows. */
int	 request_frame(struct msg *, struct answer *);

/* out.c */
void	 out_init(void);
/* Takes from the configuration how long a tuple waits, for JSON. */
void	 out_configure(const struct config *);
/* Prints a line to standard error, made safe for a terminal, since it may have
 * text of the daemon or of a client in it. */
void	 out_error(const char *fmt, ...)
	    __attribute__((__format__(printf, 1, 2)));
/* Prints a line and its newline, for which the buffer has room.  -1: output
 * failed, here and below. */
int	 out_line(char *line, size_t len);
int	 out_entry(const struct entry *);	/* as spamdb does */
int	 out_repute(const struct entry *);	/* list -r */
int	 out_repute_head(void);
/* list --pools: a sender's domain that comes from many networks. */
int	 out_pool(const char *domain, size_t networks, size_t mails,
	    int64_t first, int64_t last, int json);
/* export: GREY lines of a network are held back and sorted, since their order
 * on disk is different in each database; out_backup_end prints the rest. */
int	 out_backup(const struct entry *);
int	 out_backup_end(void);
int	 out_json_entry(const struct entry *);
struct json_t *out_entry_object(const struct entry *); /* NULL: no memory */
int	 out_json(struct json_t *);	/* takes it; NULL: no memory */
/* Adds a time twice: name has the seconds, name_iso the same as text, or null
 * for 0, which is never. */
void	 out_json_time(struct json_t *, const char *name, int64_t);
/* Flushes.  -1: reported, but for a closed pipe. */
int	 out_end(void);
int	 out_broken_pipe(void);	/* 1: nobody reads the output any more */

/* commands/: each returns the exit status. */
int	 cmd_list(struct conn *, const struct args *);	/* dump, list, export */
int	 cmd_repute(struct conn *, const struct args *);
/* Reads the header of the message, before the daemon waits for us.  -1:
 * reported. */
int	 learn_read(FILE *);
int	 cmd_learn(struct conn *, const struct args *, const char *hostname);
int	 cmd_pools(struct conn *, const struct args *);
int	 cmd_convert(const struct args *, FILE *);
int	 cmd_spf(const struct args *, FILE *);
int	 cmd_sync(const struct args *, struct config *);
int	 cmd_get(struct conn *, const struct args *);
int	 cmd_spamdb(struct conn *, const struct args *);
int	 cmd_edit(struct conn *, const struct args *);
int	 cmd_show(struct conn *, const struct args *);
int	 cmd_show_mail(struct conn *, const struct args *);
/* Says whether it is the entry's sender or recipient. */
int	 mail_is(const struct entry *, const char *mail);
int	 cmd_status(struct conn *, const struct args *);
int	 cmd_stop(struct conn *, const struct config *);
int	 cmd_import(struct conn *, const struct args *, FILE *);
int	 cmd_expire(struct conn *, const struct args *);
int	 cmd_stats(struct conn *, const struct args *);
int	 cmd_daemon(struct conn *, const struct args *);	/* load, log */
int	 cmd_reload(struct conn *, const struct config *);

#endif
