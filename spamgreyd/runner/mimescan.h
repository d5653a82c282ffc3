/*
 * A message as MIME, for modules that look into it themselves.  The message is
 * read from the spool and fed to lib/mime in slices of a few milliseconds,
 * between which other sessions have their turn.
 */
#ifndef MIMESCAN_H
#define MIMESCAN_H

#include "lib/mime/mime.h"
#include "spamgreyd/pass/message/spool.h"

struct mimescan;

/*
 * Starts a scan of the message, or of its first max bytes (0: all).  done is
 * called once, from the event loop, and the scan is freed by then. past is what
 * mime_past says, NULL if no limit was exceeded; why is NULL, or why the
 * message could not be read.  arg is also what the calls get.  Returns NULL if
 * there is no memory; done is not called then.
 */
struct mimescan *mimescan_start(const struct spool *, uint64_t max,
	    const struct mime_limits *, const struct mime_calls *,
	    void (*done)(const char *past, const char *why, void *arg),
	    void *arg);
/* Ends the scan without a call of done.  NULL is fine. */
void	 mimescan_stop(struct mimescan *);

/*
 * What a rule in the configuration says: the strategy of the class `unwanted'
 * (nothing was given), reject, tempfail, mark, or points.
 */
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
/*
 * Reads "[ %w ] [ %p ]" of an option, from args[0] on.  Returns -1 and sets
 * *error if the two do not fit together.
 */
int	 mimescan_rule(struct rule *, const struct module_arg *args,
	    size_t nargs, const char **error);
/*
 * The rule matched `what' (hostile text is fine): gives its points, or replaces
 * *v if its verdict is more severe.
 */
void	 mimescan_met(struct msession *, const struct module *,
	    const struct rule *, const char *what, struct verdict *v);

#endif
