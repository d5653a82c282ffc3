/*
 * Several headers: this one and httpreply.h are pure, with tests of their own;
 * rspamd.c is the module, which asks and acts.
 *
 * What rspamd's reply wants changed of a message and its envelope: its object
 * `milter', as its own milter does it, the subject and the signatures.  Knows
 * nothing of actions and scores, which are rspamd.c's.
 */
#ifndef RSPAMD_REPLY_H
#define RSPAMD_REPLY_H

#include <jansson.h>
#include <stddef.h>

#include "spamgreyd/runner/module.h"

#define RSPAMD_WHY	160		/* octets, of hostile text too */

/* All of it, noted by module_edit and the like.  -1: *why says what cannot be
 * done; then nothing of it counts, for a verdict of error takes it back. */
int	 rspamd_changes(struct msession *, const json_t *reply,
	    const char *action, char why[RSPAMD_WHY]);
/* It is only to be said what the action would be. */
int	 rspamd_no_action(const json_t *reply);

#endif
