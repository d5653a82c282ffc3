/*
 * The life that all children of the parent share, and the table of roles.
 * Every child runs it; it uses lib and os, and knows no role except by its row.
 *
 *	roles.c		the table
 *	child.c		configuration, log, signals, heartbeat
 *	privdrop.c	user, root directory, capabilities
 *
 * A role is a row of roles[]; child.c calls the row's functions in this order:
 *
 *	HELLO, PEER…, CONF_BEGIN … CONF_COMMIT	 the parent speaks
 *	    -> peer(), configure(first)		 still privileged: open things
 *	privilege drop, chroot, sandbox
 *	    -> run()				 unprivileged: open the rest
 *	READY
 *	    -> start() at MSG_START		 front: accept
 *	    -> configure(later), lists()	 at each reload
 *	    -> stop() at QUIT or when the parent's socket closes, then exit
 */
#ifndef PROCESS_H
#define PROCESS_H

#include <sys/types.h>

#include <event2/event.h>

#include "lib/ipc/chan.h"
#include "lib/conf/config.h"
#include "lib/proto/parent.h"
#include "spamgreyd/os/os.h"

#define CHILD_NO_MEMORY	126	/* exit status: without memory for a message */

enum role_root {
	ROOT_EMPTY,		/* chroot /var/empty */
	ROOT_STATE,		/* chroot into the state directory */
	ROOT_SPOOL		/* chroot into its spool */
};

/* A child's own view of itself.  One a process; it lives until exit. */
struct child {
	enum role		 role;
	unsigned int		 instance;	/* front 0, 1, … */
	struct event_base	*base;
	struct chan		*parent;
	struct config		*conf;		/* in force, or NULL */
	int			 privileged;	/* started as root */
	int			 again;		/* replaces one that died */
	int			 pf;		/* /dev/pf (MSG_PF), or -1; set
						   before configure() */
	const struct role_def	*def;
	void			*data;		/* the role's own */
};

struct role_def {
	const char	*name;			/* "front"; also the -x argument */
	const char	*user;			/* dropped to when root */
	enum role_root	 root;
	/*
	 * 1: the others work without it.  Its death ends nothing else, it is
	 * started again alone, and its READY is not awaited (parent/alone.c).
	 */
	int		 alone;
	/* 1: it needs much memory again and again, for a moment (a message):
	 * os_keep_memory(). */
	int		 keep_memory;
	unsigned int	 peers;			/* bits 1 << ROLE_*: a socketpair with each */
	/*
	 * Messages of the parent that only this role takes (store:
	 * MSG_STATE_LOCK, MSG_CTL_LISTEN, CTL_RESULT).  Ends with type 0; may
	 * be NULL.  Their argument is the struct child.
	 */
	const struct chan_rule *parent_rules;
	/* The socketpair's end to a peer, which the role owns from now on.
	 * Called before configure(). */
	void		(*peer)(struct child *, enum role, unsigned int instance,
			    int fd);
	/* c->conf is already the new one.  old is freed afterwards; NULL the
	 * first time. */
	void		(*configure)(struct child *, struct config *old);
	/* Only the lists of c->conf changed (may be NULL). */
	void		(*lists)(struct child *);
	void		(*run)(struct child *);		/* may be NULL */
	void		(*start)(struct child *);	/* may be NULL */
	void		(*stop)(struct child *);	/* may be NULL */
};

/* -- roles.c -- */
extern const struct role_def *const roles[ROLE_MAX];
extern const struct role_def role_front, role_store, role_fw, role_pass,
	    role_track;
/* Generated: names the build, so that a child of another build is refused. */
extern const char buildid[];

/* -- child.c -- */

/* Runs a child of that role on descriptor 3.  Does not return: it exits. */
int	 child_main(enum role);
/* The log sink of a child that has no parent to send lines to. */
void	 child_stderr(int priority, const char *line, void *arg);
/*
 * Tells the parent why this child cannot go on, and exits.  Before READY the
 * daemon ends with that message, since another start would not help; after
 * READY it counts as any other death.
 */
void	 child_fatal(struct child *, const char *, ...)
	    __attribute__((__noreturn__, __format__(printf, 2, 3)));
/* Tells the parent that this child begins (1) or has finished (0) one long task
 * and answers no heartbeat until then. */
void	 child_busy(struct child *, int);

/* -- privdrop.c -- */

/* Changes to the role's user and root directory.  0, or -1 and the reason is
 * logged. */
int	 privdrop(const struct child *);

#endif
