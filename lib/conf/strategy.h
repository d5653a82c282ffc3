/*
 * What content is, what becomes of it, and what becomes of mail that a module
 * could not judge, as words of the configuration and as numbers.  Pure; the
 * parser, -nv, the log and the modules use the same tables (strategy.c).
 */
#ifndef STRATEGY_H
#define STRATEGY_H

/* What a module has found in a message. */
enum content_class {
	CLASS_VIRUS, CLASS_SPAM,
	CLASS_UNWANTED,		/* a rule of the administrator forbids it */
	CLASS_UNSCANNABLE,	/* nobody can look into it: encrypted, broken */
	CLASS_MAX
};

/* What becomes of such a message: `strategy virus reject'.  Mail is never
 * discarded. */
enum conf_strategy {
	STRATEGY_REJECT,	/* 550 */
	STRATEGY_TEMPFAIL,	/* 451 */
	STRATEGY_MARK,		/* delivered with header fields of ours */
	STRATEGY_MAX
};

/* What becomes of mail when a module fails: `on-error tempfail'. */
enum module_error { ONERR_ACCEPT, ONERR_TEMPFAIL, ONERR_MARK, ONERR_MAX };

/* The words, static; "unknown" for a number that is none of them. */
const char *class_str(enum content_class);
const char *strategy_str(enum conf_strategy);
const char *onerror_str(enum module_error);
/* The numbers of words of the configuration; -1: there is no such word. */
int	 conf_class_find(const char *);
int	 conf_strategy_find(const char *);
int	 conf_onerror_find(const char *);

#endif
