/*
 * What the files of the runner share: run.c (stages), chain.c (the modules of a
 * configuration and their counters), named.c (modules that stand several
 * times), points.c (sums and header fields), api.c (what modules call),
 * content.c (what they say about a message) and turn.c (modules that see each
 * other's changes).
 */
#ifndef MODULE_INT_H
#define MODULE_INT_H

#include <sys/types.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include "spamgreyd/runner/runner.h"

/* Named copies of modules that a process can have during its life. */
#define MODULE_NAMED_MAX	64
#define MODULE_COUNTERS_MAX	32	/* of a module's own */
/* In thousandths, positive or negative. */
#define MODULE_POINTS_MAX	1000000
/* Bytes of all reasons of one module. */
#define MODULE_TEXT_MAX		480
/* Prefixes of header fields of all modules, in one session. */
#define MODULE_DROPS_MAX 8
/*
 * Milliseconds: the time that RFC 5321 (4.5.3.2.1) gives a client for the first
 * 220.
 */
#define MODULE_DELAY_MAX	300000

enum module_stat {
	MSTAT_CALLS, MSTAT_TEMPFAIL, MSTAT_REJECT, MSTAT_CLOSE, MSTAT_DELAY,
	MSTAT_POINTS, MSTAT_FOUND, MSTAT_ERRORS, MSTAT_LOG_ONLY, MSTAT_SPARED,
	MSTAT_MAX
};

/*
 * A module of a configuration with its settings, and what the runner does for
 * it.
 */
struct chain_link {
	const struct module	*mod;
	void			*conf;
	enum module_error	 on_error;
	int			 log_only;
	uint8_t			 strategy[CLASS_MAX];	/* enum conf_strategy */
	struct prefix		*except;
	size_t			 nexcept;
	uint64_t		 except_lists;	/* mask over the compiled set */
};
struct module_chain {
	const struct config	*conf;		/* not ours */
	size_t			 n;
	struct chain_link	 link[MODULES_MAX];
	size_t			 data_size;	/* of all modules, in a session */
};

/*
 * A module's share of the points, with the reasons for it; why is NULL without
 * any.
 */
struct points {
	int32_t		 milli;
	char		*why;		/* reasons, NULL: none */
};
/*
 * A module in a session.  All of it is the runner's, except what data points
 * to.
 */
struct module_one {
	void		*data;
	struct points	 session, message;
	/*
	 * Points of `message' that module_score gave.  They are also compared
	 * with `reject at' on their own.
	 */
	struct points	 score;
	/*
	 * How much more the score is worth for one of the recipients;
	 * thousandths.
	 */
	int32_t		 some;
	/* The message is marked for one of the recipients. */
	uint8_t		 mark;
	/* What was found, by class; `classes' has the bits of these classes. */
	struct points	 found[CLASS_MAX];
	unsigned int	 classes;
	struct msgedit	*edit;
	struct envelope	*envelope;
	size_t		 nenvelope;
	uint8_t		 excepted;
	uint8_t		 in_hook;
	/* The runner waits for the module's answer. */
	uint8_t		 waits;
	/*
	 * 1: the answer is here; 2: it is here and counts after the deadline.
	 */
	uint8_t		 answered;
	/*
	 * After an error with `on-error mark': 1 for the message, 2 for the
	 * session.
	 */
	uint8_t		 unsure;
	int64_t		 deadline;	/* clock_mono */
	struct verdict	 answer;
};
/* The stage that is under way. */
struct run {
	enum stage	 stage;
	/* The module that is asked next; at EOM of those in turn. */
	size_t		 next;
	/* EOM: clock_mono when the time of all modules is over; otherwise 0. */
	int64_t		 budget;
	/* EOM: the first refusal; NEXT if there is none yet. */
	struct verdict	 refusal;
	void		(*done)(struct session *, const struct verdict *);
};
/* The runner's part of a session; struct msession points to it. */
struct module_state {
	struct session	*owner;		/* the role's, for runner_ops */
	const struct module_chain *chain;
	struct event	 ev;
	struct run	 run;
	/* A stage is under way, and `run' describes it. */
	int		 under_way;
	/*
	 * The message with the changes of the modules in turn; NULL: as it
	 * came.
	 */
	struct spool	*message;
	/* The job that makes the next one, or NULL. */
	struct msgslice	*making;
	const char	*drops[MODULE_DROPS_MAX + 1];	/* ends with NULL */
	int		 in_event;
	int		 vouched;
	size_t		 n;
	struct module_one one[];	/* as chain->link */
};

/* run.c: what runner_init was given. */
extern const struct runner_ops	*runner;
extern struct event_base	*runner_base;

/* named.c */
/* All modules and then all that have names of their own; NULL: no more. */
const struct module *module_at(size_t);
/* By the name that the configuration has; NULL: there is none, or too many
 * names were seen since the start. */
const struct module *module_named(const char *name);

/* chain.c */
void	 chain_count(const struct module *, enum module_stat);
void	 chain_count_own(const struct module *, unsigned int);

/* run.c */
void	 run_init(struct msession *);
void	 run_drops_init(struct msession *);

/* api.c */
/* The module in that session; NULL: it is not in its chain. */
struct module_one *module_find(struct msession *, const struct module *,
	    const struct chain_link **);
/* Was the host vouched for in any session of the last day? */
int	 run_was_vouched(const struct msession *);

/* content.c */
void	 content_event(struct msession *, enum host_event);
void	 content_failed(struct module_one *);	/* wants no changes now */
void	 content_new_message(struct module_one *);

/* turn.c */
/*
 * Module i, which is in_turn, has answered: makes the message with its changes
 * for the next one.  If that takes time, the run is woken at its end.  If it
 * fails, run.refusal is set.
 */
void	 turn_done(struct msession *, size_t i);
/* Returns 1 if it is the turn of a module that has not finished. */
int	 turn_busy(const struct msession *);
void	 turn_stop(struct msession *);	/* nothing is made any more */
void	 turn_clear(struct msession *);
/*
 * Returns 1 if the modules in turn have moved fields of that name, counted from
 * the top or from the end.
 */
int	 turn_moved(const struct msession *, const char *name, int from_end);

/* points.c */
/* Encodes text for a header's parentheses, the log and a reply. */
void	 points_encode(char *dst, size_t, const char *);
void	 points_add(struct points *, int32_t milli, const char *why);
void	 points_clear(struct points *);

#endif
