/*
 * Between the files of the runner only: run.c (stages), chain.c
 * (the modules of a configuration, their counters), named.c (those that
 * stand several times), points.c (sums, headers), api.c (what
 * modules call), content.c (what they say of a message), turn.c
 * (what those that come in turn make of it for each other).
 */
#ifndef MODULE_INT_H
#define MODULE_INT_H

#include <sys/types.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include "spamgreyd/runner/runner.h"

#define MODULE_NAMED_MAX	64	/* copies by name, in a process' life */
#define MODULE_COUNTERS_MAX	32	/* of a module's own */
#define MODULE_POINTS_MAX	1000000	/* thousandths, either way */
#define MODULE_TEXT_MAX		480	/* octets of all reasons of a module */
#define MODULE_DROPS_MAX 8		/* of all modules, in a session */
#define MODULE_DELAY_MAX	300000	/* ms: RFC 5321's for the first 220 */

enum module_stat {
	MSTAT_CALLS, MSTAT_TEMPFAIL, MSTAT_REJECT, MSTAT_CLOSE, MSTAT_DELAY,
	MSTAT_POINTS, MSTAT_FOUND, MSTAT_ERRORS, MSTAT_LOG_ONLY, MSTAT_SPARED,
	MSTAT_MAX
};

/* A module of a configuration. */
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

/* A module's part of a score. */
struct points {
	int32_t		 milli;
	char		*why;		/* reasons, NULL: none */
};
/* A module in a session. */
struct module_one {
	void		*data;
	struct points	 session, message;
	struct points	 score;		/* of message, by module_score: alone
					   held against `reject at' */
	int32_t		 some;		/* … and how much more it is worth to
					   some recipient; thousandths */
	uint8_t		 mark;		/* marked for some recipient */
	struct points	 found[CLASS_MAX];	/* names; in classes: bits */
	unsigned int	 classes;
	struct msgedit	*edit;
	struct envelope	*envelope;
	size_t		 nenvelope;
	uint8_t		 excepted;
	uint8_t		 in_hook;
	uint8_t		 waits;		/* the runner wants its answer … */
	uint8_t		 answered;	/* … which is here: `answer' */
	uint8_t		 unsure;	/* on-error mark: a message, 2 session */
	int64_t		 deadline;	/* clock_mono */
	struct verdict	 answer;
};
struct run {
	enum stage	 stage;
	size_t		 next;		/* the module to ask, at EOM in turn */
	int64_t		 budget;	/* EOM: clock_mono, 0 none */
	struct verdict	 refusal;	/* EOM: the first; NEXT none */
	void		(*done)(struct session *, const struct verdict *);
};
struct module_state {
	struct session	*owner;		/* the role's, for runner_ops */
	const struct module_chain *chain;
	struct event	 ev;
	struct run	 run;
	int		 under_way;	/* a stage is: `run' */
	struct spool	*message;	/* as those in turn have left it; NULL:
					   as it came */
	struct msgslice	*making;	/* … of the next one, if there is one */
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
/* Module i, which is in_turn, has spoken: the message anew, for the next; the
 * run is woken when it is there.  The run's refusal: there is no room for it. */
void	 turn_done(struct msession *, size_t i);
/* Is it one's turn, and not over? */
int	 turn_busy(const struct msession *);
void	 turn_stop(struct msession *);	/* nothing is made any more */
void	 turn_clear(struct msession *);
/* Have those in turn moved fields of that name, seen from the top or the end? */
int	 turn_moved(const struct msession *, const char *name, int from_end);

/* points.c */
/* As it may stand in parentheses in a header, in the log and in a reply. */
void	 points_encode(char *dst, size_t, const char *);
void	 points_add(struct points *, int32_t milli, const char *why);
void	 points_clear(struct points *);

#endif
