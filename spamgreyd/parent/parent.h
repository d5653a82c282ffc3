/*
 * Room parent: the process that is root and reads no network.  It reads the
 * configuration, opens what needs privilege, starts, connects and watches the
 * other processes, and writes the log.  It uses process, os and lib; of a role
 * it knows nothing but its row in roles[].
 *
 *	parent.c	main function, log, the way into the background
 *	open.c sync.c	listeners, sockets, the state directory
 *	tls_check.c	certificates and keys
 *	set.c spawn.c	the set of processes: start, death, restart
 *	alone.c		processes that the others can do without
 *	msg.c		what children may say
 *	beat.c log.c	heartbeat; rates of log lines
 *	reload.c	a reload, from the file to the answer
 *	outcome.c	answers for commands whose connection ended
 *	setup.c		spamd-setup(8) brings lists
 *	list/		loading address lists
 *	conf/		shipping and printing the configuration
 *
 * spamgreyd.c includes this header for parent_main() and tls_check(); all else
 * is for this room and its two folders.  There is one struct parent, which
 * lives until exit.
 */
#ifndef PARENT_H
#define PARENT_H

#include <sys/types.h>

#include "lib/base/addr.h"
#include "lib/base/buf.h"
#include "lib/proto/control.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/process/process.h"

#define PARENT_PROCS_MAX	(CONF_FRONTS_MAX + ROLE_MAX)
#define PARENT_RELOADS_MAX	16		/* in progress at a time */
#define PARENT_OUTCOMES		32		/* the last ones are kept */
#define PARENT_DEATHS_MAX	1024		/* of `restart N per TIME' */

struct parent;

/* How far a process is; msg.c has what it may say in each phase. */
enum proc_phase {
	PROC_STARTING,		/* until its READY */
	PROC_READY,
	PROC_LEAVING		/* it has said why it ends */
};

/* A child.  Its place in the array stays the same while the set runs. */
struct proc {
	struct parent	*parent;
	enum role	 role;
	unsigned int	 instance;		/* of front */
	pid_t		 pid;			/* 0: not running */
	struct chan	*chan;			/* NULL: closed */
	enum proc_phase	 phase;
	uint32_t	 taken;			/* serial of the last reload it has;
						   UINT32_MAX: none waits for it */
	char		 name[32];		/* "front 1", for the log */
	/* beat.c */
	int		 beat_asked;		/* a PING has no answer yet */
	unsigned int	 beat_silent;		/* ticks since then */
	int		 busy;			/* its MSG_BUSY */
	int		 hung;			/* it was killed for its silence */
	/* log.c */
	int64_t		 log_since;		/* mono ms: begin of this second */
	unsigned int	 log_lines;		/* accepted since then */
	unsigned long	 log_lost;		/* dropped since the last report */
	int		 log_flood;		/* some in this second */
	/* alone.c */
	int64_t		 since;			/* mono ms: when it was started */
	int64_t		 again;			/* mono ms: when it may be started
						   again, after its death */
	unsigned int	 backoff;		/* s */
	int		 renew;			/* it ends for a new configuration */
	char		 why[512];		/* its last MSG_LATER */
};

/* A reload, or a load of lists, that not all processes have taken yet. */
struct reload {
	uint32_t		 serial;
	uint64_t		 id;		/* of the request at store */
	int			 asked;		/* 1: by a command, 0: by a signal */
	unsigned int		 status;	/* the answer when all have it: CTL_* */
	char			 text[128];	/* and its words */
	char			 ticket[CTL_TICKET_MAX];	/* "": none */
};

/* How a reload with a ticket came out. */
struct outcome {
	char			 ticket[CTL_TICKET_MAX];	/* "": unused */
	unsigned int		 status;	/* CTL_PENDING, or the answer */
	/* What decides it; later values wait for more. */
	enum outcome_awaits {
		AWAITS_REPLY,			/* reload.c's answer */
		AWAITS_SET,			/* the next set to be ready */
		AWAITS_NEW			/* the same, with this configuration */
	}			 awaits;
	char			 text[640];
};

enum set_state {
	SET_NONE,		/* no process runs; a timer may start a set */
	SET_STARTING,		/* READY is awaited from each */
	SET_RUNNING,
	SET_STOPPING		/* the rest is ending */
};

struct parent {
	struct event_base	*base;
	struct config		*conf;		/* in force */
	struct config		*before;	/* to go back to, until a
						   set is ready with conf */
	char			*program;	/* our own file, absolute:
						   what fork and exec start */
	const char		*file;		/* the configuration */
	const struct conf_define *defines;
	size_t			 ndefines;
	int			 foreground;
	long			 pid;		/* its own */
	struct event		*ev_log;	/* writes `held' */
	struct buf		 held;		/* lines of children for standard
						   error, of this turn */
	int			 hold;		/* this line is a child's */
	int			 verbose;
	int			 privileged;	/* started as root */
	uid_t			 uid, db_uid;	/* of most children; of store */
	gid_t			 gid, db_gid;
	int			 lock;		/* the state directory's */
	int			 terminal;	/* for errors of the start, and */
	int			 detach;	/* that we are ready; -1: nobody waits */
	int			 control;	/* the control socket, or -1 */
	uint32_t		 listen_id;	/* last one given */

	/* the set (set.c) */
	struct proc		 procs[PARENT_PROCS_MAX];
	unsigned int		 nprocs;
	enum set_state		 state;
	int			 filled;	/* fw has filled the table */
	int			 started;	/* front was told to start */
	int64_t			 set_since;	/* mono ms: when it was started */
	unsigned int		 backoff;	/* s before the next one */
	int			 renew;		/* it ends for a new configuration */
	int64_t			 deaths[PARENT_DEATHS_MAX];	/* mono ms */
	unsigned int		 ndeaths;
	int			 ever_ready;	/* a set has been READY once */
	int			 loaded;	/* lists were fetched since then */
	int			 ending;	/* the daemon itself ends, */
	int			 status;	/* with this exit status */
	char			 last_warning[512];	/* of the log */

	/* reloads (reload.c, outcome.c) */
	struct reload		 waits[PARENT_RELOADS_MAX];	/* in the order
						   in which they were sent */
	unsigned int		 nwaits;
	uint32_t		 reloads;	/* serial of the last one */
	struct reload		 queue[PARENT_RELOADS_MAX];	/* they wait
						   for a run of lists to end */
	unsigned int		 nqueue;
	struct outcome		 outcomes[PARENT_OUTCOMES];	/* a ring */
	unsigned int		 noutcomes;	/* so many there ever were */

	/* what track was sent last (alone.c) */
	struct addr		 ours[OS_ADDRS_MAX];
	int			 nours;
	uint32_t		 ours_ifindex;
	int64_t			 ours_next;	/* mono ms: when to look again */

	struct event		*ev_alone;	/* each second, if there are any */
	struct event		*ev_reload;	/* a reload takes too long */
	struct event		*ev_beat;
	struct event		*ev_set;	/* start the next set, or kill */
	struct event		*ev_start;	/* front waits no longer for fw */
	struct event		*ev_sig[4];
};

/* -- spawn.c -- */
#define SPAWN_FAILED	127		/* exit status: exec(2) failed */
/* A socketpair as channels need it.  0, or -1: logged. */
int	 parent_pair(int fd[2]);
/* Starts `spamgreyd -x WHAT' with one end of a socketpair; *fd is ours then,
 * and the caller's to close.  The pid, or -1: logged. */
pid_t	 parent_spawn(const struct parent *, const char *what, int *fd);

/* -- set.c: the set of processes -- */
void	 set_start(struct parent *);
/* Asks all to end, and kills those that do not. */
void	 set_end(struct parent *);
void	 set_reaped(struct parent *);		/* SIGCHLD */
/* Has front accept, when everything is ready. */
void	 set_front_start(struct parent *);
/* Sends a process the configuration.  0, or -1: its channel failed. */
int	 set_configure(struct parent *, struct proc *);
/* Adds a process, which is not started yet. */
void	 set_add(struct parent *, enum role, unsigned int instance);
/* Starts one process, with its sockets and its configuration.  0, or -1:
 * logged. */
int	 set_proc_start(struct parent *, struct proc *);

/* -- alone.c: processes that are started again without the rest -- */
int	 alone_wanted(const struct parent *, enum role);
void	 alone_begin(struct parent *);
void	 alone_end(struct parent *);
void	 alone_configured(struct parent *, struct proc *);
void	 alone_died(struct parent *, struct proc *, int status);
void	 alone_reload(struct parent *);
void	 alone_later(struct proc *, const char *why);
void	 alone_ready(struct parent *, struct proc *);

/* -- msg.c: what children say -- */
extern const struct chan_rule parent_rules[];
/* May the process send this message in its phase?  0: no, and that is logged.
 * proc: the struct proc, which is the argument of parent_rules too. */
int	 parent_permits(const struct msg *, void *proc);

/* -- beat.c: one tick of ev_beat; arg: the struct parent -- */
void	 parent_beat(evutil_socket_t, short, void *);
#define BEAT_EVERY	10		/* s between ticks */
#define BEAT_MISSED	12		/* ticks without an answer: killed */

/* -- log.c: the lines of children -- */
void	 parent_log(struct proc *, int priority, const char *line);
/* Reports how many lines were dropped, when the flood is over. */
void	 parent_log_settle(struct proc *);
void	 parent_log_end(struct proc *);		/* it died */

/* -- open.c: what needs privilege.  0 or a descriptor; -1: logged or
 * reported -- */
int	 open_listeners(struct parent *, struct config *,
	    const struct config *old, void (*report)(const char *, void *),
	    void *arg);
int	 open_control(struct parent *);
void	 close_control(struct parent *);
int	 open_state(struct parent *);
int	 open_pf(const struct parent *, int flags);
int	 open_spool(const struct parent *);
/* A socket to the target of that index, bound to the client's address; the
 * caller closes it.  -1 with errno: EPERM when that relay is not
 * `transparent'. */
int	 open_transparent(const struct parent *, unsigned int relay,
	    unsigned int target, const struct addr *, uint16_t port);

/* -- sync.c.  old: its sockets are kept; it may be NULL.  0, or -1: reported
 * -- */
int	 open_sync(struct config *, const struct config *old,
	    void (*report)(const char *, void *), void *arg);
/* The key of the file that sync names.  -1: something was reported. */
int	 sync_key_load(struct config *, void (*report)(const char *, void *),
	    void *arg);

/*
 * open.c: a connection to the unix socket of that index among the servers of a
 * scanner's module; the caller closes it.  -1 with errno: EPERM when that
 * server is not a unix socket.
 */
int	 open_scanner(const struct parent *, const char *module,
	    unsigned int server);

/* -- parent.c -- */

/*
 * Runs the daemon.  program: the absolute path of its own file, which children
 * are started from; file: the configuration, absolute too.  Both must live as
 * long as the process.  Returns the exit status.
 */
int	 parent_main(char *program, const char *file,
	    const struct conf_define *, size_t ndefines, int foreground,
	    int verbose);
void	 parent_started(struct parent *);	/* the daemon is ready */
/* Ends the daemon, when all processes have ended. */
void	 parent_end(struct parent *, int status);
/* Reads and checks the configuration file.  The caller frees it.  NULL:
 * reported. */
struct config *parent_conf_read(struct parent *,
	    void (*report)(const char *, void *), void *arg);

/* -- reload.c -- */

/* Reads the file again; each process answers with MSG_CONF_DONE.  asked: a
 * command wants the answer, as id. */
void	 parent_reload(struct parent *, int asked, uint64_t id,
	    const char *ticket);
void	 parent_taken(struct proc *);		/* its MSG_CONF_DONE */
/* Answers the reloads that all processes have taken. */
void	 parent_settle(struct parent *);
void	 parent_reload_late(evutil_socket_t, short, void *);
void	 parent_reload_forget(struct parent *);	/* the set ends */
/* An answer (CTL_*) on a channel; more: it is not the last line. */
void	 parent_answer(struct chan *, uint64_t id, unsigned int status,
	    int more, const char *text);
/* The same to store, for the client that asked. */
void	 parent_tell(struct parent *, uint64_t id, unsigned int status,
	    int more, const char *text);
/*
 * Sends new lists of p->conf to all processes; the answer is status and text.
 * moved: a list has another place, so that they get all of the configuration.
 */
void	 parent_give_lists(struct parent *, int asked, uint64_t id,
	    unsigned int status, const char *text, int moved);
void	 parent_reload_next(struct parent *);	/* one that waited */
void	 parent_restart(struct parent *);	/* a new set, without a pause */
void	 parent_reload_ready(struct parent *);	/* the set works */
/* The set does not start.  1: a reload is to blame, and was taken back. */
int	 parent_go_back(struct parent *);

/* -- outcome.c: for commands whose connection ended with the set -- */
void	 outcome_begin(struct parent *, const char *ticket);
void	 outcome_await(struct parent *, const char *ticket,
	    enum outcome_awaits);
void	 outcome_set(struct parent *, const char *ticket, unsigned int status,
	    const char *text);
/* Of all that wait for at least that much. */
void	 outcome_settle(struct parent *, enum outcome_awaits,
	    unsigned int status, const char *text);
void	 outcome_answer(struct parent *, struct chan *, uint64_t id,
	    const char *ticket);

/* -- tls_check.c -- */

/* Do certificates and keys belong together?  Also reads the system's CA
 * certificates for a relay that names none.  0, or -1: reported. */
int	 tls_check(struct config *, void (*report)(const char *, void *),
	    void *arg);

#endif
