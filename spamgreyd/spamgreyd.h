/*
 * The daemon's processes.  A role is a row of roles[] (roles.c); child.c runs
 * the life that all of them share, and calls the row's functions:
 *
 *	HELLO, PEER…, CONF_BEGIN … CONF_COMMIT	 the parent speaks
 *	    -> configure(first)			 still privileged: open things
 *	privilege drop, chroot, sandbox
 *	    -> run()				 unprivileged: open the rest
 *	READY
 *	    -> start() at MSG_START		 front: accept
 *	    -> configure(later)			 at each reload
 *	    -> stop() at QUIT or when the parent's socket closes, then exit
 */
#ifndef SPAMGREYD_H
#define SPAMGREYD_H

#include <sys/types.h>

#include <event2/event.h>

#include "../lib/chan.h"
#include "../lib/proto.h"
#include "config.h"

enum role {
	ROLE_PARENT,
	ROLE_FRONT,
	ROLE_STORE,
	ROLE_FW,
	ROLE_PASS,		/* only when the file has a pass block */
	ROLE_TRACK,		/* only when it has a track statement */
	ROLE_MAX,
	ROLE_LIST		/* none of the set: lives for one job (list_job.h) */
};

enum role_root {
	ROOT_EMPTY,		/* chroot /var/empty */
	ROOT_STATE,		/* chroot into the state directory */
	ROOT_SPOOL		/* chroot into its spool */
};

/* What a child has.  One a process: `self' in child.c. */
struct child {
	enum role		 role;
	unsigned int		 instance;	/* front 0, 1, … */
	struct event_base	*base;
	struct chan		*parent;
	struct config		*conf;		/* in force, or NULL */
	int			 privileged;	/* started as root */
	int			 again;		/* in place of one that died */
	int			 pf;		/* /dev/pf (MSG_PF), or -1; before configure */
	const struct role_def	*def;
	void			*data;		/* the role's own */
};

struct role_def {
	const char	*name;			/* "front"; also the -x argument */
	const char	*user;			/* dropped to when root */
	enum role_root	 root;
	/* Nobody needs it: its death is its own, it is started again alone, and
	 * nobody waits for its READY.  (parent_alone.c) */
	int		 alone;
	unsigned int	 peers;			/* bits 1 << ROLE_*: a socketpair with each */
	/* messages of the parent that only this role takes; may be NULL, and
	 * ends with type 0 (store: MSG_STATE_LOCK, MSG_CTL_LISTEN, CTL_RESULT) */
	const struct chan_rule *parent_rules;	/* arg: the struct child */
	/* The socketpair's end to a peer; takes fd.  Before configure. */
	void		(*peer)(struct child *, enum role, unsigned int instance,
			    int fd);
	/* c->conf is already the new one; old is freed afterwards (may be NULL). */
	void		(*configure)(struct child *, struct config *old);
	/* Only the lists of c->conf are others now (may be NULL). */
	void		(*lists)(struct child *);
	void		(*run)(struct child *);
	void		(*start)(struct child *);
	void		(*stop)(struct child *);
};

extern const struct role_def *const roles[ROLE_MAX];
extern const struct role_def role_front, role_store, role_fw, role_pass,
	    role_track;
extern const char buildid[];

/* child.c */
int	 child_main(enum role);			/* never returns but by exit */
/* A child's log sink while it has no parent to send lines to. */
void	 child_stderr(int priority, const char *line, void *arg);
/* Tells the parent why this child cannot go on and that starting it again
 * would not help; before READY the daemon ends with that message, afterwards
 * it is a death as any other. */
void	 child_fatal(struct child *, const char *, ...)
	    __attribute__((__noreturn__, __format__(printf, 2, 3)));

/* Tells the parent that this child does one long thing now and answers no
 * heartbeat, or has done it. */
void	 child_busy(struct child *, int);

/* parent.c */
int	 parent_main(const char *file, const struct conf_define *,
	    size_t ndefines, int foreground, int verbose);

/* privdrop.c: to the role's user and root directory.  -1: logged. */
int	 privdrop(const struct child *);

/*
 * os_*.c: what each system does in its own way.
 * os_init: first thing in main, for os_title.
 * os_title: what ps(1) shows behind "spamgreyd: ".
 * os_drop_begin, os_drop_end: around the change of user: what fw's driver
 * needs is kept, the process is not dumpable afterwards.  -1: logged.
 * os_follow_parent: die with the parent, where the system can do that.
 */
void	 os_init(int argc, char **argv, char **envp);
void	 os_title(const char *);
int	 os_drop_begin(const struct child *);
int	 os_drop_end(const struct child *);
void	 os_follow_parent(void);

/* os_*.c: does the process wait for a disk?  1 too where that cannot be told. */
int	 os_waits_for_disk(pid_t);

/* os_*.c: a socket of that family that may bind to a foreign address
 * (transparent): IP_TRANSPARENT, SO_BINDANY, IP_BINDANY.  Parent only, as
 * root.  -1 with errno. */
int	 os_socket_transparent(int family);

/* os_*.c: no filter, no interface of this capture handle can be changed any
 * more, where the system can do that.  -1 with errno. */
int	 os_capture_lock(int fd);

/* track_replay.c: spamgreyd -r.  The exit status. */
int	 track_replay(const char *file, const struct conf_define *,
	    size_t ndefines, const char *capture);

/*
 * os_*.c: a program of the system that prints what a URL has, the argument
 * behind these words; the n-th to be tried, NULL: no more.
 */
const char *const *os_fetch(unsigned int n);

/* syslog_*.c: a line to syslogd in that program's name (a constant), never
 * blocking; -1: it was not taken. */
int	 syslog_line(const char *ident, int priority, const char *line);

/* sandbox_*.c: after the privilege drop, before READY.  -1 with errno. */
int	 sandbox_enter(const struct child *);
const char *sandbox_name(void);

/* origdst_*.c: where the client wanted to go.  0; -1: unknown.  pf: where
 * origdst_pf is 1, a read-only descriptor of /dev/pf, or -1. */
extern const int	origdst_pf;
int	 origdst(int fd, int pf, const struct addr *client, uint16_t cport,
	    const struct addr *local, uint16_t lport, struct addr *dst,
	    uint16_t *port);

#endif
