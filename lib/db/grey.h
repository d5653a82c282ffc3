/*
 * Greylisting as a pure function: what is known of the tuple, the time and the
 * settings go in; what to answer and what to store come out.  Called by store,
 * and by spamgreydb through the same policy.
 */
#ifndef GREY_H
#define GREY_H

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/db/entry.h"

/* The greylist block of spamgreyd.conf(5), all times in seconds. */
struct grey_conf {
	int64_t		pass;
	int64_t		grey;
	int64_t		white;
	int64_t		trapped;
	struct addr_cut	match;
	struct addr_cut	admit;
	int		match_helo;
};

enum grey_verdict {
	GREY_NEW,		/* first sight: store *e, answer grey */
	GREY_WAIT,		/* too early: store *e, answer grey */
	GREY_PASS		/* matured (now, or before): host is WHITE */
};

/*
 * *e is the tuple as found, or with found 0 one with addr, strings, net and
 * hash filled in; stamp is when the host was last demoted (0: never).
 * asof: what expiries are compared with; now, or 0: nothing has expired.
 * On return *e is to be written and *left holds the seconds until a retry
 * passes (0 at PASS).
 *	found, but expired (expire <= asof) or first < stamp: begins again
 *	now - first >= pass: PASS, the first time e->pass = now
 *	a clock that went back (now < first): waits, from now at most `pass'
 */
enum grey_verdict grey_decide(const struct grey_conf *, struct entry *e,
	    int found, int64_t stamp, int64_t now, int64_t asof,
	    int64_t *left);

/* WHITE from a tuple that passed: e becomes a WHITE entry of host. */
void	 grey_promote(const struct grey_conf *, const struct entry *tuple,
	    const struct addr *host, int64_t now, struct entry *white);

#endif
