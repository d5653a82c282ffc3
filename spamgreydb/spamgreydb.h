/*
 * spamgreydb: the command.  args.c reads the command line, conn.c finds the
 * daemon or, when there is none, has direct.c open the database; then a
 * file of commands/ sends requests (lib/proto) and out.c prints what comes
 * back.  Which of the two answers makes no difference to a command.
 */
#ifndef SPAMGREYDB_H
#define SPAMGREYDB_H

#include <stdint.h>
#include <stdio.h>

#include "lib/ipc/ipc.h"
#include "lib/proto/proto.h"
#include "lib/conf/config.h"

enum command {
	CMD_DUMP, CMD_GET,			/* spamdb without -a or -d */
	CMD_DB_ADD, CMD_DB_DELETE,		/* spamdb -a, -d */
	CMD_LIST, CMD_SHOW, CMD_ADD, CMD_DELETE, CMD_TRAP, CMD_EXPIRE,
	CMD_IMPORT, CMD_EXPORT, CMD_STATS, CMD_RELOAD, CMD_LOAD, CMD_LOG,
	CMD_REPUTE, CMD_LEARN,			/* list -r, learn */
	CMD_POOLS, CMD_SPF,			/* list --pools, spf */
	CMD_CONVERT, CMD_SYNC,
	CMD_HELP, CMD_VERSION, CMD_STATUS, CMD_STOP
};

struct args {
	const char	*file;			/* -f, or NULL */
	enum command	 command;
	int		 json;
	uint8_t		 type;			/* one CTL_T_*; 0: any */
	struct prefix	 within;		/* list; len 0: everywhere */
	const char	*mail;			/* list, show: a sender or recipient,
						   or @ and a domain; or NULL */
	int		 clock_ok;
	int		 verbose;		/* log */
	int64_t		 lasting;		/* add, trap: seconds, or
						   HOST_FOREVER; 0: as usual */
	const char	*comment;		/* add, trap: or NULL */
	int		 pools;			/* list --pools */
	uint32_t	 networks;		/* … from so many; 0: 3 */
	const char	*server;		/* spf; or NULL */
	int		 repute;		/* list -r */
	uint32_t	 bad;			/* list -r: at least so many */
	uint32_t	 days;			/* … changed within; 0: ever */
	int		 verdict;		/* learn: 's', 'h'; 0 not given */
	int		 dry;			/* learn -n, sync -n */
	int		 answer;		/* sync --server */
	const char	*rsh;			/* sync -e; or NULL */
	const char	*program;		/* sync --program; or NULL */
	char *const	*keys;			/* the operands */
	int		 nkeys;
	char		 error[512];		/* "": show the usage */
};

/* 0, or the exit status for a command line that cannot be; then error. */
int	 args_parse(int argc, char **argv, struct args *);

/* near.c: the words that are like this one, with commas; 0: there is none. */
int	 args_near(const char *word, char *buf, size_t size);
const char *args_word(size_t);			/* the n-th; NULL: no more */

/* conn.c */
struct conn;
/*
 * NULL: said why.  Should there be no daemon: CONN_LISTS, the address lists
 * matter; CONN_MAKE, a database that is missing is made.
 */
#define CONN_LISTS	1
#define CONN_MAKE	2
#define CONN_EMPTY	4	/* without a database nothing is said */
struct conn *conn_open(struct config *, int how);
/* There is no daemon: the database is open in this process. */
int	 conn_is_direct(const struct conn *);
int	 direct_none(void);		/* why conn_open failed: no database */
void	 conn_close(struct conn *);
struct ipc *conn_ipc(struct conn *);		/* to begin and put */
/* Ends the frame; writes until the queue is short. -1: said why. */
int	 conn_send(struct conn *);
/* 1 a frame; 0 none yet (only without wait); -1 the other end is gone, said. */
int	 conn_next(struct conn *, struct msg *, int wait);
/* From now on it is not said that the other end is gone: conn_lost tells it. */
void	 conn_quiet(struct conn *);
int	 conn_lost(const struct conn *);
/* Connects to the daemon once more; it and what is then waited for last no
 * longer than until that clock_mono.  -1: said why. */
int	 conn_again(struct conn *, const struct config *, int64_t deadline);

/* direct.c */
struct direct;
enum direct_result {
	DIRECT_OK,
	DIRECT_LOCKED,				/* another process has it */
	DIRECT_FAILED				/* said why */
};
enum direct_result direct_open(struct config *, int how, struct direct **,
	    pid_t *);
void	 direct_close(struct direct *);
/* Takes the client's requests and works on them until there is an answer.
 * -1: said why. */
int	 direct_run(struct direct *, struct ipc *client);

/*
 * request.c: waits for the answer to a request, its parts given to these
 * (each may be NULL).
 */
struct answer {
	int	(*entry)(const struct entry *, void *);	/* -1 ends it */
	void	(*fact)(const char *name, const char *value, void *);
	void	*arg;
	/* filled in */
	uint8_t	 status;			/* CTL_* */
	uint32_t count;
	char	 text[1024];
};
/* -1: no answer, or output failed; said. */
int	 request_wait(struct conn *, struct answer *);
/* One frame that has come: 1 that was the end, 0 more to come, -1 as above. */
int	 request_frame(struct msg *, struct answer *);

/* out.c */
void	 out_init(void);
/* How long a tuple waits, for JSON. */
void	 out_configure(const struct config *);
/* Text that the daemon sent, made safe for a terminal. */
void	 out_error(const char *fmt, ...)
	    __attribute__((__format__(printf, 1, 2)));
/* Adds the newline, for which there is room.  -1: output failed. */
int	 out_line(char *line, size_t len);
int	 out_entry(const struct entry *);	/* -1: output failed */
int	 out_repute(const struct entry *);
int	 out_repute_head(void);
/* A sender's domain that comes from many networks. */
int	 out_pool(const char *domain, size_t networks, size_t mails,
	    int64_t first, int64_t last, int json);
/* export: GREY lines of a network are held back and put in order, since
 * their order on disk is another one in each database. */
int	 out_backup(const struct entry *);
int	 out_backup_end(void);			/* those held back; -1 */
int	 out_json_entry(const struct entry *);
struct json_t *out_entry_object(const struct entry *);
int	 out_json(struct json_t *);		/* takes it */
/* name: the seconds; name_iso: the same as text, null for 0, which is never. */
void	 out_json_time(struct json_t *, const char *name, int64_t);
/* 0; -1 said why (a closed pipe ends the program quietly at exit). */
int	 out_end(void);
int	 out_broken_pipe(void);

/* commands/: each returns the exit status */
int	 cmd_list(struct conn *, const struct args *);	/* dump, list, export */
int	 cmd_repute(struct conn *, const struct args *);
/* The message's header, before anybody waits for us; -1: said. */
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
/* Is it the entry's sender or recipient?  (commands/mail.c) */
int	 mail_is(const struct entry *, const char *mail);
int	 cmd_status(struct conn *, const struct args *);
int	 cmd_stop(struct conn *, const struct config *);
int	 cmd_import(struct conn *, const struct args *, FILE *);
int	 cmd_expire(struct conn *, const struct args *);
int	 cmd_stats(struct conn *, const struct args *);
int	 cmd_daemon(struct conn *, const struct args *);	/* load, log */
int	 cmd_reload(struct conn *, const struct config *);

#endif
