/*
 * A message as MIME for modules that look at it themselves: pushed from the
 * spool through lib/mime in slices of a few milliseconds, between which the
 * loop goes on with other sessions.
 */
#ifndef MIMESCAN_H
#define MIMESCAN_H

#include "lib/mime/mime.h"
#include "spamgreyd/pass/message/spool.h"

struct mimescan;

/* done is called once, from the event loop: past is what mime_past says; why
 * is NULL, or why the message could not be read.  *s is gone then.  max: octets
 * of the message looked at, 0 all.  NULL: no memory. */
struct mimescan *mimescan_start(const struct spool *, uint64_t max,
	    const struct mime_limits *, const struct mime_calls *,
	    void (*done)(const char *past, const char *why, void *arg),
	    void *arg);
void	 mimescan_stop(struct mimescan *);	/* NULL is fine */

/* What a rule of a module says: reject, tempfail, mark, points. */
enum rule_action {
	RULE_STRATEGY, RULE_REJECT, RULE_TEMPFAIL, RULE_MARK, RULE_POINTS
};
#define MIMESCAN_ACTIONS	"reject|tempfail|mark|points"
struct rule {
	enum rule_action action;
	int32_t		 points;
};
struct module_arg;
struct msession;
struct module;
struct verdict;
/* "[ %w ] [ %p ]" of an option, from args[0] on; -1: *error. */
int	 mimescan_rule(struct rule *, const struct module_arg *args,
	    size_t nargs, const char **error);
/* That rule met what; worse verdicts replace *v. */
void	 mimescan_met(struct msession *, const struct module *,
	    const struct rule *, const char *what, struct verdict *v);

#endif
