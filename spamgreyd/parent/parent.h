/*
 * The parent's own: private to parent*.c.
 */
#ifndef PARENT_H
#define PARENT_H

#include <sys/types.h>

#include "lib/base/addr.h"
#include "spamgreyd/process/process.h"

#define PARENT_PROCS_MAX	(CONF_FRONTS_MAX + ROLE_MAX)
#define PARENT_RELOADS_MAX	16		/* under way at a time */
#define PARENT_OUTCOMES		32		/* the last ones are known */
#define PARENT_DEATHS_MAX	1024		/* of `restart N per TIME' */

struct parent;

/* How far a process is; what it may say then is msg.c's table. */
enum proc_phase {
	PROC_STARTING,		/* until its READY */
	PROC_READY,
	PROC_LEAVING		/* it has said why it ends */
};

struct proc {
	struct parent	*parent;
	enum role	 role;
	unsigned int	 instance;
	pid_t		 pid;			/* 0: not running */
	struct chan	*chan;			/* NULL: closed */
	enum proc_phase	 phase;
	uint32_t	 taken;			/* serial of the last reload it has */
	char		 name[32];
	/* beat.c */
	int		 beat_asked;		/* a PING has no answer yet */
	unsigned int	 beat_silent;		/* ticks since then */
	int		 busy;			/* its MSG_BUSY */
	int		 hung;			/* it was killed for its silence */
	/* log.c */
	int64_t		 log_since;		/* mono ms: this second's begin */
	unsigned int	 log_lines;		/* taken since then */
	unsigned long	 log_lost;		/* since it was said last */
	int		 log_flood;		/* of them, in this second */
	/* alone.c: of a role that is started again alone */
	int64_t		 since;			/* mono ms: when it was started */
	int64_t		 again;			/* … and is next, once it died */
	unsigned int	 backoff;		/* s */
	int		 anew;			/* it ended for a new configuration */
	char		 why[512];		/* its last MSG_LATER */
};

/* A reload, or a load of lists, that not all processes have taken yet. */
struct reload {
	uint32_t		 serial;
	uint64_t		 id;		/* of the request at store … */
	int			 asked;		/* … if it was not a signal */
	unsigned int		 status;	/* what is told then: CTL_* … */
	char			 text[128];	/* … and this */
	char			 ticket[CTL_TICKET_MAX];	/* "": nobody asks again */
};

/* How a reload with a ticket came out. */
struct outcome {
	char			 ticket[CTL_TICKET_MAX];	/* "": unused */
	unsigned int		 status;	/* CTL_PENDING, or … */
	enum outcome_awaits {
		AWAITS_REPLY,			/* what reload.c tells */
		AWAITS_SET,			/* the next set to be ready */
		AWAITS_NEW			/* … with its configuration */
	}			 awaits;
	char			 text[640];
};

enum set_state {
	SET_NONE,		/* none runs; a timer may start one */
	SET_STARTING,		/* READY is awaited */
	SET_RUNNING,
	SET_STOPPING		/* the rest is ending */
};

struct parent {
	struct event_base	*base;
	struct config		*conf;
	struct config		*before;	/* to go back to, until a
						   set is ready with conf */
	char			*program;	/* our own file, absolute:
						   what fork and exec start */
	const char		*file;		/* the configuration */
	const struct conf_define *defines;
	size_t			 ndefines;
	int			 foreground;
	int			 verbose;
	int			 privileged;
	uid_t			 uid, db_uid;
	gid_t			 gid, db_gid;
	int			 lock;		/* the state directory's */
	int			 terminal;	/* whom to tell of errors, and … */
	int			 detach;	/* … that we are ready; -1: nobody */
	int			 control;	/* the control socket */
	uint32_t		 listen_id;	/* last one given */

	struct proc		 procs[PARENT_PROCS_MAX];
	unsigned int		 nprocs;
	enum set_state		 state;
	int			 filled;	/* fw has filled the table */
	int			 started;	/* front was told to start */
	int64_t			 set_since;	/* clock_mono of its start */
	unsigned int		 backoff;	/* seconds before the next one */
	int			 renew;		/* it ends for a new configuration */
	int64_t			 deaths[PARENT_DEATHS_MAX];
	unsigned int		 ndeaths;
	int			 ever_ready;	/* a set has been READY once */
	int			 loaded;	/* lists were fetched since then */
	int			 ending;	/* the daemon itself ends … */
	int			 status;	/* … with this */
	char			 said[512];	/* last warning of the log */

	struct reload		 waits[PARENT_RELOADS_MAX];
	unsigned int		 nwaits;
	uint32_t		 reloads;	/* serial of the last one */
	struct reload		 queue[PARENT_RELOADS_MAX];	/* they wait
						   for a run of lists to end */
	unsigned int		 nqueue;
	struct outcome		 outcomes[PARENT_OUTCOMES];
	unsigned int		 noutcomes;	/* that there ever were */

	struct addr		 ours[OS_ADDRS_MAX];	/* as track was told last */
	int			 nours;
	uint32_t		 ours_ifindex;
	int64_t			 ours_next;	/* mono ms: looked at again */

	struct event		*ev_alone;	/* a second's tick, if need be */
	struct event		*ev_reload;	/* one takes too long */
	struct event		*ev_beat;
	struct event		*ev_set;	/* next set, or kill the slow */
	struct event		*ev_start;	/* front need not wait longer for fw */
	struct event		*ev_sig[4];
};

/* -- spawn.c -- */
#define SPAWN_FAILED	127		/* exit status: exec(2) failed */
/* A socketpair as channels need it.  0, or -1: logged. */
int	 parent_pair(int fd[2]);
/* Starts `spamgreyd -x WHAT' with one end of a socketpair; *fd is ours then, and
 * the caller's to close.  The pid, or -1: logged. */
pid_t	 parent_spawn(const struct parent *, const char *what, int *fd);

/* set.c: the processes */
void	 set_start(struct parent *);
void	 set_end(struct parent *);		/* ask all, then kill */
void	 set_reaped(struct parent *);		/* SIGCHLD */
void	 set_front_start(struct parent *);
int	 set_configure(struct parent *, struct proc *);

void	 set_add(struct parent *, enum role, unsigned int instance);
/* One process with its sockets and its configuration.  -1: logged. */
int	 set_proc_start(struct parent *, struct proc *);

/* alone.c: those who are started again without the rest */
int	 alone_wanted(const struct parent *, enum role);
void	 alone_begin(struct parent *);
void	 alone_end(struct parent *);
void	 alone_configured(struct parent *, struct proc *);
void	 alone_died(struct parent *, struct proc *, int status);
void	 alone_reload(struct parent *);
void	 alone_later(struct proc *, const char *why);
void	 alone_ready(struct parent *, struct proc *);

/* msg.c: what children say */
extern const struct chan_rule parent_rules[];
/* What a process of that role may say in that phase; else it is logged.  The
 * arg of parent_rules: the struct proc. */
int	 parent_permits(const struct msg *, void *proc);

/* beat.c: ev_beat; one tick */
void	 parent_beat(evutil_socket_t, short, void *);
#define BEAT_EVERY	10		/* s between ticks */
#define BEAT_MISSED	12		/* ticks without an answer */

/* log.c: the lines of children */
void	 parent_log(struct proc *, int priority, const char *line);
/* How many were dropped, said once, when the flood is over. */
void	 parent_log_settle(struct proc *);
void	 parent_log_end(struct proc *);		/* it died */

/* open.c: what needs privilege.  -1: logged. */
int	 open_listeners(struct parent *, struct config *,
	    const struct config *old, void (*report)(const char *, void *),
	    void *arg);
int	 open_control(struct parent *);
void	 close_control(struct parent *);
int	 open_state(struct parent *);
int	 open_pf(const struct parent *, int flags);
int	 open_spool(const struct parent *);
/* A socket to the target of that index whose own end is the client's; -1
 * errno, EPERM when that relay is not `transparent'. */
int	 open_transparent(const struct parent *, unsigned int relay,
	    unsigned int target, const struct addr *, uint16_t port);

/* sync.c.  old: its sockets are kept; NULL. */
int	 open_sync(struct config *, const struct config *old,
	    void (*report)(const char *, void *), void *arg);

/* A connection to the unix socket of that index among the servers of a
 * scanner's module; -1 errno, EPERM when there stands no socket. */
int	 open_scanner(const struct parent *, const char *module,
	    unsigned int server);

/* parent.c */
/*
 * Runs the daemon.  program: the absolute path of its own file, which children
 * are started from; file: the configuration, absolute too.  Both must live as
 * long as the process.  Returns the exit status.
 */
int	 parent_main(char *program, const char *file,
	    const struct conf_define *, size_t ndefines, int foreground,
	    int verbose);
void	 parent_started(struct parent *);	/* into the background now */
void	 parent_end(struct parent *, int status);	/* when all have ended */
struct config *parent_conf_read(struct parent *,
	    void (*report)(const char *, void *), void *arg);

/* reload.c: reads the file anew; each process says MSG_CONF_DONE. */
void	 parent_reload(struct parent *, int asked, uint64_t id,
	    const char *ticket);
void	 parent_taken(struct proc *);
void	 parent_settle(struct parent *);	/* who has to, has taken it? */
void	 parent_reload_late(evutil_socket_t, short, void *);
void	 parent_reload_forget(struct parent *);	/* the processes end */
void	 parent_answer(struct chan *, uint64_t id, unsigned int status,
	    int more, const char *text);
/* To store, for the client that asked. */
void	 parent_tell(struct parent *, uint64_t id, unsigned int status,
	    int more, const char *text);
/* The lists of p->conf are others: to all processes; the answer follows.
 * moved: and not only behind the others. */
void	 parent_give_lists(struct parent *, int asked, uint64_t id,
	    unsigned int status, const char *text, int moved);
void	 parent_reload_next(struct parent *);	/* one that waited */
void	 parent_restart(struct parent *);
void	 parent_reload_ready(struct parent *);	/* the set works */
/* The set does not start: 1 when a reload is to blame, and is taken back. */
int	 parent_go_back(struct parent *);

/* outcome.c: for the commands whose connection ended with the set */
void	 outcome_begin(struct parent *, const char *ticket);
void	 outcome_await(struct parent *, const char *ticket,
	    enum outcome_awaits);
void	 outcome_set(struct parent *, const char *ticket, unsigned int status,
	    const char *text);
/* Of all that await at least that. */
void	 outcome_settle(struct parent *, enum outcome_awaits,
	    unsigned int status, const char *text);
void	 outcome_answer(struct parent *, struct chan *, uint64_t id,
	    const char *ticket);

/* tls_check.c: do certificate and key belong together?  Fills in the system's
 * CAs where a relay names none.  -1: reported. */
int	 tls_check(struct config *, void (*report)(const char *, void *),
	    void *arg);

#endif
