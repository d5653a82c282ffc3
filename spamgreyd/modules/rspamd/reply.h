/*
 * Several headers: this one and httpreply.h have tests of their own; rspamd.c
 * is the module, which asks and acts.
 *
 * What rspamd's reply asks to change in a message and its envelope: the object
 * `milter', as rspamd's own milter does it, the subject and the signatures.
 * Actions and scores are rspamd.c's.
 */
#ifndef RSPAMD_REPLY_H
#define RSPAMD_REPLY_H

#include <jansson.h>
#include <stddef.h>

#include "spamgreyd/runner/module.h"

/* Bytes of an error, which may contain hostile text. */
#define RSPAMD_WHY	160

/*
 * Notes all changes of the reply (module_edit and module_rcpt_add and so on).
 * Returns 0, or -1 with why saying what cannot be done; then the module must
 * return an error, which takes all changes back.
 */
int	 rspamd_changes(struct msession *, const json_t *reply,
	    const char *action, char why[RSPAMD_WHY]);
/* Returns 1 if the reply asks only to say which action it would have taken. */
int	 rspamd_no_action(const json_t *reply);

#endif
