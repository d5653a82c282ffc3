/*
 * The limits of what spamgreyd.conf(5) may say, for schema.h and the
 * parser.
 */
#ifndef CONF_LIMITS_H
#define CONF_LIMITS_H

#include "lib/base/value.h"

#define CONF_TIME_MAX		VALUE_SECONDS_MAX
#define CONF_STUTTER_MS_MAX	60000
#define CONF_PF_TABLE_MAX	31
#define CONF_NFT_NAME_MAX	127
#define CONF_TARGETS_MAX	64	/* of one relay */
#define CONF_RECEIVED_MAX	10000	/* Received lines */
#define CONF_CLIENT_NAME_MAX	30	/* s: a session waits for it */
#define CONF_SCAN_MAX		580	/* s: the client waits for its reply */
#define CONF_STEP_MAX		3600	/* s, of one step with the mail server */
#define CONF_LEARN_MAX		1000000	/* messages */

#endif
